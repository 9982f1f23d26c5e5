"""Values that leave a group whose step was compiled with a file only."""

from __future__ import annotations

from typing import Any

from penstock.spec.argo.lost_outputs import with_lost_outputs

GROUP: dict[str, Any] = {
    "name": "condition-1",
    "outputs": {"parameters": [{"name": "a-o", "valueFrom": {"parameter": "{{tasks.a.outputs.parameters.a-o}}"}}]},
    "dag": {"tasks": [{"name": "a", "template": "step"}]},
}
FILE = {"name": "a-o", "path": "/tmp/o"}


def step(**outputs: Any) -> dict[str, Any]:
    return {"name": "step", "container": {"image": "x"}, "outputs": outputs}


def test_a_file_whose_value_a_group_hands_on_is_a_parameter_too() -> None:
    found = with_lost_outputs({"condition-1": GROUP, "step": step(artifacts=[FILE, {"name": "a-p", "path": "/tmp/p"}])})

    assert found["step"]["outputs"]["parameters"] == [{"name": "a-o", "valueFrom": {"path": "/tmp/o"}}]
    assert found["condition-1"] is GROUP


def test_what_is_declared_or_no_file_of_the_step_stays_as_it_is() -> None:
    declared = step(artifacts=[FILE], parameters=[{"name": "a-o", "value": "fixed"}])
    other = step(artifacts=[{"name": "b", "path": "/tmp/b"}])

    assert with_lost_outputs({"condition-1": GROUP, "step": declared})["step"] is declared
    assert with_lost_outputs({"condition-1": GROUP, "step": other})["step"] is other
