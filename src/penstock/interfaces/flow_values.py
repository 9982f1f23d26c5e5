"""What the reader of flow values asks of the store: whose values are still to be read, and where they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.domain.flows import FlowTask


@dataclass(frozen=True, slots=True)
class UnreadTask:
    """A task whose values have not been read. The pseudo task of step `_parameters` stands for the parameters of its run."""

    task: FlowTask
    attempt: int
    tries: int
    """How often reading was tried before."""
    own: Sequence[str]
    """Artifacts that this task set: public names whose value no earlier step of the run had."""
    fans_out: bool = False
    """Whether it is one of a foreach, and says how many tasks follow."""


class FlowValueStore(Protocol):
    """A durable queue and its results."""

    async def unread(self, *, limit: int, again: bool) -> Sequence[UnreadTask]:
        """Return tasks to read, those tried least first; those that were tried before only with `again`."""
        ...

    async def keep(self, item: UnreadTask, values: Mapping[str, Any]) -> None:
        """Store what was read, in the tracked runs concerned, and take the task from the queue. Safe to repeat."""
        ...

    async def keep_fan_out(self, item: UnreadTask, step_name: str, count: int) -> None:
        """Store that `count` tasks of a step follow this one. Safe to repeat; the task stays in the queue."""
        ...

    async def put_off(self, item: UnreadTask, *, for_good: bool) -> None:
        """Count a try that failed; with `for_good` take the task from the queue."""
        ...
