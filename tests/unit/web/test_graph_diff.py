"""Two definitions as one graph."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from penstock.domain.plan import RunPlan
from penstock.spec.loader import SpecPlanLoader
from penstock.web.graphs import diff as graph_diff
from penstock.web.graphs.diff import TaskDiff, differences, merged_scope


def spec_of() -> dict[str, Any]:
    def leaf(name: str, code: str) -> dict[str, Any]:
        return {"container": {"image": "python:3.11", "command": ["sh", "-c", code]}}

    def task(component: str, **extra: Any) -> dict[str, Any]:
        return {"componentRef": {"name": component}, "taskInfo": {"name": component.removeprefix("comp-")}, **extra}

    return {
        "pipelineInfo": {"name": "p"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.14.0",
        "components": {
            "comp-a": {"executorLabel": "exec-a"},
            "comp-b": {"executorLabel": "exec-b"},
            "comp-sub": {"dag": {"tasks": {"b": task("comp-b"), "c": task("comp-b", dependentTasks=["b"])}}},
        },
        "deploymentSpec": {"executors": {"exec-a": leaf("a", "echo a"), "exec-b": leaf("b", "echo b")}},
        "root": {"dag": {"tasks": {"a": task("comp-a"), "sub": task("comp-sub", dependentTasks=["a"])}}},
    }


def plan_of(spec: dict[str, Any]) -> RunPlan:
    return SpecPlanLoader().load("kfp", {"pipeline_spec": yaml.safe_load(yaml.safe_dump(spec))})


def test_equal_definitions_do_not_differ() -> None:
    assert differences(plan_of(spec_of()), plan_of(spec_of())) == []


def test_code_order_and_tasks_of_a_group_are_told_apart() -> None:
    after = copy.deepcopy(spec_of())
    inner = after["components"]["comp-sub"]["dag"]["tasks"]
    del inner["c"]["dependentTasks"]
    inner["d"] = copy.deepcopy(inner["b"])
    after["deploymentSpec"]["executors"]["exec-a"]["container"]["command"][-1] = "echo other"
    found = differences(plan_of(spec_of()), plan_of(after))
    assert found == [
        TaskDiff("a", "changed", ("code",)),
        TaskDiff("sub", "changed", ("inside",)),
        TaskDiff("sub/c", "changed", ("order",)),
        TaskDiff("sub/d", "added"),
    ]


def test_scopes_hold_the_tasks_and_edges_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    before, changed = plan_of(spec_of()), copy.deepcopy(spec_of())
    del changed["root"]["dag"]["tasks"]["a"]
    del changed["root"]["dag"]["tasks"]["sub"]["dependentTasks"]
    after = plan_of(changed)
    marks = {task.path: task for task in differences(before, after)}
    scope = merged_scope(before, after, "root", marks)
    assert {node["key"]: node["diff"] for node in scope["nodes"]} == {"a": "removed", "sub": "changed"}
    assert [(edge["source"], edge["target"], edge["diff"]) for edge in scope["edges"]] == [("root/a", "root/sub", "removed")]
    assert [node["diff"] for node in merged_scope(before, after, "root/sub", marks)["nodes"]] == ["", ""]
    monkeypatch.setattr(graph_diff, "MOST_DRAWN", 1)
    folded = merged_scope(before, before, "root", {})
    assert (folded["nodes"], folded["hidden"]) == ([], 2)
