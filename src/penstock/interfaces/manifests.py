"""Listing of a manifest's entries: pages by position, look-ups by path. Derived from the manifest file; may be dropped at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

from penstock.domain.ids import Digest
from penstock.domain.versions import ManifestEntry

StoredEntry: TypeAlias = tuple[str, str, str | None]
"""Path, digest and birth id of an entry whose bytes are here."""


class ManifestListing(Protocol):
    """Entries of one manifest in bytewise path order."""

    count: int
    size_bytes: int
    """Sum of the entries' sizes."""

    def page(self, offset: int, limit: int) -> Sequence[ManifestEntry]:
        """Return at most `limit` entries from position `offset`."""
        ...

    def below(self, folder: str, limit: int) -> Sequence[ManifestEntry]:
        """Return the first `limit` entries whose paths lie in a folder (`a/b`), at any depth; of all when it is empty."""
        ...

    def named(self, paths: Sequence[str]) -> Sequence[ManifestEntry]:
        """Return the entries with these paths, in the order asked for; unknown paths are left out."""
        ...

    def all(self) -> Iterator[ManifestEntry]:
        """Yield every entry in path order."""
        ...

    def stored(self) -> Iterator[StoredEntry]:
        """Yield what names bytes of this server, that is every entry but references, in path order."""
        ...


class ManifestIndex(Protocol):
    """Keeps listings by the digest of their manifest file. Blocking; safe to use from several threads."""

    def listing(self, digest: Digest, read: Callable[[], Iterator[ManifestEntry]]) -> ManifestListing:
        """Return the listing of the manifest, built from `read` when it is not known."""
        ...
