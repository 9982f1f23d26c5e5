"""Lets projects forget bytes that only deleted versions had, so that housekeeping can free them.

A project knows its bytes by MD5 and hands them out again to whoever has a file of that MD5; so a deletion must not simply take its bytes
along. What living manifests name stays, wherever they are. Whatever is doubtful stays too: a manifest that cannot be read, a version on
its way in, one that came meanwhile, one in the trash.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.domain.errors import PenstockError
from penstock.domain.ids import Digest
from penstock.domain.versions import ContentKey
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.housekeeping import OrphanStore
from penstock.tracking.artifacts import hex_md5
from penstock.tracking.manifests import read_entries

_MOST = 100_000
"""Contents looked at in one round."""


class UnusedContent:
    """`interfaces.housekeeping.UnusedContents` by reading every living manifest once, when there is a reason to."""

    def __init__(self, store: OrphanStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def release(self, *, before: float) -> int:
        """Forget what nobody needs among contents of versions that were deleted before `before`; return how many."""
        orphans = self._store.orphans(before=before, limit=_MOST)
        if not orphans.contents:
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
        return self._store.settle(orphans, unused=unused, heirs=heirs)

    def _named_in(self, manifest: Digest) -> Iterator[str]:
        for entry in read_entries(self._blobs.read(manifest)):
            if entry.ref is None:
                yield hex_md5(entry.digest)
