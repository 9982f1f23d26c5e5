"""Admission: how many tasks run at once and what they may ask for together. Pure bookkeeping over futures; one event loop.

Every task takes one slot. CPU, memory and accelerators are counted by request (a limit without a request counts as one). First come,
first served, with one exception: a task that asks for nothing but a slot may pass tasks that wait for something else, because it
cannot delay them. A request larger than the whole machine is cut down to it with a warning: pipelines written for a cluster should
run here, and the user is told.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from dataclasses import dataclass

from penstock.domain.execution import Resources
from penstock.domain.sizes import size_words


@dataclass(frozen=True, slots=True)
class Need:
    """What one task takes while it runs, besides a slot."""

    cpus: float = 0.0
    memory_bytes: int = 0
    accelerators: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether a slot alone will do."""
        return self == Need()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machine has for tasks."""

    slots: int
    cpus: float
    memory_bytes: int
    accelerators: int = 0


@dataclass(slots=True, eq=False)
class Waiting:
    """A task's place in the queue."""

    need: Need
    granted: asyncio.Future[None]


def need_of(resources: Resources, capacity: Capacity) -> tuple[Need, tuple[str, ...]]:
    """Return what to reserve for `resources`, cut down to the machine, and a warning for each cut."""
    asked = Need(
        cpus=resources.cpu_request if resources.cpu_request is not None else resources.cpu_limit or 0.0,
        memory_bytes=resources.memory_request_bytes if resources.memory_request_bytes is not None else resources.memory_limit_bytes or 0,
        accelerators=resources.accelerator_count,
    )
    warnings = []
    if asked.cpus > capacity.cpus:
        warnings.append(f"{asked.cpus:g} CPU asked for, this machine offers {capacity.cpus:g}: the task gets all of them")
    if asked.memory_bytes > capacity.memory_bytes:
        offered = size_words(capacity.memory_bytes)
        warnings.append(f"{size_words(asked.memory_bytes)} of memory asked for, this machine offers {offered}: the task gets all of it")
    if asked.accelerators > capacity.accelerators:
        kind = resources.accelerator_type or "accelerator"
        warnings.append(f"{asked.accelerators} x {kind} asked for, this machine offers {capacity.accelerators}: the task gets those")
    need = Need(
        min(asked.cpus, capacity.cpus), min(asked.memory_bytes, capacity.memory_bytes), min(asked.accelerators, capacity.accelerators)
    )
    return need, tuple(warnings)


class Slots:
    """Hands out capacity."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._used = Need()
        self._running = 0
        self._queue: deque[Waiting] = deque()

    @property
    def load(self) -> tuple[int, int]:
        """Tasks that run, and tasks that wait for their turn."""
        return self._running, len(self._queue)

    def ask(self, need: Need) -> Waiting:
        """Join the queue; the returned `granted` completes when the capacity is reserved. Must be paired with `give_back`."""
        waiting = Waiting(need, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._grant()
        return waiting

    def take(self, need: Need) -> Waiting:
        """Count a task that runs already (taken up after a restart), even beyond the capacity."""
        waiting = Waiting(need, asyncio.get_running_loop().create_future())
        self._start(waiting)
        return waiting

    def give_back(self, waiting: Waiting) -> None:
        """Release what was granted, or leave the queue."""
        if waiting.granted.done() and not waiting.granted.cancelled():
            self._running -= 1
            self._used = _minus(self._used, waiting.need)
        else:
            self._queue.remove(waiting)
        self._grant()

    def explain(self, waiting: Waiting) -> str:
        """Say in a sentence what a queued task waits for."""
        need, capacity = waiting.need, self.capacity
        reasons = []
        if self._running >= capacity.slots:
            reasons.append(f"a free slot (all {capacity.slots} in use)")
        if self._used.cpus + need.cpus > capacity.cpus:
            reasons.append(f"{need.cpus:g} CPU ({max(0.0, capacity.cpus - self._used.cpus):g} free)")
        if self._used.memory_bytes + need.memory_bytes > capacity.memory_bytes:
            free = size_words(max(0, capacity.memory_bytes - self._used.memory_bytes))
            reasons.append(f"{size_words(need.memory_bytes)} of memory ({free} free)")
        if self._used.accelerators + need.accelerators > capacity.accelerators:
            free_count = max(0, capacity.accelerators - self._used.accelerators)
            reasons.append(f"{need.accelerators} accelerators ({free_count} free)")
        ahead = self._queue.index(waiting) if waiting in self._queue else 0
        text = f"waiting for {' and '.join(reasons)}" if reasons else "waiting for its turn"
        return text + (f", behind {ahead} task{'s' if ahead != 1 else ''}" if ahead else "")

    def _grant(self) -> None:
        is_blocked = False
        if not self._queue or self._running >= self.capacity.slots:
            return
        for waiting in list(self._queue):
            if self._running >= self.capacity.slots:
                return
            if waiting.granted.done() or (is_blocked and not waiting.need.is_nothing):
                continue  # canceled and about to leave, or overtaken by nobody
            if waiting.need.is_nothing or self._fits(waiting.need):
                self._queue.remove(waiting)
                self._start(waiting)
            else:
                is_blocked = True

    def _start(self, waiting: Waiting) -> None:
        self._running += 1
        self._used = _plus(self._used, waiting.need)
        if not waiting.granted.done():
            waiting.granted.set_result(None)

    def _fits(self, need: Need) -> bool:
        used, capacity = self._used, self.capacity
        return (
            used.cpus + need.cpus <= capacity.cpus + 1e-9
            and used.memory_bytes + need.memory_bytes <= capacity.memory_bytes
            and used.accelerators + need.accelerators <= capacity.accelerators
        )


def _plus(one: Need, other: Need) -> Need:
    if other.is_nothing:
        return one
    return Need(one.cpus + other.cpus, one.memory_bytes + other.memory_bytes, one.accelerators + other.accelerators)


def _minus(one: Need, other: Need) -> Need:
    if other.is_nothing:
        return one
    return dataclasses.replace(
        one,
        cpus=round(one.cpus - other.cpus, 6),
        memory_bytes=one.memory_bytes - other.memory_bytes,
        accelerators=one.accelerators - other.accelerators,
    )
