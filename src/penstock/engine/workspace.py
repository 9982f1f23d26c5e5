"""Copies imported artifacts into the directory that a run's tasks share.

Semantics: KFP protocol notes, section 4.9: an importer with `download_to_workspace` puts the content at
`<workspace>/.artifacts/<scheme>/<rest of the uri>`, where the SDK's executor looks for it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import InvalidArgumentError, NotFoundError, UnavailableError
from penstock.domain.ids import RunId
from penstock.interfaces.blobs import BlobStore


class BlobWorkspaceStager:
    """`interfaces.importing.WorkspaceStager` for content in the blob store."""

    def __init__(self, blobs: BlobStore, workspace_of: Callable[[RunId], Path]) -> None:
        self._blobs = blobs
        self._workspace_of = workspace_of

    async def stage(self, run_id: RunId, artifact: ArtifactRef) -> None:
        """Copy the content of `artifact` into the run's workspace; safe to repeat."""
        await asyncio.to_thread(self._stage, run_id, artifact)

    def _stage(self, run_id: RunId, artifact: ArtifactRef) -> None:
        if artifact.digest is None:
            raise UnavailableError(f"the content of {artifact.uri} is not known here, so it cannot be copied to the workspace")
        target = self._workspace_of(run_id) / ".artifacts" / place_of(artifact.uri)
        partial = target.with_name(f"{target.name}.partial")
        for path in (partial, target):
            _remove(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._blobs.materialize(artifact.digest, partial)
        except NotFoundError as error:
            raise UnavailableError(f"the content of {artifact.uri} is no longer stored") from error
        partial.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def place_of(uri: str) -> PurePosixPath:
    """Return `<scheme>/<rest>` of a URI as a relative path.

    Raises:
        InvalidArgumentError: the URI has no scheme, no rest, or parts that would leave the workspace.
    """
    scheme, separator, rest = uri.partition("://")
    parts = [part for part in rest.split("/") if part]
    if not separator or not scheme.isalnum() or not parts or any(part in (".", "..") or "\x00" in part for part in parts):
        raise InvalidArgumentError(f"the URI {uri!r} cannot be copied to the workspace")
    return PurePosixPath(scheme, *parts)
