"""Metrics over the runs of an experiment: one small drawing for each, runs in the order in which they began. Positions only. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.interfaces.page_catalog import MetricPoint

WIDTH, HEIGHT = 300.0, 80.0
MOST_CHARTS = 12


@dataclass(frozen=True, slots=True)
class MetricDot:
    """One run in a drawing."""

    point: MetricPoint
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class MetricChart:
    """The values of one metric."""

    name: str
    dots: Sequence[MetricDot]
    """Oldest run first."""
    lowest: MetricPoint
    highest: MetricPoint

    @property
    def newest(self) -> MetricPoint:
        """Value of the newest run that has one."""
        return self.dots[-1].point

    @property
    def line(self) -> str:
        """Points of the line through the dots, as SVG has them."""
        return " ".join(f"{dot.x:g},{dot.y:g}" for dot in self.dots)


def metric_charts(points: Sequence[MetricPoint]) -> list[MetricChart]:
    """Draw each metric that at least two runs have; those of most runs first, then by name."""
    by_name: dict[str, list[MetricPoint]] = {}
    for point in sorted(points, key=lambda one: (one.created_at, one.run_id)):
        by_name.setdefault(point.name, []).append(point)
    names = sorted((name for name, found in by_name.items() if len(found) > 1), key=lambda name: (-len(by_name[name]), name))
    return [_chart(name, by_name[name]) for name in names]


def _chart(name: str, points: Sequence[MetricPoint]) -> MetricChart:
    lowest, highest = min(points, key=lambda one: one.number), max(points, key=lambda one: one.number)
    span = highest.number - lowest.number
    step = WIDTH / (len(points) - 1)
    dots = [
        MetricDot(point, round(place * step, 1), round(HEIGHT * (1 - (point.number - lowest.number) / span), 1) if span else HEIGHT / 2)
        for place, point in enumerate(points)
    ]
    return MetricChart(name, dots, lowest, highest)
