"""Comparisons of run lists that look inside lists, and those that SQL cannot say: decided in Python over the indexed values of a key.

A list is indexed as one JSON text; comparisons with its elements, and paths that lead through it, read the texts of the runs that have a
list there. Runs whose value is no list never come here, so plain comparisons cost what they did.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from penstock.domain.matching import compile_filter, values_at
from penstock.interfaces.tracking_query import Operator
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.tracking_patterns import compile_filter_pattern

_LISTS = "(kind = 'j' AND text LIKE '[%')"
_KINDS = {Operator.MOD: f"(kind = 'n' OR {_LISTS})", Operator.TYPE: "1 = 1"}
"""Which indexed values an operator has to see; every other one: lists."""

Test = Callable[[list[Any]], bool]
"""Whether a comparison holds for the values at a path."""


def runs_with(tx: Transaction, key_id: Callable[[str], int | None], name: str, operator: Operator, operand: Any) -> list[int]:
    """Return the ids of runs for which `name operator operand` holds by way of a list, or by an operator that SQL lacks.

    Args:
        tx: where to read.
        key_id: number of an indexed key of the project.
        name: the key with its prefix, such as `c.optimizer.betas`.
        operator: the comparison; `EXISTS` asks for paths through lists.
        operand: its value.
    """
    test = _test(operator, operand)
    found: list[int] = []
    for key, rest in _beginnings(name):
        number = key_id(key)
        if number is None or (operator is Operator.EXISTS and not rest):
            continue
        kinds = _LISTS if rest else _KINDS.get(operator, _LISTS)
        rows = tx.all(f"SELECT run_id, kind, number, text FROM tracked_value WHERE key_id = ? AND {kinds}", (number,))
        found += [row["run_id"] for row in rows if test(values_at(_value(row["kind"], row["number"], row["text"]), rest))]
    return found


def _test(operator: Operator, operand: Any) -> Test:
    if operator is Operator.EXISTS:
        return bool
    if operator is Operator.REGEX:
        pattern = compile_filter_pattern(operand)
        return lambda values: any(isinstance(value, str) and pattern(value) for value in values)
    holds = compile_filter({"": {operator.value: operand}})
    return lambda values: bool(values) and holds(lambda name: values)


def _beginnings(name: str) -> Iterator[tuple[str, str]]:
    """Yield (key, rest of the path), the whole name first; the prefix of the kind of field stays with the key."""
    parts = name.split(".")
    for count in range(len(parts), 1, -1):
        yield ".".join(parts[:count]), ".".join(parts[count:])


def _value(kind: str, number: float | None, text: str | None) -> Any:
    if kind == "j":
        return json.loads(text or "null")
    if kind == "s":
        return text or ""
    if kind == "z":
        return None
    if kind == "b":
        return bool(number)
    return int(text) if text and text != "NaN" else float("nan") if number is None else number
