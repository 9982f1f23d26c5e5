"""Lists whose rows are all held in memory: which of them a filter means, in what order, in which groups, and one page of them.

Collections and projects are such lists: what they show is put together from several places, and there are some thousands at most.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from math import inf
from typing import Any, Generic, TypeVar

from penstock.domain.comparing import COMPARED
from penstock.domain.natural_order import natural_key
from penstock.domain.periods import bounds_of, seconds_of, zone_named
from penstock.interfaces.pages import Condition, ListQuery, Page
from penstock.interfaces.row_groups import GroupedRow, day_of, gather
from penstock.interfaces.run_tables import RowGroups
from penstock.web.texts.whole_numbers import whole_number

T = TypeVar("T")

MOST_OFFERED = 9
"""Values that a filter bar offers at once."""
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {**COMPARED, ":": operator.eq}
_OLDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.le, "<=": operator.le, ":": operator.le, "=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
"""How an age compares with one in a filter; a bare one means "within"."""


@dataclass(frozen=True, slots=True)
class Columns(Generic[T]):
    """What the columns of a list hold; the name of a column is its chip, its sort and its group."""

    words: Callable[[T], str]
    """Text in which free words are looked for."""
    texts: Mapping[str, Callable[[T], Sequence[str]]]
    """Texts; a row may have several, of which the first sorts."""
    numbers: Mapping[str, Callable[[T], float | None]] = field(default_factory=dict)
    times: Mapping[str, Callable[[T], float | None]] = field(default_factory=dict)
    """Seconds since the epoch."""
    keys: str = ""
    """What stands in front of keys of the rows that are columns, too (`meta`); empty: none are."""
    values: Callable[[T], Mapping[str, Any]] = lambda _row: {}
    """Their values, by key."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, those of keys left out."""
        return (*self.texts, *self.numbers, *self.times)

    def matching(self, rows: Sequence[T], query: ListQuery) -> list[T]:
        """Return the rows that a filter means; chips of columns that the list does not have are ignored, as in the other lists."""
        words = [word.lower() for word in query.words]
        return [
            row
            for row in rows
            if all(word in self.words(row).lower() for word in words)
            and all(self._fits(row, condition, query) for condition in query.conditions)
        ]

    def _fits(self, row: T, condition: Condition, query: ListQuery) -> bool:
        name = condition.field
        if name in self.texts:
            wanted, is_whole = condition.value.lower(), condition.operator in {"=", "!="}
            is_there = any(wanted == value.lower() if is_whole else wanted in value.lower() for value in self.texts[name](row))
            return is_there is not (condition.operator == "!=")
        if name in self.numbers:
            return _fits_number(self.numbers[name](row), condition)
        if name in self.times:
            return _fits_time(self.times[name](row), condition, query)
        return not self.keys or _fits_value(self.values(row).get(self.key_of(name)), condition)

    def key_of(self, name: str) -> str:
        """Return the key that a chip or a sort names, `meta.rows` or in chips `rows`; empty when it is one of the list's own columns."""
        if not self.keys or name in self.texts or name in self.numbers or name in self.times:
            return ""
        return name if name.startswith(f"{self.keys}.") else f"{self.keys}.{name}"

    def has(self, sort: str) -> bool:
        """Whether the list has this column."""
        is_key = bool(self.keys) and sort.startswith(f"{self.keys}.")
        return is_key or sort in self.texts or sort in self.numbers or sort in self.times

    def in_order(self, rows: Sequence[T], sort: str, *, is_descending: bool) -> list[T]:
        """Return rows by a column; those without a value come first when ascending, and one direction is the other backwards."""
        if sort in self.texts:
            found = sorted(rows, key=lambda row: natural_key(next(iter(self.texts[sort](row)), "").lower()))
        elif key := self.key_of(sort):
            found = sorted(rows, key=lambda row: _place_of(self.values(row).get(key)))
        else:
            value_of = self.numbers.get(sort) or self.times[sort]
            found = sorted(rows, key=lambda row: -inf if (value := value_of(row)) is None else value)
        return found[::-1] if is_descending else found

    def offered(self, rows: Sequence[T], field: str, text: str) -> list[str]:
        """Return what the filter bar offers for a column or a key: values of the rows that contain `text`, each once."""
        key = self.key_of(field)
        read = self.texts.get(field) or (lambda row: [_text_of(self.values(row)[key])] if key in self.values(row) else [])
        wanted = text.lower()
        return list(dict.fromkeys(value for row in rows for value in read(row) if value and wanted in value.lower()))[:MOST_OFFERED]

    def groups(self, rows: Sequence[T], by: str, query: ListQuery, *, at: Callable[[T], float], numbers: Sequence[str]) -> RowGroups:
        """Return rows in groups of a column, with the spread of `numbers`; `at` says which row is the newest."""
        zone = zone_named(query.zone) or UTC

        def values_of(row: T) -> Sequence[str | None]:
            if by in self.texts:
                return [value for value in self.texts[by](row) if value]
            if by in self.times:
                return [day_of(self.times[by](row), zone)]
            number = self.numbers[by](row)
            return [None if number is None else f"{number:g}"]

        grouped = (GroupedRow(values_of(row), at(row), numbers={name: self.numbers[name](row) for name in numbers}) for row in rows)
        return gather(grouped, is_whole=True)


def page_of(rows: Sequence[T], query: ListQuery) -> Page[T]:
    """Return one page; its position is the number of rows before it."""
    first = whole_number(query.cursor or "") or 0
    last = first + query.limit
    return Page(rows[first:last], str(last) if last < len(rows) else None, len(rows))


def _place_of(value: Any) -> tuple[int, float, Any]:
    """Return what sorts values of keys: none, texts in order of the numbers in them, numbers."""
    if value is None:
        return 0, 0.0, []
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 2, float(value), []
    return 1, 0.0, natural_key(_text_of(value).lower())


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fits_value(value: Any, condition: Condition) -> bool:
    """Whether the value of a key is what a chip asks for: as a number where both are, else as text."""
    if value is None:
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _fits_number(float(value), condition)
    text, wanted = _text_of(value).lower(), condition.value.lower()
    match condition.operator:
        case ":":
            return wanted in text
        case "=":
            return text == wanted
        case "!=":
            return text != wanted
        case _:
            return False


def _fits_number(value: float | None, condition: Condition) -> bool:
    try:
        return value is not None and bool(_COMPARE[condition.operator](value, float(condition.value)))
    except ValueError:
        return False


def _fits_time(at: float | None, condition: Condition, query: ListQuery) -> bool:
    age = seconds_of(condition.value)
    if at is None:
        return False
    if age is not None and condition.operator in _OLDER:
        return _OLDER[condition.operator](query.now - at, age)
    bounds = bounds_of(condition.operator, condition.value, zone_named(query.zone) or UTC)
    if bounds is None:
        return False
    is_inside = (bounds.low is None or at >= bounds.low) and (bounds.high is None or at < bounds.high)
    return is_inside is not bounds.is_outside
