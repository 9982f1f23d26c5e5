"""Artifact versions: make, fill, commit, use, edit, delete. Where versions stand (collections, aliases, links) is `tracking.collections`.

Life of a version (wandb.md section 12.2): `create` gives a pending version, or a committed one with the same digest; its manifest
and files are announced and arrive (`tracking.artifact_uploads`); `commit` checks that all is there and makes it visible under the next
number, in one transaction.

All methods block; adapters call them from worker threads.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from penstock.domain.errors import InvalidArgumentError, PreconditionError
from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.versions import (
    ArtifactVersion,
    Manifest,
    ManifestEntry,
    ManifestKind,
    NewVersion,
    StoredContent,
    UseDirection,
    VersionState,
    manifest_digest,
)
from penstock.interfaces.blobs import UploadStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.manifests import ManifestIndex, ManifestListing
from penstock.interfaces.versions import VersionStore
from penstock.tracking.artifact_uploads import existing_version
from penstock.tracking.manifests import manifest_text, read_entries
from penstock.tracking.version_names import check_alias, check_collection_name, check_tag

_CHECK_BATCH = 20_000
_WRITE_BATCH = 2000
_MAX_METADATA = 25 << 20


class ArtifactService:
    """Use cases on versions."""

    def __init__(
        self,
        versions: VersionStore,
        blobs: UploadStore,
        index: ManifestIndex,
        clock: Clock,
        *,
        version_of_birth_id: Callable[[str], int | None],
    ) -> None:
        """Serve versions.

        Args:
            versions: the records.
            blobs: the bytes.
            index: listings of manifests.
            clock: for times of creation and change.
            version_of_birth_id: reads `birthArtifactID` of a manifest entry; None for an id that means nothing here.
        """
        self._versions = versions
        self._blobs = blobs
        self._index = index
        self._clock = clock
        self._version_of_birth_id = version_of_birth_id
        self._lock = threading.Lock()
        self._commits: dict[int, tuple[threading.Lock, int]] = {}
        """Lock of each version that is being committed, and how many hold or want it."""

    def create(self, new: NewVersion) -> ArtifactVersion:
        """Make a version, or find the one that holds the same.

        Raises:
            InvalidArgumentError: a name, alias or tag is not allowed, or the metadata is too large.
            ConflictError: the collection has another type or holds links.
        """
        check_collection_name(new.collection_name)
        for alias in new.aliases:
            check_alias(alias)
        for tag in new.tags:
            check_tag(tag)
        if new.metadata is not None and len(new.metadata) > _MAX_METADATA:
            raise InvalidArgumentError(f"metadata of an artifact has at most {_MAX_METADATA} characters")
        return self._versions.create_version(new)

    def get(self, version_id: int) -> ArtifactVersion | None:
        """Return the version in whatever state, or None."""
        return self._versions.version(version_id)

    def many(self, version_ids: Sequence[int]) -> Mapping[int, ArtifactVersion]:
        """Return those versions that exist, by id."""
        return self._versions.versions(version_ids)

    def tags(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """Return tags by version."""
        return self._versions.tags(version_ids)

    def by_client_id(self, client_id: str) -> ArtifactVersion | None:
        """Return the version that a client named so before it had an id, or None."""
        return self._versions.version_by_client_id(client_id)

    def content(self, project_id: int, md5: str) -> StoredContent | None:
        """Return where the project's bytes with this hex MD5 are, or None."""
        return self._versions.content(project_id, [md5]).get(md5)

    def content_of_entity(self, entity: str, md5: str) -> StoredContent | None:
        """Return bytes with this hex MD5 in any project of an entity, or None."""
        return self._versions.content_of_entity(entity, md5)

    def commit(self, version_id: int) -> ArtifactVersion:
        """Make a pending version visible. Safe to repeat. Cost grows with the entries of its manifests.

        Raises:
            NotFoundError: no such version.
            ConflictError: the version was deleted.
            PreconditionError: no manifest has arrived, or the bytes of an entry have not.
            InvalidArgumentError: a manifest cannot be read.
        """
        # A client that waited too long asks again: the second request waits for the first instead of doing the same work beside it.
        with self._committing(version_id):
            return self._commit(version_id)

    def _commit(self, version_id: int) -> ArtifactVersion:
        version = existing_version(self._versions, version_id)
        if version.state is VersionState.COMMITTED:
            return version
        manifests = [manifest for manifest in self._versions.manifests(version_id) if manifest.blob_digest is not None]
        if not manifests:
            raise PreconditionError("the artifact has no uploaded manifest; it cannot be committed")
        full = [manifest for manifest in manifests if manifest.kind is ManifestKind.FULL]
        if full:
            blob, digest = full[-1].blob_digest, version.digest
        else:
            blob, digest = self._merge(manifests)
        assert blob is not None, "manifests without a blob were left out"
        listing = self._listing(blob)
        self._require_content(version, listing)
        return self._versions.commit_version(
            version_id, digest=digest, size_bytes=listing.size_bytes, file_count=listing.count, manifest=blob, at=self._clock.now()
        )

    def listing(self, version: ArtifactVersion) -> ManifestListing:
        """Return the entries of a committed version.

        Raises:
            PreconditionError: it is not committed.
        """
        if version.manifest_digest is None:
            raise PreconditionError("the artifact is not committed yet; it has no files")
        return self._listing(version.manifest_digest)

    def use(self, run_id: TrackedRunId, version_id: int, *, used_as: str | None = None) -> ArtifactVersion:
        """Note that a run uses a version; repeating changes nothing.

        Raises:
            NotFoundError: no such version.
        """
        version = existing_version(self._versions, version_id)
        self._versions.note_use(run_id, version_id, UseDirection.INPUT, used_as=used_as, at=self._clock.now())
        return version

    def update(
        self, version_id: int, *, changes: Mapping[str, Any], add_tags: Sequence[str] = (), remove_tags: Sequence[str] = (), by: str = ""
    ) -> ArtifactVersion:
        """Change `description`, `metadata`, `labels`, `ttl_seconds` or tags; `by` is who the history names.

        Raises:
            NotFoundError: no such version.
            InvalidArgumentError: a tag is not allowed.
        """
        for tag in add_tags:
            check_tag(tag)
        return self._versions.update_version(
            version_id, changes=changes, add_tags=add_tags, remove_tags=remove_tags, at=self._clock.now(), by=by
        )

    def delete(self, version_id: int, *, with_aliases: bool, by: str = "") -> ArtifactVersion:
        """Delete a version; its number is not used again.

        Raises:
            NotFoundError: no such version.
            PreconditionError: it has aliases and `with_aliases` is false.
        """
        return self._versions.delete_version(version_id, with_aliases=with_aliases, at=self._clock.now(), by=by)

    def of_run(
        self, run_id: TrackedRunId, direction: UseDirection, *, offset: int = 0, limit: int | None = None
    ) -> tuple[Sequence[ArtifactVersion], int]:
        """Return the committed versions that a run used or logged, and how many there are."""
        return self._versions.versions_of_run(run_id, direction, offset=offset, limit=limit)

    def runs_using(self, version_id: int) -> Sequence[TrackedRunId]:
        """Return the runs that used a version."""
        return self._versions.runs_using(version_id)

    def delete_logged_by(self, run_id: TrackedRunId, *, by: str = "") -> int:
        """Delete the versions that a run logged, aliases or not; return how many."""
        logged, _ = self._versions.versions_of_run(run_id, UseDirection.OUTPUT, offset=0, limit=None)
        for version in logged:
            self._versions.delete_version(version.version_id, with_aliases=True, at=self._clock.now(), by=by)
        return len(logged)

    def delete_expired(self, *, limit: int = 100) -> int:
        """Delete versions whose time to live has passed, aliases or not; return how many. For a timer."""
        expired = self._versions.expired(self._clock.now(), limit=limit)
        for version in expired:
            self._versions.delete_version(version.version_id, with_aliases=True, at=self._clock.now())
        return len(expired)

    @contextmanager
    def _committing(self, version_id: int) -> Iterator[None]:
        with self._lock:
            lock, count = self._commits.get(version_id, (threading.Lock(), 0))
            self._commits[version_id] = (lock, count + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                _, count = self._commits.pop(version_id)
                if count > 1:
                    self._commits[version_id] = (lock, count - 1)

    def _listing(self, digest: Digest) -> ManifestListing:
        return self._index.listing(digest, lambda: read_entries(self._blobs.read(digest)))

    def _merge(self, manifests: Sequence[Manifest]) -> tuple[Digest, str]:
        """Lay the uploaded parts over the base version's entries; return blob and artifact digest of the whole (wandb.md 12.4)."""
        entries: dict[str, ManifestEntry] = {}
        base_id = next((manifest.base_version_id for manifest in reversed(manifests) if manifest.base_version_id is not None), None)
        if base_id is not None:
            base = existing_version(self._versions, base_id)
            entries |= {entry.path: entry for entry in self.listing(base).all()}
        for manifest in manifests:
            digest = manifest.blob_digest
            if digest is not None:
                entries |= {entry.path: entry for entry in read_entries(self._blobs.read(digest))}
        ordered = sorted(entries.values(), key=lambda entry: entry.path.encode("utf-8", "surrogatepass"))
        sink = self._blobs.open_upload()
        try:
            for piece in _joined(manifest_text(ordered)):
                sink.write(piece)
            stored = sink.finish()
        except BaseException:
            sink.abort()
            raise
        return stored.digest, manifest_digest(ordered)

    def _require_content(self, version: ArtifactVersion, listing: ManifestListing) -> None:
        """Make sure that the project has the bytes of every entry that is not a reference; adopt what another version gave birth to."""
        entries = listing.stored()
        while batch := list(islice(entries, _CHECK_BATCH)):
            by_md5 = {hex_md5(digest): (path, birth_id) for path, digest, birth_id in batch}
            missing = self._versions.missing_content(version.project_id, sorted(by_md5))
            if not missing:
                continue
            adopted = [self._born_elsewhere(by_md5[md5][1], md5) for md5 in missing]
            self._versions.add_content(version.project_id, [content for content in adopted if content is not None])
            lost = sorted(by_md5[md5][0] for md5, content in zip(missing, adopted, strict=True) if content is None)
            if lost:
                names = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
                raise PreconditionError(f"the artifact cannot be committed: the bytes of {names} were not uploaded")

    def _born_elsewhere(self, wire_id: str | None, md5: str) -> StoredContent | None:
        """Return the content that the version of a birth id uploaded, when that version is in another project."""
        birth_id = self._version_of_birth_id(wire_id) if wire_id else None
        birth = None if birth_id is None else self._versions.version(birth_id)
        return None if birth is None else self._versions.content(birth.project_id, [md5]).get(md5)


def hex_md5(digest: str) -> str:
    """Return the hex form of a manifest entry's base64 digest.

    Raises:
        InvalidArgumentError: it is not base64.
    """
    try:
        return base64.b64decode(digest, validate=True).hex()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgumentError(f"the manifest digest {digest[:100]!r} is not base64") from error


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `pieces` in lumps of some size, so that a million entries are not a million writes."""
    while batch := list(islice(pieces, _WRITE_BATCH)):
        yield b"".join(batch)
