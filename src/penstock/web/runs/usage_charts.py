"""What an attempt used over time against what it asked for: the lines of small charts, and their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

WIDTH, HEIGHT = 240, 36
_COLUMNS = 120
"""Points of a line; each is the highest of its span, so that a short peak is seen."""


@dataclass(frozen=True, slots=True)
class UsageChart:
    """One line over time."""

    kind: str
    """`cpu` and `gpu`, in shares of `mark`; `memory` and `gpu_memory`, in bytes."""
    points: str
    """Of the polyline, in a box of `WIDTH` times `HEIGHT`."""
    peak: float
    """Highest value."""
    mean: float
    """Over time."""
    mark: float | None
    """What it is measured by: cores, GPUs or bytes. None: nothing was asked for."""
    mark_key: str
    """Which of the resources the mark is; empty for one core or GPU, and without a mark."""
    mark_y: float | None
    """Where the mark is in the box."""


def usage_charts(samples: Sequence[tuple[int, int, int]], resources: Mapping[str, Any]) -> Sequence[UsageChart]:
    """Return the charts of CPU and memory; none with less than two samples.

    Args:
        samples: (Unix time, CPU time until then, bytes of memory) in order, times in milliseconds.
        resources: what the attempt asked for and was held to.
    """
    if len(samples) < 2:
        return ()
    key, cores = _first(resources, "cpu_request", "cpu_limit")
    shares = [(later[0], (later[1] - earlier[1]) / (later[0] - earlier[0]) / (cores or 1.0)) for earlier, later in pairwise(samples)]
    begin, end = samples[0], samples[-1]
    span = end[0] - begin[0]
    busy = (end[1] - begin[1]) / span / (cores or 1.0)
    cpu = _chart("cpu", [(begin[0], shares[0][1]), *shares], busy, cores or 1.0, key, mark_at=1.0)
    key, bytes_asked = _first(resources, "memory_limit_bytes", "memory_request_bytes")
    memory = [(moment, float(held)) for moment, _, held in samples]
    return cpu, _chart("memory", memory, _mean(memory), bytes_asked, key, mark_at=bytes_asked)


def gpu_charts(samples: Sequence[tuple[int, int, int]], resources: Mapping[str, Any]) -> Sequence[UsageChart]:
    """Return the charts of how busy the GPUs of an attempt were and of its memory there; none with less than two samples.

    Args:
        samples: (Unix time in milliseconds, thousandths of one GPU, bytes of memory) in order.
        resources: what the attempt asked for.
    """
    if len(samples) < 2:
        return ()
    key, asked = _first(resources, "accelerator_count")
    shares = [(moment, busy / 1000 / (asked or 1.0)) for moment, busy, _ in samples]
    memory = [(moment, float(held)) for moment, _, held in samples]
    gpu = _chart("gpu", shares, _mean(shares), asked or 1.0, key, mark_at=1.0)
    return gpu, _chart("gpu_memory", memory, _mean(memory), None, "", mark_at=None)


def _mean(values: Sequence[tuple[int, float]]) -> float:
    span = values[-1][0] - values[0][0]
    return sum((earlier[1] + later[1]) / 2 * (later[0] - earlier[0]) for earlier, later in pairwise(values)) / span


def _first(resources: Mapping[str, Any], *keys: str) -> tuple[str, float | None]:
    for key in keys:
        value = resources.get(key)
        if isinstance(value, int | float) and value > 0:
            return key, float(value)
    return "", None


def _chart(
    kind: str, values: Sequence[tuple[int, float]], mean: float, mark: float | None, mark_key: str, *, mark_at: float | None
) -> UsageChart:
    peak = max(value for _, value in values)
    top = max(peak, mark_at or 0.0) or 1.0
    begin, span = values[0][0], values[-1][0] - values[0][0]
    highest: dict[int, float] = {}
    for moment, value in values:
        column = (moment - begin) * _COLUMNS // span
        highest[column] = max(value, highest.get(column, 0.0))
    points = " ".join(f"{column * WIDTH / _COLUMNS:g},{_y(value, top):g}" for column, value in highest.items())
    return UsageChart(kind, points, peak, mean, mark, mark_key, None if mark_at is None else _y(mark_at, top))


def _y(value: float, top: float) -> float:
    return round(HEIGHT - value / top * HEIGHT, 1)
