"""Values of flow tasks on their way into tracked runs: what one task brings holds up no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from penstock.domain.errors import UnavailableError
from penstock.domain.flows import Authorship, FlowRun, FlowTask
from penstock.flows.reading import FlowReader, ValueInfo
from penstock.flows.values import FlowValues
from penstock.interfaces.flow_values import UnreadTask

BY = Authorship("ada", (), ())


def unread(name: str, tries: int = 0) -> UnreadTask:
    run = FlowRun("F", 1, None, BY, 0, None)
    return UnreadTask(FlowTask(run, "train", 1, name, "ada", 0, None), 0, tries, ["x"])


class Queue:
    """Keeps nothing of the tasks in `refused`."""

    def __init__(self, *items: UnreadTask, refused: Mapping[str, Exception]) -> None:
        self.items = items
        self.refused = refused
        self.told: list[tuple[str, object]] = []

    async def unread(self, *, limit: int, again: bool) -> Sequence[UnreadTask]:
        return self.items

    async def keep(self, item: UnreadTask, values: Mapping[str, Any]) -> None:
        if error := self.refused.get(item.task.shown_id):
            raise error
        self.told.append((item.task.shown_id, values))

    async def keep_fan_out(self, item: UnreadTask, step_name: str, count: int) -> None:
        self.told.append((item.task.shown_id, (step_name, count)))

    async def put_off(self, item: UnreadTask, *, for_good: bool) -> None:
        self.told.append((item.task.shown_id, "given up" if for_good else "put off"))


class Reader:
    async def values(self, *_: object) -> list[ValueInfo]:
        return [ValueInfo("x", "0" * 40, "int", 5)]

    async def plain_values(self, *_: object) -> dict[str, Any]:
        return {"x": 1}


def values_of(queue: Queue) -> FlowValues:
    return FlowValues(queue, cast("FlowReader", Reader()))


async def test_a_task_whose_values_cannot_be_kept_is_put_off_and_those_behind_it_are_read() -> None:
    queue = Queue(unread("a"), unread("b", tries=11), unread("c"), refused={"a": TypeError("no"), "b": TypeError("no")})
    await values_of(queue).read_waiting(again=True)
    assert queue.told == [("a", "put off"), ("b", "given up"), ("c", {"x": 1})]


async def test_a_database_that_is_out_of_reach_loses_nothing() -> None:
    queue = Queue(unread("a"), refused={"a": UnavailableError("full")})
    with pytest.raises(UnavailableError):
        await values_of(queue).read_waiting(again=True)
    assert queue.told == []
