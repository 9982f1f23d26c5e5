"""Where artifacts stand in an attempt: URIs to local paths and back.

The SDK maps `gs://x` to `/gcs/x`, `minio://x` to `/minio/x`, `s3://x` to `/s3/x` and `oci://x` to `/oci/<x with / as _>`. Those
directories stand below the attempt's `mounts` and are private to it; executors point the SDK's constants there by
`ProcessSpec.path_prefixes` (kfp protocol notes, section 5.3, second set-up). Plain absolute paths and `file://` stand below
`mounts/local`, so that a pipeline root such as `/data` needs no such directory and tasks never share files; what tasks see is
that path, what is recorded is the plain one. Artifacts that an importer downloaded are shown at their place in the workspace, which
needs no help from the SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.execution import AttemptLayout, ProcessSpec

SCHEME_FOLDERS: Mapping[str, str] = {"minio": "minio", "gs": "gcs", "s3": "s3", "oci": "oci"}
REMOTE_SCHEMES = frozenset({"minio", "s3", "gs"})
LOCAL = "local"
WORKSPACE = "workspace"
_WORKSPACE_ARTIFACTS = ".artifacts"
_WORKSPACE_MARK = "_kfp_workspace"


def check_pipeline_root(root: str) -> None:
    """Check the root that a run asks for; empty means the default one.

    Raises:
        InvalidArgumentError: artifacts cannot be kept below it.
    """
    scheme, separator, rest = root.partition("://")
    known = (scheme in {*SCHEME_FOLDERS, "file"} and bool(rest)) if separator else root.startswith("/")
    if root and not known:
        raise InvalidArgumentError(f"pipeline_root {root!r} has to be minio://, s3://, gs:// or file:// with a place, or an absolute path")


@dataclass(frozen=True, slots=True)
class InputView:
    """An input artifact as the task sees it."""

    uri: str
    metadata: Mapping[str, Any]
    staged_at: PurePosixPath | None
    """Where a private copy is wanted; None: nothing to copy."""


@dataclass(frozen=True, slots=True)
class Places:
    """The roots of one attempt."""

    mounts: PurePosixPath
    workspace: PurePosixPath

    @classmethod
    def of_layout(cls, layout: AttemptLayout) -> Places:
        """Return the places of a laid out attempt."""
        return cls(layout.mounts, layout.workspace)

    @classmethod
    def of_spec(cls, spec: ProcessSpec) -> Places:
        """Return the places that a prepared attempt was given."""
        return cls(PurePosixPath(spec.path_prefixes["minio"]).parent, PurePosixPath(spec.path_prefixes[WORKSPACE]))

    @property
    def attempt(self) -> PurePosixPath:
        """Directory that holds everything of the attempt."""
        return self.mounts.parent

    def prefixes(self) -> dict[str, str]:
        """Return `ProcessSpec.path_prefixes`."""
        return {
            **{scheme: f"{self.mounts}/{folder}" for scheme, folder in SCHEME_FOLDERS.items()},
            LOCAL: f"{self.mounts}/{LOCAL}",
            WORKSPACE: str(self.workspace),
        }

    def path_of(self, uri: str) -> PurePosixPath | None:
        """Return the local path of a recorded URI; None when it has none (http, hdfs, ...) or would leave its root."""
        scheme, separator, rest = uri.partition("://")
        if not separator:
            return self._below(LOCAL, uri) if uri.startswith("/") else None
        if scheme == "file":
            return self._below(LOCAL, rest)
        folder = SCHEME_FOLDERS.get(scheme)
        if folder is None or not rest:
            return None
        return self._below(folder, f"{rest.replace('/', '_')}/models" if scheme == "oci" else rest)

    def _below(self, folder: str, rest: str) -> PurePosixPath | None:
        parts = [part for part in rest.split("/") if part not in {"", "."}]
        return None if ".." in parts or not parts else self.mounts.joinpath(folder, *parts)

    def task_uri(self, uri: str) -> str:
        """Return the URI as the task sees it: local ones as the private path, all others unchanged."""
        if uri.startswith(("/", "file://")):
            return str(self.path_of(uri) or uri)
        return uri

    def input_view(self, artifact: ArtifactRef) -> InputView:
        """Return how an input artifact is shown to the task, and where a copy has to be staged for that.

        What a URI points to outside the store is left where it is: local files are shown in place, remote ones by their URI, with a copy at
        the path that the SDK looks at where the store is one that can be read.
        """
        if artifact.metadata.get(_WORKSPACE_MARK) is True:
            metadata = {key: value for key, value in artifact.metadata.items() if key != _WORKSPACE_MARK}
            return InputView(str(self.workspace / workspace_path(artifact.uri)), metadata, None)
        if artifact.digest is None:
            return InputView(artifact.uri.removeprefix("file://"), artifact.metadata, self._place_of_remote(artifact.uri))
        return InputView(self.task_uri(artifact.uri), artifact.metadata, self.path_of(artifact.uri))

    def _place_of_remote(self, uri: str) -> PurePosixPath | None:
        return self.path_of(uri) if uri.partition("://")[0] in REMOTE_SCHEMES else None

    def recorded_uri(self, uri: str) -> str:
        """Return the URI to record for one that the task gave; the reverse of `task_uri`, also for paths below the scheme folders."""
        path = PurePosixPath(uri) if uri.startswith("/") else None
        if path is None or ".." in path.parts:
            return uri
        for scheme, folder in SCHEME_FOLDERS.items():
            root = self.mounts / folder
            if path != root and path.is_relative_to(root) and scheme != "oci":
                return f"{scheme}://{path.relative_to(root)}"
        local = self.mounts / LOCAL
        if path != local and path.is_relative_to(local):
            return f"/{path.relative_to(local)}"
        return uri


def workspace_path(uri: str) -> PurePosixPath:
    """Return where an importer puts a download, relative to the workspace: `.artifacts/<scheme>/<rest of the uri>`."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        scheme, rest = "file", uri
    return PurePosixPath(_WORKSPACE_ARTIFACTS, scheme, *(part for part in rest.split("/") if part not in {"", ".", ".."}))
