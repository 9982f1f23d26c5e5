from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.domain.expr import Call, Const, OwnInput
from penstock.domain.plan import GraphTemplate, LeafTemplate, ParameterType
from penstock.spec.kfp.lower import lower_pipeline


def job(**runtime: Any) -> dict[str, Any]:
    """What `kfp.v2.compiler` of SDK 1.8.22 writes, cut down."""
    return {
        "pipelineSpec": {
            "components": {
                "comp-add": {
                    "executorLabel": "exec-add",
                    "inputDefinitions": {"parameters": {"a": {"type": "INT"}, "b": {"type": "DOUBLE"}}},
                    "outputDefinitions": {"parameters": {"Output": {"type": "STRING"}}},
                }
            },
            "deploymentSpec": {"executors": {"exec-add": {"container": {"image": "python:3.7", "command": ["sh"], "args": ["{{$}}"]}}}},
            "pipelineInfo": {"name": "old"},
            "root": {
                "dag": {
                    "tasks": {
                        "add": {
                            "componentRef": {"name": "comp-add"},
                            "inputs": {
                                "parameters": {
                                    "a": {"componentInputParameter": "n"},
                                    "b": {"runtimeValue": {"constantValue": {"doubleValue": 1.5}}},
                                }
                            },
                            "taskInfo": {"name": "add"},
                            "triggerPolicy": {"condition": "inputs.parameters['a'].int_value > 3"},
                        }
                    }
                },
                "inputDefinitions": {"parameters": {"n": {"type": "INT"}}},
            },
            "schemaVersion": "2.0.0",
            "sdkVersion": "kfp-1.8.22",
        },
        "runtimeConfig": {"gcsOutputDirectory": "gs://out", "parameters": {"n": {"intValue": "3"}}, **runtime},
    }


def test_a_job_of_sdk_1_8_is_translated() -> None:
    plan = lower_pipeline(job())

    assert plan.parameters["n"].type is ParameterType.NUMBER_INTEGER
    assert plan.parameters["n"].default == 3
    assert plan.extra["pipeline_root"] == "gs://out"
    root, leaf = plan.templates["root"], plan.templates["comp-add"]
    assert isinstance(root, GraphTemplate)
    assert isinstance(leaf, LeafTemplate)
    assert root.tasks["add"].parameters["b"] == Const(1.5)
    assert root.tasks["add"].condition == Call(">", (OwnInput("a"), Const(3)))
    assert leaf.parameters["b"].type is ParameterType.NUMBER_DOUBLE
    assert leaf.extra["typed_parameters"] is True


def test_a_malformed_typed_value_names_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        lower_pipeline(job(parameters={"n": {"value": 3}}))

    assert caught.value.place == "runtimeConfig.parameters.n"


def test_a_job_around_another_schema_is_refused() -> None:
    document = job()
    document["pipelineSpec"]["schemaVersion"] = "1.0.0"

    with pytest.raises(SpecError, match="not supported"):
        lower_pipeline(document)
