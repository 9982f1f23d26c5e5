"""Counts of unanswered requests in SQL (`tracking.gaps.GapStore`)."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.domain.gaps import Gap
from penstock.stores.sql.database import Database


class SqlGapStore:
    """`GapStore` over `protocol_gap`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, gaps: Sequence[Gap]) -> None:
        """See `GapStore.add`. Does not wait for the commit: a lost count must not slow a request."""
        rows = [(gap.protocol, gap.what, gap.client, gap.seen, gap.last_seen_at) for gap in gaps]
        self._database.submit(
            lambda tx: tx.many(
                "INSERT INTO protocol_gap (protocol, what, client, seen, last_seen_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (protocol, what, client) DO UPDATE SET"
                " seen = protocol_gap.seen + excluded.seen, last_seen_at = excluded.last_seen_at",
                rows,
            )
        )

    def list(self, *, limit: int) -> Sequence[Gap]:
        """See `GapStore.list`."""
        rows = self._database.read_sync(lambda tx: tx.all("SELECT * FROM protocol_gap ORDER BY seen DESC, what LIMIT ?", (limit,)))
        return [Gap(row["protocol"], row["what"], row["client"], row["seen"], row["last_seen_at"]) for row in rows]
