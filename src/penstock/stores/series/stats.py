"""What is known about each key of a history: counts by type, last number, whether it ever fell. Kept per block and folded per run.

Keys are paths joined by dots, as `Run.historyKeys` names them (wandb.md section 9).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np

from penstock.stores.series.columns import Batch, Column, Path

_FIRST_BYTE = {ord('"'): "string", ord("t"): "boolean", ord("f"): "boolean", ord("n"): "nil", ord("["): "list"}


class KeyState(msgspec.Struct, array_like=True):
    """One key over a stretch of rows."""

    counts: dict[str, int]
    first: float | int | None
    last: float | int | None
    is_monotonic: bool


class RunStats(msgspec.Struct):
    """All keys of a stretch of rows, in order of first appearance."""

    keys: dict[str, KeyState] = {}


def fold(parts: Iterable[Mapping[str, KeyState]]) -> RunStats:
    """Return the stats of stretches that follow each other."""
    keys: dict[str, KeyState] = {}
    for part in parts:
        for key, state in part.items():
            before = keys.get(key)
            keys[key] = _follow(before, state) if before is not None else state
    return RunStats(keys)


def block_stats(batch: Batch) -> dict[str, KeyState]:
    """Return the stats of ordered rows."""
    kinds: dict[Path, dict[str, Column]] = {}
    for (path, kind), column in batch.columns.items():
        kinds.setdefault(path, {})[kind] = column
    states: dict[str, KeyState] = {}
    for path, columns in kinds.items():
        state = _state(columns)
        key = ".".join(path)
        states[key] = _follow(states[key], state) if key in states else state
    return states


def _state(columns: Mapping[str, Column]) -> KeyState:
    counts: dict[str, int] = {}
    raw = columns.get("r")
    if raw is not None:
        for text in raw.values.tolist():
            kind = _type_of(text)
            counts[kind] = counts.get(kind, 0) + 1
    numbers = [columns[kind] for kind in ("i", "f") if kind in columns]
    if not numbers:
        return KeyState(counts, None, None, is_monotonic=False)
    counts["number"] = counts.get("number", 0) + sum(len(column.values) for column in numbers)
    if len(numbers) == 1:
        values = numbers[0].values
        first, last = values[0].item(), values[-1].item()
    else:
        rows = np.concatenate([_rows(column) for column in numbers])
        order = np.argsort(rows)
        values = np.concatenate([column.values.astype(np.float64) for column in numbers])[order]
        first, last = (_exact(numbers, int(rows[order[place]])) for place in (0, -1))
    return KeyState(counts, first, last, is_monotonic=bool((values[1:] >= values[:-1]).all()))


def _rows(column: Column) -> np.ndarray[Any, Any]:
    return np.arange(len(column.values)) if column.rows is None else column.rows


def _exact(columns: Iterable[Column], row: int) -> float | int:
    """Return the number of `row` in the type it was logged with."""
    for column in columns:
        values, _ = column.take(np.array([row]))
        if len(values):
            number: float | int = values[0].item()
            return number
    raise LookupError(row)


def _follow(before: KeyState, after: KeyState) -> KeyState:
    counts = dict(before.counts)
    for kind, count in after.counts.items():
        counts[kind] = counts.get(kind, 0) + count
    if after.first is None:
        return KeyState(counts, before.first, before.last, before.is_monotonic)
    if before.last is None:
        return KeyState(counts, after.first, after.last, after.is_monotonic)
    return KeyState(counts, before.first, after.last, before.is_monotonic and after.is_monotonic and after.first >= before.last)


def _type_of(text: bytes) -> str:
    known = _FIRST_BYTE.get(text[0])
    if known is not None:
        return known
    if text[:1] != b"{":
        return "number"
    kind = json.loads(text).get("_type")
    return kind if isinstance(kind, str) else "map"
