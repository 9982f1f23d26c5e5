"""Time and fresh ids, passed in so that rules and tests decide what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Wall clock."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        ...


class IdSource(Protocol):
    """Source of fresh ids."""

    def new_uuid(self) -> str:
        """Return a random UUID in canonical text form."""
        ...

    def new_int(self) -> int:
        """Return a unique integer below 2**53, ascending in time within one process."""
        ...


class TimerHandle(Protocol):
    """A timer that was set."""

    def cancel(self) -> None:
        """Do not fire any more; a second call does nothing."""
        ...


class Timers(Protocol):
    """Calls back on the event loop at a given time."""

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` once at `when` (seconds since the epoch), soon if that has passed."""
        ...
