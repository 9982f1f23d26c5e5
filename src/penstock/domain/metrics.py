"""Scalar metrics of pipeline runs, as values."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.domain.ids import RunId


@dataclass(frozen=True, slots=True)
class RunMetric:
    """A scalar that a task reported."""

    run_id: RunId
    task_id: str
    """Task, or the node id that a v1 client named."""
    name: str
    number: float
    format: str = "RAW"
    """RAW, PERCENTAGE or UNSPECIFIED."""
