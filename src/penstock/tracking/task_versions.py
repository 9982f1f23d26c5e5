"""Artifacts of pipeline tasks as artifact versions, so that W&B clients list, use and download what tasks made without their help.

A version is made when somebody first asks, not when a task ends: a task costs the engine one small update. What is asked for by run or
by project is brought up to date first, tasks in the order in which they ended, so that numbers and `latest` follow time. Bytes stay
where they are: a manifest names them by MD5, the project's content leads from there to the same blob. Where a task's program has
logged (or used) versions itself, through a decorator or by hand, nothing is added to what it told.

All methods block; adapters call them from worker threads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence

from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.versions import ArtifactVersion, ManifestEntry, NewVersion, StoredContent, UseDirection, VersionState, manifest_digest
from penstock.interfaces.blobs import UploadStore
from penstock.interfaces.task_versions import EndedTask, TaskArtifact, TaskVersionStore
from penstock.interfaces.versions import VersionStore
from penstock.tracking.artifacts import ArtifactService
from penstock.tracking.manifests import manifest_text

_log = logging.getLogger(__name__)
_UNSAFE = re.compile(r"[^-.\w]+")
_BATCH = 200
_SECONDS = 15.0
"""How long a question for a name may be held up by tasks of its project; the next one goes on. Clients wait 30 s for an answer."""
_RUN_SECONDS = 5.0
"""How long a question for one run may be held up by tasks before it."""
_MAX_NAME = 120


class TaskVersionService:
    """Makes the versions that stand for artifacts of tasks."""

    def __init__(
        self,
        store: TaskVersionStore,
        artifacts: ArtifactService,
        versions: VersionStore,
        blobs: UploadStore,
        *,
        birth_id: Callable[[int], str],
    ) -> None:
        """Serve one database.

        Args:
            store: what is pending.
            artifacts: use cases of versions.
            versions: records of versions.
            blobs: bytes of artifacts.
            birth_id: how a manifest entry names the version that brought its bytes.
        """
        self._store = store
        self._artifacts = artifacts
        self._versions = versions
        self._blobs = blobs
        self._birth_id = birth_id
        self._lock = threading.Lock()

    def settle(self, project_id: int, *, seconds: float = _SECONDS) -> None:
        """Make the versions of all ended tasks of a project, or as many as fit into `seconds`. One look into an index if none is left."""
        if not self._store.pending(project_id, limit=1):
            return
        deadline = time.monotonic() + seconds
        with self._lock:
            while tasks := self._store.pending(project_id, limit=_BATCH):
                for task in tasks:
                    if time.monotonic() > deadline:
                        return
                    self._take(task)

    def settle_run(self, run_id: TrackedRunId, *, seconds: float = _RUN_SECONDS) -> None:
        """Make the versions of the task that a run is the record of; those of tasks before it come first, as far as `seconds` last."""
        task = self._store.pending_run(run_id)
        if task is None:
            return
        self.settle(task.project_id, seconds=seconds)
        with self._lock:
            if (task := self._store.pending_run(run_id)) is not None:
                self._take(task)

    def _take(self, task: EndedTask) -> None:
        uses: list[tuple[UseDirection, int, str, float]] = []
        for item in self._store.artifacts(task):
            version_id = item.version_id if item.version_id is not None else self._make(task, item)
            if version_id is not None:
                uses.append((item.direction, version_id, item.key, item.made_at))
        self._store.finish(task, uses)

    def _make(self, task: EndedTask, item: TaskArtifact) -> int | None:
        """Return the version for an artifact, made or found by its content; None when there is nothing to show or the bytes are gone."""
        try:
            files = self._files(item)
            if not files:
                return None
            if item.producer_told and (told := self._told(item, [entry for entry, _ in files])) is not None:
                return told
            version = self._create(task, item, manifest_digest([entry for entry, _ in files]))
        except (NotFoundError, ConflictError, InvalidArgumentError) as error:  # gone, or not to be named; others must not suffer from it
            _log.warning("artifact %s of task %s has no version: %s", item.artifact.artifact_id, task.task_id, error)
            return None
        if version.state is not VersionState.COMMITTED:
            version = self._commit(version, item, files)
        self._store.remember(item.artifact.artifact_id, version.version_id)
        return version.version_id

    def _told(self, item: TaskArtifact, entries: Sequence[ManifestEntry]) -> int | None:
        """Return the version with these bytes that the producer's own program logged."""
        if item.producer_run_id is None:
            return None
        logged, _ = self._artifacts.of_run(item.producer_run_id, UseDirection.OUTPUT)
        digests = sorted(entry.digest for entry in entries)
        for version in logged:
            if version.file_count == len(digests) and sorted(entry.digest for entry in self._artifacts.listing(version).all()) == digests:
                return version.version_id
        return None

    def _create(self, task: EndedTask, item: TaskArtifact, digest: str) -> ArtifactVersion:
        kind = type_name(item.artifact.type.schema_title)
        for name in (collection_name(item), f"{collection_name(item)}.{kind}"):
            new = NewVersion(
                project_id=item.producer_project_id or task.project_id,
                type_name=kind,
                collection_name=name,
                digest=digest,
                created_at=item.made_at,
                creator_user=item.producer_user,
                creator_run_id=None if item.producer_told else item.producer_run_id,
                metadata=json.dumps(dict(item.artifact.metadata), default=str),
            )
            try:
                return self._artifacts.create(new)
            except ConflictError:  # the name holds another type, or links
                continue
        raise ConflictError(f"no collection can hold {collection_name(item)!r} of type {kind!r}")

    def _commit(
        self, version: ArtifactVersion, item: TaskArtifact, files: Sequence[tuple[ManifestEntry, StoredContent | None]]
    ) -> ArtifactVersion:
        contents = [StoredContent(c.md5, c.blob_digest, c.size_bytes, version.version_id) for _, c in files if c is not None]
        self._versions.add_content(version.project_id, contents)
        known = self._versions.content(version.project_id, [content.md5 for content in contents])
        entries = [
            entry
            if content is None
            else ManifestEntry(entry.path, entry.digest, entry.size_bytes, birth_id=self._birth_id(known[content.md5].birth_version_id))
            for entry, content in files
        ]
        manifest = self._blobs.put_bytes(b"".join(manifest_text(entries)))
        return self._versions.commit_version(
            version.version_id,
            digest=version.digest,
            size_bytes=sum(entry.size_bytes or 0 for entry in entries),
            file_count=len(entries),
            manifest=manifest.digest,
            at=item.made_at,
        )

    def _files(self, item: TaskArtifact) -> list[tuple[ManifestEntry, StoredContent | None]]:
        """Return an artifact's files in bytewise order of their paths, with where their bytes are.

        Raises:
            NotFoundError: the bytes are gone.
        """
        artifact = item.artifact
        if artifact.digest is None:
            if not item.is_imported or not artifact.uri:
                return []
            return [(ManifestEntry(_leaf(item), artifact.uri, artifact.size_bytes, ref=artifact.uri), None)]
        if not artifact.is_directory:
            return self._stored([(_leaf(item), artifact.digest, artifact.size_bytes)])
        tree = self._blobs.list_tree(artifact.digest)
        ordered = sorted(tree, key=lambda entry: entry.path.encode("utf-8", "surrogatepass"))
        return self._stored([(entry.path, entry.digest, entry.size_bytes) for entry in ordered])

    def _stored(self, files: Sequence[tuple[str, Digest, int | None]]) -> list[tuple[ManifestEntry, StoredContent | None]]:
        md5s = dict(self._store.known_md5([digest for _, digest, _ in files]))
        found: list[tuple[ManifestEntry, StoredContent | None]] = []
        for path, digest, size in files:
            if digest not in md5s:
                md5s[digest] = self._md5(digest)
            size_bytes = self._blobs.size(digest) if size is None else size
            encoded = base64.b64encode(bytes.fromhex(md5s[digest])).decode("ascii")
            found.append((ManifestEntry(path, encoded, size_bytes), StoredContent(md5s[digest], digest, size_bytes, 0)))
        return found

    def _md5(self, digest: Digest) -> str:
        total = hashlib.md5(usedforsecurity=False)
        for chunk in self._blobs.read(digest):
            total.update(chunk)
        return total.hexdigest()


def collection_name(item: TaskArtifact) -> str:
    """Return what versions of an output stand under: `component.output`. Argo's outputs have the component's name in front already."""
    key = item.output_key.removeprefix(f"{item.producer_component}-") or item.output_key
    parts = [part for part in (item.producer_component, key) if part]
    return _UNSAFE.sub("-", ".".join(parts))[:_MAX_NAME].strip("-") or "artifact"


def type_name(schema_title: str) -> str:
    """Return the W&B type for a pipeline's: `system.Dataset` becomes `dataset`."""
    return _UNSAFE.sub("-", schema_title.rpartition(".")[2].lower())[:_MAX_NAME].strip("-") or "artifact"


def _leaf(item: TaskArtifact) -> str:
    """Return the name of a single file: the last piece of its address."""
    leaf = item.artifact.uri.rstrip("/").rpartition("/")[2]
    return leaf if leaf not in {"", ".", ".."} else item.output_key or "artifact"
