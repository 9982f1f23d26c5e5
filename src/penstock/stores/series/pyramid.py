"""Extremes of a column in buckets: what a chart draws, so that a million points cost a few thousand and no spike is lost.

The lowest level is stored with each block; coarser ones are combined from it when asked for. NaN never hides a number: it counts
only when a bucket holds nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUCKET = 256
"""Values per bucket of the stored level."""
MIN_VALUES = 4 * BUCKET
"""Shorter columns have no stored level; computing it costs less than reading it."""
_RECORD = np.dtype([("low", "<f8"), ("high", "<f8"), ("last", "<f8"), ("low_at", "u1"), ("high_at", "u1")])


@dataclass(frozen=True, slots=True)
class Buckets:
    """Per bucket of consecutive values: extremes, last value, and where they are (numbers of values)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    last: NDArray[np.float64]
    low_at: NDArray[np.int64]
    high_at: NDArray[np.int64]
    last_at: NDArray[np.int64]


def build(values: NDArray[np.float64], size: int = BUCKET) -> Buckets:
    """Return the buckets of `size` values each; the last one may be shorter. `values` must not be empty."""
    count = len(values)
    starts = np.arange(0, count, size, dtype=np.int64)
    whole = count // size * size
    low_at, high_at = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    for_low = np.where(np.isnan(values), np.inf, values)
    for_high = np.where(np.isnan(values), -np.inf, values)
    if whole:
        low_at[: whole // size] = for_low[:whole].reshape(-1, size).argmin(axis=1)
        high_at[: whole // size] = for_high[:whole].reshape(-1, size).argmax(axis=1)
    if whole < count:
        low_at[-1], high_at[-1] = for_low[whole:].argmin(), for_high[whole:].argmax()
    low_at += starts
    high_at += starts
    last_at = np.append(starts[1:], count) - 1
    return Buckets(values[low_at], values[high_at], values[last_at], low_at, high_at, last_at)


def coarser(buckets: Buckets, group: int) -> Buckets:
    """Return buckets that each cover `group` of the given ones."""
    if group <= 1 or len(buckets.low) == 0:
        return buckets
    low = build(buckets.low, group)
    high = build(buckets.high, group)
    last = high.last_at
    return Buckets(
        buckets.low[low.low_at], buckets.high[high.high_at], buckets.last[last],
        buckets.low_at[low.low_at], buckets.high_at[high.high_at], buckets.last_at[last],
    )  # fmt: skip


def encode(values: NDArray[np.float64]) -> bytes:
    """Return the stored level of a column."""
    buckets = build(values)
    starts = np.arange(len(buckets.low), dtype=np.int64) * BUCKET
    records = np.empty(len(starts), dtype=_RECORD)
    records["low"], records["high"], records["last"] = buckets.low, buckets.high, buckets.last
    records["low_at"], records["high_at"] = buckets.low_at - starts, buckets.high_at - starts
    return records.tobytes()


def decode(data: bytes, count: int) -> Buckets:
    """Return the buckets of `encode`; `count` is the number of values of the column."""
    records = np.frombuffer(data, dtype=_RECORD)
    starts = np.arange(len(records), dtype=np.int64) * BUCKET
    last_at = np.minimum(starts + BUCKET, count) - 1
    return Buckets(
        records["low"].astype(np.float64), records["high"].astype(np.float64), records["last"].astype(np.float64),
        starts + records["low_at"], starts + records["high_at"], last_at,
    )  # fmt: skip
