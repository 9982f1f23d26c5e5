"""Fires schedules: waits for the next planned time or for news, then lets the use case do what is due.

Nothing is remembered here. What is due follows from the stored schedules, their last considered time and their active runs
(`pipelines.schedules.decide`), and run ids follow from schedule and planned time; so a server that was killed at any point goes on
where it stood, and nothing fires twice or is lost. News are: a schedule was changed, a run ended (its slot is free).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from penstock.domain.errors import PenstockError
from penstock.domain.runs import DomainEvent, RecurringRunChanged, RunFinished
from penstock.interfaces.clock import Clock, TimerHandle, Timers
from penstock.interfaces.notifier import Notifier
from penstock.pipelines.recurring_runs import RecurringRunService

_log = logging.getLogger(__name__)
_STORE_RETRY_SECONDS = 5.0


class RecurrenceService:
    """A background service with `start` and `stop`."""

    def __init__(self, schedules: RecurringRunService, *, clock: Clock, timers: Timers, notifier: Notifier) -> None:
        self._schedules = schedules
        self._clock = clock
        self._timers = timers
        self._notifier = notifier
        self._wake = asyncio.Event()
        self._timer: TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.rounds = 0
        """How often schedules were looked at; tests wait for it to grow."""

    async def start(self) -> None:
        """Begin; whatever became due while no server ran is decided first."""
        self._wake.set()
        self._tasks = [
            asyncio.create_task(self._listen(), name="penstock-recurrence-news"),
            asyncio.create_task(self._run(), name="penstock-recurrence"),
        ]

    async def stop(self) -> None:
        """Stop; a firing that is under way is finished by the next start."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            wake_at = await self._fire()
            if wake_at is not None:
                self._timer = self._timers.call_at(wake_at, self._wake.set)
            self.rounds += 1

    async def _fire(self) -> float | None:
        try:
            return await self._schedules.fire_due()
        except PenstockError:
            _log.exception("schedules could not be served; trying again soon")
        except Exception:
            # One broken schedule must not end the service for all.
            _log.exception("a fault while serving schedules; trying again soon")
        return self._clock.now() + _STORE_RETRY_SECONDS

    async def _listen(self) -> None:
        def wants(event: DomainEvent) -> bool:
            return isinstance(event, RecurringRunChanged | RunFinished)

        with self._notifier.listen(wants) as news:
            async for _ in news:
                self._wake.set()
