"""Timers on the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from penstock.interfaces.clock import Clock, TimerHandle


class LoopTimers:
    """`interfaces.clock.Timers` by asyncio. A later jump of the wall clock does not move a timer that is already set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` once at `when`."""
        return asyncio.get_running_loop().call_later(max(0.0, when - self._clock.now()), callback)
