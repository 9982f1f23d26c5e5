"""Time and fresh ids, passed in so that rules and tests decide what they are."""

from __future__ import annotations

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
