"""Blob store in a directory of this machine (`interfaces.blobs.UploadStore`).

Layout: `files/ab/cd/<sha256>` holds a file's bytes, `trees/ab/cd/<sha256>` a directory's listing (see `trees`), `incoming/` what is on its
way in. A blob appears by rename after its bytes are on disk, is read-only and is never changed. Everything that enters is streamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.errors import InvalidArgumentError, NotFoundError, UnavailableError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import StoredBlob, TreeEntry
from penstock.stores.blobs import trees
from penstock.stores.blobs.files import CHUNK_BYTES, copy_private, storing, sync_directory, sync_file_system, write_all

_PREFIX = "sha256:"
_HEX = frozenset("0123456789abcdef")
_SYNC_ALL_FROM = 16
"""Files in a tree from which one sync of the file system is cheaper than one per file."""


class LocalBlobStore:
    """Content-addressed store below `root`; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)

    def put_path(self, path: Path, *, move: bool, with_md5: bool = False, link: bool = False) -> StoredBlob:
        """Take in a file or directory; see `interfaces.blobs.BlobStore.put_path`."""
        how = _How(is_linked=move or link, is_consumed=move)
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise InvalidArgumentError(f"{path.name!r} cannot be read: {error.strerror}") from error
        if stat.S_ISDIR(mode):
            return self._put_tree(path, how)
        if not stat.S_ISREG(mode):
            raise InvalidArgumentError(f"{path.name!r} is neither a file nor a directory")
        with storing(repr(path.name)):
            incoming = self._take(path, link=how.is_linked and not path.is_symlink(), with_md5=with_md5)
            stored = self._publish(incoming)
        if how.is_consumed:
            path.unlink(missing_ok=True)
        return stored

    def put_bytes(self, data: bytes) -> StoredBlob:
        """Take in `data` as a file."""
        digest = Digest(_PREFIX + hashlib.sha256(data).hexdigest())
        if not self._refresh(self._file_path(digest)):
            self._write_whole(data, self._file_path(digest))
        return StoredBlob(digest, len(data), is_directory=False)

    def open_upload(self) -> LocalUpload:
        """Begin an upload; see `interfaces.blobs.UploadStore.open_upload`."""
        return LocalUpload(self)

    def has(self, digest: Digest) -> bool:
        """Whether the blob, and for a tree each of its files, is present."""
        if self._file_path(digest).is_file():
            return True
        try:
            return all(self._file_path(entry.digest).is_file() for entry in self.list_tree(digest))
        except NotFoundError:
            return False

    def size(self, digest: Digest) -> int:
        """Bytes of the file, or of the tree's files."""
        with contextlib.suppress(FileNotFoundError):
            return self._file_path(digest).stat().st_size
        return sum(entry.size_bytes for entry in self.list_tree(digest))

    def materialize(self, digest: Digest, target: Path) -> None:
        """Create a private copy at `target`; what is there is replaced if it is a file."""
        target.parent.mkdir(parents=True, exist_ok=True)
        source = self._file_path(digest)
        with storing(repr(target.name)):
            if source.is_file():
                _copy_out(source, target, is_executable=False)
                return
            listing = self._listing(digest)
            target.mkdir(exist_ok=True)
            for path in listing.empty_directories:
                (target / path).mkdir(parents=True, exist_ok=True)
            for entry in listing.files:
                place = target / entry.path
                place.parent.mkdir(parents=True, exist_ok=True)
                _copy_out(self._require_file(entry.digest), place, is_executable=entry.is_executable)

    def read(self, digest: Digest, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield a file's bytes in chunks; a missing blob raises at once, not at the first chunk."""
        return _chunks(self._require_file(digest), offset, length)

    def path_of(self, digest: Digest) -> Path | None:
        """Return the read-only path of a file blob, None for a tree.

        Raises:
            NotFoundError: no such blob.
        """
        path = self._file_path(digest)
        if path.is_file():
            return path
        if self._tree_path(digest).is_file():
            return None
        raise NotFoundError(f"no blob {digest}")

    def list_tree(self, digest: Digest) -> list[TreeEntry]:
        """Return the files of a stored directory in path order."""
        return list(self._listing(digest).files)

    def delete(self, digest: Digest) -> None:
        """Remove a blob; of a tree only the listing, its files go with the next garbage collection."""
        self._file_path(digest).unlink(missing_ok=True)
        self._tree_path(digest).unlink(missing_ok=True)

    def verify(self, digest: Digest) -> bool:
        """Whether the stored bytes still have the digest they are stored under (for a tree: listing and files). Reads everything."""
        path = self._file_path(digest)
        if path.is_file():
            return _digest_of(path) == digest
        try:
            listing = self._listing(digest)
        except NotFoundError:
            return False
        return _digest_of(self._tree_path(digest)) == digest and all(self.verify(entry.digest) for entry in listing.files)

    def collect_garbage(self, live: Collection[Digest], *, min_age_seconds: float = 3600.0) -> int:
        """Remove blobs that are neither in `live` nor part of a tree in it; returns the bytes freed. Cost: one look at every blob.

        Blobs stored (or stored again) within `min_age_seconds` stay: whoever put them may not have noted the reference yet.
        """
        kept = set(live)
        for digest in live:
            with contextlib.suppress(NotFoundError, InvalidArgumentError):
                kept.update(entry.digest for entry in self.list_tree(digest))
        limit = time.time() - min_age_seconds
        freed = 0
        for path in [*self._blobs("files"), *self._blobs("trees")]:
            if Digest(_PREFIX + path.name) not in kept:
                freed += _remove_if_older(path, limit)
        for path in self._incoming.iterdir():
            freed += _remove_if_older(path, limit)
        return freed

    def _blobs(self, kind: str) -> Iterator[Path]:
        return (self._root / kind).glob("*/*/*")

    def _file_path(self, digest: Digest) -> Path:
        return self._place("files", digest)

    def _tree_path(self, digest: Digest) -> Path:
        return self._place("trees", digest)

    def _place(self, kind: str, digest: Digest) -> Path:
        name = digest.removeprefix(_PREFIX)
        if len(name) != 64 or not _HEX.issuperset(name):
            raise InvalidArgumentError(f"{digest!r} is not a content digest")
        return self._root / kind / name[:2] / name[2:4] / name

    def _require_file(self, digest: Digest) -> Path:
        path = self._file_path(digest)
        if not path.is_file():
            raise NotFoundError(f"no blob {digest}")
        return path

    def _listing(self, digest: Digest) -> trees.Listing:
        try:
            return trees.decode(self._tree_path(digest).read_bytes())
        except FileNotFoundError:
            raise NotFoundError(f"no stored directory {digest}") from None

    def _put_tree(self, path: Path, how: _How) -> StoredBlob:
        files, empty = trees.walk(path)
        incoming: list[_Incoming] = []
        by_lump = len(files) >= _SYNC_ALL_FROM
        try:
            with storing(repr(path.name)):
                incoming.extend(self._take(file.source, link=how.is_linked and not file.is_link, sync=not by_lump) for file in files)
                if by_lump:
                    sync_file_system(self._root)
                stored = [self._publish(item, sync=not by_lump) for item in incoming]
                if by_lump:
                    sync_file_system(self._root)
        except BaseException:
            for item in incoming:
                item.path.unlink(missing_ok=True)
            raise
        entries = [TreeEntry(f.path, blob.digest, blob.size_bytes, f.is_executable) for f, blob in zip(files, stored, strict=True)]
        data = trees.encode(trees.Listing(tuple(entries), tuple(empty)))
        digest = Digest(_PREFIX + hashlib.sha256(data).hexdigest())
        if not self._refresh(self._tree_path(digest)):
            self._write_whole(data, self._tree_path(digest))
        if how.is_consumed:
            _remove_tree(path)
        return StoredBlob(digest, sum(entry.size_bytes for entry in entries), is_directory=True)

    def _take(self, source: Path, *, link: bool, with_md5: bool = False, sync: bool = True) -> _Incoming:
        """Bring a file's bytes into `incoming/`: linked when that is allowed and no other name has them, else copied."""
        md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        path = self._incoming / f"{os.getpid()}-{next(tempfile._get_candidate_names())}"  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            if not (link and source.stat().st_nlink == 1 and _link(source, path)):
                with source.open("rb") as reader, path.open("xb") as writer:
                    copy_private(reader.fileno(), writer.fileno())
            with path.open("rb") as file:
                digest, size = _hash(file.fileno(), md5)
                if sync:
                    os.fsync(file.fileno())
            path.chmod(0o444 | path.stat().st_mode & 0o111)  # a linked source keeps being a program, should it be stored again
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return _Incoming(path, digest, size, md5.hexdigest() if md5 else None)

    def _publish(self, incoming: _Incoming, *, sync: bool = True) -> StoredBlob:
        final = self._file_path(incoming.digest)
        if self._refresh(final):
            incoming.path.unlink(missing_ok=True)
        else:
            final.parent.mkdir(parents=True, exist_ok=True)
            incoming.path.replace(final)
            if sync:
                sync_directory(final.parent)
        return StoredBlob(incoming.digest, incoming.size_bytes, is_directory=False, md5=incoming.md5)

    def _write_whole(self, data: bytes, final: Path) -> None:
        with storing("content"):
            descriptor, name = tempfile.mkstemp(dir=self._incoming)
            try:
                try:
                    write_all(descriptor, data, 0)
                    os.fchmod(descriptor, 0o444)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                final.parent.mkdir(parents=True, exist_ok=True)
                Path(name).replace(final)
                sync_directory(final.parent)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def _refresh(self, final: Path) -> bool:
        """Whether the blob is there already; if so it counts as young again, so that garbage collection leaves it alone."""
        try:
            os.utime(final)
        except FileNotFoundError:
            return False
        return True


class LocalUpload:
    """A file being uploaded into a `LocalBlobStore` (`interfaces.blobs.UploadSink`)."""

    def __init__(self, store: LocalBlobStore) -> None:
        self._store = store
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0
        with storing("upload"):
            descriptor, name = tempfile.mkstemp(dir=store._incoming)  # noqa: SLF001  one module
        self._descriptor: int | None = descriptor
        self._path = Path(name)

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        if self._descriptor is None:
            raise UnavailableError("this upload is over")
        try:
            with storing("upload"):
                write_all(self._descriptor, chunk, self._size)
        except BaseException:
            self.abort()
            raise
        self._sha256.update(chunk)
        self._md5.update(chunk)
        self._size += len(chunk)

    def finish(self) -> StoredBlob:
        """Store what was written; durable on return."""
        if self._descriptor is None:
            raise UnavailableError("this upload is over")
        try:
            with storing("upload"):
                os.fchmod(self._descriptor, 0o444)
                os.fsync(self._descriptor)
                incoming = _Incoming(self._path, Digest(_PREFIX + self._sha256.hexdigest()), self._size, self._md5.hexdigest())
                stored = self._store._publish(incoming)  # noqa: SLF001
        except BaseException:
            self.abort()
            raise
        self._close()
        return stored

    def abort(self) -> None:
        """Forget what was written; does nothing after `finish`."""
        if self._descriptor is not None:
            self._close()
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@dataclass(frozen=True, slots=True)
class _How:
    is_linked: bool
    """Bytes may be shared with the source."""
    is_consumed: bool
    """The source is removed at the end."""


class _Incoming:
    __slots__ = ("digest", "md5", "path", "size_bytes")

    def __init__(self, path: Path, digest: Digest, size_bytes: int, md5: str | None) -> None:
        self.path = path
        self.digest = digest
        self.size_bytes = size_bytes
        self.md5 = md5


def _hash(descriptor: int, md5: hashlib._Hash | None) -> tuple[Digest, int]:
    sha256, size = hashlib.sha256(), 0
    while chunk := os.read(descriptor, CHUNK_BYTES):
        sha256.update(chunk)
        if md5 is not None:
            md5.update(chunk)
        size += len(chunk)
    return Digest(_PREFIX + sha256.hexdigest()), size


def _digest_of(path: Path) -> Digest:
    with path.open("rb") as file:
        return _hash(file.fileno(), None)[0]


def _link(source: Path, target: Path) -> bool:
    """Give the file a second name; False where that would leave the file system."""
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def _copy_out(source: Path, target: Path, *, is_executable: bool) -> None:
    target.unlink(missing_ok=True)
    try:
        with source.open("rb") as reader, target.open("xb") as writer:
            copy_private(reader.fileno(), writer.fileno())
            os.fchmod(writer.fileno(), 0o755 if is_executable else 0o644)
    except OSError:
        target.unlink(missing_ok=True)
        raise


def _chunks(path: Path, offset: int, length: int | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        left = length
        while left is None or left > 0:
            chunk = file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
            if not chunk:
                return
            if left is not None:
                left -= len(chunk)
            yield chunk


def _remove_if_older(path: Path, limit: float) -> int:
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        if status.st_mtime < limit:
            path.unlink()
            return status.st_size
    return 0


def _remove_tree(path: Path) -> None:
    for folder, directories, names in os.walk(path, topdown=False):
        for name in names:
            Path(folder, name).unlink(missing_ok=True)
        for name in directories:
            place = Path(folder, name)
            if place.is_symlink():
                place.unlink()
            else:
                place.rmdir()
    path.rmdir()
