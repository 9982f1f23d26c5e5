"""Serves event triggers and backfills: waits for news or the time to look again, then lets the use cases do what is due.

Nothing is remembered here; what is due is in the store. News shorten the wait, they are never needed: events that another server or a
missed piece of news brought are found at the next look.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from penstock.domain.errors import PenstockError
from penstock.domain.runs import DomainEvent, RecurringRunChanged, RunFinished, TrackedRunChanged
from penstock.interfaces.clock import Clock, TimerHandle, Timers
from penstock.interfaces.notifier import Notifier
from penstock.pipelines.backfills import BackfillService
from penstock.pipelines.triggers import TriggerService

_LOOK_SECONDS = 5.0
"""How long an event may stay unnoticed that no news tell of: an alias that a person moved, a change of a file (two looks)."""
_log = logging.getLogger(__name__)


class TriggerWatcher:
    """A background service with `start` and `stop`."""

    def __init__(
        self,
        triggers: TriggerService,
        backfills: BackfillService,
        *,
        clock: Clock,
        timers: Timers,
        notifier: Notifier,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._triggers = triggers
        self._backfills = backfills
        self._clock = clock
        self._timers = timers
        self._notifier = notifier
        self._look_seconds = look_seconds
        self._wake = asyncio.Event()
        self._timer: TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.rounds = 0
        """How often it looked; tests wait for it to grow."""

    async def start(self) -> None:
        """Begin; whatever became due while no server ran is decided first."""
        self._wake.set()
        self._tasks = [
            asyncio.create_task(self._listen(), name="penstock-trigger-news"),
            asyncio.create_task(self._run(), name="penstock-triggers"),
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
            wake_at = self._clock.now() + self._look_seconds
            for duty in (self._triggers.look_at_files, self._triggers.fire_due, self._backfills.fire_due):
                wake_at = min(wake_at, await self._do(duty))
            self._timer = self._timers.call_at(wake_at, self._wake.set)
            self.rounds += 1

    async def _do(self, duty: Callable[[], Awaitable[float | bool | None]]) -> float:
        """Do one duty; return when it wants to be done again."""
        later = self._clock.now() + self._look_seconds
        try:
            wanted = await duty()
        except PenstockError:
            _log.exception("triggers could not be served; trying again soon")
        except Exception:
            # One broken trigger must not end the service for all.
            _log.exception("a fault while serving triggers; trying again soon")
        else:
            return later if wanted is None or isinstance(wanted, bool) else wanted
        return later

    async def _listen(self) -> None:
        def wants(event: DomainEvent) -> bool:
            if isinstance(event, TrackedRunChanged):
                return event.what in {"state", "artifacts"}
            return isinstance(event, RecurringRunChanged | RunFinished)

        with self._notifier.listen(wants) as news:
            async for _ in news:
                self._wake.set()
