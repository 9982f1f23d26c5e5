"""Volumes whose files tell of the pod, beside those of the stores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.execution import Mount
from penstock.spec.argo.environment import PodFacts
from penstock.spec.argo.volumes import container_mounts

POD = PodFacts("task-1", "task-1", "kubeflow", labels={"z": "1", "a/b": 'say "x"'}, annotations={"note": "two\nlines"})


class NoStore:
    """Knows no secret and no config map."""

    def get(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        return None


def mounted(volume: dict[str, Any]) -> tuple[Mount, list[str]]:
    container = {"resources": {"limits": {"cpu": "1500m"}}, "volumeMounts": [{"name": "pod", "mountPath": "/etc/pod"}]}
    (mount,), warnings = container_mounts(container, [{"name": "pod", **volume}], PurePosixPath("/shared"), POD, NoStore(), str)
    return mount, warnings


def field(path: str, name: str) -> dict[str, Any]:
    return {"path": path, "fieldRef": {"fieldPath": name}}


def test_a_downward_volume_has_a_file_for_each_fact_of_the_pod() -> None:
    cpu = {"path": "cpu", "resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}
    items = [
        field("labels", "metadata.labels"), field("deep/notes", "metadata.annotations"), field("one", "metadata.labels['z']"),
        field("name", "metadata.name"), field("space", "metadata.namespace"), cpu,
    ]  # fmt: skip
    mount, warnings = mounted({"downwardAPI": {"items": items}})
    assert mount.files == {
        "labels": b'a/b="say \\"x\\""\nz="1"',
        "deep/notes": b'note="two\\nlines"',
        "one": b"1",
        "name": b"task-1",
        "space": b"kubeflow",
        "cpu": b"1500",
    }
    assert not mount.is_secret
    assert warnings == []


def test_facts_of_the_pod_are_a_source_of_a_projected_volume() -> None:
    optional = {"configMap": {"name": "absent", "optional": True}}
    mount, warnings = mounted({"projected": {"sources": [{"downwardAPI": {"items": [field("name", "metadata.name")]}}, optional]}})
    assert (mount.files, warnings) == ({"name": b"task-1"}, [])


def test_a_field_without_meaning_is_an_empty_file_and_a_warning() -> None:
    mount, warnings = mounted({"downwardAPI": {"items": [{**field("x", "status.podIPs"), "mode": 256}]}})
    assert mount.files == {"x": b""}
    assert warnings == [
        "volume 'pod': field 'status.podIPs' has no meaning here; its file is empty",
        "volume 'pod': file modes are recorded only: a task runs as the server's user",
    ]
