"""Metaflow datastores that this process can read: local directories beside the flows, and the embedded object endpoint.

A root comes from a client, so it is hostile: a local one is read only when the operator listed it, or when the server is bound to loopback
and the directory is a `.metaflow` folder. Links that leave the root are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock.domain.errors import UnavailableError
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.flow_files import DatastoreRoot, StoredFile
from penstock.interfaces.object_store import ObjectStore

OWN_BUCKET = "metaflow"
"""Bucket that clients are pointed to; it may still be empty."""
_MOST = 1000
_MOST_TOGETHER = 10_000


class ReachableFlowFiles:
    """`interfaces.flow_files.FlowFiles` over local roots and embedded buckets."""

    def __init__(self, objects: ObjectStore, blobs: BlobStore, *, allowed: Sequence[Path], trusts_local: bool) -> None:
        """Read `allowed` directories, and any `.metaflow` folder when `trusts_local` (server bound to loopback)."""
        self._objects = objects
        self._blobs = blobs
        self._allowed = [path.resolve() for path in allowed]
        self._trusts_local = trusts_local

    def read(self, root: DatastoreRoot, path: str, *, offset: int = 0, limit: int) -> bytes | None:
        """See `FlowFiles.read`."""
        if root.kind == "s3":
            bucket, key = _bucket_key(root, path)
            entry = self._objects.get(bucket, key)
            if entry is not None:
                return b"".join(self._blobs.read(entry.digest, offset=offset, length=limit))
            self._check_own(root)
            return None
        target = self._inside(self._directory(root), path)
        if target is None or not target.is_file():
            return None
        with target.open("rb") as file:
            file.seek(offset)
            return file.read(limit)

    def read_all(self, wanted: Sequence[tuple[DatastoreRoot, str]], *, limit: int) -> Iterator[bytes | None]:
        """See `FlowFiles.read_all`."""
        entries = self._objects.get_all([_bucket_key(root, path) for root, path in wanted if root.kind == "s3"])
        for root, path in wanted:
            if root.kind == "s3":
                entry = entries.get(_bucket_key(root, path))
                yield None if entry is None else b"".join(self._blobs.read(entry.digest, offset=0, length=limit))
                continue
            try:
                yield self.read(root, path, limit=limit)
            except UnavailableError:
                yield None

    def list(self, root: DatastoreRoot, prefix: str) -> Sequence[StoredFile]:
        """See `FlowFiles.list`."""
        if root.kind == "s3":
            bucket, key = _bucket_key(root, prefix)
            found = self._objects.list_keys(bucket, prefix=key, after="", limit=_MOST)
            if not found:
                self._check_own(root)
            return [StoredFile(entry.key.removeprefix(key), entry.size_bytes) for entry in found]
        folder = self._inside(self._directory(root), prefix)
        if folder is None or not folder.is_dir():
            return []
        files = sorted(item for item in folder.iterdir() if item.is_file() and not item.is_symlink())
        return [StoredFile(item.name, item.stat().st_size) for item in files[:_MOST]]

    def list_all(self, wanted: Sequence[tuple[DatastoreRoot, str]]) -> Sequence[Sequence[StoredFile]]:
        """See `FlowFiles.list_all`."""
        places = list(dict.fromkeys(_bucket_key(root, prefix) for root, prefix in wanted if root.kind == "s3"))
        stored = dict(zip(places, self._objects.list_below(places, limit=_MOST_TOGETHER), strict=True))
        found: list[Sequence[StoredFile]] = []
        for root, prefix in wanted:
            if root.kind == "s3":
                bucket, key = _bucket_key(root, prefix)
                found.append([StoredFile(entry.key.removeprefix(key), entry.size_bytes) for entry in stored[bucket, key]])
                continue
            try:
                found.append(self.list(root, prefix))
            except UnavailableError:
                found.append([])
        return found

    def _check_own(self, root: DatastoreRoot) -> None:
        """A root below which the embedded store has nothing at all is another store's."""
        bucket, key = _bucket_key(root, "")
        if bucket != OWN_BUCKET and not self._objects.list_keys(bucket, prefix=key, after="", limit=1):
            raise UnavailableError(f"the data is in {root.root}, which is not this server's; the client reads it, given its credentials")

    def _directory(self, root: DatastoreRoot) -> Path:
        if root.kind != "local":
            raise UnavailableError(f"the data is in a {root.kind!r} datastore, which this server does not read")
        path = Path(root.root).resolve()
        if any(path == allowed or path.is_relative_to(allowed) for allowed in self._allowed):
            return path
        if self._trusts_local and path.name == ".metaflow" and path.is_dir():
            return path
        raise UnavailableError(
            f"the data is in {root.root} on the machine of the flow; use the datastore that `penstock env` prints, or list the"
            " folder in the setting flows_local_roots"
        )

    @staticmethod
    def _inside(root: Path, path: str) -> Path | None:
        target = (root / path).resolve()
        return target if target.is_relative_to(root) else None


def _bucket_key(root: DatastoreRoot, path: str) -> tuple[str, str]:
    bucket, _, prefix = root.root.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.rstrip('/')}/{path}".lstrip("/")
