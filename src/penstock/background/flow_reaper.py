"""Judges recorded flows whose heartbeats stopped: a run after six minutes, a task after one (Metaflow protocol notes, section 4)."""

from __future__ import annotations

import asyncio
import logging

from penstock.background.loop_tasks import end
from penstock.interfaces.clock import Clock
from penstock.interfaces.flow_reaping import FlowJudge

RUN_SILENCE_SECONDS = 6 * 60.0
TASK_SILENCE_SECONDS = 60.0
_MOST_SECONDS = 30.0
"""Pause between two looks; half of a task's silence when that is less."""
_log = logging.getLogger(__name__)


class FlowReaper:
    """Looks at open recorded runs from time to time."""

    def __init__(
        self, judge: FlowJudge, clock: Clock, *, run_seconds: float = RUN_SILENCE_SECONDS, task_seconds: float = TASK_SILENCE_SECONDS
    ) -> None:
        self._judge = judge
        self._clock = clock
        self._run_seconds = run_seconds
        self._task_seconds = task_seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin looking."""
        self._task = asyncio.create_task(self._run(), name="flow-reaper")

    async def stop(self) -> None:
        """Stop looking."""
        await end(self._task)

    async def _run(self) -> None:
        # Heartbeats that came while no server listened are missed; clients get the time to send the next ones.
        await asyncio.sleep(self._task_seconds)
        while True:
            try:
                await self._judge.fail_silent(now=self._clock.now(), run_seconds=self._run_seconds, task_seconds=self._task_seconds)
            except Exception:
                _log.exception("recorded flows could not be judged")
            await asyncio.sleep(min(self._task_seconds / 2, _MOST_SECONDS))
