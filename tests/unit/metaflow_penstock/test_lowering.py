"""Graphs of flows as PipelineSpecs: the result is what the server's loader accepts, and refuses say why."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from penstock.domain.plan import GraphTemplate
from penstock.spec.loader import SpecPlanLoader

FILE = Path(__file__).parents[3] / "metaflow-penstock/metaflow_extensions/penstock/plugins/penstock/lowering.py"


@pytest.fixture(scope="module")
def lowering() -> ModuleType:
    spec = importlib.util.spec_from_file_location("penstock_flow_lowering", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Graph:
    """Nodes with the attributes that Metaflow's graph has."""

    start_step = "start"

    def __init__(self, **nodes: tuple[str, list[str], str | None]) -> None:
        self._nodes = {
            name: SimpleNamespace(
                name=name,
                type=kind,
                out_funcs=following,
                matching_join=join,
                in_funcs=[],
                split_parents=[],
                parallel_foreach=False,
                parallel_step=False,
            )
            for name, (kind, following, join) in nodes.items()
        }
        for node in self._nodes.values():
            for following in node.out_funcs:
                self._nodes[following].in_funcs.append(node.name)
            if node.matching_join:
                self._nodes[node.matching_join].split_parents = [node.name]

    def __getitem__(self, name: str) -> Any:
        return self._nodes[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._nodes.values())


def lowered(lowering: ModuleType, graph: Graph, retries: int = 0) -> dict[str, Any]:
    work = {
        node.name: lowering.StepWork(
            "def flow_step(__SIGNATURE__):\n    return __GIVEN__\n", ["metaflow==2.19.0"], "3.11", retries, 60, {"A": "b"}, {}
        )
        for node in graph
    }
    parameters = [lowering.FlowParameter("my-rate", "float", 0.5, True, "a rate")]
    spec: dict[str, Any] = lowering.lower(graph, "MyFlow", work, parameters)
    return spec


NESTED = Graph(
    start=("split", ["left", "right"], "join"),
    left=("foreach", ["fan"], "join_fan"),
    fan=("foreach", ["nested"], "join_nested"),
    nested=("linear", ["join_nested"], None),
    join_nested=("join", ["join_fan"], None),
    join_fan=("join", ["join"], None),
    right=("linear", ["join"], None),
    join=("join", ["end"], None),
    end=("end", [], None),
)


def test_nested_loops_and_branches_load_as_a_plan(lowering: ModuleType) -> None:
    plan = SpecPlanLoader().load("kfp", lowered(lowering, NESTED, retries=2))
    root = plan.templates[plan.root]
    assert isinstance(root, GraphTemplate)
    assert set(root.tasks) == {"start", "left", "left-foreach", "right", "join_fan", "join", "end"}
    body = plan.templates[root.tasks["left-foreach"].template]
    assert isinstance(body, GraphTemplate)
    assert set(body.tasks) == {"fan", "fan-foreach", "join_nested"}
    assert root.tasks["start"].retry is not None
    assert plan.parameters["my_rate"].default == 0.5


def test_parameters_may_be_called_as_what_steps_take_and_as_words_of_python(lowering: ModuleType) -> None:
    graph = Graph(start=("linear", ["end"], None), end=("end", [], None))
    work = {node.name: lowering.StepWork("def flow_step(__SIGNATURE__):\n    return __GIVEN__\n", [], "3.11", 0, 0, {}, {}) for node in graph}
    names = ["paths", "input_0", "split-index", "next", "lambda"]
    spec = lowering.lower(graph, "MyFlow", work, [lowering.FlowParameter(name, "str", name, True, "") for name in names])
    taken = spec["root"]["dag"]["tasks"]["start"]["inputs"]["parameters"]
    found: dict[str, Any] = {}
    exec(spec["deploymentSpec"]["executors"]["exec-start"]["container"]["command"][-1], found)
    given = found["flow_step"](**{name: binding["componentInputParameter"] for name, binding in taken.items()})
    assert {name.removeprefix(lowering.PARAMETER): value for name, value in given.items()} == {
        name.replace("-", "_"): name.replace("-", "_") for name in names
    }
    assert all(name.startswith(lowering.PARAMETER) for name in given)


def test_the_first_step_of_a_body_takes_its_split(lowering: ModuleType) -> None:
    spec = lowered(lowering, NESTED)
    body = spec["components"]["comp-left-foreach"]["dag"]["tasks"]
    assert body["fan"]["inputs"]["parameters"] == {
        "input_0": {"componentInputParameter": "parent_path"},
        "split_index": {"componentInputParameter": "split_index"},
    }
    assert list(body["join_nested"]["inputs"]["parameters"]) == ["paths"]
    assert list(spec["root"]["dag"]["tasks"]["join"]["inputs"]["parameters"]) == ["input_0", "input_1"]


SWITCHING = Graph(
    start=("linear", ["choose"], None),
    choose=("split-switch", ["left", "right", "end"], None),
    left=("split-switch", ["deep", "right"], None),
    deep=("linear", ["right"], None),
    right=("linear", ["end"], None),
    end=("end", [], None),
)


def test_a_switch_is_a_graph_with_a_way_on_condition(lowering: ModuleType) -> None:
    plan = SpecPlanLoader().load("kfp", lowered(lowering, SWITCHING))
    root, switch = plan.templates[plan.root], plan.templates["comp-choose-switch"]
    assert isinstance(root, GraphTemplate)
    assert isinstance(switch, GraphTemplate)
    assert set(root.tasks) == {"start", "choose-switch", "end"}
    assert set(switch.tasks) == {"choose", "choose-to-left", "choose-to-right"}
    assert switch.tasks["choose-to-left"].condition is not None
    # the way that leads straight to the meeting point has no task: then the switch's own path goes on
    assert switch.output_parameters["path"].choices == (("choose-to-left", "path"), ("choose-to-right", "path"), ("choose", "path"))
    left = plan.templates["comp-choose-to-left"]
    assert isinstance(left, GraphTemplate)
    assert set(left.tasks) == {"left-switch", "right"}


def test_a_switch_back_to_itself_is_a_graph_that_contains_itself(lowering: ModuleType) -> None:
    graph = Graph(start=("linear", ["again"], None), again=("split-switch", ["again", "end"], None), end=("end", [], None))
    plan = SpecPlanLoader().load("kfp", lowered(lowering, graph))
    switch = plan.templates["comp-again-switch"]
    assert isinstance(switch, GraphTemplate)
    assert switch.tasks["again-to-again"].template == "comp-again-switch"


def test_a_parallel_step_is_one_task_whose_nodes_are_joined(lowering: ModuleType) -> None:
    graph = Graph(
        start=("foreach", ["train"], "join"), train=("linear", ["join"], None), join=("join", ["end"], None), end=("end", [], None)
    )
    graph["start"].parallel_foreach = graph["train"].parallel_step = True
    tasks = lowered(lowering, graph)["root"]["dag"]["tasks"]
    assert list(tasks) == ["start", "train", "join", "end"]
    assert tasks["join"]["inputs"]["parameters"]["paths"]["taskOutputParameter"] == {
        "producerTask": "train", "outputParameterKey": "splits",
    }  # fmt: skip
