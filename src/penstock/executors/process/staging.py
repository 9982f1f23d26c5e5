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
from pathlib import Path, PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import NotFoundError, TaskError, UnavailableError
from penstock.domain.execution import AttemptLayout, FailureKind, Mount, ProcessSpec
from penstock.executors.process.failures import MASK, mask
from penstock.interfaces.blobs import BlobStore

_SMALL_BYTES = 64 * 1024
_SMALL_FILES = 8
_DOWNLOAD_SECONDS = 60


def is_small(spec: ProcessSpec) -> bool:
    """Whether staging `spec` means no more than writing a few small files."""
    return not spec.staged and not spec.mounts and len(spec.files) <= _SMALL_FILES and sum(map(len, spec.files.values())) <= _SMALL_BYTES


def stage(spec: ProcessSpec, layout: AttemptLayout, blobs: BlobStore, volumes: Path) -> list[dict[str, Any]]:
    """Make inputs, files and mounts, and return the binds that the task's namespace needs (empty where there is none to make).

    Raises:
        TaskError: an input has no bytes or cannot be fetched (kind INPUT), the disk is full (kind SYSTEM).
    """
    root = Path(layout.root)
    try:
        for staged in spec.staged:
            _require_inside(staged.path, root, Path(layout.workspace))
            _fetch(staged.artifact, Path(staged.path), blobs)
        for path, content in spec.files.items():
            _require_inside(path, root, Path(layout.workspace))
            _write(Path(path), content)
        return [bind for mount in spec.mounts for bind in _mount(mount, layout, volumes)]
    except OSError as error:
        raise TaskError(f"inputs could not be put in place: {error.strerror or error}", kind=FailureKind.SYSTEM) from error


def describe(spec: ProcessSpec, extra: Mapping[str, Any]) -> bytes:
    """Return the attempt's description as JSON, secrets masked. It is written beside the log and shown to users."""
    secrets = list(spec.secret_env.values())
    document = {
        "argv": [mask(word, secrets) for word in spec.argv],
        "env": {**{name: mask(value, secrets) for name, value in spec.env.items()}, **dict.fromkeys(spec.secret_env, MASK)},
        "image": spec.image,
        "python": spec.python.module if spec.python is not None else None,
        "init": [[mask(word, secrets) for word in argv] for argv in spec.init],
        "sidecars": [[mask(word, secrets) for word in argv] for argv in spec.sidecars],
        "warnings": list(spec.warnings),
        **extra,
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", errors="replace")


def _fetch(artifact: ArtifactRef, target: Path, blobs: BlobStore) -> None:
    if artifact.digest is not None:
        try:
            blobs.materialize(artifact.digest, target)
        except NotFoundError as error:
            raise TaskError(f"the bytes of input artifact {artifact.name!r} ({artifact.uri}) are gone", kind=FailureKind.INPUT) from error
        except UnavailableError as error:
            raise TaskError(f"input artifact {artifact.name!r} could not be copied: {error}", kind=FailureKind.SYSTEM) from error
        return
    parts = urllib.parse.urlsplit(artifact.uri)
    if parts.scheme in {"http", "https"}:
        _download(artifact, target)
    elif parts.scheme in {"", "file"}:
        _copy(artifact, Path(urllib.parse.unquote(parts.path) if parts.scheme else artifact.uri), target)
    else:
        raise TaskError(
            f"input artifact {artifact.name!r} is at {artifact.uri}, and this server has no access to {parts.scheme}:// storage",
            kind=FailureKind.INPUT,
        )


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
        raise TaskError(f"input artifact {artifact.name!r} could not be downloaded from {artifact.uri}: {error}", kind=FailureKind.INPUT) from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _mount(mount: Mount, layout: AttemptLayout, volumes: Path) -> list[dict[str, Any]]:
    """Prepare what appears at `mount.target`; without a namespace it stays reachable below `layout.mounts` at the same path."""
    stand_in = Path(layout.mounts) / str(mount.target).lstrip("/")
    source = _mount_source(mount, stand_in, layout, volumes)
    if source != stand_in and not layout.has_namespace and not stand_in.exists():
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.symlink_to(source)
    for name, content in mount.files.items():
        place = source / name
        if not place.resolve().is_relative_to(source.resolve()):
            raise TaskError(f"mount {mount.target}: file name {name!r} leaves it", kind=FailureKind.INPUT)
        _write(place, content)
        place.chmod(0o600)
    if not layout.has_namespace:
        return []
    return [{"source": str(source), "target": str(mount.target), "read_only": mount.read_only}]


def _mount_source(mount: Mount, stand_in: Path, layout: AttemptLayout, volumes: Path) -> Path:
    if mount.volume is not None:
        base = volumes / mount.volume
        source = base / mount.sub_path.strip("/")
        if not Path(os.path.normpath(source)).is_relative_to(base) or "/" in mount.volume or mount.volume in {"", ".", ".."}:
            raise TaskError(f"mount {mount.target}: volume {mount.volume!r} with sub path {mount.sub_path!r} is not allowed", kind=FailureKind.INPUT)
        source.mkdir(parents=True, exist_ok=True)
        if not source.resolve().is_relative_to(base.resolve()):
            raise TaskError(f"mount {mount.target}: sub path {mount.sub_path!r} leaves the volume", kind=FailureKind.INPUT)
        return source
    if mount.source is not None:
        source = Path(mount.source)
        if not source.exists():
            _require_inside(mount.source, Path(layout.root), Path(layout.workspace))
            source.mkdir(parents=True, exist_ok=True)
        return source
    stand_in.mkdir(parents=True, exist_ok=True)
    return stand_in


def _require_inside(path: PurePosixPath, *roots: Path) -> None:
    """A dialect never asks for places outside of the attempt; a spec that does has a path made of user input."""
    normal = Path(os.path.normpath(path))
    if not any(normal.is_relative_to(root) for root in roots):
        raise TaskError(f"{path} lies outside of the attempt's directories", kind=FailureKind.INPUT)
