"""Scalar metrics of pipeline runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.domain.ids import RunId
from penstock.domain.metrics import RunMetric


class MetricStore(Protocol):
    """Durable on return."""

    async def of_runs(self, run_ids: Sequence[RunId]) -> Mapping[RunId, Sequence[RunMetric]]:
        """Numeric metrics of each run in order of name, in one query."""
        ...

    async def report(self, metrics: Sequence[RunMetric]) -> Sequence[bool]:
        """Store metrics; False for each that exists already (same run, task and name), which stays as it was."""
        ...
