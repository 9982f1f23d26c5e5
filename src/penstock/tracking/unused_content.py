"""Lets projects forget bytes that only deleted versions had, so that housekeeping can free them.

A project knows its bytes by MD5 and hands them out again to whoever has a file of that MD5; so a deletion must not simply take its bytes
along. What living manifests name stays, wherever they are. Whatever is doubtful stays too: a manifest that cannot be read, a version on
its way in, one that came meanwhile, one in the trash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from penstock.domain.errors import PenstockError
from penstock.domain.ids import Digest
from penstock.domain.versions import ContentKey
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.housekeeping import Orphans, OrphanStore
from penstock.tracking.artifacts import hex_md5
from penstock.tracking.manifests import read_entries

_MOST = 100_000
"""Contents looked at in one round."""


class UnusedContent:
    """`interfaces.housekeeping.UnusedContents` by reading every living manifest once, when there is a reason to."""

    def __init__(self, store: OrphanStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs
        self._all_needed = b""
        """What the last round looked at, when nothing of it could be forgotten: until that changes, reading again finds the same."""

    def release(self, *, before: float) -> int:
        """Forget what nobody needs among contents of versions that were deleted before `before`; return how many."""
        orphans = self._store.orphans(before=before, limit=_MOST)
        if not orphans.contents:
            return 0
        asked = _asked(orphans)
        if asked == self._all_needed:
            return 0
        unused = set(orphans.contents)
        projects: dict[str, set[int]] = {}
        for content in orphans.contents:
            projects.setdefault(content.md5, set()).add(content.project_id)
        heirs: dict[ContentKey, int] = {}
        for version in orphans.living:
            try:
                for md5 in self._named_in(version.manifest):
                    for project_id in projects.pop(md5, ()):
                        content = ContentKey(project_id, md5)
                        unused.discard(content)
                        if version.project_id == project_id:
                            heirs[content] = version.version_id
            except PenstockError:
                return 0  # what that version needs is not known
        if not unused and not heirs:
            self._all_needed = asked
        return self._store.settle(orphans, unused=unused, heirs=heirs)

    def _named_in(self, manifest: Digest) -> Iterator[str]:
        for entry in read_entries(self._blobs.read(manifest)):
            if entry.ref is None:
                yield hex_md5(entry.digest)


def _asked(orphans: Orphans) -> bytes:
    """Return what stands for the question: the same contents, among the same manifests."""
    digest = hashlib.sha256()
    for name in sorted(f"{content.project_id}/{content.md5}\n" for content in orphans.contents):
        digest.update(name.encode())
    for version in orphans.living:
        digest.update(f"{version.version_id} {version.project_id} {version.manifest}\n".encode())
    return digest.digest()
