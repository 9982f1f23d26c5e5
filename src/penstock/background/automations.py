"""Lets automations fire: looks at what happened, performs what is due. Costs nothing while nobody has made an automation."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from penstock.background.loop_tasks import end
from penstock.domain.automations import Automation
from penstock.domain.errors import PenstockError
from penstock.domain.runs import DomainEvent, TrackedRunChanged
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.tracking_store import TrackedRunStore
from penstock.tracking.automation_delivery import AutomationDelivery
from penstock.tracking.automation_firing import AutomationFiring, covers_run

_log = logging.getLogger(__name__)
_TICK_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_REFRESH_SECONDS = 10.0
"""After this long, automations that another process made are known here."""


class Automator:
    """A service with `start` and `stop`."""

    def __init__(
        self,
        firing: AutomationFiring,
        delivery: AutomationDelivery,
        runs: TrackedRunStore,
        notifier: Notifier,
        *,
        tick_seconds: float = _TICK_SECONDS,
    ) -> None:
        self._firing = firing
        self._delivery = delivery
        self._runs = runs
        self._notifier = notifier
        self._tick = tick_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._automations: Sequence[Automation] = ()
        self._dirty: set[tuple[str, str, str]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._run(), name="automations"), asyncio.create_task(self._listen(), name="automation-rows")]

    async def stop(self) -> None:
        """End; what is pending stays pending."""
        await end(*self._tasks)
        self._tasks = []

    def refresh(self) -> None:
        """Automations were changed: know them at the next tick. Call from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _listen(self) -> None:
        """Remember runs with new rows while some automation waits for values."""
        with self._notifier.listen(self._wants) as changes:
            async for change in changes:
                if isinstance(change, TrackedRunChanged):
                    self._dirty.add((change.entity, change.project, change.name))

    def _wants(self, event: DomainEvent) -> bool:
        if not isinstance(event, TrackedRunChanged) or event.what not in {"history", "state"}:
            return False
        return any(automation.event_type.is_metric for automation in self._automations)

    async def _run(self) -> None:
        is_up_to_date = False
        while True:
            try:
                self._changed.clear()
                self._automations = await self._firing.enabled()
                if not is_up_to_date:
                    await self._firing.catch_up(self._automations)
                    is_up_to_date = True
                await self._work()
            except PenstockError:
                _log.exception("the store of automations did not answer; it is asked again")
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:
                # One broken automation must not end the service for all.
                _log.exception("a fault while serving automations; trying again soon")
                await asyncio.sleep(_RETRY_SECONDS)

    async def _work(self) -> None:
        """Fire until automations may have changed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _REFRESH_SECONDS
        while loop.time() < until and not self._changed.is_set():
            busy = 0
            if self._automations:
                await self._look_at_runs()
                busy = await self._firing.settle(self._automations) + await self._delivery.perform_due()
            if not busy:
                wait = self._tick if self._automations else until - loop.time()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), max(wait, 0.0))

    async def _look_at_runs(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for entity, project, name in dirty:
            run = await self._runs.get(entity, project, name)
            if run is not None:
                await self._firing.look_at([one for one in self._automations if covers_run(one, run)], run)

