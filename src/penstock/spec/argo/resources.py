"""Kubernetes objects that `VolumeOp`, `VolumeSnapshotOp` and `ResourceOp` manage, emulated without a cluster.

Semantics: kfp 1.8 protocol notes, section 3.4. A claim is a directory, a snapshot a copy of one; secrets and config maps go to the
server's store, where `secretKeyRef` and mounts of any run find them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind, StoredEntries
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.stored import missing

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")

CLAIM, SNAPSHOT = "PersistentVolumeClaim", "VolumeSnapshot"
_ENTRY_KINDS = {"Secret": "secret", "ConfigMap": "configmap"}
_SECTIONS = ("data", "binaryData")
SUPPORTED_KINDS = (CLAIM, SNAPSHOT, *_ENTRY_KINDS)
_SPELLINGS = {
    **{kind.lower(): kind for kind in SUPPORTED_KINDS},
    **{f"{kind.lower()}s": kind for kind in SUPPORTED_KINDS},
    "pvc": CLAIM,
    "cm": "ConfigMap",
}


@dataclass(frozen=True, slots=True)
class ResourceAction:
    """One resource step, resolved."""

    action: str
    """create, apply, patch, replace, get or delete."""
    kind: str
    name: str
    value: Mapping[str, Any]
    """The object as a cluster would answer it; for delete, the manifest."""
    kept: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Entries of a patched secret that stay as they are and are not told."""


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
        raise _needs_cluster(kind)
    metadata = value.setdefault("metadata", {})
    name = str(metadata.get("name") or f"{metadata.get('generateName', 'resource-')}{suffix}")
    if not _NAME.fullmatch(name):
        raise TaskError(f"{name!r} is not a name for a {kind}", kind=FailureKind.START)
    metadata["name"] = name
    if action != "delete" and kind not in _ENTRY_KINDS:
        value["status"] = _status(kind, value.get("spec") or {})
    if kind == "Secret":
        value["data"] = {key: base64.b64encode(content).decode() for key, content in _entries(kind, value).items()}
        value.pop("stringData", None)
    return ResourceAction(action, kind, name, value)


def on_stored(action: ResourceAction, lookup: SecretLookup) -> ResourceAction:
    """Return what `get` and `patch` of a secret or config map come to: they are about the stored one. Others stay as they are.

    Stored values of secrets are never part of the answer.

    Raises:
        TaskError: there is no such object in the store (kind INPUT), or an entry is not base64 (kind START).
    """
    word = _ENTRY_KINDS.get(action.kind)
    if word is None or action.action not in {"get", "patch"}:
        return action
    stored = lookup.get(word, action.name)
    if stored is None:
        raise TaskError(missing(word, action.name), kind=FailureKind.INPUT)
    if word == "secret":
        return replace(action, kept=stored)
    given = {key: text for section in _SECTIONS for key, text in (action.value.get(section) or {}).items()}
    kept = {key: content for key, content in stored.items() if given.get(key, "") is not None}
    merged = {**kept, **_entries(action.kind, action.value)} if action.action == "patch" else stored
    return replace(action, value={**{key: item for key, item in action.value.items() if key not in _SECTIONS}, **_shown(merged)})


def _shown(entries: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Entries as a config map holds them: text, and base64 for what is none."""
    found: dict[str, dict[str, str]] = {}
    for key, content in entries.items():
        try:
            found.setdefault("data", {})[key] = content.decode()
        except UnicodeDecodeError:
            found.setdefault("binaryData", {})[key] = base64.b64encode(content).decode()
    return found


def _needs_cluster(kind: str) -> TaskError:
    return TaskError(
        f"a resource of kind {kind or 'unknown'!r} needs a Kubernetes cluster; here {', '.join(SUPPORTED_KINDS)} work",
        kind=FailureKind.START,
    )


def read_deletion(argv: Sequence[str]) -> ResourceAction | None:
    """Read `kubectl delete KIND NAME ...`, the step that `ResourceOp.delete()` compiles to; None for any other command.

    Raises:
        TaskError: the kind has no meaning without a cluster, or the name is none (kind START).
    """
    words = [word for word in argv if not word.startswith("-")]
    if len(words) < 4 or words[:2] != ["kubectl", "delete"] or "--ignore-not-found" not in argv:
        return None
    kind = _SPELLINGS.get(words[2].partition(".")[0].lower())
    if kind is None:
        raise _needs_cluster(words[2])
    if not _NAME.fullmatch(words[3]):
        raise TaskError(f"{words[3]!r} is not a name for a {kind}", kind=FailureKind.START)
    return ResourceAction("delete", kind, words[3], {})


def effects(action: ResourceAction) -> dict[str, Any]:
    """What the action does to volumes, secrets and config maps, as fields of a `ProcessSpec`."""
    kind, name = action.kind, action.name
    if action.action == "get":
        return {}
    if action.action == "delete":
        if kind in _ENTRY_KINDS:
            return {"delete_entries": ((_ENTRY_KINDS[kind], name),)}
        return {"delete_volumes": (_directory(kind, name),)}
    if kind in _ENTRY_KINDS:
        return {"put_entries": (StoredEntries(_ENTRY_KINDS[kind], name, {**action.kept, **_entries(kind, action.value)}),)}
    spec = action.value.get("spec") or {}
    if kind == SNAPSHOT:
        source = spec.get("source") or {}
        claim = str(source.get("persistentVolumeClaimName") or source.get("name") or "")
        return {"copy_volumes": ((claim, _directory(kind, name)),) if claim else (), "warnings": _without_source(kind, name, claim)}
    origin = spec.get("dataSource") or spec.get("dataSourceRef") or {}
    copies = ((_directory(str(origin.get("kind")), str(origin["name"])), name),) if origin.get("name") else ()
    return {"copy_volumes": copies, "create_volumes": (name,)}


def _directory(kind: str, name: str) -> str:
    """Directory of a claim or snapshot; the dot keeps snapshots apart, because no claim may begin with one."""
    return f".snapshot-{name}" if kind == SNAPSHOT else name


def _without_source(kind: str, name: str, claim: str) -> tuple[str, ...]:
    return () if claim else (f"{kind} {name!r} names no claim of this server; it is recorded only",)


def _entries(kind: str, value: Mapping[str, Any]) -> dict[str, bytes]:
    """Entries of a secret or config map: plain text, and base64 where Kubernetes has it; a null (in a patch) is none.

    Raises:
        TaskError: an entry is not base64 (kind START).
    """
    coded = value.get("data" if kind == "Secret" else "binaryData") or {}
    plain = value.get("stringData" if kind == "Secret" else "data") or {}
    try:
        found = {str(key): base64.b64decode(str(text), validate=True) for key, text in coded.items() if text is not None}
    except ValueError as error:
        raise TaskError(f"an entry of {kind} is not base64: {error}", kind=FailureKind.START) from error
    return {**found, **{str(key): str(text).encode() for key, text in plain.items() if text is not None}}


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
