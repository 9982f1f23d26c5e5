"""Questions over the rows of a whole file: filter, order, groups, how numbers are spread, in pieces bounded in time and memory.

A piece ends after `SECONDS`, or at the end of the file, and says where the next one begins; whoever asks adds the pieces up. Memory holds
one block of rows, the best `MOST_ROWS` of those that match, and `MOST_GROUPS` groups.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.comparing import COMPARED
from penstock.domain.errors import InvalidArgumentError
from penstock.web.previews.row_sources import Bounds, RowSource
from penstock.web.previews.tables import Picture, cell_of, number_of

SECONDS = 1.0
MOST_SECONDS = 6.0
"""A piece lasts longer when getting to its first block took long (a large page to unpack): else most of the time would go into that."""
MOST_ROWS = 200
MOST_GROUPS = 2000
BARS = 64
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_TEST = re.compile(r"(<=|>=|!=|=|<|>|:)(.+)", re.DOTALL)
_POSITION = re.compile(r"\d{0,15}|\d{1,8}:\d{1,15}")
_MAX_WORDS = 20
_LARGEST = 1e290
"""Beyond it the width of bars is no number any more."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a column has to be: `accuracy>0.9`, `name:baseline`."""

    column: int
    operator: str
    value: str
    number: float | None
    """The value as a number."""

    def holds(self, value: Any) -> bool:
        """Whether a value is what is asked for; numbers are compared as numbers, other values as text without regard to case."""
        number = number_of(value) if self.number is not None and self.operator != ":" else None
        if number is not None and self.number is not None:
            return COMPARED[self.operator](number, self.number)
        if self.operator in {"<", "<=", ">", ">="}:
            return False
        text = _text(value)
        if self.operator == ":":
            return self.value in text
        return (text == self.value) == (self.operator == "=")

    def may_hold(self, least: Any, most: Any) -> bool:
        """Whether a value between these can be what is asked for."""
        low, high = number_of(least), number_of(most)
        if self.number is None or low is None or high is None or isinstance(least, str):
            return True
        match self.operator:
            case "=":
                return low <= self.number <= high
            case "<" | "<=":
                return COMPARED[self.operator](low, self.number)
            case ">" | ">=":
                return COMPARED[self.operator](high, self.number)
            case _:
                return True


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a file."""

    words: Sequence[str] = ()
    """Each stands somewhere in the row, without regard to case."""
    conditions: Sequence[Condition] = ()
    order: int | None = None
    """Column that orders the rows; None: as they are in the file."""
    is_descending: bool = False
    by: int | None = None
    """Column that groups the rows."""
    position: str = ""
    """Where this piece begins."""

    def passes(self, bounds: Bounds) -> bool:
        """Whether rows within bounds can match."""
        for condition in self.conditions:
            told = bounds(condition.column)
            if told is not None and not condition.may_hold(*told):
                return False
        return True


def question_of(text: str, order: str, by: str, position: str, columns: Sequence[str]) -> Question:
    """Read a question.

    Raises:
        InvalidArgumentError: it names a column that the file has not, or a position that no piece had.
    """
    words, conditions = [], []
    for word in _WORD.findall(text)[:_MAX_WORDS]:
        plain = word.replace('"', "")
        condition = _condition(plain, columns)
        if condition is None:
            words.append(plain.lower())
        else:
            conditions.append(condition)
    if not _POSITION.fullmatch(position):
        raise InvalidArgumentError(f"{position[:40]!r} is no place in a file")
    named = order.removeprefix("-") if order not in columns else order
    for name in (named, by):
        if name and name not in columns:
            raise InvalidArgumentError(f"the file has no column {name[:80]!r}")
    return Question(
        words, conditions, columns.index(named) if named else None, order != named, columns.index(by) if by else None, position
    )


def _condition(word: str, columns: Sequence[str]) -> Condition | None:
    """Return a word as a condition on the column whose name it begins with, the longest one; None when it is a plain word."""
    for name in sorted((name for name in columns if name and word.startswith(name)), key=len, reverse=True):
        if (match := _TEST.fullmatch(word[len(name) :])) is not None:
            value = match[2].lower()
            return Condition(columns.index(name), match[1], value, number_of(value))
    return None


@dataclass(slots=True)
class Spread:
    """Numbers of one column: how many, their sum, and bars of equal width over a range that doubles as it has to."""

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    low: float = 0.0
    width: float = 0.0
    bars: list[int] = field(default_factory=lambda: [0] * BARS)

    def add(self, numbers: Sequence[float]) -> None:
        """Count numbers. The first ones set the range."""
        self.count, self.total = self.count + len(numbers), self.total + math.fsum(numbers)
        least, most = min(numbers), max(numbers)
        self.least, self.most = min(self.least, least), max(self.most, most)
        if max(abs(least), abs(most)) > _LARGEST:
            return
        if not self.width:
            self.low, self.width = least, max((most - least) / (BARS - 1), abs(least) * 2**-40, 1e-300)
        while least < self.low or most >= self.low + self.width * BARS:
            self._double(is_down=least < self.low)
        low, width, bars = self.low, self.width, self.bars
        for number in numbers:
            bars[min(BARS - 1, int((number - low) / width))] += 1

    def _double(self, *, is_down: bool) -> None:
        pairs = [self.bars[at] + self.bars[at + 1] for at in range(0, BARS, 2)]
        empty = [0] * (BARS // 2)
        if is_down:
            self.low -= self.width * BARS
        self.bars = [*empty, *pairs] if is_down else [*pairs, *empty]
        self.width *= 2


@dataclass(slots=True)
class Answer:
    """What a piece of a file says to a question."""

    columns: Sequence[str]
    looked: int = 0
    """Rows looked at, also those that were passed over or damaged."""
    matched: int = 0
    damaged: int = 0
    passed_over: int = 0
    position: str = ""
    """Where to go on; empty: the file is over."""
    rows: list[tuple[list[Any], list[Any]]] = field(default_factory=list)
    """(key of the order, cells) of the first `MOST_ROWS`."""
    spreads: list[Spread | None] = field(default_factory=list)
    """Of columns all of whose values were numbers; None for others."""
    groups: dict[str, tuple[list[int], dict[int, list[float]]]] = field(default_factory=dict)
    """Value -> ([rows], {column: [count, sum, least, most]})."""
    ungrouped: int = 0
    """Rows of further groups."""


def scan(source: RowSource, question: Question, *, clock: Callable[[], float], seconds: float = SECONDS) -> Answer:
    """Answer a question over one piece of a file. Blocking.

    Args:
        source: the rows.
        question: what is asked.
        clock: seconds that pass.
        seconds: how long to look, a block of rows more or less.
    """
    began, until = clock(), 0.0
    answer = Answer(source.columns, spreads=[Spread() for _ in source.columns])
    for block in source.blocks(question.position, question.passes):
        answer.looked += len(block.rows) + block.damaged + block.passed_over
        answer.damaged += block.damaged
        answer.passed_over += block.passed_over
        _take(answer, question, [row for row in block.rows if _matches(question, row)])
        answer.position = block.position
        now = clock()
        if not until and block.rows:
            until = began + max(seconds, min(4 * (now - began), MOST_SECONDS))
        if now >= (until or began + seconds):
            break
    return answer


def _matches(question: Question, row: Sequence[Any]) -> bool:
    for condition in question.conditions:
        if not condition.holds(row[condition.column] if condition.column < len(row) else None):
            return False
    if question.words:
        text = " ".join([_text(value) for value in row])
        return all(word in text for word in question.words)
    return True


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, Picture):
        return value.path.lower()
    return "" if value is None else str(cell_of(value)).lower()


def _take(answer: Answer, question: Question, rows: Sequence[Sequence[Any]]) -> None:
    answer.matched += len(rows)
    if not rows:
        return
    _count(answer, rows)
    if question.by is not None:
        for row in rows:
            _group(answer, question.by, row)
    if question.order is None:
        answer.rows += [([], cells(row, answer.columns)) for row in rows[: MOST_ROWS - len(answer.rows)]]
        return
    keyed = [(key_of(row[question.order] if question.order < len(row) else None, is_down=question.is_descending), row) for row in rows]
    best = heapq.nlargest if question.is_descending else heapq.nsmallest
    kept = best(MOST_ROWS, keyed, key=lambda pair: pair[0])
    fresh = [(key, cells(row, answer.columns)) for key, row in kept]
    answer.rows = best(MOST_ROWS, [*answer.rows, *fresh], key=lambda pair: pair[0])


def key_of(value: Any, *, is_down: bool) -> list[Any]:
    """Return what orders a value: numbers before texts, what is missing last whichever way the others go."""
    number = number_of(value)
    if number is not None:
        return [2 if is_down else 0, number]
    text = _text(value)
    if text:
        return [1, text[:300]]
    return [0 if is_down else 2, 0]


def cells(row: Sequence[Any], columns: Sequence[str]) -> list[Any]:
    """Return a row as it is shown: texts, and what draws a picture."""
    shown = [cell_of(value) for value in row[: len(columns)]]
    plain = [{"kind": cell.kind, "path": cell.path, "drawn": dict(cell.drawn)} if isinstance(cell, Picture) else cell for cell in shown]
    return plain + [""] * (len(columns) - len(plain))


def _count(answer: Answer, rows: Sequence[Sequence[Any]]) -> None:
    """Add the numbers of rows to the spreads of their columns; a column with anything else in it has none."""
    for at, spread in enumerate(answer.spreads):
        if spread is None:
            continue
        numbers = _numbers([row[at] if at < len(row) else None for row in rows])
        if numbers is None:
            answer.spreads[at] = None
        elif numbers:
            spread.add(numbers)


def _numbers(values: Sequence[Any]) -> list[float] | None:
    """Return the finite numbers among values, None when there is anything else among them."""
    try:
        if not isinstance(values[0], bool) and math.isfinite(sum(quick := list(map(float, values)))):
            return quick
    except (TypeError, ValueError, OverflowError):
        pass
    found = []
    for value in values:
        number = number_of(value)
        if number is not None:
            found.append(number)
        elif value is not None and value != "" and str(value).lower() not in {"nan", "inf", "-inf"}:
            return None
    return found


def _group(answer: Answer, by: int, row: Sequence[Any]) -> None:
    key = str(cells([row[by]], [""])[0]) if by < len(row) else ""
    if key not in answer.groups:
        if len(answer.groups) >= MOST_GROUPS:
            answer.ungrouped += 1
            return
        answer.groups[key] = ([0], {})
    count, numbers = answer.groups[key]
    count[0] += 1
    for at, spread in enumerate(answer.spreads):
        if spread is None or at == by or at >= len(row) or (number := number_of(row[at])) is None:
            continue
        held = numbers.setdefault(at, [0, 0.0, math.inf, -math.inf])
        held[0], held[1], held[2], held[3] = held[0] + 1, held[1] + number, min(held[2], number), max(held[3], number)


def answer_document(answer: Answer, source: RowSource) -> dict[str, Any]:
    """Return an answer as JSON."""
    spreads = [
        None
        if one is None
        else {"count": 0}
        if not one.count
        else {"count": one.count, "least": one.least, "most": one.most, "low": one.low, "width": one.width, "bars": one.bars}
        for one in answer.spreads
    ]
    return {
        "columns": list(answer.columns),
        "total": source.total,
        "looked": answer.looked,
        "matched": answer.matched,
        "damaged": answer.damaged,
        "passed_over": answer.passed_over,
        "next": answer.position or None,
        "progress": round(source.progress(answer.position), 4),
        "rows": [{"key": key, "cells": shown} for key, shown in answer.rows],
        "spreads": spreads,
        "groups": [{"key": key, "count": count[0], "numbers": numbers} for key, (count, numbers) in answer.groups.items()],
        "ungrouped": answer.ungrouped,
    }
