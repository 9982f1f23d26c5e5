"""Reads from datastores what belongs into the records of flow tasks, soon after one ended: its values, and why it failed."""

from __future__ import annotations

import asyncio
import logging

from penstock.background.loop_tasks import end
from penstock.flows.failures import FlowFailures
from penstock.flows.values import FlowValues

_log = logging.getLogger(__name__)


class FlowValueTimer:
    """A service with `start` and `stop`. `wake` may be called from the event loop at any time."""

    def __init__(self, *queues: FlowValues | FlowFailures, every_seconds: float = 5.0) -> None:
        self._queues = queues
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
            for queue in self._queues:
                await _work_off(queue, again=is_tick)


async def _work_off(queue: FlowValues | FlowFailures, *, again: bool) -> None:
    try:
        while await queue.read_waiting(again=again):
            again = False
    except Exception:
        _log.exception("the datastore of flow tasks could not be read for their records")
