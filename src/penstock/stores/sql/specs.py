"""`SpecStore` on SQL: pipeline definitions by content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.domain.catalog import StoredSpec
from penstock.domain.ids import Digest
from penstock.stores.sql.database import Database, Row, Transaction


class SqlSpecStore:
    """`interfaces.catalog_store.SpecStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, spec: StoredSpec) -> None:
        """Store the definition; repeating is fine."""
        await self._database.write(lambda tx: insert_spec(tx, spec))

    async def get_many(self, digests: Sequence[Digest]) -> Mapping[Digest, StoredSpec]:
        """Return those that exist, in one query."""
        wanted = sorted(set(digests))
        if not wanted:
            return {}
        sql = f"SELECT * FROM spec WHERE digest IN ({', '.join('?' for _ in wanted)})"
        rows = await self._database.read(lambda tx: tx.all(sql, wanted))
        return {spec.digest: spec for spec in map(_spec, rows)}


def insert_spec(tx: Transaction, spec: StoredSpec) -> None:
    """Store the definition in the caller's transaction; an equal one that is there already is kept."""
    tx.execute(
        "INSERT INTO spec (digest, kind, name, content, source, created_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        (spec.digest, spec.kind, spec.name, spec.content, spec.source, spec.created_at),
    )


def _spec(row: Row) -> StoredSpec:
    return StoredSpec(
        digest=Digest(row["digest"]),
        kind=row["kind"],
        name=row["name"],
        content=row["content"],
        source=row["source"],
        created_at=row["created_at"],
    )
