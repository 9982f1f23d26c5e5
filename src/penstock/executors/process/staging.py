"""Puts in place what an attempt needs before it starts: private copies of inputs, files, mounts, and a description of it all.

Blocking; `is_small` tells when it is quick enough for the event loop, otherwise callers use a thread.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import NotFoundError, TaskError, UnavailableError
from penstock.domain.execution import AttemptLayout, FailureKind, Mount, ProcessSpec
from penstock.domain.masking import MASK, mask_parts, parts_of
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.remote_files import RemoteFiles

_SMALL_BYTES = 64 * 1024
_SMALL_FILES = 8
_DOWNLOAD_SECONDS = 60
_SHOWN_CHARACTERS = 4000


def is_small(spec: ProcessSpec) -> bool:
    """Whether staging `spec` means no more than writing a few small files."""
    has_plain_mounts = all(mount.volume is None and not mount.files for mount in spec.mounts)  # a new directory each
    has_few_files = len(spec.files) <= _SMALL_FILES and sum(map(len, spec.files.values())) <= _SMALL_BYTES
    return not spec.staged and has_plain_mounts and has_few_files


def needs_access(spec: ProcessSpec) -> bool:
    """Whether `with_access` has something to decide."""
    return any(staged.artifact.digest is None and not staged.is_required for staged in spec.staged)


def with_access(spec: ProcessSpec, remote: RemoteFiles) -> ProcessSpec:
    """Return `spec` without inputs in stores that the server has no access to.

    Each is a warning, and what is said if the task looks for it. What a task cannot do without stays, and fails it when it is staged.
    """
    staged, absent, warnings = [], dict(spec.absent), []
    for item in spec.staged:
        if item.artifact.digest is None and not item.is_required:
            story = absent.pop(item.path, f"input {item.artifact.name!r} was not fetched from {item.artifact.uri}")
            if obstacle := remote.obstacle(item.artifact.uri):
                absent[item.path] = f"{story}: {obstacle}"
                warnings.append(f"I{story[1:]}: {obstacle}.")
                continue
        staged.append(item)
    return replace(spec, staged=tuple(staged), absent=absent, warnings=(*spec.warnings, *warnings))


def stage(spec: ProcessSpec, layout: AttemptLayout, blobs: BlobStore, volumes: Path, remote: RemoteFiles) -> list[dict[str, Any]]:
    """Make inputs, files and mounts, and return the binds that the task's namespace needs (empty where there is none to make).

    Raises:
        TaskError: an input has no bytes or cannot be fetched (kind INPUT), the disk is full (kind SYSTEM).
    """
    try:
        for staged in spec.staged:
            _require_inside(staged.path, layout)
            _fetch(staged.artifact, Path(staged.path), blobs, remote)
        for path, content in spec.files.items():
            _require_inside(path, layout)
            _write(Path(path), content)
        for source, target in spec.copy_volumes:
            _copy_volume(_volume(volumes, source), _volume(volumes, target))
        for name in spec.create_volumes:
            _volume(volumes, name).mkdir(parents=True, exist_ok=True)
        return [bind for mount in spec.mounts for bind in _mount(mount, layout, volumes)]
    except OSError as error:
        raise TaskError(f"inputs could not be put in place: {error.strerror or error}", kind=FailureKind.SYSTEM) from error


def _copy_volume(source: Path, target: Path) -> None:
    """Make `target` a copy of `source` in one step, so that a crash leaves either nothing or all; an existing one is kept."""
    if target.exists() or not source.is_dir():
        return
    half = target.with_name(f".half-{target.name}")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(source, half, symlinks=True)
    half.rename(target)


def unmade_volumes(spec: ProcessSpec, volumes: Path) -> list[str]:
    """Return a warning for each volume that no task has made: it is made now, and empty, which a mistyped name would not show."""
    made = {*spec.create_volumes, *(target for _, target in spec.copy_volumes)}
    asked = dict.fromkeys(mount.volume for mount in spec.mounts if mount.volume is not None and mount.volume not in made)
    fresh = [name for name in asked if not (volumes / name).exists()]
    return [f"Volume {name!r} did not exist: the task gets a new, empty one of that name." for name in fresh]


def absent_volumes(spec: ProcessSpec, volumes: Path) -> list[str]:
    """Return a warning for each volume that is to be removed and is not there."""
    return [f"There was no volume {name!r} to remove." for name in spec.delete_volumes if not _volume(volumes, name).exists()]


def remove_volumes(spec: ProcessSpec, volumes: Path) -> None:
    """Remove what `spec.delete_volumes` names; missing ones are fine."""
    for name in spec.delete_volumes:
        shutil.rmtree(_volume(volumes, name), ignore_errors=True)


def described(spec: ProcessSpec) -> dict[str, Any]:
    """Return what users may see of a spec: long words cut, secrets masked."""
    secrets = parts_of(spec.secret_values)
    document: dict[str, Any] = {
        "argv": [_shown(word, secrets) for word in spec.argv],
        "env": {**{name: _shown(value, secrets) for name, value in spec.env.items()}, **dict.fromkeys(spec.secret_env, MASK)},
    }
    for name, commands in (("init", spec.init), ("sidecars", spec.sidecars)):
        if commands:
            document[name] = [[_shown(word, secrets) for word in argv] for argv in commands]
    if spec.mounts:
        document["mounts"] = [{"target": str(mount.target), "volume": mount.volume, "files": sorted(mount.files)} for mount in spec.mounts]
    return document


def as_text(document: Mapping[str, Any]) -> str:
    """Return the text of an attempt's `spec.json`."""
    try:
        return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # text that is no Unicode (a lone surrogate)
        return json.dumps(document, ensure_ascii=False, default=str)


def _shown(word: str, secrets: list[str]) -> str:
    word = mask_parts(word, secrets)
    return word if len(word) <= _SHOWN_CHARACTERS else f"{word[:_SHOWN_CHARACTERS]}..."


def _fetch(artifact: ArtifactRef, target: Path, blobs: BlobStore, remote: RemoteFiles) -> None:
    if artifact.digest is not None:
        try:
            blobs.materialize(artifact.digest, target)
        except NotFoundError as error:
            what = f"the bytes of input artifact {artifact.name!r} ({artifact.uri}) are gone: deleted, or past its time to live"
            raise TaskError(what, kind=FailureKind.INPUT) from error
        except UnavailableError as error:
            raise TaskError(f"input artifact {artifact.name!r} could not be copied: {error}", kind=FailureKind.SYSTEM) from error
        return
    parts = urllib.parse.urlsplit(artifact.uri)
    if remote.knows(artifact.uri):
        _fetch_remote(artifact, target, remote)
    elif parts.scheme in {"http", "https"}:
        _download(artifact, target)
    elif parts.scheme in {"", "file"}:
        _copy(artifact, Path(urllib.parse.unquote(parts.path) if parts.scheme else artifact.uri), target)
    else:
        raise TaskError(
            f"input artifact {artifact.name!r} is at {artifact.uri}, and this server has no access to {parts.scheme}:// storage",
            kind=FailureKind.INPUT,
        )


def _fetch_remote(artifact: ArtifactRef, target: Path, remote: RemoteFiles) -> None:
    obstacle = remote.obstacle(artifact.uri)
    if obstacle:
        raise TaskError(f"input artifact {artifact.name!r} is at {artifact.uri}, and {obstacle}", kind=FailureKind.INPUT)
    try:
        remote.fetch(artifact.uri, target)
    except NotFoundError as error:
        raise TaskError(f"input artifact {artifact.name!r}: {error}", kind=FailureKind.INPUT) from error
    except UnavailableError as error:
        raise TaskError(f"input artifact {artifact.name!r}: {error}", kind=FailureKind.SYSTEM) from error


def _copy(artifact: ArtifactRef, source: Path, target: Path) -> None:
    if not source.is_absolute() or not source.exists():
        raise TaskError(f"input artifact {artifact.name!r}: there is nothing at {artifact.uri!r}", kind=FailureKind.INPUT)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def _download(artifact: ArtifactRef, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(artifact.uri, timeout=_DOWNLOAD_SECONDS) as response, target.open("wb") as file:  # noqa: S310  scheme checked
            shutil.copyfileobj(response, file, 1 << 20)
    except OSError as error:
        message = f"input artifact {artifact.name!r} could not be downloaded from {artifact.uri}: {error}"
        raise TaskError(message, kind=FailureKind.INPUT) from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _mount(mount: Mount, layout: AttemptLayout, volumes: Path) -> list[dict[str, Any]]:
    """Prepare what appears at `mount.target`; without a namespace it stays reachable below `layout.mounts` at the same path."""
    stand_in, whole = _stand_in(mount, layout), _files_place(mount, layout)
    for name, content in mount.files.items():
        place = whole / name
        if not place.resolve().is_relative_to(whole.resolve()):
            raise TaskError(f"mount {mount.target}: file name {name!r} leaves it", kind=FailureKind.INPUT)
        _write(place, content)
        place.chmod(0o600)
    source = mount_source(mount, layout, volumes)
    if source != stand_in and not layout.has_namespace and not stand_in.exists():
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.symlink_to(source)
    if not layout.has_namespace:
        return []
    return [{"source": str(source), "target": str(mount.target), "read_only": mount.read_only}]


def _volume(volumes: Path, name: str) -> Path:
    if "/" in name or name in {"", ".", ".."}:
        raise TaskError(f"{name!r} is not a name for a volume", kind=FailureKind.INPUT)
    return volumes / name


def mount_source(mount: Mount, layout: AttemptLayout, volumes: Path) -> Path:
    """Return the directory or file that a task sees at `mount.target`; a directory is made when there is nothing.

    Raises:
        TaskError: the name or sub path of a volume leaves its place (kind INPUT).
    """
    if mount.volume is not None:
        base = _volume(volumes, mount.volume)
        source = _part(base, mount)
        if not source.exists():  # a part may be a single file
            source.mkdir(parents=True, exist_ok=True)
        if not source.resolve().is_relative_to(base.resolve()):
            raise TaskError(f"mount {mount.target}: sub path {mount.sub_path!r} leaves the volume", kind=FailureKind.INPUT)
        return source
    if mount.source is not None:
        source = _part(Path(mount.source), mount)
        if not source.exists():
            _require_inside(PurePosixPath(source), layout)
            source.mkdir(parents=True, exist_ok=True)
        return source
    source = _part(_files_place(mount, layout), mount)
    if not source.exists():
        source.mkdir(parents=True)
    return source


def _part(base: Path, mount: Mount) -> Path:
    source = base / mount.sub_path.strip("/")
    if not Path(os.path.normpath(source)).is_relative_to(base):
        what = f"volume {mount.volume!r} with " if mount.volume is not None else ""
        raise TaskError(f"mount {mount.target}: {what}sub path {mount.sub_path!r} is not allowed", kind=FailureKind.INPUT)
    return source


def _files_place(mount: Mount, layout: AttemptLayout) -> Path:
    """Where the files of a mount are written: at its stand-in, or apart when only a part of them is mounted there."""
    stand_in = _stand_in(mount, layout)
    return Path(layout.mounts) / ".files" / str(mount.target).lstrip("/") if mount.sub_path else stand_in


def _stand_in(mount: Mount, layout: AttemptLayout) -> Path:
    return Path(layout.mounts) / str(mount.target).lstrip("/")


def _require_inside(path: PurePosixPath, layout: AttemptLayout) -> None:
    """A dialect never asks for places outside of the attempt; a spec that does has a path made of user input."""
    normal = PurePosixPath(os.path.normpath(path))
    if not (normal.is_relative_to(layout.root) or normal.is_relative_to(layout.workspace)):
        raise TaskError(f"{path} lies outside of the attempt's directories", kind=FailureKind.INPUT)
