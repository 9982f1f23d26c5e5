"""What a pipeline task leaves besides its outputs: lines of its log, and what it used of the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.ids import TrackedRunId
from penstock.interfaces.tracking_store import FileRegistration


@dataclass(frozen=True, slots=True)
class TaskUse:
    """What the newest attempt of a task used."""

    started_at: float
    finished_at: float
    usage: Mapping[str, float]
    """`cpu_seconds`, `max_rss_bytes`, `queued_seconds`, ... (`AttemptFinished.usage`)."""


class TaskTraces(Protocol):
    """Traces of the tasks that tracked runs stand for. A run that is no task's automatic record has none."""

    async def log_lines(self, run_id: TrackedRunId) -> Sequence[tuple[str, bool]]:
        """Return the lines of the newest attempt's log without line ends, and which came from stderr; of a long log the last ones."""
        ...

    async def use(self, run_id: TrackedRunId) -> TaskUse | None:
        """Return what the newest attempt used, or None while that is not known."""
        ...

    async def log_file(self, run_id: TrackedRunId) -> FileRegistration | None:
        """Store the log of a task that has ended as a file, `output.log`, and return it; None for any other run and without a log."""
        ...
