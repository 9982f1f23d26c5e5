"""The newest runs of pipelines, experiments and recurring runs, as dots for lists."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.interfaces.page_catalog import (
    RunDot,
)
from penstock.stores.sql.catalog_filters import (
    STORED,
)  # fmt: skip
from penstock.stores.sql.database import Transaction


def last_runs(tx: Transaction, column: str, values: Iterable[str], count: int) -> dict[str, list[RunDot]]:
    """Last `count` runs per value of a run column, oldest first, in one statement (one index probe per value): those that lists count."""
    wanted = list(values)
    if not wanted:
        return {}
    table = column.removesuffix("_id")
    parts, params = [], {}
    for index, value in enumerate(wanted):
        params[f"v{index}"] = value
        own = f"(SELECT storage_state FROM experiment WHERE experiment_id = :v{index})"
        stored = STORED[table].replace("experiment.storage_state", own)
        parts.append(
            f"SELECT * FROM (SELECT {column} AS owner, run_id, name, state, created_at, started_at, finished_at FROM run "
            f"WHERE {column} = :v{index} AND storage_state {stored} ORDER BY created_at DESC LIMIT {int(count)}) AS r{index}"
        )
    found: dict[str, list[RunDot]] = {}
    for row in tx.all(f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS dots ORDER BY created_at", params):
        seconds = row["finished_at"] - (row["started_at"] or row["created_at"]) if row["finished_at"] else None
        found.setdefault(row["owner"], []).append(RunDot(row["run_id"], row["name"], row["state"], row["created_at"], seconds))
    return found
