"""Questions to a stream's segments: pages and even choices of rows, projected samples that keep extremes, charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.interfaces.tracking_store import ChartSeries, SampleSpec
from penstock.stores.series import pyramid
from penstock.stores.series.blockfile import Block
from penstock.stores.series.columns import RowNumbers
from penstock.stores.series.rows import Segment, columns_of_key, numbers_of, project, rows_as_json, rows_with_all
from penstock.stores.series.thinning import AXES, Stretch, beside, even_places, sample_from_pyramids


def ranges(segments: Sequence[Segment], min_step: int | None, max_step: int | None) -> list[Stretch]:
    """Return the rows with `min_step <= step < max_step`, segment by segment."""
    found = []
    for segment in segments:
        if len(segment) == 0:
            continue
        first, last = _ends(segment)
        if (min_step is not None and last < min_step) or (max_step is not None and first >= max_step):
            continue
        start, stop = 0, len(segment)
        if min_step is not None and first < min_step:
            start = int(np.searchsorted(segment.steps, min_step, side="left"))
        if max_step is not None and last >= max_step:
            stop = int(np.searchsorted(segment.steps, max_step, side="left"))
        if stop > start:
            found.append(Stretch(segment, start, stop))
    return found


def read_rows(segments: Sequence[Segment], *, min_step: int | None, max_step: int | None, samples: int | None) -> list[str]:
    """Return rows as JSON texts; with more than `samples` an even choice that keeps first and last."""
    parts = ranges(segments, min_step, max_step)
    total = sum(part.stop - part.start for part in parts)
    rows: list[str] = []
    for part, wanted in _chosen(parts, _evenly(total, samples)):
        rows += rows_as_json(part.segment, wanted)
    return rows


def sample(segments: Sequence[Segment], spec: SampleSpec) -> list[Mapping[str, Any]]:
    """Return rows with all keys of `spec`, projected; when there are too many, as many as asked for, with the extremes of each stretch."""
    parts = ranges(segments, spec.min_step, spec.max_step)
    if (thinned := sample_from_pyramids(parts, spec)) is not None:
        return thinned
    candidates: list[tuple[Segment, RowNumbers]] = []
    for part in parts:
        rows = rows_with_all(part.segment, spec.keys)
        rows = np.arange(part.start, part.stop) if rows is None else rows[(rows >= part.start) & (rows < part.stop)]
        if len(rows):
            candidates.append((part.segment, rows))
    total = sum(len(rows) for _, rows in candidates)
    if total > spec.samples and not spec.every_row:
        candidates = _with_extremes(candidates, spec, total)
    found: list[Mapping[str, Any]] = []
    for segment, rows in candidates:
        found += project(segment, rows, spec.keys)
    return found


def chart(segments: Sequence[Segment], *, key: str, x_key: str, points: int, min_step: int | None, max_step: int | None) -> ChartSeries:
    """Return the drawing of `key` over `x_key` in at most `points` buckets."""
    parts = ranges(segments, min_step, max_step)
    total = sum(_count_of(part, key) for part in parts)
    if total == 0:
        return ChartSeries(key, (), (), (), ())
    size = -(-total // points)
    drawn = [bucket for part in parts for bucket in _part_buckets(part, key, x_key, size)]
    if not drawn:
        return ChartSeries(key, (), (), (), ())
    group = max(1, -(-sum(len(one.low) for one in drawn) // points))
    low, high, last = (np.concatenate([getattr(one, name) for one in drawn]) for name in ("low", "high", "last"))
    low_x, high_x, last_x = (np.concatenate([getattr(one, name) for one in drawn]) for name in ("low_x", "high_x", "last_x"))
    places = np.arange(len(low), dtype=np.int64)
    merged = pyramid.coarser(pyramid.Buckets(low, high, last, places, places, places), group)
    return ChartSeries(
        key=key,
        x=last_x[merged.last_at].tolist(),
        low=merged.low.tolist(),
        high=merged.high.tolist(),
        last=merged.last.tolist(),
        low_x=low_x[merged.low_at].tolist(),
        high_x=high_x[merged.high_at].tolist(),
        rows=total,
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Buckets of one segment with x values instead of places."""

    low: np.ndarray[Any, Any]
    high: np.ndarray[Any, Any]
    last: np.ndarray[Any, Any]
    low_x: np.ndarray[Any, Any]
    high_x: np.ndarray[Any, Any]
    last_x: np.ndarray[Any, Any]


def _part_buckets(part: Stretch, key: str, x_key: str, size: int) -> Iterator[_Drawn]:
    """Yield the buckets of a stretch: from the stored pyramid when it is fine enough, else from the values.

    Those built from values are no coarser than stored ones: they are merged with the buckets of other segments by count.
    """
    segment = part.segment
    ids = columns_of_key(segment.column_ids(), key)
    if isinstance(segment, Block) and part.is_whole and size >= pyramid.BUCKET and len(ids) == 1 and ids[0][0][1] != "r":
        stored = segment.buckets(*ids[0][0])
        if stored is not None:
            yield _place(stored, _x_values(segment, x_key), None)
            return
    found = numbers_of(segment, key)
    if found is None:
        return
    values, rows = found
    if not part.is_whole:
        inside = slice(part.start, part.stop) if rows is None else slice(*np.searchsorted(rows, (part.start, part.stop)).tolist())
        rows = np.arange(part.start, part.stop) if rows is None else rows[inside]
        values = values[inside]
    if len(values):
        yield _place(pyramid.build(values, max(1, min(size, pyramid.BUCKET))), _x_values(segment, x_key), rows)


def _place(buckets: pyramid.Buckets, x: np.ndarray[Any, Any], rows: RowNumbers | None) -> _Drawn:
    low_at, high_at, last_at = buckets.low_at, buckets.high_at, buckets.last_at
    if rows is not None:
        low_at, high_at, last_at = rows[low_at], rows[high_at], rows[last_at]
    return _Drawn(buckets.low, buckets.high, buckets.last, x[low_at], x[high_at], x[last_at])


def _x_values(segment: Segment, x_key: str) -> np.ndarray[Any, Any]:
    """Return x of every row as doubles; rows without one take their step, so that nothing is dropped from a chart."""
    if x_key == "_step":
        return segment.steps.astype(np.float64)
    found = numbers_of(segment, x_key)
    if found is None:
        return segment.steps.astype(np.float64)
    values, rows = found
    if rows is None:
        return values
    places = np.clip(np.searchsorted(rows, np.arange(len(segment)), side="right") - 1, 0, None)
    return values[places]


def _count_of(part: Stretch, key: str) -> int:
    """Return how many numbers `key` has in the stretch."""
    count = 0
    for (path, kind), place in columns_of_key(part.segment.column_ids(), key):
        if kind == "r" or place:
            continue
        if part.is_whole and isinstance(part.segment, Block):
            count += part.segment.value_count(path, kind)
            continue
        column = part.segment.column(path, kind)
        if column is not None:
            cut = column.cut(part.start, part.stop)
            count += len(cut.values) if cut is not None else 0
    return count


def _with_extremes(candidates: Sequence[tuple[Segment, RowNumbers]], spec: SampleSpec, total: int) -> list[tuple[Segment, RowNumbers]]:
    """Choose `spec.samples` rows: first, last, per stretch the lowest and highest of each drawn key, and an even choice of others."""
    keys = [key for key in spec.keys if key not in AXES]
    columns = {key: _values_at(candidates, key) for key in keys}
    numeric = {key: values for key, values in columns.items() if values is not None}
    room = max(spec.samples - 2, 0)
    if not numeric or room < 2 * len(numeric):
        chosen = even_places(total, spec.samples)
    else:
        stretches = max(1, room // (2 * len(numeric)))
        size = -(-total // stretches)
        picks = [np.array([0, total - 1])]
        for values in numeric.values():
            buckets = pyramid.build(values, size)
            picks += [buckets.low_at, buckets.high_at]
        extremes = np.unique(np.concatenate(picks))
        chosen = np.sort(np.append(extremes, beside(np.arange(total), extremes, spec.samples - len(extremes))))
    result = []
    start = 0
    for segment, rows in candidates:
        low, high = np.searchsorted(chosen, (start, start + len(rows)))
        if high > low:
            result.append((segment, rows[chosen[low:high] - start]))
        start += len(rows)
    return result


def _values_at(candidates: Sequence[tuple[Segment, RowNumbers]], key: str) -> np.ndarray[Any, Any] | None:
    """Return the numbers of `key` at the candidate rows, NaN where it is no number; None when it never is."""
    parts, is_numeric = [], False
    for segment, rows in candidates:
        found = numbers_of(segment, key)
        if found is None:
            parts.append(np.full(len(rows), np.nan))
            continue
        is_numeric = True
        values, at = found
        if at is None:
            parts.append(values[rows])
            continue
        whole = np.full(len(segment), np.nan)
        whole[at] = values
        parts.append(whole[rows])
    return np.concatenate(parts) if is_numeric else None


def _evenly(total: int, samples: int | None) -> np.ndarray[Any, Any] | None:
    """Return which of `total` rows to take, first and last among them; None for all."""
    return None if samples is None or total <= samples else even_places(total, samples)


def _chosen(parts: Sequence[Stretch], chosen: np.ndarray[Any, Any] | None) -> Iterator[tuple[Stretch, RowNumbers]]:
    start = 0
    for part in parts:
        count = part.stop - part.start
        if chosen is None:
            yield part, np.arange(part.start, part.stop)
        else:
            low, high = np.searchsorted(chosen, (start, start + count))
            if high > low:
                yield part, chosen[low:high] - start + part.start
        start += count


def _ends(segment: Segment) -> tuple[int, int]:
    if isinstance(segment, Block):
        return segment.min_step, segment.max_step
    return int(segment.steps[0]), int(segment.steps[-1])
