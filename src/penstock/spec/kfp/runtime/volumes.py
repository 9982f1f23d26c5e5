"""Volumes of an attempt: persistent ones as named directories, temporary ones as empty private directories."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import AttemptLayout, FailureKind, LaunchRequest, Mount, ProcessSpec
from penstock.domain.plan import VolumeWork
from penstock.spec.kfp.runtime.executor_input import Prepared
from penstock.spec.kfp.runtime.pod_config import Entry, PodConfig
from penstock.spec.kfp.runtime.resources import parse_quantity
from penstock.spec.values import text_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def check_volume_name(name: str) -> str:
    """Return `name` if it may name a volume.

    Raises:
        TaskError: it is not a Kubernetes object name (kind INPUT).
    """
    if not _NAME.fullmatch(name):
        raise TaskError(f"{name!r} is not a name for a volume", kind=FailureKind.INPUT)
    return name


def volume_mounts(config: PodConfig) -> Iterator[Mount]:
    """Yield the mounts of persistent, ephemeral and empty volumes; entries whose name is null are skipped.

    Raises:
        TaskError: a volume's name is not valid (kind INPUT).
    """
    for entry in config.entries("pvcMount"):
        name = _claim(entry)
        target = entry.text("mountPath")
        if name and target:
            yield Mount(target=PurePosixPath(target), volume=check_volume_name(text_of(name)), sub_path=entry.text("subPath"))
    for key in ("genericEphemeralVolume", "emptyDirMounts"):
        for entry in config.entries(key):
            if entry.text("mountPath"):
                yield Mount(target=PurePosixPath(entry.text("mountPath")))


def _claim(entry: Entry) -> Any:
    if entry.data.get("pvcNameParameter"):
        return entry.resolved("pvcName")
    return entry.own() if entry.own() is not None else entry.data.get("constant")


def mount_warnings(mounts: tuple[Mount, ...], layout: AttemptLayout) -> Iterator[str]:
    """Yield a sentence about mount paths that the host cannot provide where they are asked for."""
    if mounts and not layout.has_namespace:
        targets = ", ".join(str(mount.target) for mount in mounts)
        yield f"Mount path {targets} stands below {layout.mounts} because this host allows no private mounts."


def prepare_volume(request: LaunchRequest, work: VolumeWork, prepared: Prepared) -> ProcessSpec:
    """Return the attempt that creates or deletes a volume; it runs no process.

    Semantics: kfp protocol notes, section 4.10.

    Raises:
        TaskError: the name or the size is not valid, or there is a name too many (kind INPUT).
    """
    is_creation = work.action == "create"
    name = check_volume_name(_volume_name(request, prepared) if is_creation else text_of(prepared.parameters.get("pvc_name") or ""))
    _check_size(prepared.parameters.get("size"))
    output = next((output for output in prepared.output_parameters if output.name == "name"), None)
    return ProcessSpec(
        argv=(),
        files={output.path: name.encode()} if output else {},
        directories=prepared.directories,
        output_parameters=prepared.output_parameters,
        output_artifacts=prepared.output_artifacts,
        path_prefixes=prepared.places.prefixes(),
        create_volumes=(name,) if is_creation else (),
        delete_volumes=() if is_creation else (name,),
        warnings=tuple(_volume_warnings(name, prepared)) if is_creation else (),
    )


def _volume_name(request: LaunchRequest, prepared: Prepared) -> str:
    """Return the name asked for, or one that no other task gets: rounds of a loop that give the same suffix have a volume each.

    Raises:
        TaskError: both a name and a suffix are given (kind INPUT).
    """
    name, suffix = (text_of(prepared.parameters.get(key) or "") for key in ("pvc_name", "pvc_name_suffix"))
    if name and suffix:
        raise TaskError(f"a volume takes pvc_name or pvc_name_suffix, not both: {name!r} and {suffix!r}", kind=FailureKind.INPUT)
    return name or f"{request.run.resource_name}-{_mark(request)}{suffix}"


def _mark(request: LaunchRequest) -> str:
    """Return a few characters that stand for the task; a retry makes no second volume."""
    return hashlib.sha256(request.key.task_id.encode()).hexdigest()[:8]


def _check_size(size: Any) -> None:
    if not size:
        return
    try:
        parse_quantity(text_of(size))
    except ValueError as error:
        raise TaskError(f"size of the volume: {error}", kind=FailureKind.INPUT) from error


def _volume_warnings(name: str, prepared: Prepared) -> Iterator[str]:
    ignored = [
        f"{word} {text_of(prepared.parameters[key])}"
        for key, word in (("size", "size"), ("storage_class_name", "storage class"), ("access_modes", "access modes"))
        if prepared.parameters.get(key)
    ]
    if ignored:
        yield f"Volume {name} is a directory on this machine; its settings are not enforced: {', '.join(ignored)}."
    for key in ("data_source", "volume_name"):
        if prepared.parameters.get(key):
            yield f"Volume {name} starts empty; {key} {text_of(prepared.parameters[key])} is ignored."
