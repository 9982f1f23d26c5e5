"""What the definition binds to the inputs of a task, followed out of loops and inner pipelines."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.plan import RunPlan
from penstock.spec.loader import SpecPlanLoader
from penstock.web.graphs.graph import tasks_along
from penstock.web.runs.bindings import Binding, Bindings, Output


def _output(task: str, key: str) -> dict[str, Any]:
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}


@pytest.fixture(scope="module")
def plan() -> RunPlan:
    component = {
        "executorLabel": "exec",
        "inputDefinitions": {
            "parameters": {
                "text": {"parameterType": "STRING"},
                "rate": {"parameterType": "NUMBER_DOUBLE"},
                "note": {"parameterType": "STRING", "defaultValue": "hi", "isOptional": True},
                "seed": {"parameterType": "NUMBER_INTEGER", "isOptional": True},
            },
            "artifacts": {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}},
        },
    }
    loader = {
        "executorLabel": "exec",
        "outputDefinitions": {
            "parameters": {"Output": {"parameterType": "STRING"}},
            "artifacts": {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}},
        },
    }
    inner = {
        "dag": {
            "tasks": {
                "use": {
                    "componentRef": {"name": "comp-use"},
                    "inputs": {
                        "parameters": {
                            "text": {"runtimeValue": {"constant": "{{$.inputs.parameters['channel']}} and {{$.inputs.parameters['item']}}"}},
                            "channel": {"componentInputParameter": "channel"},
                            "item": {"componentInputParameter": "item"},
                            "rate": {"componentInputParameter": "item"},
                        },
                        "artifacts": {"data": {"componentInputArtifact": "data"}},
                    },
                }
            }
        },
        "inputDefinitions": {
            "parameters": {"channel": {"parameterType": "STRING"}, "item": {"parameterType": "NUMBER_INTEGER"}},
            "artifacts": {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}},
        },
    }
    load_data = {"taskOutputArtifact": {"producerTask": "load", "outputArtifactKey": "data"}}
    tasks = {
        "load": {"componentRef": {"name": "comp-load"}},
        "use": {
            "componentRef": {"name": "comp-use"},
            "dependentTasks": ["load"],
            "inputs": {
                "parameters": {"text": _output("load", "Output"), "rate": {"componentInputParameter": "rate"}},
                "artifacts": {"data": load_data},
            },
        },
        "loop": {
            "componentRef": {"name": "comp-loop"},
            "dependentTasks": ["load"],
            "inputs": {"parameters": {"channel": _output("load", "Output")}, "artifacts": {"data": load_data}},
            "parameterIterator": {"itemInput": "item", "items": {"raw": "[1, 2]"}},
        },
    }
    spec = {
        "pipelineInfo": {"name": "p"},
        "root": {"dag": {"tasks": tasks}, "inputDefinitions": {"parameters": {"rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1}}}},
        "components": {"comp-load": loader, "comp-use": component, "comp-loop": inner},
        "deploymentSpec": {"executors": {"exec": {"container": {"image": "x", "command": ["true"]}}}},
        "schemaVersion": "2.1.0",
    }
    return SpecPlanLoader().load("kfp", {"pipeline_spec": spec, "platform_spec": {}})


def _of(plan: RunPlan, path: str, **arguments: Any) -> dict[str, Binding]:
    return {binding.name: binding for binding in Bindings(plan, path, arguments).parameters()}


def test_outputs_run_parameters_and_defaults_are_told_apart(plan: RunPlan) -> None:
    found = _of(plan, "root/use", rate=0.5)
    assert list(found) == ["text", "rate", "note", "seed"]
    assert found["text"].outputs == [Output("root/load", "load", "Output")]
    assert (found["rate"].value, found["rate"].run_parameter, found["rate"].type) == (0.5, "rate", "NUMBER_DOUBLE")
    assert (found["note"].value, found["note"].run_parameter) == ("hi", "")
    assert [found[name].is_known for name in ("text", "seed")] == [False, False]


def test_a_run_parameter_that_nobody_gave_has_its_default(plan: RunPlan) -> None:
    assert _of(plan, "root/use")["rate"].value == 0.1


def test_inputs_in_a_loop_lead_to_what_is_outside_of_it(plan: RunPlan) -> None:
    found = _of(plan, "root/loop[1]/use")
    assert (found["rate"].is_item, found["rate"].outputs) == (True, ())
    assert (found["text"].is_item, found["text"].outputs) == (True, [Output("root/load", "load", "Output")])
    (data,) = Bindings(plan, "root/loop[1]/use", {}).artifacts()
    assert (data.name, data.type, data.outputs) == ("data", "system.Dataset", [Output("root/load", "load", "data")])


def test_a_loop_shows_its_items_and_an_iteration_one_of_them(plan: RunPlan) -> None:
    assert _of(plan, "root/loop")["item"].value == [1, 2]
    assert _of(plan, "root/loop[0]")["item"].is_item


@pytest.mark.parametrize("path", ["root", "root/nowhere", "root/use/deeper", "nowhere"])
def test_a_place_that_the_plan_has_not_binds_nothing(plan: RunPlan, path: str) -> None:
    bindings = Bindings(plan, path, {})
    assert (bindings.parameters(), bindings.artifacts()) == ([], [])


def test_the_tasks_along_a_path_are_those_of_the_plan(plan: RunPlan) -> None:
    assert [task.key for task in tasks_along(plan, "root/loop[1]/use")] == ["loop", "use"]
    assert tasks_along(plan, "root/nowhere") == tasks_along(None, "root/use") == []
