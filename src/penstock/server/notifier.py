"""In-process notifier: hands domain events to whoever listens, on the event loop, best effort."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from penstock.domain.runs import DomainEvent

_log = logging.getLogger(__name__)
_BACKLOG = 1000


class LocalNotifier:
    """Publish and subscribe within this process (`interfaces.notifier.Notifier`)."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._boot = secrets.token_hex(4)
        self._count = 0
        self._recent: deque[tuple[int, DomainEvent]] = deque(maxlen=_BACKLOG)

    def publish(self, event: DomainEvent) -> None:
        """Hand `event` to every current listener; never blocks, never raises. Call on the event loop."""
        self._count += 1
        self._recent.append((self._count, event))
        for listener in tuple(self._listeners):
            listener.offer(event)

    def mark(self) -> str:
        """Return a name for this moment."""
        return f"{self._boot}.{self._count}"

    def has_since(self, mark: str) -> bool:
        """Whether every event published since `mark` is still known: it is of this process and not more than 1,000 events ago."""
        number = self._number(mark)
        return number is not None and self._count - number <= len(self._recent)

    @contextmanager
    def listen(self, wants: Callable[[DomainEvent], bool], since: str = "") -> Iterator[AsyncIterator[DomainEvent]]:
        """Iterate over events that `wants` accepts, from now on, or from the mark `since` on; ends when the notifier is closed.

        A listener that lags more than 1,000 events behind misses the oldest ones.
        """
        listener = _Listener(wants)
        if (number := self._number(since)) is not None:
            for place, event in self._recent:
                if place > number:
                    listener.offer(event)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def _number(self, mark: str) -> int | None:
        boot, _, number = mark.partition(".")
        return int(number) if boot == self._boot and number.isdecimal() and len(number) < 20 else None

    def close(self) -> None:
        """End every iteration, so that streaming answers finish before the server stops."""
        for listener in tuple(self._listeners):
            listener.close()


class _Listener:
    """One subscription: a bounded backlog and a wake-up."""

    def __init__(self, wants: Callable[[DomainEvent], bool]) -> None:
        self._wants = wants
        self._events: deque[DomainEvent] = deque(maxlen=_BACKLOG)
        self._wake = asyncio.Event()
        self._closed = False

    def offer(self, event: DomainEvent) -> None:
        try:
            wanted = self._wants(event)
        except Exception:  # a listener's fault must not reach the publisher
            _log.exception("a listener could not judge %r", event)
            return
        if wanted:
            self._events.append(event)
            self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[DomainEvent]:
        return self

    async def __anext__(self) -> DomainEvent:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()
