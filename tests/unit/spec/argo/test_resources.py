"""Resource templates without a cluster."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from penstock.domain.errors import TaskError
from penstock.spec.argo.resources import ResourceAction, effects, json_path, on_stored, read_action, read_deletion

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


def test_secrets_and_config_maps_are_stored_with_their_content() -> None:
    manifest = "kind: Secret\nmetadata: {generateName: pair-}\ndata: {a: eA==}\nstringData: {b: y}\n"
    action = read_action({"action": "create", "manifest": manifest}, suffix="x1")
    (stored,) = effects(action)["put_entries"]
    assert (stored.kind, stored.name, stored.entries) == ("secret", "pair-x1", {"a": b"x", "b": b"y"})
    assert json_path(action.value, "{.data.b}") == "eQ=="
    plain = read_action({"action": "apply", "manifest": "kind: ConfigMap\nmetadata: {name: m}\ndata: {k: v}"}, suffix="")
    assert effects(plain)["put_entries"][0].entries == {"k": b"v"}
    with pytest.raises(TaskError, match="not base64"):
        read_action({"manifest": "kind: Secret\nmetadata: {name: s}\ndata: {a: '%'}"}, suffix="")


class Store:
    """A store with one secret and one config map."""

    def get(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        known = {("secret", "s"): {"old": b"hidden"}, ("configmap", "m"): {"k": b"v", "x": b"y", "raw": b"\xff"}}
        return known.get((kind, name))


def stored(action: str, manifest: str) -> ResourceAction:
    return on_stored(read_action({"action": action, "manifest": manifest}, suffix=""), Store())


def test_getting_a_config_map_answers_with_what_is_stored() -> None:
    action = stored("get", "kind: ConfigMap\nmetadata: {name: m}")
    assert json_path(action.value, "{.data.k}") == "v"
    assert json_path(action.value, "{.binaryData.raw}") == "/w=="
    assert effects(action) == {}
    with pytest.raises(TaskError, match="config map 'none' does not exist"):
        stored("get", "kind: ConfigMap\nmetadata: {name: none}")


def test_patching_keeps_what_the_patch_does_not_name() -> None:
    action = stored("patch", "kind: ConfigMap\nmetadata: {name: m}\ndata: {x: z, k: null}")
    assert effects(action)["put_entries"][0].entries == {"x": b"z", "raw": b"\xff"}
    assert action.value["data"] == {"x": "z"}


def test_stored_values_of_secrets_are_kept_and_not_told() -> None:
    action = stored("patch", "kind: Secret\nmetadata: {name: s}\nstringData: {new: n}")
    assert effects(action)["put_entries"][0].entries == {"old": b"hidden", "new": b"n"}
    assert action.value["data"] == {"new": "bg=="}
    assert json_path(stored("get", "kind: Secret\nmetadata: {name: s}").value, "{.data.old}") == ""


def test_a_snapshot_copies_its_claim_and_a_claim_its_source() -> None:
    snapshot = "kind: VolumeSnapshot\nmetadata: {name: s}\nspec: {source: {kind: PersistentVolumeClaim, name: data}}"
    assert effects(read_action({"manifest": snapshot}, suffix=""))["copy_volumes"] == (("data", ".snapshot-s"),)
    claim = CLAIM.replace("spec: {", "spec: {dataSource: {kind: VolumeSnapshot, name: s}, ")
    assert effects(read_action({"manifest": claim}, suffix="")) == {
        "copy_volumes": ((".snapshot-s", "demo-abc-vol"),),
        "create_volumes": ("demo-abc-vol",),
    }


def test_the_sdks_deletion_command_is_understood() -> None:
    command = ["kubectl", "delete", "PersistentVolumeClaim", "data", "--ignore-not-found", "--output", "name", "--wait=false"]
    action = read_deletion(command)
    assert action is not None
    assert effects(action) == {"delete_volumes": ("data",)}
    assert read_deletion(["kubectl", "get", "pods"]) is None
    with pytest.raises(TaskError, match="kind 'Pod' needs a Kubernetes cluster"):
        read_deletion(["kubectl", "delete", "Pod", "x", "--ignore-not-found"])
