"""What use cases ask of the engine: start, stop and repeat runs. Implemented by `engine.driver.RunDriver`."""

from __future__ import annotations

from typing import Protocol

from penstock.domain.ids import RunId
from penstock.domain.plan import RunPlan
from penstock.domain.runs import NewRun


class Runner(Protocol):
    """Drives runs; every method returns when its effect is durable."""

    async def submit(self, new_run: NewRun, *, plan: RunPlan | None = None) -> None:
        """Store the run and begin to drive it; its definition is stored already. `plan` saves loading it.

        Raises:
            AlreadyExistsError: the run id is taken; nothing was changed.
        """
        ...

    async def cancel(self, run_id: RunId, *, reason: str) -> None:
        """Put the run in CANCELING and stop its tasks; a run in a final state is left alone."""
        ...

    async def pause(self, run_id: RunId, *, reason: str) -> None:
        """Start nothing more of the run, until `unpause`; what runs goes on. A run that is not open is left alone."""
        ...

    async def unpause(self, run_id: RunId) -> None:
        """Go on with a paused run; others are left alone."""
        ...

    async def retry(self, run_id: RunId) -> None:
        """Put the final run back to PENDING, keep what succeeded and run the rest again."""
        ...

    async def discard(self, run_id: RunId) -> None:
        """Stop the run's tasks and forget it; its rows are removed by the caller afterwards."""
        ...
