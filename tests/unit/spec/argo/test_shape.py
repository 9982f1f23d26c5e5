"""Manifests that are none in parts."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.spec.argo.lower import lower_workflow

_VALUES = {"parameters": [{"name": "n", "value": "1"}]}
_STEP = {
    "name": "step",
    "inputs": {"parameters": [{"name": "n"}]},
    "outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/tmp/o"}}], "artifacts": [{"name": "x", "path": "/tmp/x"}]},
    "container": {
        "image": "python",
        "command": ["true"],
        "args": ["{{inputs.parameters.n}}"],
        "env": [{"name": "A", "value": "b"}],
        "resources": {"limits": {"cpu": "1"}},
    },
    "retryStrategy": {"limit": "2", "backoff": {"duration": "1", "factor": 2}},
    "activeDeadlineSeconds": 10,
    "volumes": [{"name": "v", "emptyDir": {}}],
    "metadata": {"labels": {"a": "b"}},
}
_TASK = {"name": "s", "template": "step", "when": '"{{inputs.parameters.n}}" == "1"', "withItems": [1], "arguments": _VALUES}
MANIFEST = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "w-", "annotations": {"a": "b"}, "labels": {"a": "b"}},
    "spec": {
        "entrypoint": "main",
        "arguments": _VALUES,
        "templates": [{"name": "main", "inputs": {"parameters": [{"name": "n"}]}, "dag": {"tasks": [_TASK]}}, _STEP],
    },
}


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*above, key)
        yield from _places(inner, (*above, key))


def _with(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(MANIFEST)
    holder: Any = made
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return made


@pytest.mark.parametrize("wrong", ["text", "", 1, -1.5, True, [], {}, ["a"], [None], [{}], {"a": 1}, None, 10**30, float("nan"), float("inf")])
def test_whatever_stands_anywhere_is_taken_or_refused(wrong: Any) -> None:
    for place in _places(MANIFEST):
        try:
            lower_workflow(_with(place, wrong))
        except SpecError:
            continue


@pytest.mark.parametrize(
    ("place", "wrong", "words"),
    [
        (("spec", "arguments"), "x", "spec.arguments: expected an object, found a text"),
        (("spec", "templates", 1, "inputs", "parameters"), {}, r"spec.templates\[1\].inputs.parameters: expected a list, found an object"),
        (("spec", "templates", 1, "inputs", "parameters", 0), None, r"inputs.parameters\[0\]: expected an object, found null"),
        (("spec", "templates", 0, "dag", "tasks", 0, "name"), 3, r"spec.templates\[0\].dag.tasks\[0\].name: a text is required"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(place: tuple[Any, ...], wrong: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        lower_workflow(_with(place, wrong))
