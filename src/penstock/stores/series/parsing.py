"""JSON lines to columns, with as little work per row as Python allows.

The common case, many rows with the same keys and plain numbers, costs one `orjson.loads` per row and a few array operations per
key. Lines that orjson refuses or would round (bare NaN, numbers beyond 64 bits, lone surrogates) go through the standard library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson

from penstock.domain.errors import InvalidArgumentError
from penstock.stores.series.columns import Batch, Column, ColumnId, Path

_LONG_INTEGER = re.compile(r"\d{19}")
_EXACT_LIMIT = 9.2e18
"""Doubles at or above it may be integers that orjson rounded."""
_MAX_DEPTH = 20
_INT64_MAX = 2**63 - 1
_MAX_LINE_NUMBER = 2**53
_NUMBER_BYTES = 8


def parse_lines(lines: Sequence[str], offset: int, *, keyed_by_step: bool) -> Batch:
    """Return the rows that the JSON `lines` stand for; the first has line number `offset`.

    Raises:
        InvalidArgumentError: a line is not a JSON object, or the offset is no line number.
    """
    if not 0 <= offset <= _MAX_LINE_NUMBER:
        raise InvalidArgumentError(f"{offset} is not a line number")
    rows = _load(lines, offset)
    columns, has_big = _columns(rows)
    if has_big and any(map(_LONG_INTEGER.search, lines)):
        columns, _ = _columns([_load_exact(line) if _LONG_INTEGER.search(line) else row for line, row in zip(lines, rows, strict=True)])
    numbers = np.arange(offset, offset + len(rows), dtype=np.int64)
    steps = _steps(columns, numbers) if keyed_by_step else numbers
    size = sum(len(column.values) for column in columns.values()) * _NUMBER_BYTES
    if any(kind == "r" for _, kind in columns):
        size += sum(map(len, lines))
    return Batch(steps, numbers, columns, size)


def check_lines(lines: Sequence[str], offset: int) -> None:
    """Make sure that `parse_lines` will take the lines.

    Raises:
        InvalidArgumentError: a line is not a JSON object, or the offset is no line number.
    """
    if not 0 <= offset <= _MAX_LINE_NUMBER:
        raise InvalidArgumentError(f"{offset} is not a line number")
    _load(lines, offset)


def _load(lines: Sequence[str], offset: int) -> list[dict[str, Any]]:
    try:
        rows = list(map(orjson.loads, lines))
    except ValueError:
        rows = [_load_slowly(line, offset + index) for index, line in enumerate(lines)]
    except TypeError as error:
        raise InvalidArgumentError("every line of a series is text") from error
    if set(map(type, rows)) <= {dict}:
        return rows
    index = next(index for index, row in enumerate(rows) if type(row) is not dict)
    raise InvalidArgumentError(f"line {offset + index} is not a JSON object")


def _load_slowly(line: str, number: int) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        pass
    try:
        return _load_exact(line)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"line {number} is not JSON: {error}") from error


def _load_exact(line: str) -> Any:
    return json.loads(line)


def _steps(columns: Mapping[ColumnId, Column], numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the integer `_step` of each row, the line number where there is none."""
    whole = columns.get((("_step",), "i"))
    if whole is not None and whole.rows is None:
        return whole.values
    steps = numbers.copy()
    if whole is not None:
        steps[whole.rows] = whole.values
    real = columns.get((("_step",), "f"))
    if real is not None:
        rows = np.arange(len(numbers)) if real.rows is None else real.rows
        fits = np.isfinite(real.values) & (np.abs(real.values) < _MAX_LINE_NUMBER) & (np.floor(real.values) == real.values)
        steps[rows[fits]] = real.values[fits].astype(np.int64)
    return steps


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[ColumnId, Column], bool]:
    """Return the columns of `rows`, and whether some number may have been rounded by the fast parser."""
    builder = _Builder(len(rows))
    if not rows:
        return {}, False
    shape = tuple(rows[0])
    if _are_alike(rows, shape):
        for key, values in _by_key(rows, shape):
            builder.add((key,), values, None)
    else:
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, row in enumerate(rows):
            groups.setdefault(tuple(row), []).append(index)
        for shape, members in groups.items():
            numbers = np.array(members, dtype=np.int64)
            for key, values in _by_key([rows[index] for index in members], shape):
                builder.add((key,), values, numbers)
    return builder.finish(), builder.has_big


def _are_alike(rows: Sequence[Mapping[str, Any]], shape: tuple[str, ...]) -> bool:
    """Whether every row has the keys of `shape` in this order; one comparison for all, as no row holds a key twice."""
    return list(chain.from_iterable(rows)) == list(shape) * len(rows)


def _by_key(rows: Sequence[Mapping[str, Any]], shape: tuple[str, ...]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield each key with its values in order of rows; all rows have the keys of `shape` in this order.

    Slices of one flat list: transposing with `zip` makes an iterator per row, which costs more than the values.
    """
    flat: list[Any] = list(chain.from_iterable(row.values() for row in rows))
    return ((key, flat[place :: len(shape)]) for place, key in enumerate(shape))


class _Builder:
    """Collects values by path and kind; parts of one column may arrive in any order of rows."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._parts: dict[ColumnId, list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]]] = {}
        self.has_big = False

    def add(self, path: Path, values: Sequence[Any], rows: np.ndarray[Any, Any] | None) -> None:
        """Take in the values of one path; `rows` None stands for every row."""
        kinds = set(map(type, values))
        if kinds == {float}:
            self._put_doubles(path, values, rows)
        elif kinds == {int}:
            self._put_integers(path, values, rows)
        else:
            self._put_mixed(path, values, rows)

    def finish(self) -> dict[ColumnId, Column]:
        """Return the columns, rows ascending."""
        columns: dict[ColumnId, Column] = {}
        for key, parts in self._parts.items():
            if len(parts) == 1:
                values, rows = parts[0]
            else:
                numbers = np.concatenate([np.arange(self._count) if rows is None else rows for _, rows in parts])
                order = np.argsort(numbers, kind="stable")
                values, rows = np.concatenate([values for values, _ in parts])[order], numbers[order]
            columns[key] = Column(values, None if rows is None or len(rows) == self._count else rows)
        return columns

    def _put(self, path: Path, kind: str, values: np.ndarray[Any, Any], rows: np.ndarray[Any, Any] | None) -> None:
        self._parts.setdefault((path, kind), []).append((values, rows))

    def _put_doubles(self, path: Path, values: Sequence[Any], rows: np.ndarray[Any, Any] | None) -> None:
        array = np.fromiter(values, np.float64, len(values))
        if not (np.abs(array) < _EXACT_LIMIT).all():  # NaN compares false, too
            self.has_big = True
        self._put(path, "f", array, rows)

    def _put_integers(self, path: Path, values: Sequence[Any], rows: np.ndarray[Any, Any] | None) -> None:
        try:
            self._put(path, "i", np.fromiter(values, np.int64, len(values)), rows)
        except OverflowError:
            self._put_mixed(path, values, rows)

    def _put_mixed(self, path: Path, values: Sequence[Any], rows: np.ndarray[Any, Any] | None) -> None:
        """Sort values of several types into columns; objects are descended into, all at once per set of keys."""
        sorted_out: dict[str, list[int]] = {}
        for index, value in enumerate(values):
            sorted_out.setdefault(_kind_of(value, len(path)), []).append(index)
        for kind, members in sorted_out.items():
            chosen = [values[index] for index in members]
            numbers = np.array(members, dtype=np.int64) if rows is None else rows[members]
            if kind == "f":
                self._put_doubles(path, chosen, numbers)
            elif kind == "i":
                self._put(path, "i", np.fromiter(chosen, np.int64, len(chosen)), numbers)
            elif kind == "r":
                texts = np.empty(len(chosen), dtype=object)
                texts[:] = [_dump(value) for value in chosen]
                if any(isinstance(value, list | dict) for value in chosen):
                    self.has_big = True  # numbers inside were not looked at
                self._put(path, "r", texts, numbers)
            else:
                groups: dict[tuple[str, ...], list[int]] = {}
                for place, value in enumerate(chosen):
                    groups.setdefault(tuple(value), []).append(place)
                for shape, places in groups.items():
                    for key, inner in _by_key([chosen[place] for place in places], shape):
                        self.add((*path, key), inner, numbers[places])


def _kind_of(value: Any, depth: int) -> str:
    """Return `f`, `i`, `r`, or `d` for an object whose values become columns of their own."""
    kind = type(value)
    if kind is float:
        return "f"
    if kind is int:
        return "i" if -_INT64_MAX <= value <= _INT64_MAX else "r"
    if kind is dict and value and "_type" not in value and depth < _MAX_DEPTH:
        return "d"
    return "r"


def _dump(value: Any) -> bytes:
    """Return JSON text without line breaks; bare NaN and Infinity where Python has them."""
    if type(value) is str or value is None or type(value) is bool:
        try:
            return orjson.dumps(value)
        except TypeError:  # a lone surrogate
            return json.dumps(value).encode("ascii")
    return json.dumps(value, separators=(",", ":")).encode("ascii")
