"""Timer of the tracking room: saves heartbeats, turns silent runs into crashed ones, keeps the index of values fresh."""

from __future__ import annotations

import asyncio
import logging

from penstock.background.loop_tasks import end
from penstock.tracking.heartbeats import FLUSH_SECONDS, Heartbeats
from penstock.tracking.runs import TrackedRunService

_log = logging.getLogger(__name__)


class TrackingTimer:
    """A service with `start` and `stop`."""

    def __init__(self, runs: TrackedRunService, heartbeats: Heartbeats, *, interval_seconds: float = FLUSH_SECONDS) -> None:
        self._runs = runs
        self._heartbeats = heartbeats
        self._interval = interval_seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="tracking-timer")

    async def stop(self) -> None:
        """Save what is unsaved and end."""
        await end(self._task)
        self._task = None
        await self._heartbeats.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._heartbeats.flush()
                await self._runs.judge_silent()
                await self._runs.refresh_index()
            except Exception:
                # A run that is never judged silent, for all of them, would be worse than one failed round.
                _log.exception("tracked runs could not be looked after; the timer tries again")
