"""The real clock, timers and source of ids."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable

_SEQUENCE_BITS = 12
_EPOCH_MS = 1_577_836_800_000
"""2020-01-01; with milliseconds since then above 12 bits of sequence, ids stay below 2**53 until the year 2089."""


class SystemClock:
    """Wall clock of the machine (`interfaces.clock.Clock`)."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC, in whole microseconds: what an answer shows of a time is what a filter on it finds."""
        return time.time_ns() // 1000 / 1e6


class SystemIds:
    """Random UUIDs and time-ordered integers (`interfaces.clock.IdSource`). Safe to use from several threads.

    Integers ascend within a process, also when the wall clock steps back, and start above those of an earlier process unless
    the clock was set back by more than the time between the two.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def new_uuid(self) -> str:
        """Return a random UUID in canonical text form."""
        return str(uuid.uuid4())

    def new_int(self) -> int:
        """Return a unique integer below 2**53, ascending."""
        floor = (time.time_ns() // 1_000_000 - _EPOCH_MS) << _SEQUENCE_BITS
        with self._lock:
            self._last = max(self._last + 1, floor)
            return self._last


class LoopTimers:
    """Timers on the running event loop (`interfaces.clock.Timers`). Call from the loop."""

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `callback` once at `when` (seconds since the epoch), soon if that has passed.

        The wait is measured by the monotonic clock from now on; a wall clock that is set later does not move it.
        """
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), callback)
