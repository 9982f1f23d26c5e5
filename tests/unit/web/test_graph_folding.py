"""Very large scopes become clusters of components without rings; every task is in one."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from penstock.domain.plan import GraphTemplate, RunPlan
from penstock.interfaces.pages import RunItem, TaskState
from penstock.spec.loader import SpecPlanLoader
from penstock.web.graphs.folding import FOLD_AT, MEMBERS_SHOWN, fold
from penstock.web.graphs.run import RunGraph, static_scope
from penstock.web.services.web import WebServices
from tests.support.kfp_api import pipeline_spec


def plan_of(after: dict[str, list[str]], component: dict[str, str]) -> RunPlan:
    """A plan of tasks with what each waits for and its component."""
    spec = pipeline_spec()
    base = next(iter(spec["root"]["dag"]["tasks"].values()))
    tasks = {
        key: {**base, "taskInfo": {"name": key}, "componentRef": {"name": f"comp-{component[key]}"}, "dependentTasks": before}
        for key, before in after.items()
    }
    spec["root"]["dag"]["tasks"] = tasks
    work = spec["components"]["comp-work"]
    spec["components"] = {f"comp-{name}": work for name in set(component.values())}
    return SpecPlanLoader().load("kfp", {"pipeline_spec": spec, "platform_spec": {}})


def root_of(plan: RunPlan) -> GraphTemplate:
    """The root scope."""
    root = plan.templates[plan.root]
    assert isinstance(root, GraphTemplate)
    return root


def is_free_of_rings(count: int, edges: list[tuple[int, int]]) -> bool:
    """Whether peeling off sources empties the graph."""
    left = set(range(count))
    while sources := {node for node in left if not any(target == node and source in left for source, target in edges)}:
        left -= sources
    return not left


def test_components_become_clusters_in_order_of_their_tasks() -> None:
    after = {"load": [], **{f"work-{n}": ["load"] for n in range(6)}, "gather": [f"work-{n}" for n in range(6)]}
    component = {key: key.partition("-")[0] for key in after}
    found = fold(root_of(plan_of(after, component)))
    assert [(cluster.name, len(cluster.keys)) for cluster in found.clusters] == [("load", 1), ("work", 6), ("gather", 1)]
    assert list(found.edges) == [(0, 1), (1, 2)]


@pytest.mark.parametrize("length", [2, 7, 30])
def test_components_that_alternate_become_one_cluster(length: int) -> None:
    after = {f"t{n}": [f"t{n - 1}"] if n else [] for n in range(length)}
    component = {f"t{n}": "ab"[n % 2] if n < length - 1 else "last" for n in range(length)}
    found = fold(root_of(plan_of(after, component)))
    assert sorted(key for cluster in found.clusters for key in cluster.keys) == sorted(after)
    assert is_free_of_rings(len(found.clusters), list(found.edges))
    assert found.cluster_of["comp-a"] != found.cluster_of["comp-last"]


def test_small_scopes_stay_whole_and_large_ones_say_what_is_hidden() -> None:
    many = FOLD_AT + 100
    after: dict[str, list[str]] = {"load": [], **{f"work-{n}": ["load"] for n in range(many)}}
    plan = plan_of(after, {key: key.partition("-")[0] for key in after})
    scope = static_scope("sha256:large", plan, "root")
    assert [node["size"] for node in scope["nodes"]] == [1, many]
    assert scope["folded"] == many + 1
    opened = static_scope("sha256:large", plan, "root~1")
    assert (len(opened["nodes"]), opened["hidden"]) == (MEMBERS_SHOWN, many - MEMBERS_SHOWN)
    assert static_scope("sha256:large", plan, "root~99")["nodes"] == []
    small = plan_of({"a": [], "b": ["a"]}, {"a": "x", "b": "y"})
    assert "folded" not in static_scope("sha256:small", small, "root")


def test_an_opened_cluster_draws_what_is_asked_for_and_what_failed_before_the_first_of_its_many() -> None:
    many = FOLD_AT + 100
    plan = plan_of({f"work-{n}": [] for n in range(many)}, dict.fromkeys((f"work-{n}" for n in range(many)), "work"))
    cells = [TaskState(f"task-{n}", f"work-{n}", None, "FAILED" if n == 450 else "SUCCEEDED", is_cached=False) for n in range(many)]
    items = {name: SimpleNamespace(task_id=name, path="root", type=kind, is_leaf=kind == "RUNTIME") for name, kind in (("top", "DAG"), ("task-470", "RUNTIME"))}

    class Runs:
        async def task(self, _run_id: str, task_id: str) -> Any:
            return SimpleNamespace(task=items[task_id])

        async def cells(self, _run_id: str, _parent: str, *, limit: int | None) -> list[TaskState]:
            assert limit is None
            return cells

        async def tasks_of(self, _run_id: str, _ids: object) -> list[Any]:
            return []

        async def component_states(self, _run_id: str, _parent: str) -> list[Any]:
            return []

    run = SimpleNamespace(run_id="run-1", spec_digest="sha256:asked")
    drawn = RunGraph(cast("WebServices", SimpleNamespace(runs=Runs())), cast("RunItem", run), plan)
    asyncio.run(drawn.collect(cast("Any", items["top"]), ["top~0", "task-470"]))
    assert list(drawn.scopes) == ["top", "top~0"]
    assert [node["key"] for node in drawn.scopes["top~0"]["nodes"]] == [*(f"work-{n}" for n in range(MEMBERS_SHOWN - 2)), "work-450", "work-470"]
