"""What background services share that do what is due: at the start, after news, and when the clock says so.

Nothing is remembered here; what is due is in the store. A round that fails is repeated soon; it never ends the service.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from penstock.background.loop_tasks import end
from penstock.domain.errors import PenstockError
from penstock.domain.runs import DomainEvent
from penstock.interfaces.clock import Clock, TimerHandle, Timers
from penstock.interfaces.notifier import Notifier

Duty = Callable[[], Awaitable[float | None]]
"""Does what is due; answers when it wants to be called again, None for only after news."""

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0


class Rounds:
    """A background service with `start` and `stop`."""

    def __init__(
        self,
        name: str,
        duties: Sequence[Duty],
        *,
        wants: Callable[[DomainEvent], bool],
        clock: Clock,
        timers: Timers,
        notifier: Notifier,
        look_seconds: float | None = None,
    ) -> None:
        """Args: wants: which news begin a round; look_seconds: longest time between rounds, None for no such limit."""
        self._name = name
        self._duties = duties
        self._wants = wants
        self._clock = clock
        self._timers = timers
        self._notifier = notifier
        self._look_seconds = look_seconds
        self._wake = asyncio.Event()
        self._timer: TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.rounds = 0
        """How often duties were done; tests wait for it to grow."""

    async def start(self) -> None:
        """Begin; whatever became due while no server ran is decided first."""
        self._wake.set()
        self._tasks = [
            asyncio.create_task(self._listen(), name=f"penstock-{self._name}-news"),
            asyncio.create_task(self._run(), name=f"penstock-{self._name}"),
        ]

    async def stop(self) -> None:
        """Stop; a firing that is under way is finished by the next start."""
        if self._timer is not None:
            self._timer.cancel()
        await end(*self._tasks)
        self._tasks = []

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            wishes = [await self._do(duty) for duty in self._duties]
            if self._look_seconds is not None:
                wishes.append(self._clock.now() + self._look_seconds)
            times = [at for at in wishes if at is not None]
            if times:
                self._timer = self._timers.call_at(min(times), self._wake.set)
            self.rounds += 1

    async def _do(self, duty: Duty) -> float | None:
        try:
            return await duty()
        except PenstockError:
            _log.exception("%s: what is due could not be done; trying again soon", self._name)
        except Exception:
            # One broken schedule or trigger must not end the service for all.
            _log.exception("%s: a fault while doing what is due; trying again soon", self._name)
        return self._clock.now() + _RETRY_SECONDS

    async def _listen(self) -> None:
        with self._notifier.listen(self._wants) as news:
            async for _ in news:
                self._wake.set()
