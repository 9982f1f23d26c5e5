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

    def listen(self, wants: Callable[[DomainEvent], bool]) -> AbstractContextManager[AsyncIterator[DomainEvent]]:
        """Iterate over events that `wants` accepts, from now on. A listener that lags far behind misses the oldest ones."""
        ...
