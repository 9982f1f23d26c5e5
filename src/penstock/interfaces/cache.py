"""Look-up of earlier results of tasks. Entries are written by the journal, together with the success they stem from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.execution import TaskOutputs
from penstock.domain.ids import RunId, TaskId


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """One question."""

    fingerprint: str
    scope: str
    """`<namespace>/<pipeline name>`; part of the fingerprint, used alone for the reason of a miss."""
    component: str
    parts: Mapping[str, str]
    """Named parts of the fingerprint, for the reason of a miss."""
    max_age_seconds: float | None = None
    """Older results are not used; None: the server's expiry only."""


@dataclass(frozen=True, slots=True)
class CacheHitAnswer:
    """An earlier result whose artifacts all exist."""

    task_id: TaskId
    """The task that computed it."""
    run_id: RunId
    run_name: str
    outputs: TaskOutputs


@dataclass(frozen=True, slots=True)
class CacheMissAnswer:
    """No usable result, and why."""

    reason: str


CacheAnswer = CacheHitAnswer | CacheMissAnswer


class TaskCache(Protocol):
    """Read side of the cache."""

    async def look_up_many(self, lookups: Sequence[CacheLookup], *, now: float) -> list[CacheAnswer]:
        """Answer every question, in order; the newest complete result wins.

        Cost: a fixed number of queries whatever the number of questions, and one existence check per distinct artifact.

        Raises:
            UnavailableError: the store could not be reached.
        """
        ...

    async def usual_seconds(self, pipeline_name: str) -> Mapping[str, float]:
        """Return what it costs not to reuse: median seconds by component of what the newest 20 runs of the pipeline executed well."""
        ...
