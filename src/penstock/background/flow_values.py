"""Reads plain values of flow tasks into their tracked runs, soon after the client told that a task ended."""

from __future__ import annotations

import asyncio
import logging

from penstock.background.loop_tasks import end
from penstock.flows.values import FlowValues

_log = logging.getLogger(__name__)


class FlowValueTimer:
    """A service with `start` and `stop`. `wake` may be called from the event loop at any time."""

    def __init__(self, values: FlowValues, *, every_seconds: float = 5.0) -> None:
        self._values = values
        self._every_seconds = every_seconds
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Look at the queue now."""
        self._awake.set()

    async def start(self) -> None:
        """Begin with what an earlier life left in the queue."""
        self._awake.set()
        self._task = asyncio.create_task(self._run(), name="flow-values")

    async def stop(self) -> None:
        """Stop; what is not read stays in the queue."""
        await end(self._task)

    async def _run(self) -> None:
        while True:
            is_tick = False
            try:
                await asyncio.wait_for(self._awake.wait(), self._every_seconds)
            except TimeoutError:
                is_tick = True
            self._awake.clear()
            try:
                while await self._values.read_waiting(again=is_tick):
                    is_tick = False
            except Exception:
                _log.exception("values of flow tasks could not be read")
