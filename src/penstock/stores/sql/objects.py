"""Names of objects in SQL (`interfaces.object_store.ObjectStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from penstock.domain.ids import Digest
from penstock.domain.objects import ObjectEntry, ObjectPart, ObjectUpload
from penstock.stores.sql.database import Database, Row, Transaction

_LAST = "\U0010ffff"
_BELOW = {
    # A cross join keeps the list outside, so that each place is one range of the key's index.
    "sqlite": """
SELECT p.key AS place, o.* FROM json_each(:places) p CROSS JOIN object_entry o
WHERE o.bucket = json_extract(p.value, '$[0]') AND o.object_key >= json_extract(p.value, '$[1]')
AND o.object_key < json_extract(p.value, '$[1]') || :last ORDER BY p.key, o.object_key LIMIT :limit
""",
    "postgresql": """
SELECT p.number - 1 AS place, o.* FROM jsonb_array_elements(CAST(:places AS jsonb)) WITH ORDINALITY p (value, number)
JOIN object_entry o ON o.bucket = p.value ->> 0 AND o.object_key COLLATE "C" >= p.value ->> 1
AND o.object_key COLLATE "C" < (p.value ->> 1) || :last ORDER BY p.number, o.object_key COLLATE "C" LIMIT :limit
""",
}
"""Sorts after every key that a client can send."""


def _entry(row: Row) -> ObjectEntry:
    return ObjectEntry(
        row["bucket"],
        row["object_key"],
        Digest(row["digest"]),
        row["size_bytes"],
        row["etag"],
        row["modified_at"],
        row["content_type"],
        orjson.loads(row["headers"]),
    )


def _put(tx: Transaction, entry: ObjectEntry) -> None:
    tx.execute(
        "INSERT INTO object_entry (bucket, object_key, digest, size_bytes, etag, content_type, headers, modified_at)"
        " VALUES (:bucket, :key, :digest, :size, :etag, :type, :headers, :at)"
        " ON CONFLICT (bucket, object_key) DO UPDATE SET digest = :digest, size_bytes = :size, etag = :etag, content_type = :type,"
        " headers = :headers, modified_at = :at",
        {
            "bucket": entry.bucket,
            "key": entry.key,
            "digest": entry.digest,
            "size": entry.size_bytes,
            "etag": entry.etag,
            "type": entry.content_type,
            "headers": orjson.dumps(dict(entry.headers)).decode(),
            "at": entry.modified_at,
        },
    )


class SqlObjectStore:
    """Object names in the server's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, entry: ObjectEntry) -> None:
        """See `ObjectStore.put`."""
        self._database.write_sync(lambda tx: _put(tx, entry))

    def get(self, bucket: str, key: str) -> ObjectEntry | None:
        """See `ObjectStore.get`."""
        params = {"bucket": bucket, "key": key}
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM object_entry WHERE bucket = :bucket AND object_key = :key", params))
        return None if row is None else _entry(row)

    def get_all(self, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], ObjectEntry]:
        """See `ObjectStore.get_all`."""
        if not names:
            return {}
        where = " OR ".join("(bucket = ? AND object_key = ?)" for _ in names)
        params = tuple(part for name in names for part in name)
        rows = self._database.read_sync(lambda tx: tx.all(f"SELECT * FROM object_entry WHERE {where}", params))
        return {(entry.bucket, entry.key): entry for entry in map(_entry, rows)}

    def note_read(self, task_id: str, bucket: str, key: str, *, now: float) -> None:
        """See `ObjectStore.note_read`."""
        params = {"task": task_id, "bucket": bucket, "key": key, "now": now}
        self._database.write_sync(
            lambda tx: tx.execute(
                "INSERT INTO object_read (task_id, bucket, object_key, digest, at)"
                " SELECT CAST(:task AS TEXT), bucket, object_key, digest, CAST(:now AS DOUBLE PRECISION) FROM object_entry"
                " WHERE bucket = :bucket AND object_key = :key"
                " ON CONFLICT (task_id, bucket, object_key) DO NOTHING",
                params,
            )
        )

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`."""
        rows = [{"bucket": bucket, "key": key} for key in keys]
        self._database.write_sync(lambda tx: tx.many("DELETE FROM object_entry WHERE bucket = :bucket AND object_key = :key", rows))

    def list_keys(self, bucket: str, *, prefix: str, after: str, limit: int) -> list[ObjectEntry]:
        """See `ObjectStore.list_keys`."""

        def work(tx: Transaction) -> list[ObjectEntry]:
            column = "object_key" if tx.dialect.name == "sqlite" else 'object_key COLLATE "C"'
            rows = tx.all(
                f"SELECT * FROM object_entry WHERE bucket = :bucket AND {column} >= :first AND {column} < :last AND {column} > :after"
                f" ORDER BY {column} LIMIT :limit",
                {"bucket": bucket, "first": prefix, "last": prefix + _LAST, "after": after, "limit": limit},
            )
            return [_entry(row) for row in rows]

        return self._database.read_sync(work)

    def list_below(self, places: Sequence[tuple[str, str]], *, limit: int) -> Sequence[Sequence[ObjectEntry]]:
        """See `ObjectStore.list_below`."""
        found: list[list[ObjectEntry]] = [[] for _ in places]
        params = {"places": orjson.dumps(places).decode(), "last": _LAST, "limit": limit}
        for row in self._database.read_sync(lambda tx: tx.all(_BELOW[tx.dialect.name], params)) if places else ():
            found[int(row["place"])].append(_entry(row))
        return found

    def buckets(self) -> list[tuple[str, float]]:
        """See `ObjectStore.buckets`."""
        rows = self._database.read_sync(
            lambda tx: tx.all("SELECT bucket, MIN(modified_at) AS first FROM object_entry GROUP BY bucket ORDER BY bucket")
        )
        return [(row["bucket"], row["first"]) for row in rows]

    def add_upload(self, upload: ObjectUpload, *, now: float) -> None:
        """See `ObjectStore.add_upload`."""
        params = {
            "id": upload.upload_id,
            "bucket": upload.bucket,
            "key": upload.key,
            "type": upload.content_type,
            "headers": orjson.dumps(dict(upload.headers)).decode(),
            "at": now,
        }
        self._database.write_sync(
            lambda tx: tx.execute(
                "INSERT INTO object_upload (upload_id, bucket, object_key, content_type, headers, created_at)"
                " VALUES (:id, :bucket, :key, :type, :headers, :at)",
                params,
            )
        )

    def upload(self, upload_id: str) -> ObjectUpload | None:
        """See `ObjectStore.upload`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM object_upload WHERE upload_id = ?", (upload_id,)))
        if row is None:
            return None
        return ObjectUpload(upload_id, row["bucket"], row["object_key"], row["content_type"], orjson.loads(row["headers"]))

    def put_part(self, upload_id: str, part: ObjectPart) -> None:
        """See `ObjectStore.put_part`."""
        params = {"id": upload_id, "number": part.number, "digest": part.digest, "size": part.size_bytes, "etag": part.etag}
        self._database.write_sync(
            lambda tx: tx.execute(
                "INSERT INTO object_part (upload_id, part_number, digest, size_bytes, etag) VALUES (:id, :number, :digest, :size, :etag)"
                " ON CONFLICT (upload_id, part_number) DO UPDATE SET digest = :digest, size_bytes = :size, etag = :etag",
                params,
            )
        )

    def parts(self, upload_id: str) -> list[ObjectPart]:
        """See `ObjectStore.parts`."""
        rows = self._database.read_sync(
            lambda tx: tx.all("SELECT * FROM object_part WHERE upload_id = ? ORDER BY part_number", (upload_id,))
        )
        return [ObjectPart(row["part_number"], Digest(row["digest"]), row["size_bytes"], row["etag"]) for row in rows]

    def end_upload(self, upload_id: str, entry: ObjectEntry | None) -> None:
        """See `ObjectStore.end_upload`."""

        def work(tx: Transaction) -> None:
            tx.execute("DELETE FROM object_part WHERE upload_id = ?", (upload_id,))
            tx.execute("DELETE FROM object_upload WHERE upload_id = ?", (upload_id,))
            if entry is not None:
                _put(tx, entry)

        self._database.write_sync(work)
