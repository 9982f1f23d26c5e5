"""What the flow reaper asks of the store."""

from __future__ import annotations

from typing import Protocol


class FlowJudge(Protocol):
    """Decides about recorded runs that fell silent."""

    async def fail_silent(self, *, now: float, run_seconds: float, task_seconds: float) -> int:
        """Mark runs and tasks without a heartbeat for so long as FAILED, with a reason; return how many runs.

        A run one of whose tasks failed, while none is running, has failed as soon as it was silent for `task_seconds`: its client gave up.
        A run that never sent a heartbeat is judged by its newest task or metadata. Later signs of life do not reopen a run;
        a newer attempt does.
        """
        ...
