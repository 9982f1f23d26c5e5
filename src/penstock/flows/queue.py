"""A durable queue of things that the client may still be writing: each is looked at once per round, and some rounds again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.flows import FlowTask

_log = logging.getLogger(__name__)
_MAX_TRIES = 12
_AT_ONCE = 50


class Tried(Protocol):
    """What stands in a queue."""

    @property
    def task(self) -> FlowTask:
        """Whose it is."""

    @property
    def tries(self) -> int:
        """How often it was tried before."""


Item = TypeVar("Item", bound=Tried)


_Given_co = TypeVar("_Given_co", bound=Tried, covariant=True)


class Waiting(Protocol[_Given_co]):
    """Returns what waits, those tried least first; those that were tried before only with `again`."""

    async def __call__(self, *, limit: int, again: bool) -> Sequence[_Given_co]:
        """See above."""


class FlowQueue(Generic[Item]):
    """Works a queue off: `take` reads one of what is `waiting`, `put_off` counts a try that failed (for good, or not)."""

    def __init__(
        self, waiting: Waiting[Item], take: Callable[[Item], Awaitable[None]], put_off: Callable[[Item, bool], Awaitable[None]]
    ) -> None:
        self._waiting = waiting
        self._take = take
        self._put_off = put_off

    async def work_off(self, *, again: bool) -> bool:
        """Look at what waits once each, with `again` also at what was tried before; return whether new ones are left.

        Raises:
            PenstockError: the store refused to keep what was read.
        """
        waiting = await self._waiting(limit=_AT_ONCE, again=again)
        for item in waiting:
            try:
                await self._take(item)
            except PenstockError:
                raise
            except Exception:
                # Whatever one brings, those behind it in the queue are looked at.
                _log.exception("flow task %s/%s could not be read", item.task.step_name, item.task.shown_id)
                await self._put_off(item, is_hopeless(item))
        return len(waiting) == _AT_ONCE and waiting[0].tries == 0


def is_hopeless(item: Tried, error: PenstockError | None = None) -> bool:
    """Whether to look no more: a missing file may be on its way, for some rounds; a datastore that is out of reach stays so."""
    return item.tries + 1 >= _MAX_TRIES or not (error is None or isinstance(error, NotFoundError))
