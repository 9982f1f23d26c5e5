"""What differs between two versions of an artifact: files by digest, metadata by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from penstock.domain.versions import ManifestEntry
from penstock.web.tracking.documents import ComparedRow, compared, read_document

MAX_ENTRIES = 200_000
"""Files of each version that are compared."""
MAX_SHOWN = 500
"""Files listed that differ."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that is not the same in both versions."""

    path: str
    change: str
    """`added`, `removed` or `changed`, seen from the older version."""
    old_bytes: int | None
    new_bytes: int | None


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Two versions beside each other."""

    files: Sequence[ChangedFile]
    """By path; the first `MAX_SHOWN`."""
    added: int
    removed: int
    changed: int
    same: int
    same_bytes: int
    """Of files that both have, stored once."""
    is_cut: bool
    """A version has more than `MAX_ENTRIES` files."""
    metadata: Sequence[ComparedRow]
    """Keys whose values differ."""


class Files(Protocol):
    """Files of one version or artifact."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def all(self) -> Iterator[ManifestEntry]:
        """Yield every file in bytewise path order."""
        ...


def compare_versions(old: Files, new: Files, old_metadata: str | None, new_metadata: str | None) -> VersionDiff:
    """Return what changes from the older to the newer version; metadata as JSON text."""
    return compare_documents(old, new, read_document(old_metadata or "{}"), read_document(new_metadata or "{}"))


def compare_documents(old: Files, new: Files, old_metadata: Mapping[str, Any], new_metadata: Mapping[str, Any]) -> VersionDiff:
    """Return what changes from the older to the newer one; reads both lists once, in path order."""
    counts = {"added": 0, "removed": 0, "changed": 0}
    shown: list[ChangedFile] = []
    same = same_bytes = 0
    for before, after in _pairs(islice(old.all(), MAX_ENTRIES), islice(new.all(), MAX_ENTRIES)):
        if before is not None and after is not None and (before.digest, before.ref) == (after.digest, after.ref):
            same, same_bytes = same + 1, same_bytes + (after.size_bytes or 0)
            continue
        change = "added" if before is None else "removed" if after is None else "changed"
        counts[change] += 1
        if len(shown) < MAX_SHOWN:
            entry = after or before
            assert entry is not None, "pairs have at least one side"
            shown.append(ChangedFile(entry.path, change, _size(before), _size(after)))
    rows = compared([old_metadata, new_metadata])
    return VersionDiff(
        shown,
        **counts,
        same=same,
        same_bytes=same_bytes,
        is_cut=max(old.count, new.count) > MAX_ENTRIES,
        metadata=[row for row in rows if row.is_different],
    )


def _size(entry: ManifestEntry | None) -> int | None:
    return None if entry is None else entry.size_bytes


def _key(entry: ManifestEntry) -> bytes:
    return entry.path.encode("utf-8", "surrogatepass")


def _pairs(old: Iterator[ManifestEntry], new: Iterator[ManifestEntry]) -> Iterator[tuple[ManifestEntry | None, ManifestEntry | None]]:
    """Yield entries of the same path together; both sides come in bytewise path order."""
    before, after = next(old, None), next(new, None)
    while before is not None or after is not None:
        if after is None or (before is not None and _key(before) < _key(after)):
            yield before, None
            before = next(old, None)
        elif before is None or _key(after) < _key(before):
            yield None, after
            after = next(new, None)
        else:
            yield before, after
            before, after = next(old, None), next(new, None)
