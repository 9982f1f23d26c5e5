"""Rows as columns in memory: what a batch of rows is, how batches are joined, cut and brought into order.

A column belongs to a *path*, the tuple of keys that leads to a value in a row (`("loss",)`, `("opt", "lr")`), and to a *kind*:
`f` doubles, `i` integers of 64 bits, `r` anything else as JSON text. A path can have columns of several kinds; a row has a value in
at most one of them. Integers and doubles stay apart so that `1` and `1.0` come back as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Path = tuple[str, ...]
ColumnId = tuple[Path, str]
IntArray = NDArray[np.int64]
RowNumbers = NDArray[np.int64]

STEP_PATH: Path = ("_step",)


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one path and kind."""

    values: NDArray[Any]
    """float64, int64, or objects (`bytes` of JSON text) by kind."""
    rows: RowNumbers | None = None
    """Ascending numbers of the rows that have a value; None: every row."""

    def take(self, wanted: RowNumbers) -> tuple[NDArray[Any], RowNumbers | None]:
        """Return values at the ascending row numbers `wanted`, and their positions in it (None: all of them)."""
        if self.rows is None:
            return self.values[wanted], None
        places = np.searchsorted(self.rows, wanted)
        inside = places < len(self.rows)
        hits = np.zeros(len(wanted), dtype=bool)
        hits[inside] = self.rows[places[inside]] == wanted[inside]
        return self.values[places[hits]], np.flatnonzero(hits)

    def cut(self, start: int, stop: int) -> Column | None:
        """Return the part for rows `start` to `stop`, renumbered from 0, or None when it is empty."""
        if self.rows is None:
            return Column(self.values[start:stop]) if stop > start else None
        low, high = np.searchsorted(self.rows, (start, stop))
        if low == high:
            return None
        rows = self.rows[low:high] - start
        return Column(self.values[low:high], None if len(rows) == stop - start else rows)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows in columns. `steps` need not ascend in a fresh batch; `ordered` makes them."""

    steps: IntArray
    lines: IntArray
    """Line number of each row in its stream."""
    columns: dict[ColumnId, Column] = field(default_factory=dict)
    size_bytes: int = 0
    """Rough memory use."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def is_ascending(self) -> bool:
        """Whether every step is greater than the one before."""
        return len(self.steps) < 2 or bool((self.steps[1:] > self.steps[:-1]).all())

    def column(self, path: Path, kind: str) -> Column | None:
        """Return a column, or None."""
        return self.columns.get((path, kind))

    def column_ids(self) -> Sequence[ColumnId]:
        """Return the columns there are, in order of first appearance."""
        return list(self.columns)

    def cut(self, start: int, stop: int) -> Batch:
        """Return rows `start` to `stop`."""
        columns = {key: part for key, column in self.columns.items() if (part := column.cut(start, stop)) is not None}
        share = (stop - start) / max(len(self), 1)
        return Batch(self.steps[start:stop], self.lines[start:stop], columns, int(self.size_bytes * share))

    def load(self) -> Batch:
        """Return the rows in memory: itself."""
        return self

    def with_steps(self, steps: IntArray, lines: IntArray) -> Batch:
        """Return the rows under other steps and line numbers; `_step` in the rows follows (shared mode)."""
        columns = {key: column for key, column in self.columns.items() if key[0] != STEP_PATH}
        return Batch(steps, lines, {(STEP_PATH, "i"): Column(steps.copy()), **columns}, self.size_bytes)


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Return the rows of all batches, one after the other."""
    if len(batches) == 1:
        return batches[0]
    starts = np.cumsum([0, *(len(batch) for batch in batches)])
    total = int(starts[-1])
    pieces: dict[ColumnId, list[tuple[int, Column]]] = {}
    for index, batch in enumerate(batches):
        for key, column in batch.columns.items():
            pieces.setdefault(key, []).append((index, column))
    columns: dict[ColumnId, Column] = {}
    for key, parts in pieces.items():
        values = np.concatenate([column.values for _, column in parts])
        if len(values) == total:
            columns[key] = Column(values)
            continue
        rows = [(np.arange(len(batches[index])) if column.rows is None else column.rows) + starts[index] for index, column in parts]
        columns[key] = Column(values, np.concatenate(rows))
    return Batch(
        np.concatenate([batch.steps for batch in batches]),
        np.concatenate([batch.lines for batch in batches]),
        columns,
        sum(batch.size_bytes for batch in batches),
    )


def ordered(batch: Batch) -> Batch:
    """Return the rows by ascending step, one per step: the highest line number holds, of equal ones the last row."""
    if batch.is_ascending:
        return batch
    order = np.lexsort((batch.lines, batch.steps))
    steps = batch.steps[order]
    keep = np.append(steps[1:] != steps[:-1], True)
    order = order[keep]
    place = np.full(len(batch), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    columns: dict[ColumnId, Column] = {}
    for key, column in batch.columns.items():
        if column.rows is None:
            columns[key] = Column(column.values[order])
            continue
        target = place[column.rows]
        kept = np.flatnonzero(target >= 0)
        if len(kept) == 0:
            continue
        by_target = kept[np.argsort(target[kept], kind="stable")]
        rows = target[by_target]
        columns[key] = Column(column.values[by_target], None if len(rows) == len(order) else rows)
    return Batch(steps[keep], batch.lines[order], columns, batch.size_bytes)
