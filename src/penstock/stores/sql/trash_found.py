"""What moving a thing to the trash tells, and how whole rows are taken out of a table and put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.stores.sql.database import Params, Transaction

TRASHED = "TRASHED"
"""Storage state of a run of a pipeline in the trash."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the list shows of a thing, and what restoring it needs."""

    title: str
    place: str
    entity: str
    size_bytes: int | None
    detail: Mapping[str, Any]


def take_rows(tx: Transaction, table: str, where: str, params: Params) -> list[dict[str, Any]]:
    """Take the rows of a table that match out of it, and return them as they were."""
    rows = [dict(row) for row in tx.all(f"SELECT * FROM {table} WHERE {where}", params)]
    tx.execute(f"DELETE FROM {table} WHERE {where}", params)
    return rows


def put_rows(tx: Transaction, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put rows back that were taken out. Columns that the table got meanwhile have their defaults."""
    for row in rows:
        names = list(row)
        places = ", ".join("?" for _ in names)
        tx.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", tuple(row.values()))
