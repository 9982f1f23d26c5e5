"""Content-addressed bytes: files and directory trees, stored once, verified, never handed out for writing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock.domain.ids import Digest


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What the store knows after taking something in."""

    digest: Digest
    """Of the bytes, or of the canonical listing for a tree."""
    size_bytes: int
    """For a tree: sum of its files."""
    is_directory: bool
    md5: str | None = None
    """Hex MD5 of a single file, when it was computed on the way in (W&B manifests name content by it)."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file of a stored directory."""

    path: str
    """Relative POSIX path; never absolute, never with `..`."""
    digest: Digest
    size_bytes: int
    is_executable: bool


class BlobStore(Protocol):
    """Blocking interface; callers run it in threads. Every method is safe to call concurrently and to repeat."""

    def put_path(self, path: Path, *, move: bool, with_md5: bool = False, link: bool = False) -> StoredBlob:
        """Take in the file or directory at `path`; with `move` its bytes may be linked instead of copied and `path` is consumed.

        With `link` they may be linked too, but `path` stays; the caller promises that nobody writes to it any more. So taking in
        can be repeated after a crash.

        Symbolic links inside a tree are followed only when they stay inside it. A half-taken blob is never visible.

        Raises:
            InvalidArgumentError: `path` is neither a regular file nor a directory, or a link leaves the tree.
            UnavailableError: the disk is full or the store cannot be reached; nothing was stored.
        """
        ...

    def put_bytes(self, data: bytes) -> StoredBlob:
        """Take in `data` as a file."""
        ...

    def has(self, digest: Digest) -> bool:
        """Whether the blob, and for a tree each of its files, is present."""
        ...

    def size(self, digest: Digest) -> int:
        """Bytes of the file, or of the tree's files.

        Raises:
            NotFoundError: no such blob.
        """
        ...

    def materialize(self, digest: Digest, target: Path) -> None:
        """Create a private copy of the file or tree at `target` (parents are made); reflinks where the host can.

        Writing to the copy never changes the stored blob.

        Raises:
            NotFoundError: no such blob.
        """
        ...

    def read(self, digest: Digest, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the file's bytes from `offset`, in chunks of at most 1 MiB.

        Raises:
            NotFoundError: no such blob.
        """
        ...

    def path_of(self, digest: Digest) -> Path | None:
        """Local read-only path of a file blob, if the store has one (for sendfile and range reads); else None."""
        ...

    def list_tree(self, digest: Digest) -> list[TreeEntry]:
        """Files of a stored directory in path order.

        Raises:
            NotFoundError: no such tree.
        """
        ...

    def delete(self, digest: Digest) -> None:
        """Remove a blob; callers make sure nothing refers to it. Missing is fine."""
        ...


class UploadSink(Protocol):
    """One file on its way into the store; nothing is visible before `finish`. Blocking; used by one thread at a time."""

    def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            UnavailableError: the disk is full or the store cannot be reached; the upload is over and nothing was stored.
        """
        ...

    def finish(self) -> StoredBlob:
        """Store what was written and return it with its MD5; durable on return.

        Raises:
            UnavailableError: as for `write`.
        """
        ...

    def abort(self) -> None:
        """Forget what was written; does nothing after `finish`."""
        ...


class UploadStore(BlobStore, Protocol):
    """A blob store that also takes files piece by piece."""

    def open_upload(self) -> UploadSink:
        """Begin an upload.

        Raises:
            UnavailableError: the store cannot be written to.
        """
        ...
