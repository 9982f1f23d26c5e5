"""What a run would reuse: tasks that can be seen from here, and groups into which nobody can look yet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from penstock.domain.expr import Const
from penstock.domain.plan import Iteration, RunPlan
from penstock.interfaces.cache import CacheMissAnswer
from penstock.pipelines.cache_plan import CachePlanService
from tests.support.plans import graph, leaf, new_run, plan, task


class EmptyCache:
    """Knows nothing."""

    async def look_up_many(self, questions: list[Any], *, now: float) -> list[CacheMissAnswer]:
        return [CacheMissAnswer("nothing like it") for _ in questions]

    async def usual_seconds(self, name: str) -> dict[str, float]:
        return {}


async def forecast(definition: RunPlan) -> Any:
    async def prepare(request: Any, *, scheduled: Any) -> Any:
        return SimpleNamespace(new_run=new_run(), plan=definition)

    service = CachePlanService(SimpleNamespace(prepare=prepare), EmptyCache(), SimpleNamespace(now=lambda: 1.0))  # type: ignore[arg-type]
    return await service.plan(SimpleNamespace())  # type: ignore[arg-type]


async def test_groups_that_wait_for_what_would_be_executed_are_named_and_those_that_were_looked_into_are_not() -> None:
    rounds = Iteration(items=Const([1, 2]), item_input="x")
    inner = graph("inner", task("work", "b"))
    found = await forecast(
        plan(
            graph("root", task("first", "a"), task("later", "b", after=["first"], iteration=rounds), task("sub", "inner", after=["first"]), task("now", "b", iteration=rounds)),
            inner, leaf("a"), leaf("b"),
        )
    )  # fmt: skip
    assert [(one.path, one.outcome.value) for one in found.tasks] == [("root/first", "run"), ("root/now[0]", "run"), ("root/now[1]", "run")]
    assert [(one.path, one.outcome.value) for one in found.groups] == [("root/later", "unknown"), ("root/sub", "unknown")]
    assert found.groups[0].reason == "depends on a task that would be executed"


async def test_what_is_planned_stands_in_the_order_of_the_graph_whatever_the_definition_calls_it() -> None:
    tasks = [
        task("check", "a", after=["report"]), task("fit", "b", after=["prepare"], iteration=Iteration(items=Const([1]), item_input="x")),
        task("prepare", "a"), task("report", "a", after=["fit"]), task("weather", "a"),
    ]  # fmt: skip
    found = await forecast(plan(graph("root", *tasks), leaf("a"), leaf("b")))
    assert [one.path for one in found.entries] == ["root/prepare", "root/weather", "root/fit", "root/report", "root/check"]
    assert [one.path for one in found.tasks] == ["root/prepare", "root/weather", "root/report", "root/check"]
