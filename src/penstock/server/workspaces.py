"""Workspaces of runs: where they are, and how artifacts are copied into them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import NotFoundError, UnavailableError
from penstock.domain.ids import RunId
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.remote_files import NoRemoteFiles, RemoteFiles
from penstock.spec.kfp.runtime.paths import workspace_path


class RunWorkspaces:
    """The directory that a run's tasks share, `<data>/runs/<run>/workspace` (`interfaces.importing.WorkspaceStager`)."""

    def __init__(self, runs: Path, blobs: BlobStore, remote: RemoteFiles | None = None) -> None:
        self._runs = runs
        self._blobs = blobs
        self._remote = remote or NoRemoteFiles()

    def path(self, run_id: RunId) -> Path:
        """Return where it is; it may not exist yet."""
        return self._runs / run_id / "workspace"

    async def stage(self, run_id: RunId, artifact: ArtifactRef) -> None:
        """Copy the content of `artifact`, or the file that it names here or in a store, to its place; a copy there is kept.

        Raises:
            UnavailableError: the content is not here.

        Semantics: the place is `.artifacts/<scheme>/<rest of the uri>`; kfp protocol notes, section 4.9.
        """
        base = self.path(run_id).resolve()
        target = (base / workspace_path(artifact.uri)).resolve()
        if not target.is_relative_to(base):
            raise UnavailableError(f"the content of {artifact.uri} cannot be put into the workspace")
        if target.exists():
            return
        if artifact.digest is None:
            copy = _copy_local if artifact.uri.startswith(("/", "file://")) else self._copy_remote
            await asyncio.to_thread(copy, artifact.uri, target)
            return
        try:
            await asyncio.to_thread(self._blobs.materialize, artifact.digest, target)
        except NotFoundError as error:
            raise UnavailableError(f"the content of {artifact.uri} is not on this server any more") from error

    def _copy_remote(self, uri: str, target: Path) -> None:
        obstacle = self._remote.obstacle(uri)
        if obstacle:
            raise UnavailableError(f"the content of {uri} is not on this server: {obstacle}")
        try:
            _make_whole(partial(self._remote.fetch, uri), uri, target)
        except NotFoundError as error:
            raise UnavailableError(str(error)) from error


def _copy_local(uri: str, target: Path) -> None:
    """Copy a file or directory of this machine in one step.

    Raises:
        UnavailableError: the URI is not that of one.
    """
    source = Path(uri.removeprefix("file://"))
    if not source.is_absolute() or not source.exists():
        raise UnavailableError(f"the content of {uri} is not on this server")
    target.parent.mkdir(parents=True, exist_ok=True)
    _make_whole(partial(shutil.copytree if source.is_dir() else shutil.copy2, source), uri, target)


def _make_whole(make: Callable[[Path], object], uri: str, target: Path) -> None:
    """Have `make` fill a place beside `target`, which takes its name when it is whole.

    Raises:
        UnavailableError: it could not be written.
    """
    half = target.with_name(f".half-{target.name}")
    shutil.rmtree(half, ignore_errors=True)
    try:
        make(half)
        half.rename(target)
    except OSError as error:
        raise UnavailableError(f"the content of {uri} cannot be put into the workspace: {error.strerror or error}") from error
