"""Names of objects and parts of unfinished uploads; the bytes are in the blob store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.domain.objects import ObjectEntry, ObjectPart, ObjectUpload


class ObjectStore(Protocol):
    """Blocking; every write is durable when it returns."""

    def put(self, entry: ObjectEntry) -> None:
        """Name a blob; an existing name is moved to it."""
        ...

    def get(self, bucket: str, key: str) -> ObjectEntry | None:
        """Return the object, or None."""
        ...

    def get_all(self, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], ObjectEntry]:
        """Those that are there of at most 100 objects, by (bucket, key); one query."""
        ...

    def note_read(self, task_id: str, bucket: str, key: str, *, now: float) -> None:
        """Remember that a task read an object; again is fine, and so is an object that is gone."""
        ...

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Remove names; missing ones are fine."""
        ...

    def list_keys(self, bucket: str, *, prefix: str, after: str, limit: int) -> list[ObjectEntry]:
        """Objects whose key starts with `prefix` and sorts (by code point) after `after`, in key order."""
        ...

    def list_below(self, places: Sequence[tuple[str, str]], *, limit: int) -> Sequence[Sequence[ObjectEntry]]:
        """For each (bucket, prefix) the objects whose key starts with the prefix, in key order, at most `limit` together, in one query."""
        ...

    def buckets(self) -> list[tuple[str, float]]:
        """Names of buckets that hold something, with the time of their oldest object."""
        ...

    def add_upload(self, upload: ObjectUpload, *, now: float) -> None:
        """Begin a multipart upload."""
        ...

    def upload(self, upload_id: str) -> ObjectUpload | None:
        """Return an unfinished upload, or None."""
        ...

    def put_part(self, upload_id: str, part: ObjectPart) -> None:
        """Keep a part; the same number again replaces it."""
        ...

    def parts(self, upload_id: str) -> list[ObjectPart]:
        """Parts in order of their numbers."""
        ...

    def end_upload(self, upload_id: str, entry: ObjectEntry | None) -> None:
        """Forget the upload; with `entry` the object appears in the same transaction."""
        ...
