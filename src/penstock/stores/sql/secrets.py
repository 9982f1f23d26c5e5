"""`SecretStore` and the dialects' `SecretLookup` on SQL. Values are kept as base64 in the database, readable by its owner only."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from penstock.stores.sql.database import Database


class SqlSecretStore:
    """`interfaces.catalog_store.SecretStore` and `interfaces.dialect.SecretLookup` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, kind: str, name: str, entries: Mapping[str, bytes], *, at: float) -> None:
        """Store all entries under the name."""
        text = json.dumps({key: base64.b64encode(value).decode() for key, value in entries.items()})
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT INTO secret (kind, name, entries, updated_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (kind, name) DO UPDATE SET entries = excluded.entries, updated_at = excluded.updated_at",
                (kind, name, text, at),
            )
        )

    async def read(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """Return the entries, or None."""
        row = await self._database.read(lambda tx: tx.one(_SELECT, (kind, name)))
        return None if row is None else _entries(row["entries"])

    def get(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """Return the entries, or None; blocking, for executors' threads."""
        row = self._database.read_sync(lambda tx: tx.one(_SELECT, (kind, name)))
        return None if row is None else _entries(row["entries"])

    async def names(self, kind: str) -> Sequence[tuple[str, Sequence[str], float]]:
        """Return name, entry keys and time of the last change of each."""
        sql = "SELECT name, entries, updated_at FROM secret WHERE kind = ? ORDER BY name"
        rows = await self._database.read(lambda tx: tx.all(sql, (kind,)))
        return [(row["name"], sorted(json.loads(row["entries"])), row["updated_at"]) for row in rows]

    async def delete(self, kind: str, name: str) -> bool:
        """Remove it; return whether it existed."""
        return await self._database.write(lambda tx: tx.execute("DELETE FROM secret WHERE kind = ? AND name = ?", (kind, name))) > 0


_SELECT = "SELECT entries FROM secret WHERE kind = ? AND name = ?"


def _entries(text: str) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in json.loads(text).items()}
