"""Types of a step's values from the SDK's notes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.domain.expr import Const, Format, TaskOutput
from penstock.spec.argo.types import component_inputs, value_types


def template(component: Any, arguments: Any) -> dict[str, Any]:
    notes = {"pipelines.kubeflow.org/component_spec": component, "pipelines.kubeflow.org/arguments.parameters": arguments}
    return {"name": "add", "metadata": {"annotations": {key: json.dumps(value) for key, value in notes.items()}}}


def test_template_inputs_have_the_type_of_the_component_input_they_feed() -> None:
    component = {
        "inputs": [{"name": "a", "type": "Float"}, {"name": "b", "type": "Integer"}, {"name": "c", "type": {"GCSPath": {}}}],
        "outputs": [{"name": "Output", "type": "Float"}, {"name": "all rows", "type": "JsonArray"}, {"name": "file", "type": "CSV"}],
    }
    arguments = {"a": "{{inputs.parameters.rate}}", "b": "7", "c": "{{inputs.parameters.path}}"}
    assert value_types(template(component, arguments)) == {
        "rate": "NUMBER_DOUBLE",
        "b": "NUMBER_INTEGER",
        "add-Output": "NUMBER_DOUBLE",
        "add-all-rows": "LIST",
    }


def test_constants_and_texts_around_values_are_inputs_too() -> None:
    notes = {"a": "7", "b": "{{inputs.parameters.rate}}"}
    notes |= {"c": "at {{inputs.parameters.rate}}%", "d": "{{inputs.parameters.gone}}!", "e": "x" * 20_000}
    given = {"rate": TaskOutput("read", "rate")}
    assert component_inputs(template({}, notes), given) == {
        "a": Const("7"),
        "c": Format((Const("at "), TaskOutput("read", "rate"), Const("%"))),
    }
    assert component_inputs(template({}, {"rate": "7"}), given) == {}, "a template's own input stays"


@pytest.mark.parametrize("notes", [{}, {"annotations": None}, {"annotations": {"pipelines.kubeflow.org/component_spec": "{"}}])
def test_a_template_without_notes_has_none(notes: dict[str, Any]) -> None:
    assert value_types({"name": "t", "metadata": notes}) == {}
