"""Types of a step's values from the SDK's notes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.spec.argo.types import value_types


def template(component: Any, arguments: Any) -> dict[str, Any]:
    notes = {"pipelines.kubeflow.org/component_spec": component, "pipelines.kubeflow.org/arguments.parameters": arguments}
    return {"name": "add", "metadata": {"annotations": {key: json.dumps(value) for key, value in notes.items()}}}


def test_template_inputs_have_the_type_of_the_component_input_they_feed() -> None:
    component = {
        "inputs": [{"name": "a", "type": "Float"}, {"name": "b", "type": "Integer"}, {"name": "c", "type": {"GCSPath": {}}}],
        "outputs": [{"name": "Output", "type": "Float"}, {"name": "all rows", "type": "JsonArray"}, {"name": "file", "type": "CSV"}],
    }
    arguments = {"a": "{{inputs.parameters.rate}}", "b": "7", "c": "{{inputs.parameters.path}}"}
    assert value_types(template(component, arguments)) == {"rate": "NUMBER_DOUBLE", "add-Output": "NUMBER_DOUBLE", "add-all-rows": "LIST"}


@pytest.mark.parametrize("notes", [{}, {"annotations": None}, {"annotations": {"pipelines.kubeflow.org/component_spec": "{"}}])
def test_a_template_without_notes_has_none(notes: dict[str, Any]) -> None:
    assert value_types({"name": "t", "metadata": notes}) == {}
