"""Work that waits for a writing thread, which takes whatever is there as one group, and the answers to those who wait for it.

A caller may leave at any time (its request was given up, its server is closing). What it queued is carried out all the same, since it
may have been acknowledged in part; only its answer is dropped.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

W = TypeVar("W")


class WriteQueue(Generic[W]):
    """Pieces of work, each with the future of its answer."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[W, Future[Any]] | None] = queue.SimpleQueue()

    def put(self, work: W) -> Future[Any]:
        """Queue `work`; the future completes when the writing thread answers."""
        future: Future[Any] = Future()
        self._queue.put((work, future))
        return future

    def close(self) -> None:
        """Let the writing thread end after what is queued so far."""
        self._queue.put(None)

    def take(self, *, most: int, size_of: Callable[[W], int] | None = None) -> tuple[list[tuple[W, Future[Any]]], bool]:
        """Wait for work and return all that is queued, and whether more can follow.

        Args:
            most: size of a group that is not added to.
            size_of: the size of a piece; each counts one without it.
        """
        group: list[tuple[W, Future[Any]]] = []
        size = 0
        item = self._queue.get()
        while item is not None:
            item[1].set_running_or_notify_cancel()  # nobody can cancel it from here on
            group.append(item)
            size += 1 if size_of is None else size_of(item[0])
            if size >= most:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        return group, item is not None


def answer(future: Future[Any], result: Any) -> None:
    """Hand `result` to whoever waits."""
    if not future.cancelled():
        future.set_result(result)


def refuse(future: Future[Any], error: BaseException) -> None:
    """Hand `error` to whoever waits."""
    if not future.cancelled():
        future.set_exception(error)
