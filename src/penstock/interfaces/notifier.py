"""Tells whoever listens what changed. In-process, best effort: the stores are the truth, this only saves polling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Protocol

from penstock.domain.runs import DomainEvent


class Notifier(Protocol):
    """Publish and subscribe on the event loop."""

    def publish(self, event: DomainEvent) -> None:
        """Hand `event` to every current listener; never blocks, never raises."""
        ...

    def mark(self) -> str:
        """Return a name for this moment, for `has_since` and `listen`."""
        ...

    def has_since(self, mark: str) -> bool:
        """Whether every event published since `mark` is still known; not so for marks of another process or of long ago."""
        ...

    def listen(self, wants: Callable[[DomainEvent], bool], since: str = "") -> AbstractContextManager[AsyncIterator[DomainEvent]]:
        """Iterate over events that `wants` accepts, from now on, or from a mark on as far as known.

        A listener that lags far behind misses the oldest ones.
        """
        ...
