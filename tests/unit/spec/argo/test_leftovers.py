"""What a manifest asks and is not carried out is said, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.spec.argo.document import read_workflow
from penstock.spec.argo.leftovers import of_leaf, of_workflow

_PLAIN: dict[str, Any] = {
    "name": "step",
    "container": {
        "image": "python:3.7",
        "command": ["sh"],
        "args": ["-c", "true"],
        "env": [{"name": "A", "value": "b"}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "s", "readOnly": True}],
        "workingDir": "/v",
    },
    "inputs": {"parameters": [{"name": "n"}], "artifacts": [{"name": "a", "path": "/tmp/a", "raw": {"data": "x"}}]},
    "outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/tmp/o"}}], "artifacts": [{"name": "f", "path": "/tmp/f"}]},
    "metadata": {"labels": {"a": "b"}},
    "retryStrategy": {"limit": "2", "retryPolicy": "Always", "backoff": {"duration": "1s"}},
    "activeDeadlineSeconds": 5,
    "volumes": [{"name": "v", "emptyDir": {}}],
    "sidecars": [{"name": "s", "image": "alpine", "command": ["sleep", "1"], "mirrorVolumeMounts": True}],
    "initContainers": [{"name": "kfp-launcher", "image": "x", "command": ["y"], "resources": {"limits": {"cpu": "1"}}}],
    "podSpecPatch": json.dumps({"containers": [{"name": "main", "resources": {"limits": {"memory": "1Gi"}}}]}),
}


def test_what_the_sdk_writes_every_day_is_carried_out() -> None:
    assert of_leaf(_PLAIN) == []
    assert of_workflow({"entrypoint": "p", "templates": [], "arguments": {}, "serviceAccountName": "pipeline-runner", "onExit": ""}) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"nodeSelector": {"a": "b"}}, "the step's node selector: recorded only, there is one machine"),
        ({"synchronization": {"mutex": {"name": "m"}}}, "the step's 'synchronization': recorded only, nothing here carries it out"),
        ({"retryStrategy": {"limit": 1, "expression": "x"}}, "retry strategy: 'expression': recorded only, nothing here carries it out"),
        ({"retryStrategy": {"retryPolicy": "Always"}}, "the retry strategy has no limit, and is not carried out"),
        ({"podSpecPatch": json.dumps({"nodeSelector": {"pool": "a"}})}, "the pod's node selector: recorded only"),
        ({"podSpecPatch": json.dumps({"containers": [{"name": "main", "env": [1]}]})}, "container 'main' of the pod's patch: 'env'"),
        ({"podSpecPatch": "no JSON"}, "podSpecPatch is not a JSON object"),
        ({"inputs": {"artifacts": [{"name": "in", "path": "/a", "http": {"url": "http://x"}}]}}, "input file 'in': 'http': recorded only"),
        ({"outputs": {"artifacts": [{"name": "out", "path": "/a", "archive": {"none": {}}}]}}, "output file 'out': archive format"),
        ({"outputs": {"parameters": [{"name": "out", "globalName": "g"}]}}, "output 'out': 'globalName': recorded only"),
        ({"sidecars": [{"name": "s", "image": "nginx"}]}, "sidecar 's' has no command and needs its image; it is not started"),
        ({"sidecars": [{"name": "s", "command": ["x"], "ports": [{}]}]}, "sidecar 's': list of ports: recorded only"),
        ({"initContainers": [{"name": "i", "command": ["x"], "resources": {"limits": {"cpu": "1"}}}]}, "initContainer 'i': own resources"),
        ({"resource": {"action": "create", "setOwnerReference": True}}, "the resource's owner reference: recorded only"),
    ],
)
def test_a_step_says_what_of_its_template_is_not_carried_out(change: dict[str, Any], sentence: str) -> None:
    found = of_leaf({**_PLAIN, **change})
    assert len(found) == 1
    assert found[0].startswith(sentence)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("imagePullPolicy", "Always", "image pull policy"),
        ("tty", True, "terminal"),
        ("resources", {"limits": {"ephemeral-storage": "1Gi", "amd.com/gpu": "1"}}, "the amount of ephemeral-storage: recorded only"),
        ("volumeMounts", [{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}], "mount /v: 'mountPropagation'"),
        ("somethingOfTomorrow", {"a": 1}, "the container's 'somethingOfTomorrow': recorded only"),
    ],
)
def test_a_container_too(field: str, value: Any, words: str) -> None:
    found = of_leaf({**_PLAIN, "container": {**_PLAIN["container"], field: value}})
    assert len(found) == 1
    assert words in found[0]


def _workflow(*dags: dict[str, Any], **spec: Any) -> dict[str, Any]:
    templates = [{"name": f"d{index}", "dag": {"tasks": [], **dag}} for index, dag in enumerate(dags)]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "w-"},
        "spec": {"entrypoint": "d0", "templates": templates, **spec},
    }


def test_the_workflow_and_its_graphs_too() -> None:
    found = read_workflow(_workflow({}, ttlStrategy={"secondsAfterCompletion": 5}, synchronization={"mutex": {"name": "m"}})).leftovers
    assert found == (
        "the workflow's time to live: recorded only, runs stay until somebody deletes them",
        "the workflow's 'synchronization': recorded only, nothing here carries it out",
    )


def test_graphs_that_go_on_after_a_failure() -> None:
    assert read_workflow(_workflow({})).is_fail_fast
    both = read_workflow(_workflow({"failFast": False}, {"failFast": False}))
    assert (both.is_fail_fast, both.leftovers) == (False, ())
    mixed = read_workflow(_workflow({"failFast": False}, {}))
    assert mixed.is_fail_fast
    assert "failFast" in mixed.leftovers[0]
