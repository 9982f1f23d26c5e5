from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.spec.kfp.lower import lower_pipeline
from penstock.spec.parameters import check_parameters
from tests.unit.spec.kfp.ir import definitions, pipeline, task

PLAN = lower_pipeline(
    pipeline(
        {"t": task()},
        inputDefinitions=definitions(
            parameters={
                "count": "NUMBER_INTEGER",
                "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5},
                "word": {"parameterType": "STRING", "isOptional": True},
                "flag": {"parameterType": "BOOLEAN", "isOptional": True},
                "items": {"parameterType": "LIST", "isOptional": True},
                "table": {"parameterType": "STRUCT", "isOptional": True},
                "mode": {"parameterType": "STRING", "defaultValue": "a", "literals": ["a", "b"]},
            }
        ),
    )
)


def test_values_are_given_their_declared_types() -> None:
    given = {"count": 3.0, "rate": 1, "word": 7, "items": [1.0, {"a": 2.0}], "mode": "b", "table": None}

    assert check_parameters(PLAN, given) == {"count": 3, "rate": 1.0, "word": "7", "items": [1, {"a": 2}], "mode": "b", "table": None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "parameter.s. required by pipeline are not provided: count"),
        ({"count": None}, "'count' is required and cannot be null"),
        ({"count": 1, "other": 1, "more": 2}, "parameter.s. provided are not required by pipeline: more, other"),
        ({"count": "3"}, "'count' type mismatch: expect NUMBER_INTEGER, got string '3'"),
        ({"count": 2.5}, "'count' type mismatch: expect NUMBER_INTEGER, got number '2.5'"),
        ({"count": True}, "'count' type mismatch: expect NUMBER_INTEGER, got bool 'true'"),
        ({"count": 1, "flag": 1}, "'flag' type mismatch: expect BOOLEAN, got number"),
        ({"count": 1, "items": {}}, "'items' type mismatch: expect LIST, got struct"),
        ({"count": 1, "table": []}, "'table' type mismatch: expect STRUCT, got list"),
        ({"count": 1, "mode": "c"}, "'mode' has value 'c', which is not one of a, b"),
    ],
)
def test_a_wrong_parameter_is_refused_in_words(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        check_parameters(PLAN, given)


def test_an_unknown_parameter_of_a_workflow_is_refused_in_upstreams_words() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^Unrecognized input parameter: other$"):
        check_parameters(replace(PLAN, dialect="argo"), {"count": 1, "other": 1})


def test_a_pipeline_that_needs_artifacts_cannot_be_run() -> None:
    plan = lower_pipeline(pipeline({"t": task()}, inputDefinitions=definitions(artifacts={"data": "system.Dataset"})))

    with pytest.raises(InvalidArgumentError, match=r"needs input artifact\(s\) data"):
        check_parameters(plan, {})
