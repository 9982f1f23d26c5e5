"""The scatter above the table of runs: when each began and how long it took. Positions only; the template draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.interfaces.run_tables import RunPoint

WIDTH, HEIGHT = 1000.0, 100.0
_SHORTEST = 0.01
"""Seconds; what is shorter lies at the bottom."""
_LINES = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 360_000.0)


@dataclass(frozen=True, slots=True)
class Dot:
    """One run, in units of the drawing."""

    run: RunPoint
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Scatter:
    """What the template draws and what brushing turns back into a filter."""

    dots: Sequence[Dot]
    from_at: float
    """Time at the left edge, epoch seconds."""
    until_at: float
    """Time at the right edge."""
    lowest: float
    """Seconds at the bottom."""
    highest: float
    """Seconds at the top."""
    lines: Sequence[tuple[float, float]]
    """(seconds, y) of the lines to read durations by."""


def scatter_of(points: Sequence[RunPoint]) -> Scatter | None:
    """Place the runs that have a duration; None when fewer than two have."""
    placed = [(point, max(point.duration_seconds, _SHORTEST)) for point in points if point.duration_seconds is not None]
    if len(placed) < 2:
        return None
    times, durations = [point.created_at for point, _ in placed], [seconds for _, seconds in placed]
    margin = max((max(times) - min(times)) * 0.02, 1.0)
    from_at, until_at = min(times) - margin, max(times) + margin
    # Logarithmic, because runs differ by orders of magnitude.
    lowest, highest = min(durations) / 2, max(durations) * 1.5
    scale = HEIGHT / math.log(highest / lowest)

    def height(seconds: float) -> float:
        return round(HEIGHT - scale * math.log(seconds / lowest), 1)

    dots = [Dot(point, round(WIDTH * (point.created_at - from_at) / (until_at - from_at), 1), height(seconds)) for point, seconds in placed]
    # Runs that took about the same lie between two round numbers.
    marks = [seconds for seconds in _LINES if lowest < seconds < highest] or [math.sqrt(min(durations) * max(durations))]
    lines = [(seconds, height(seconds)) for seconds in marks]
    return Scatter(dots, from_at, until_at, lowest, highest, lines)
