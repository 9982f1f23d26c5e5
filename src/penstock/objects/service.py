"""Named blobs, as an S3 client expects them; bytes live in the one blob store and are shared with everything else by digest."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio.to_thread

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.masking import Blanker
from penstock.domain.objects import ObjectEntry, ObjectPart, ObjectUpload
from penstock.interfaces.blobs import StoredBlob, UploadStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.object_store import ObjectStore

MAX_KEYS = 1000
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_KEY_BYTES = 1024
_INLINE_WRITE = 256 * 1024
_WRONG_BYTES = "the bytes do not match Content-MD5"

Masks = Callable[[str], Awaitable[Sequence[bytes]]]
"""Key -> what must not be kept of an object with that name, such as values of secrets in a log."""


async def _no_masks(_key: str) -> Sequence[bytes]:
    return ()


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a listing."""

    entries: Sequence[ObjectEntry]
    prefixes: Sequence[str]
    """Keys rolled up at the delimiter."""
    next_after: str | None
    """Where the next page begins; None at the end."""


class ObjectService:
    """Put, get, list, delete and multipart uploads. Buckets need not be created; a bucket exists as soon as somebody names it."""

    def __init__(self, store: ObjectStore, blobs: UploadStore, clock: Clock, masks: Masks = _no_masks) -> None:
        """Keep objects; what `masks` names is stored as asterisks, so that an object keeps its length."""
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._masks = masks

    async def put(
        self, bucket: str, key: str, body: AsyncIterator[bytes], *, content_type: str, headers: Mapping[str, str], md5: str | None
    ) -> ObjectEntry:
        """Store `body` under a name; nothing is visible before all of it is durable.

        Args:
            bucket: valid bucket name.
            key: at most 1,024 bytes.
            body: the bytes.
            content_type: kept as given.
            headers: user metadata.
            md5: base64 MD5 that the client expects, if it sent one.

        Raises:
            InvalidArgumentError: bad name, or the bytes do not match `md5`.
        """
        _check_name(bucket, key)
        masks = await self._masks(key)
        blob = await (self._receive(_masked(body, masks, md5), None) if masks else self._receive(body, md5))
        entry = ObjectEntry(bucket, key, blob.digest, blob.size_bytes, blob.md5 or "", self._clock.now(), content_type, headers)
        await anyio.to_thread.run_sync(self._store.put, entry)
        return entry

    async def _receive(self, body: AsyncIterator[bytes], md5: str | None) -> StoredBlob:
        sink = self._blobs.open_upload()
        try:
            async for chunk in body:
                if len(chunk) > _INLINE_WRITE:
                    await anyio.to_thread.run_sync(sink.write, chunk)
                else:
                    sink.write(chunk)
            blob = await anyio.to_thread.run_sync(sink.finish)
        finally:
            sink.abort()
        if md5 is not None and base64.b64encode(bytes.fromhex(blob.md5 or "")).decode() != md5:
            raise InvalidArgumentError(_WRONG_BYTES)
        return blob

    async def get(self, bucket: str, key: str) -> ObjectEntry:
        """Return an object.

        Raises:
            NotFoundError: no such object.
        """
        entry = await anyio.to_thread.run_sync(self._store.get, bucket, key)
        if entry is None:
            raise NotFoundError(f"no object {key!r} in bucket {bucket!r}")
        return entry

    async def note_read(self, task_id: str, bucket: str, key: str) -> None:
        """Remember that a task read an object."""
        await anyio.to_thread.run_sync(lambda: self._store.note_read(task_id, bucket, key, now=self._clock.now()))

    def read(self, entry: ObjectEntry, *, offset: int, length: int) -> Iterator[bytes]:
        """Yield bytes of an object, from worker threads."""
        return self._blobs.read(entry.digest, offset=offset, length=length)

    async def copy(self, source_bucket: str, source_key: str, bucket: str, key: str) -> ObjectEntry:
        """Give the bytes of one object a second name.

        Raises:
            NotFoundError: no such source.
        """
        _check_name(bucket, key)
        entry = replace(await self.get(source_bucket, source_key), bucket=bucket, key=key, modified_at=self._clock.now())
        await anyio.to_thread.run_sync(self._store.put, entry)
        return entry

    async def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Remove names."""
        await anyio.to_thread.run_sync(self._store.delete, bucket, keys)

    async def buckets(self) -> list[tuple[str, float]]:
        """Buckets that hold something."""
        return list(await anyio.to_thread.run_sync(self._store.buckets))

    async def list_keys(self, bucket: str, *, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
        """One page of keys in order; keys that share a prefix up to the delimiter are rolled up into one item."""
        entries: list[ObjectEntry] = []
        prefixes: list[str] = []
        at = after
        limit = min(limit, MAX_KEYS)
        while limit and len(entries) + len(prefixes) < limit:
            wanted = limit - len(entries) - len(prefixes)
            find = functools.partial(self._store.list_keys, bucket, prefix=prefix, after=at, limit=wanted + 1)
            batch = await anyio.to_thread.run_sync(find)
            for entry in batch[:wanted]:
                cut = entry.key.find(delimiter, len(prefix)) if delimiter else -1
                if cut < 0:
                    entries.append(entry)
                    at = entry.key
                    continue
                common = entry.key[: cut + len(delimiter)]
                prefixes.append(common)
                at = common + "\U0010ffff"  # skip everything below the prefix
                break
            else:
                if len(batch) <= wanted:
                    return Listing(entries, prefixes, None)
        more = await anyio.to_thread.run_sync(lambda: self._store.list_keys(bucket, prefix=prefix, after=at, limit=1))
        return Listing(entries, prefixes, at if more else None)

    async def begin_upload(self, bucket: str, key: str, *, content_type: str, headers: Mapping[str, str]) -> str:
        """Begin a multipart upload; returns its id."""
        _check_name(bucket, key)
        upload = ObjectUpload(uuid.uuid4().hex, bucket, key, content_type, headers)
        await anyio.to_thread.run_sync(lambda: self._store.add_upload(upload, now=self._clock.now()))
        return upload.upload_id

    async def put_part(self, upload_id: str, number: int, body: AsyncIterator[bytes], *, md5: str | None) -> ObjectPart:
        """Store a part.

        Raises:
            NotFoundError: no such upload.
            InvalidArgumentError: part number outside 1 to 10,000, or the bytes do not match `md5`.
        """
        await self._upload(upload_id)
        if not 1 <= number <= 10_000:
            raise InvalidArgumentError("partNumber must be 1 to 10000")
        blob = await self._receive(body, md5)
        part = ObjectPart(number, blob.digest, blob.size_bytes, blob.md5 or "")
        await anyio.to_thread.run_sync(self._store.put_part, upload_id, part)
        return part

    async def _upload(self, upload_id: str) -> ObjectUpload:
        upload = await anyio.to_thread.run_sync(self._store.upload, upload_id)
        if upload is None:
            raise NotFoundError(f"no upload {upload_id!r}")
        return upload

    async def complete_upload(self, upload_id: str, wanted: Sequence[tuple[int, str]]) -> ObjectEntry:
        """Join parts into the object.

        Args:
            upload_id: as returned by `begin_upload`.
            wanted: part number and ETag (without quotes) in ascending order.

        Raises:
            NotFoundError: no such upload.
            InvalidArgumentError: a part is missing, has another ETag, or the order is not ascending.
        """
        upload = await self._upload(upload_id)
        stored = {part.number: part for part in await anyio.to_thread.run_sync(self._store.parts, upload_id)}
        if not wanted or [number for number, _ in wanted] != sorted({number for number, _ in wanted}):
            raise InvalidArgumentError("parts must be listed once, in ascending order")
        parts = []
        for number, etag in wanted:
            part = stored.get(number)
            if part is None or part.etag != etag:
                raise InvalidArgumentError(f"part {number} was not uploaded or has another ETag")
            parts.append(part)
        masks = await self._masks(upload.key)
        entry = await anyio.to_thread.run_sync(self._join, upload, parts, masks)
        await anyio.to_thread.run_sync(self._store.end_upload, upload_id, entry)
        return entry

    def _join(self, upload: ObjectUpload, parts: Sequence[ObjectPart], masks: Sequence[bytes]) -> ObjectEntry:
        sink, blanker = self._blobs.open_upload(), Blanker(masks)
        try:
            for part in parts:
                for chunk in self._blobs.read(part.digest):
                    sink.write(blanker.feed(chunk))
            sink.write(blanker.rest())
            blob = sink.finish()
        finally:
            sink.abort()
        etag = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False).hexdigest()
        return ObjectEntry(
            upload.bucket,
            upload.key,
            blob.digest,
            blob.size_bytes,
            f"{etag}-{len(parts)}",
            self._clock.now(),
            upload.content_type,
            upload.headers,
        )

    async def abort_upload(self, upload_id: str) -> None:
        """Forget an upload.

        Raises:
            NotFoundError: no such upload.
        """
        await self._upload(upload_id)
        await anyio.to_thread.run_sync(self._store.end_upload, upload_id, None)


async def _masked(body: AsyncIterator[bytes], masks: Sequence[bytes], md5: str | None) -> AsyncIterator[bytes]:
    """Yield `body` with asterisks for `masks`; at its end, raise InvalidArgumentError if what came is not what `md5` says."""
    blanker, received = Blanker(masks), hashlib.md5(usedforsecurity=False)
    async for chunk in body:
        received.update(chunk)
        yield blanker.feed(chunk)
    if md5 is not None and base64.b64encode(received.digest()).decode() != md5:
        raise InvalidArgumentError(_WRONG_BYTES)
    yield blanker.rest()


def _check_name(bucket: str, key: str) -> None:
    if not _BUCKET.fullmatch(bucket):
        raise InvalidArgumentError(f"{bucket!r} is not a bucket name")
    if not key or len(key.encode()) > _MAX_KEY_BYTES:
        raise InvalidArgumentError("a key has 1 to 1024 bytes")
