"""Kubernetes objects that `VolumeOp`, `VolumeSnapshotOp` and `ResourceOp` manage, emulated without a cluster.

Semantics: kfp 1.8 protocol notes, section 3.4. A claim is a directory; a snapshot is always ready; secrets and config maps are
visible to the steps of the run that created them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")

SUPPORTED_KINDS = ("PersistentVolumeClaim", "VolumeSnapshot")


@dataclass(frozen=True, slots=True)
class ResourceAction:
    """One resource step, resolved."""

    action: str
    """create, apply, patch, replace, get or delete."""
    kind: str
    name: str
    value: Mapping[str, Any]
    """The object as a cluster would answer it; for delete, the manifest."""


def read_action(resource: Mapping[str, Any], *, suffix: str) -> ResourceAction:
    """Read a substituted `resource` section.

    Args:
        resource: the section, tags replaced.
        suffix: completes `metadata.generateName`.

    Raises:
        TaskError: the manifest is not YAML, names nothing, or is of a kind that has no meaning without a cluster (kind START).
    """
    action = str(resource.get("action", "create"))
    try:
        value = yaml.safe_load(str(resource.get("manifest", "")))
    except yaml.YAMLError as error:
        raise TaskError(f"the resource manifest is not YAML: {error}", kind=FailureKind.START) from error
    if not isinstance(value, dict):
        raise TaskError("the resource manifest is not an object", kind=FailureKind.START)
    kind = str(value.get("kind", ""))
    if kind not in SUPPORTED_KINDS:
        raise TaskError(
            f"a resource of kind {kind or 'unknown'!r} needs a Kubernetes cluster; here {' and '.join(SUPPORTED_KINDS)} work",
            kind=FailureKind.START,
        )
    metadata = value.setdefault("metadata", {})
    name = str(metadata.get("name") or f"{metadata.get('generateName', 'resource-')}{suffix}")
    if not _NAME.fullmatch(name):
        raise TaskError(f"{name!r} is not a name for a {kind}", kind=FailureKind.START)
    metadata["name"] = name
    if action != "delete":
        value["status"] = _status(kind, value.get("spec") or {})
    return ResourceAction(action, kind, name, value)


def _status(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "VolumeSnapshot":
        return {"readyToUse": True, "restoreSize": "0"}
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "")
    return {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": {"storage": str(storage)}}


def json_path(value: Any, path: str) -> str:
    """Evaluate the JSONPath of an output (`{}`, `{.metadata.name}`, `{.spec.items[0]}`) to text; missing parts give empty text."""
    inner = path.strip().removeprefix("{").removesuffix("}").strip().removeprefix("$")
    for name, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", inner):
        if name and isinstance(value, Mapping):
            value = value.get(name)
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return ""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
