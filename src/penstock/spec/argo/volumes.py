"""Volume mounts of an Argo container, from manifest to what an executor provides.

Semantics: kfp 1.8 protocol notes, section 4.4. Everything that a process cannot have becomes a warning sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind, Mount
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.argo.environment import PodFacts, lookup, resource_field
from penstock.spec.stored import no_key

_OF_FILES = ("secret", "configMap", "downwardAPI", "projected")
"""Kinds of volumes that are files made of entries."""


def container_mounts(
    container: Mapping[str, Any],
    volumes: Sequence[Mapping[str, Any]],
    shared: PurePosixPath,
    pod: PodFacts,
    secrets: SecretLookup,
    expand: Callable[[str], str],
) -> tuple[list[Mount], list[str]]:
    """Turn `volumeMounts` into mounts; returns them with warnings.

    Args:
        container: the container section.
        volumes: pod volumes of the template and the workflow.
        shared: directory of the attempt for volumes that live as long as the pod.
        pod: what a downward API volume may tell.
        secrets: store for secret and config-map volumes.
        expand: replaces `$(NAME)` in a `subPathExpr`.

    Raises:
        TaskError: a secret or config map that is not optional does not exist here (kind START).
    """
    by_name = {str(volume.get("name")): volume for volume in volumes}
    mounts: list[Mount] = []
    warnings: list[str] = []
    for item in container.get("volumeMounts") or ():
        target = PurePosixPath(str(item.get("mountPath", "")))
        name = str(item.get("name", ""))
        volume = by_name.get(name)
        if volume is None:
            warnings.append(f"volume {name!r} of mount {target} is not declared; an empty directory is used")
            volume = {"emptyDir": {}}
        claim = volume.get("persistentVolumeClaim") or {}
        common: dict[str, Any] = {
            "target": target,
            "sub_path": str(item.get("subPath") or expand(str(item.get("subPathExpr") or ""))),
            "read_only": bool(item.get("readOnly") or claim.get("readOnly")),
        }
        if claim:
            mounts.append(Mount(volume=str(claim.get("claimName", "")), **common))
        elif any(key in volume for key in _OF_FILES):
            files, is_secret = _volume_files(name, volume, container, pod, secrets, warnings)
            mounts.append(Mount(files=files, is_secret=is_secret, **common))
        elif "hostPath" in volume:
            mounts.append(Mount(source=PurePosixPath(str(volume["hostPath"].get("path", "/nonexistent"))), **common))
        else:
            warnings += _shared_volume_warnings(name, volume)
            mounts.append(Mount(source=shared / name, **common))
    return mounts, warnings


def _shared_volume_warnings(name: str, volume: Mapping[str, Any]) -> list[str]:
    kinds = ", ".join(key for key in volume if key != "name")
    if "emptyDir" not in volume:  # a volume that says nothing (the SDK's `kfp-launcher`) is an empty directory anyway
        return [f"volume {name!r} ({kinds}) is not available here; an empty directory is used"] if kinds else []
    wanted = [f"{key} {value}" for key, value in (volume["emptyDir"] or {}).items() if value]
    return [f"volume {name!r}: {', '.join(wanted)} is recorded only: it is a directory on disk without a limit"] if wanted else []


def _volume_files(
    name: str,
    volume: Mapping[str, Any],
    container: Mapping[str, Any],
    pod: PodFacts,
    secrets: SecretLookup,
    warnings: list[str],
) -> tuple[dict[str, bytes], bool]:
    """Files of a volume made of entries by their path below the mount, and whether a secret is among them."""
    sources = (volume["projected"].get("sources") or ()) if "projected" in volume else (volume,)
    files: dict[str, bytes] = {}
    is_secret = False
    for source in sources:
        kind = next((kind for kind in ("secret", "configMap", "downwardAPI") if source.get(kind)), None)
        if kind is None:
            warnings.append(f"volume {name!r}: {', '.join(source)} is not available here; its files are missing")
            continue
        reference = source[kind]
        if kind == "downwardAPI":
            files |= _downward_files(name, reference, container, pod, warnings)
        else:
            files |= _stored_files(kind.lower(), reference, secrets)
            is_secret |= kind == "secret"
        if any("mode" in item for item in reference.get("items") or ()) or reference.get("defaultMode"):
            warnings.append(f"volume {name!r}: file modes are recorded only: a task runs as the server's user")
    return files, is_secret


def _stored_files(kind: str, reference: Mapping[str, Any], secrets: SecretLookup) -> Mapping[str, bytes]:
    entries = lookup(kind, reference, secrets)
    if reference.get("items") and entries is not None:
        return {str(item.get("path") or item.get("key")): _bytes(kind, reference, item, entries) for item in reference["items"]}
    return entries or {}


def _bytes(kind: str, reference: Mapping[str, Any], item: Mapping[str, Any], entries: Mapping[str, bytes]) -> bytes:
    key = str(item.get("key", ""))
    if key not in entries:
        raise TaskError(no_key(kind, str(reference.get("name") or reference.get("secretName")), key, entries), kind=FailureKind.START)
    return entries[key]


def _downward_files(
    name: str, reference: Mapping[str, Any], container: Mapping[str, Any], pod: PodFacts, warnings: list[str]
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for item in reference.get("items") or ():
        path = str((item.get("fieldRef") or {}).get("fieldPath", ""))
        text = resource_field(container, item["resourceFieldRef"]) if item.get("resourceFieldRef") else pod.file(path)
        if text is None:
            warnings.append(f"volume {name!r}: field {path!r} has no meaning here; its file is empty")
        files[str(item.get("path", ""))] = (text or "").encode()
    return files
