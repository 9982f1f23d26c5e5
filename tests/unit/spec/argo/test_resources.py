"""Resource templates without a cluster."""

from __future__ import annotations

import pytest

from penstock.domain.errors import TaskError
from penstock.spec.argo.resources import json_path, read_action

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: demo-abc-vol}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


def test_a_claim_answers_like_a_bound_one() -> None:
    action = read_action({"action": "create", "manifest": CLAIM}, suffix="x")
    assert action.name == "demo-abc-vol"
    assert json_path(action.value, "{.metadata.name}") == "demo-abc-vol"
    assert json_path(action.value, "{.status.capacity.storage}") == "1Gi"
    assert json_path(action.value, "{.spec.accessModes[0]}") == "ReadWriteOnce"
    assert '"kind":"PersistentVolumeClaim"' in json_path(action.value, "{}")
    assert json_path(action.value, "{.status.nothing}") == ""


@pytest.mark.parametrize(
    ("manifest", "message"),
    [("kind: Pod", "kind 'Pod' needs a Kubernetes cluster"), ("[", "not YAML"), ("just text", "not an object")],
)
def test_what_needs_a_cluster_says_so(manifest: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read_action({"manifest": manifest}, suffix="x")
