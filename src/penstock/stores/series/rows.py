"""Columns back to rows: JSON texts equal in value to what was sent, and projections to some keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import orjson

from penstock.stores.series.columns import Batch, Column, ColumnId, Path, RowNumbers

_NOT_FINITE = {"nan": orjson.Fragment(b"NaN"), "inf": orjson.Fragment(b"Infinity"), "-inf": orjson.Fragment(b"-Infinity")}


class Segment(Protocol):
    """Ordered rows in columns, in memory (`Batch`) or on disk (`Block`)."""

    def __len__(self) -> int: ...

    @property
    def steps(self) -> np.ndarray[Any, Any]:
        """Ascending steps."""
        ...

    def column_ids(self) -> Sequence[ColumnId]:
        """Return the columns there are."""
        ...

    def column(self, path: Path, kind: str) -> Column | None:
        """Return a column, or None."""
        ...

    def load(self) -> Batch:
        """Return all rows in memory."""
        ...


def rows_as_json(segment: Segment, wanted: RowNumbers) -> list[str]:
    """Return the JSON text of the rows with the ascending numbers `wanted`."""
    dense: list[tuple[Path, list[Any]]] = []
    sparse: list[tuple[Path, list[Any], np.ndarray[Any, Any]]] = []
    for path, kind in segment.column_ids():
        column = segment.column(path, kind)
        if column is None:
            continue
        values, places = column.take(wanted)
        if places is None or len(places) == len(wanted):
            dense.append((path, _writable(values, kind)))
        elif len(places):
            sparse.append((path, _writable(values, kind), places))
    if not sparse and all(len(path) == 1 for path, _ in dense):
        keys = [path[0] for path, _ in dense]
        if not keys:
            return ["{}"] * len(wanted)
        return [_dump(dict(zip(keys, values, strict=True))) for values in zip(*(values for _, values in dense), strict=True)]
    return [_dump(row) for row in _assemble(len(wanted), dense, sparse)]


def project(segment: Segment, wanted: RowNumbers, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows `wanted`, cut to `keys`, as plain values; keys that a row lacks are missing."""
    found: list[dict[str, Any]] = [{} for _ in range(len(wanted))]
    ids = segment.column_ids()
    for key in keys:
        for (path, kind), place in columns_of_key(ids, key):
            column = segment.column(path, kind)
            if column is None:
                continue
            values, places = column.take(wanted)
            plain = [json.loads(text) for text in values.tolist()] if kind == "r" else values.tolist()
            for row, value in zip(range(len(wanted)) if places is None else places.tolist(), plain, strict=True):
                if not place:
                    found[row][key] = value
                else:
                    _put(found[row].setdefault(key, {}), place, value)
    return found


def rows_with_all(segment: Segment, keys: Sequence[str]) -> RowNumbers | None:
    """Return numbers of the rows that have every key; None stands for all rows."""
    have: np.ndarray[Any, Any] | None = None
    ids = segment.column_ids()
    for key in keys:
        present = np.zeros(len(segment), dtype=bool)
        for (path, kind), _ in columns_of_key(ids, key):
            column = segment.column(path, kind)
            if column is None:
                continue
            if column.rows is None:
                present[:] = True
                break
            present[column.rows] = True
        if not present.all():
            have = present if have is None else have & present
    return None if have is None else np.flatnonzero(have)


def columns_of_key(ids: Iterable[ColumnId], key: str) -> list[tuple[ColumnId, Path]]:
    """Return the columns that hold `key`, each with the path inside the value that it stands for.

    The literal key comes first; otherwise the dots lead into nested objects. A key that names an object stands for all below it.
    """
    known = list(ids)
    for path in ((key,), tuple(key.split("."))) if "." in key else ((key,),):
        depth = len(path)
        found = [((column, kind), column[depth:]) for column, kind in known if column[:depth] == path]
        if found:
            return found
    return []


def numbers_of(segment: Segment, key: str) -> tuple[np.ndarray[Any, Any], RowNumbers | None] | None:
    """Return the numeric values of `key` as doubles in row order, with their rows (None: all), or None when there are none."""
    parts: list[Column] = []
    for (path, kind), place in columns_of_key(segment.column_ids(), key):
        if kind != "r" and not place and (column := segment.column(path, kind)) is not None:
            parts.append(column)
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0].values.astype(np.float64, copy=False), parts[0].rows
    rows = np.concatenate([np.arange(len(part.values)) if part.rows is None else part.rows for part in parts])
    values = np.concatenate([part.values.astype(np.float64) for part in parts])
    order = np.argsort(rows, kind="stable")
    return values[order], None if len(rows) == len(segment) else rows[order]


def _writable(values: np.ndarray[Any, Any], kind: str) -> list[Any]:
    """Return values as orjson writes them: raw texts and numbers that are not finite go in verbatim."""
    if kind == "r":
        return [orjson.Fragment(text) for text in values.tolist()]
    plain: list[Any] = values.tolist()
    if kind == "f" and not np.isfinite(values).all():
        return [value if finite else _NOT_FINITE[repr(value)] for value, finite in zip(plain, np.isfinite(values).tolist(), strict=True)]
    return plain


def _assemble(
    count: int, dense: Sequence[tuple[Path, list[Any]]], sparse: Sequence[tuple[Path, list[Any], np.ndarray[Any, Any]]]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for path, values in dense:
        _fill(rows, path, values, range(count))
    for path, values, places in sparse:
        _fill(rows, path, values, places.tolist())
    return rows


def _fill(rows: list[dict[str, Any]], path: Path, values: Sequence[Any], places: Iterable[int]) -> None:
    if len(path) == 1:
        key = path[0]
        for place, value in zip(places, values, strict=True):
            rows[place][key] = value
        return
    for place, value in zip(places, values, strict=True):
        _put(rows[place], path, value)


def _put(target: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = value


def _dump(row: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(row).decode()
    except TypeError:  # a key that holds a lone surrogate
        return json.dumps(_without_fragments(row, json.loads), separators=(",", ":"))


def _without_fragments(value: Any, loads: Callable[[bytes], Any]) -> Any:
    if isinstance(value, orjson.Fragment):
        contents = value.contents
        return loads(contents if isinstance(contents, bytes) else contents.encode())
    if isinstance(value, dict):
        return {key: _without_fragments(inner, loads) for key, inner in value.items()}
    return value
