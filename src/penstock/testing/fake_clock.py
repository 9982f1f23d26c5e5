"""A clock and timers that move only when a test says so."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class _Handle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not fire any more."""
        self.callback = None


class FakeClock:
    """`interfaces.clock.Clock` and `Timers` in one."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _Handle]] = []

    def now(self) -> float:
        """The time that was set."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> _Handle:
        """Call `callback` when the clock is advanced to `when`."""
        handle = _Handle(callback)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def advance(self, seconds: float) -> None:
        """Move the clock forward; timers that fall due fire in order, each at its own time."""
        goal = self._now + seconds
        while self._timers and self._timers[0][0] <= goal:
            when, _, handle = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            callback, handle.callback = handle.callback, None
            if callback is not None:
                callback()
        self._now = goal

    def pending(self) -> list[float]:
        """Times of the timers that are set, earliest first."""
        return sorted(when for when, _, handle in self._timers if handle.callback is not None)


class CountingIds:
    """`interfaces.clock.IdSource` that counts, so that tests know every id."""

    def __init__(self, start: int = 1) -> None:
        self._numbers = itertools.count(start)

    def new_uuid(self) -> str:
        """Return the next number in the form of a UUID."""
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"

    def new_int(self) -> int:
        """Return the next number."""
        return next(self._numbers)
