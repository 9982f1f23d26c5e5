"""How the files and manifests of a pending artifact version arrive (wandb.md section 12.2): announced first, then sent, whole or in parts.

Bytes live in the blob store; a project remembers by MD5 what it has, so that a file that is there already is never sent again, and a
hash cannot be used to fetch another project's content. `tracking.artifacts` makes and commits versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.versions import ArtifactVersion, Manifest, ManifestKind, StoredContent, UploadPart
from penstock.interfaces.blobs import StoredBlob, UploadStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.versions import VersionStore


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file that a client wants to add to a version."""

    version: ArtifactVersion
    name: str
    md5: str
    """Hex."""
    known: StoredContent | None
    """What the project has of it; None: it has to be uploaded."""


class ArtifactUploads:
    """Use cases on uploads. All methods block; adapters call them from worker threads."""

    def __init__(self, versions: VersionStore, blobs: UploadStore, clock: Clock) -> None:
        self._versions = versions
        self._blobs = blobs
        self._clock = clock

    def announce_manifest(
        self, version_id: int, name: str, *, kind: ManifestKind, md5: str = "", base_version_id: int | None = None
    ) -> Manifest:
        """Say that a manifest file is coming; calling again with the MD5 completes the announcement.

        Raises:
            NotFoundError: no such version.
        """
        existing_version(self._versions, version_id)
        return self._versions.upsert_manifest(version_id, name, kind=kind, md5=md5, base_version_id=base_version_id, at=self._clock.now())

    def update_manifest(self, manifest_id: int, *, md5: str | None = None, base_version_id: int | None = None) -> Manifest:
        """Change an announcement.

        Raises:
            NotFoundError: no such manifest.
        """
        return self._versions.update_manifest(manifest_id, md5=md5, base_version_id=base_version_id)

    def manifest(self, manifest_id: int) -> Manifest | None:
        """Return the manifest, or None."""
        return self._versions.manifest(manifest_id)

    def plan_uploads(self, files: Sequence[tuple[int, str, str]]) -> Sequence[PlannedFile]:
        """Say for each (version id, name, hex MD5), in order, whether its bytes are needed.

        Raises:
            NotFoundError: a version does not exist.
        """
        versions = self._versions.versions(version_id for version_id, _, _ in files)
        wanted: dict[int, list[str]] = {}
        for version_id, _, md5 in files:
            if version_id not in versions:
                raise NotFoundError(f"no artifact version {version_id}")
            wanted.setdefault(versions[version_id].project_id, []).append(md5)
        known = {project_id: self._versions.content(project_id, list(dict.fromkeys(md5s))) for project_id, md5s in wanted.items()}
        return [
            PlannedFile(versions[version_id], name, md5, known[versions[version_id].project_id].get(md5)) for version_id, name, md5 in files
        ]

    def take_file(self, version_id: int, md5: str, blob: StoredBlob) -> None:
        """Note that the bytes with hex MD5 `md5` have arrived for a version.

        Raises:
            InvalidArgumentError: the bytes have another MD5; they are not noted.
            NotFoundError: no such version.
        """
        if blob.md5 != md5:
            raise InvalidArgumentError(f"the uploaded bytes have the MD5 {blob.md5}, but {md5} was announced")
        version = existing_version(self._versions, version_id)
        self._versions.add_content(version.project_id, [StoredContent(md5, blob.digest, blob.size_bytes, version_id)])

    def take_part(self, version_id: int, md5: str, number: int, blob: StoredBlob) -> str:
        """Note that part `number` of the bytes with hex MD5 `md5` has arrived; return the part's own MD5, its entity tag."""
        part_md5 = blob.md5 or ""
        self._versions.put_part(version_id, md5, UploadPart(number, part_md5, blob.digest, blob.size_bytes))
        return part_md5

    def complete_parts(self, version_id: int, md5: str, parts: Sequence[tuple[int, str]]) -> None:
        """Put uploaded parts (number, entity tag) together. Safe to repeat.

        Raises:
            InvalidArgumentError: a part is missing or another one was uploaded, or the whole has another MD5.
            NotFoundError: no such version.
        """
        version = existing_version(self._versions, version_id)
        if md5 in self._versions.content(version.project_id, [md5]):
            return
        known = {part.number: part for part in self._versions.parts(version_id, md5)}
        for number, tag in parts:
            if number not in known or known[number].md5 != tag:
                raise InvalidArgumentError(f"part {number} of the upload is missing or not the one named")
        sink = self._blobs.open_upload()
        try:
            for number, _ in sorted(parts):
                for chunk in self._blobs.read(known[number].blob_digest):
                    sink.write(chunk)
            stored = sink.finish()
        except BaseException:
            sink.abort()
            raise
        self.take_file(version_id, md5, stored)
        self._versions.drop_parts(version_id, md5)

    def take_manifest(self, manifest_id: int, blob: StoredBlob) -> None:
        """Note that a manifest file has arrived.

        Raises:
            InvalidArgumentError: its MD5 is not the announced one.
            NotFoundError: no such manifest.
        """
        manifest = self._versions.manifest(manifest_id)
        if manifest is None:
            raise NotFoundError(f"no artifact manifest {manifest_id}")
        if manifest.md5 and manifest.md5 != blob.md5:
            raise InvalidArgumentError(f"the uploaded manifest has the MD5 {blob.md5}, but {manifest.md5} was announced")
        self._versions.set_manifest_blob(manifest_id, md5=blob.md5 or "", digest=blob.digest, size_bytes=blob.size_bytes)


def existing_version(versions: VersionStore, version_id: int) -> ArtifactVersion:
    """Return the version in whatever state.

    Raises:
        NotFoundError: there is none.
    """
    version = versions.version(version_id)
    if version is None:
        raise NotFoundError(f"no artifact version {version_id}")
    return version
