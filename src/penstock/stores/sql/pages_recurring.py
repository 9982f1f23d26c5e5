"""Queries behind the pages of recurring runs: the list, one with its ticks and what they overlapped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.interfaces.page_catalog import (
    MOST_TICKS,
    RecurringItem,
    RunDot,
    TickItem,
)
from penstock.interfaces.pages import ListQuery, Page
from penstock.stores.sql.catalog_filters import (
    KIND,
    OF_EXPERIMENT,
    OF_PIPELINE,
    SWITCH,
    of_last_run,
    recurring_where,
)  # fmt: skip
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.dialects import SqlDialect
from penstock.stores.sql.json_columns import decode_object
from penstock.stores.sql.last_runs import last_runs
from penstock.stores.sql.page_filters import LateSorts, select_page

RECURRING_COLUMNS = (
    "recurring_run.*, experiment.name AS experiment_name, pipeline.display_name AS pipeline_name, "
    "pipeline_version.display_name AS version_name"
)
RECURRING_JOINS = (
    "LEFT JOIN experiment ON experiment.experiment_id = recurring_run.experiment_id "
    "LEFT JOIN pipeline ON pipeline.pipeline_id = recurring_run.pipeline_id "
    "LEFT JOIN pipeline_version ON pipeline_version.pipeline_version_id = recurring_run.pipeline_version_id"
)


def recurring_from_row(row: Row, dots: Sequence[RunDot] = ()) -> RecurringItem:
    """Return the item of a row with `RECURRING_COLUMNS`, with the dots of its last runs."""
    return RecurringItem(
        recurring_run_id=row["recurring_run_id"],
        name=row["display_name"],
        description=row["description"],
        experiment_id=row["experiment_id"],
        experiment_name=row["experiment_name"] or "",
        pipeline_id=row["pipeline_id"],
        pipeline_name=row["pipeline_name"] or "",
        pipeline_version_id=row["pipeline_version_id"],
        version_name=row["version_name"] or "",
        spec_digest=row["spec_digest"],
        runtime_config=decode_object(row["runtime_config"]),
        trigger=decode_object(row["trigger_spec"]),
        max_concurrency=row["max_concurrency"],
        is_catchup=not row["no_catchup"],
        is_enabled=bool(row["is_enabled"]),
        status=row["status"],
        error=row["error"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        enabled_at=row["enabled_at"],
        last_trigger_at=row["last_trigger_at"],
        trigger_index=row["trigger_index"],
        anchored_at=decode_object(row["extra"]).get("anchored_at", row["created_at"]),
        service_account=row["service_account"],
        last_runs=dots,
    )


def _late_recurring(dialect: SqlDialect) -> LateSorts:
    times = {
        name: f"CAST(COALESCE({dialect.json_text('recurring_run.trigger_spec', name)}, '0') AS DOUBLE PRECISION)"
        for name in ("start", "end")
    }
    return LateSorts("recurring_run.created_at", {**_RECURRING_SORTS, **times})


_RECURRING_SORTS: Mapping[str, str] = {
    "state": SWITCH,
    "kind": f"({KIND} || ' ' || recurring_run.trigger_spec)",
    "last": f"COALESCE({of_last_run('recurring_run', 'state')}, '')",
    "pipeline": f"COALESCE({OF_PIPELINE}, '')",
    "experiment": f"COALESCE({OF_EXPERIMENT}, '')",
    "concurrency": "recurring_run.max_concurrency",
}


def list_recurring(tx: Transaction, query: ListQuery) -> Page[RecurringItem]:
    """Return schedules inside the caller's transaction; see `CatalogPages.list_recurring`."""
    page = select_page(
        tx,
        query,
        recurring_where(tx, query),
        select=RECURRING_COLUMNS,
        source="recurring_run",
        joins=RECURRING_JOINS,
        sorts={"created": "recurring_run.created_at", "name": "recurring_run.display_name"},
        identity="recurring_run.recurring_run_id",
        convert=recurring_from_row,
        late=_late_recurring(tx.dialect),
    )
    dots = last_runs(tx, "recurring_run_id", [item.recurring_run_id for item in page.items], 10)
    return replace(page, items=[replace(item, last_runs=dots.get(item.recurring_run_id, ())) for item in page.items])


def find_recurring(tx: Transaction, recurring_run_id: str, before: float | None) -> tuple[RecurringItem, list[TickItem]] | None:
    """Return one with its newest ticks before a moment, None when there is none."""
    here: Mapping[str, Any] = {"id": recurring_run_id, "before": math.inf if before is None else before, "most": MOST_TICKS}
    row = tx.one(f"SELECT {RECURRING_COLUMNS} FROM recurring_run {RECURRING_JOINS} WHERE recurring_run.recurring_run_id = :id", here)
    if row is None:
        return None
    ticks = tx.all(
        "SELECT recurring_tick.*, run.name AS run_name, run.state AS run_state, run.finished_at AS run_finished_at FROM recurring_tick "
        "LEFT JOIN run ON run.run_id = recurring_tick.run_id WHERE recurring_tick.recurring_run_id = :id "
        "AND recurring_tick.planned_at < :before ORDER BY recurring_tick.planned_at DESC LIMIT :most",
        here,
    )
    earlier = _still_active(tx, recurring_run_id, ticks[-1]["planned_at"]) if len(ticks) == MOST_TICKS else []
    dots = last_runs(tx, "recurring_run_id", [recurring_run_id], 20).get(recurring_run_id, ())
    return recurring_from_row(row, dots), [
        TickItem(
            item["planned_at"],
            item["decided_at"],
            item["outcome"],
            item["reason"],
            item["run_id"],
            item["run_name"] or "",
            item["run_state"] or "",
            _overlapped(item, [*ticks, *earlier]),
        )
        for item in ticks
    ]


def _still_active(tx: Transaction, recurring_run_id: str, at: float) -> Sequence[Row]:
    """Return the runs that began before `at` and had not ended by then, however old they are, in the shape of ticks."""
    read = (
        "SELECT run_id, created_at AS planned_at, created_at AS decided_at, name AS run_name, finished_at AS run_finished_at FROM run"
        " WHERE recurring_run_id = :id AND created_at < :at AND finished_at"
    )
    return tx.all(f"{read} > :at UNION ALL {read} IS NULL", {"id": recurring_run_id, "at": at})


def _overlapped(tick: Row, ticks: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the runs of earlier planned times that had begun before a tick's own time came, and had not ended by then."""
    at = tick["planned_at"]
    return [
        (other["run_id"], other["run_name"])
        for other in ticks
        if other["run_name"] and other["planned_at"] < at and other["decided_at"] < at and (other["run_finished_at"] or math.inf) > at
    ]
