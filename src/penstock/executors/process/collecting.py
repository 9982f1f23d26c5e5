"""Takes over what a successful attempt left: reads parameters with limits, stores artifacts, never follows a path out of the attempt.

Safe to repeat: artifacts are linked into the blob store, not moved, and the attempt's files stay until its result is on record.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import InvalidArgumentError, TaskError, UnavailableError
from penstock.domain.execution import (
    ArtifactOutput,
    AttemptLayout,
    FailureKind,
    ParsedOutputs,
    ProcessSpec,
    RawOutputs,
    TaskOutputs,
)
from penstock.domain.ids import ArtifactId
from penstock.executors.process.staging import mount_source
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.clock import IdSource

MAX_PARAMETER_BYTES = 8 << 20
MAX_EXECUTOR_OUTPUT_BYTES = 32 << 20


def read_raw(spec: ProcessSpec, layout: AttemptLayout) -> RawOutputs:
    """Read what the dialect needs to understand the outputs.

    Raises:
        TaskError: a file is too large, is no regular file or leads out of the attempt (kind OUTPUT).
    """
    roots = _roots(layout)
    files = {
        output.name: _read(str(output.path), roots, MAX_PARAMETER_BYTES, f"output {output.name!r}") for output in spec.output_parameters
    }
    document = None
    if spec.executor_output is not None:
        document = _read(str(spec.executor_output), roots, MAX_EXECUTOR_OUTPUT_BYTES, "the executor output file")
    existing = frozenset(output.path for output in spec.output_artifacts if os.path.lexists(output.path))
    return RawOutputs(parameter_files=files, executor_output=document, existing_paths=existing, is_there=os.path.lexists)


def needs_storing(parsed: ParsedOutputs) -> bool:
    """Whether `store` has bytes to take in, so that it belongs in a thread."""
    return any(artifact.path is not None for outputs in parsed.artifacts.values() for artifact in outputs)


def store(
    parsed: ParsedOutputs, spec: ProcessSpec, layout: AttemptLayout, *, volumes: Path, blobs: BlobStore, ids: IdSource
) -> TaskOutputs:
    """Store artifacts and give them ids. What is on a mount is copied: its files go on living there.

    Raises:
        TaskError: a path leads out of the attempt or is neither file nor directory (kind OUTPUT), the store is full (kind SYSTEM).
    """
    def place_of(path: PurePosixPath) -> _Place:
        # A data folder may itself lie below a mount's target (a private `/tmp`): what is inside the attempt is found there.
        for mount in () if path.is_relative_to(layout.root) else spec.mounts:
            if path.is_relative_to(mount.target):
                source = mount_source(mount, layout, volumes).resolve()
                return _Place(PurePosixPath(source / path.relative_to(mount.target)), (str(source),), is_private=False)
        return _Place(path, _roots(layout), is_private=True)

    return TaskOutputs(
        parameters=parsed.parameters,
        artifacts={
            key: tuple(_store_one(output, place_of(output.path) if output.path else None, blobs, ids) for output in outputs)
            for key, outputs in parsed.artifacts.items()
        },
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the bytes of an output are on this machine."""

    path: PurePosixPath
    roots: tuple[str, ...]
    """One of which it must not leave."""
    is_private: bool
    """To the attempt; else others may write there later."""


def _store_one(output: ArtifactOutput, place: _Place | None, blobs: BlobStore, ids: IdSource) -> ArtifactRef:
    blob = None
    if place is not None and os.path.lexists(place.path):
        try:
            path = Path(_resolved(str(place.path), place.roots, f"output artifact {output.name!r}"))
            blob = blobs.put_path(path, move=False, link=place.is_private)
        except InvalidArgumentError as error:
            raise TaskError(f"output artifact {output.name!r}: {error}", kind=FailureKind.OUTPUT) from error
        except UnavailableError as error:
            raise TaskError(f"output artifact {output.name!r} could not be stored: {error}", kind=FailureKind.SYSTEM) from error
    return ArtifactRef(
        artifact_id=ArtifactId(ids.new_int()),
        name=output.artifact_name,
        type=output.type,
        uri=output.uri,
        metadata=output.metadata,
        digest=blob.digest if blob else None,
        size_bytes=blob.size_bytes if blob else None,
        is_directory=blob.is_directory if blob else False,
    )


def _roots(layout: AttemptLayout) -> tuple[str, ...]:
    return str(layout.root), str(layout.workspace)  # free of links, see `executor`


def _resolved(path: str, roots: tuple[str, ...], what: str) -> str:
    if any(_is_plainly_inside(path, root) for root in roots):
        return path
    real = os.path.realpath(path)
    if not any(real == root or real.startswith(f"{root}/") for root in roots):
        raise TaskError(f"{what} is at {path}, which leads out of the task's directories", kind=FailureKind.OUTPUT)
    return real


def _is_plainly_inside(path: str, root: str) -> bool:
    """Whether `path` is below `root` with no link and no `..` on the way; saves resolving the long way down to `root`."""
    if not path.startswith(f"{root}/"):
        return False
    place = root
    for part in path[len(root) + 1 :].split("/"):
        place = f"{place}/{part}"
        if part in {"", ".", ".."} or stat.S_ISLNK(os.lstat(place).st_mode):
            return False
    return True


def _read(path: str, roots: tuple[str, ...], limit: int, what: str) -> bytes | None:
    try:
        if not os.path.lexists(path):
            return None
        real = _resolved(path, roots, what)
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise TaskError(f"{what} cannot be read: {error.strerror}", kind=FailureKind.OUTPUT) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TaskError(f"{what} is not a regular file", kind=FailureKind.OUTPUT)
        if status.st_size > limit:
            raise TaskError(f"{what} has {status.st_size} bytes, more than the {limit} allowed", kind=FailureKind.OUTPUT)
        return file.read(limit)
