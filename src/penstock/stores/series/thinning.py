"""Sampling one drawn key of a long history from its stored pyramid, so that its column need not be read.

Holds for the question that charts ask: axes and one numeric key that every row has. Anything else is answered from the columns
(`reading.sample`); both keep first, last and the extremes of every stretch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.interfaces.tracking_store import SampleSpec
from penstock.stores.series import pyramid
from penstock.stores.series.blockfile import Block
from penstock.stores.series.columns import ColumnId
from penstock.stores.series.rows import Segment, columns_of_key, project

AXES = frozenset({"_step", "_timestamp", "_runtime"})
"""Keys that are drawn over, not drawn."""
_EXACT = float(2**53)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows `start` to `stop` of a segment."""

    segment: Segment
    start: int
    stop: int

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole segment."""
        return self.start == 0 and self.stop == len(self.segment)


def sample_from_pyramids(parts: Sequence[Stretch], spec: SampleSpec) -> list[Mapping[str, Any]] | None:
    """Return the sample, or None when the question has another shape or the pyramid is too coarse for it."""
    drawn = [key for key in spec.keys if key not in AXES]
    total = sum(part.stop - part.start for part in parts)
    stretches = (spec.samples - 2) // 2
    if len(drawn) != 1 or spec.every_row or stretches < 1 or total < 2 * stretches * pyramid.BUCKET:
        return None
    columns = [_dense_column(part.segment, drawn[0], spec.keys) for part in parts]
    if any(column is None for column in columns):
        return None
    levels = [_buckets(part, column) for part, column in zip(parts, columns, strict=True) if column is not None]
    starts = np.cumsum([0, *(part.stop - part.start for part in parts)])
    finest = _joined(levels, starts)
    merged = pyramid.coarser(finest, -(-len(finest.low) // stretches))
    if any(column is not None and column[1] == "i" for column in columns) and not _is_exact(merged):
        return None
    values = dict(zip([*merged.low_at.tolist(), *merged.high_at.tolist()], [*merged.low.tolist(), *merged.high.tolist()], strict=True))
    for edge, part in ((0, parts[0]), (total - 1, parts[-1])):
        if edge not in values:
            row = part.start if edge == 0 else part.stop - 1
            values[edge] = project(part.segment, np.array([row]), drawn)[0][drawn[0]]
    more = beside(finest.last_at, np.array(list(values)), spec.samples - len(values))
    values |= dict(zip(finest.last_at[more].tolist(), finest.last[more].tolist(), strict=True))
    return _assembled(parts, columns, starts, values, spec, drawn[0])


def even_places(total: int, samples: int) -> np.ndarray[Any, Any]:
    """Return which of `total` rows an even choice of `samples` takes, first and last among them."""
    if samples <= 1:
        return np.array([total - 1])
    return np.unique(np.rint(np.linspace(0, total - 1, samples)).astype(np.int64))


def beside(rows: np.ndarray[Any, Any], chosen: np.ndarray[Any, Any], missing: int) -> np.ndarray[Any, Any]:
    """Return the places in `rows` of an even choice of `missing` of them that are not `chosen`, so that there are enough."""
    free = np.flatnonzero(~np.isin(rows, chosen))
    return free[even_places(len(free), missing)] if missing > 0 and len(free) > missing else free[: max(missing, 0)]


def _assembled(
    parts: Sequence[Stretch],
    columns: Sequence[ColumnId | None],
    starts: np.ndarray[Any, Any],
    values: Mapping[int, Any],
    spec: SampleSpec,
    drawn: str,
) -> list[Mapping[str, Any]]:
    """Return the chosen rows: axes from their columns, the drawn key from `values` by number of the row over all parts."""
    axes = [key for key in spec.keys if key in AXES]
    chosen = np.array(sorted(values), dtype=np.int64)
    found: list[Mapping[str, Any]] = []
    for index, (part, column) in enumerate(zip(parts, columns, strict=True)):
        low, high = np.searchsorted(chosen, (starts[index], starts[index + 1]))
        mine = chosen[low:high]
        convert = int if column is not None and column[1] == "i" else float
        rows = project(part.segment, mine - starts[index] + part.start, axes)
        found += [{**row, drawn: convert(values[place])} for row, place in zip(rows, mine.tolist(), strict=True)]
    return found


def _dense_column(segment: Segment, drawn: str, keys: Sequence[str]) -> ColumnId | None:
    """Return the one numeric column of `drawn`, when every row has every key as one number; else None."""
    ids = segment.column_ids()
    found: ColumnId | None = None
    for key in keys:
        columns = columns_of_key(ids, key)
        if len(columns) != 1 or columns[0][1] or columns[0][0][1] == "r" or not _is_dense(segment, columns[0][0]):
            return None
        if key == drawn:
            found = columns[0][0]
    return found


def _is_dense(segment: Segment, column: ColumnId) -> bool:
    if isinstance(segment, Block):
        return segment.value_count(*column) == len(segment)
    found = segment.column(*column)
    return found is not None and found.rows is None


def _buckets(part: Stretch, column: ColumnId) -> pyramid.Buckets:
    """Return the lowest level of the stretch, stored or built; places count from the stretch's first row."""
    if isinstance(part.segment, Block) and part.is_whole and (stored := part.segment.buckets(*column)) is not None:
        return stored
    found = part.segment.column(*column)
    if found is None:
        raise LookupError(column)
    return pyramid.build(found.values[part.start : part.stop].astype(np.float64))


def _joined(levels: Sequence[pyramid.Buckets], starts: np.ndarray[Any, Any]) -> pyramid.Buckets:
    """Return the buckets of all parts, places counted over all of them."""
    names = ("low", "high", "last")
    places = ("low_at", "high_at", "last_at")
    extremes = [np.concatenate([getattr(level, name) for level in levels]) for name in names]
    where = [np.concatenate([getattr(level, name) + start for level, start in zip(levels, starts, strict=False)]) for name in places]
    return pyramid.Buckets(*extremes, *where)


def _is_exact(buckets: pyramid.Buckets) -> bool:
    """Whether integers of this size are the same as doubles."""
    return bool((np.abs(buckets.low) < _EXACT).all() and (np.abs(buckets.high) < _EXACT).all())
