"""`RecurringRunStore` on SQL: schedules and the record of their planned times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from penstock.domain.catalog import RecurringRun, Tick, TickOutcome, Trigger
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.domain.triggers import event_from_fields
from penstock.interfaces.listing import ListQuery, Page
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.listing import Column, Listing, Statement, read_page

_ID, _NAME = Column("recurring_run.recurring_run_id"), Column("recurring_run.display_name")
_LISTING = Listing(
    source="recurring_run",
    select="recurring_run.*",
    id_sql="recurring_run.recurring_run_id",
    columns={
        "recurring_run_id": _ID,
        "id": _ID,
        "name": _NAME,
        "display_name": _NAME,
        "description": Column("recurring_run.description"),
        "status": Column("recurring_run.status"),
        "experiment_id": Column("recurring_run.experiment_id"),
        "namespace": Column("recurring_run.namespace"),
        "pipeline_id": Column("recurring_run.pipeline_id", is_nullable=True),
        "pipeline_version_id": Column("recurring_run.pipeline_version_id", is_nullable=True),
        "created_at": Column("recurring_run.created_at", is_number=True),
        "updated_at": Column("recurring_run.updated_at", is_number=True),
    },
)
_COLUMNS = (
    "display_name", "description", "experiment_id", "namespace", "spec_digest", "pipeline_id", "pipeline_version_id", "runtime_config",
    "service_account", "max_concurrency", "trigger_spec", "no_catchup", "is_enabled", "status", "extra", "created_at", "updated_at",
    "enabled_at", "event_kind",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO recurring_run (recurring_run_id, {', '.join(_COLUMNS)})"
    f" VALUES (:recurring_run_id, {', '.join(f':{name}' for name in _COLUMNS)})"
)
_UPDATE = f"UPDATE recurring_run SET {', '.join(f'{name} = :{name}' for name in _COLUMNS)} WHERE recurring_run_id = :recurring_run_id"
_ACTIVE = (
    "SELECT recurring_run_id, COUNT(*) AS runs FROM run WHERE recurring_run_id IS NOT NULL"
    " AND state IN ('PENDING', 'RUNNING', 'CANCELING', 'PAUSED') GROUP BY recurring_run_id"
)


class SqlRecurringRunStore:
    """`interfaces.catalog_store.RecurringRunStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, recurring: RecurringRun) -> None:
        """Store a new schedule."""
        await self._database.write(lambda tx: tx.execute(_INSERT, _to_row(recurring)))

    async def get(self, recurring_run_id: RecurringRunId) -> RecurringRun | None:
        """Return the schedule, or None."""
        sql = "SELECT * FROM recurring_run WHERE recurring_run_id = ?"
        row = await self._database.read(lambda tx: tx.one(sql, (recurring_run_id,)))
        return None if row is None else recurring_from_row(row)

    async def list(self, query: ListQuery, *, namespace: str, experiment_id: ExperimentId | None) -> Page[RecurringRun]:
        """Return a page."""

        def scope(statement: Statement) -> None:
            if experiment_id is not None:
                statement.equals("recurring_run.experiment_id", experiment_id)
            if namespace:
                statement.in_namespace("recurring_run.namespace", namespace)

        return await self._database.read(lambda tx: read_page(tx, _LISTING, query, scope=scope, to_item=recurring_from_row))

    async def update(self, recurring: RecurringRun) -> None:
        """Store everything about it but what `record` maintains."""
        await self._database.write(lambda tx: tx.execute(_UPDATE, _to_row(recurring)))

    async def delete(self, recurring_run_id: RecurringRunId) -> None:
        """Remove the schedule with its ticks, events, backfills and change log."""
        await self._database.write(lambda tx: delete_schedule_rows(tx, recurring_run_id))

    async def enabled(self, recurring_run_id: RecurringRunId | None = None) -> Sequence[tuple[RecurringRun, int]]:
        """Return every enabled schedule, or the one of that id, with the number of its active runs: two queries in one snapshot."""
        one = "" if recurring_run_id is None else "AND recurring_run_id = ? "
        params = () if recurring_run_id is None else (recurring_run_id,)

        def work(tx: Transaction) -> list[tuple[RecurringRun, int]]:
            rows = tx.all(
                f"SELECT * FROM recurring_run WHERE is_enabled = 1 AND event_kind IS NULL {one}ORDER BY created_at, recurring_run_id",
                params,
            )
            active = active_runs(tx) if rows else {}
            return [(recurring, active.get(recurring.recurring_run_id, 0)) for recurring in map(recurring_from_row, rows)]

        return await self._database.read(work)

    async def record(self, ticks: Sequence[Tick], *, trigger_index: int, error: str | None) -> None:
        """Store ticks of one schedule and where it stands now."""
        if not ticks:
            return
        newest = max(tick.planned_at for tick in ticks)

        def work(tx: Transaction) -> None:
            tx.many(
                "INSERT INTO recurring_tick (recurring_run_id, planned_at, decided_at, outcome, reason, run_id) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (recurring_run_id, planned_at) DO NOTHING",
                [(t.recurring_run_id, t.planned_at, t.decided_at, t.outcome.value, t.reason, t.run_id) for t in ticks],
            )
            tx.execute(
                "UPDATE recurring_run SET last_trigger_at = :newest, trigger_index = :index, error = :error"
                " WHERE recurring_run_id = :id AND (last_trigger_at IS NULL OR last_trigger_at < :newest)",
                {"newest": newest, "index": trigger_index, "error": error, "id": ticks[0].recurring_run_id},
            )

        await self._database.write(work)

    async def ticks(self, recurring_run_id: RecurringRunId, *, limit: int) -> Sequence[Tick]:
        """Return the newest ticks, newest first."""
        sql = "SELECT * FROM recurring_tick WHERE recurring_run_id = ? ORDER BY planned_at DESC LIMIT ?"
        rows = await self._database.read(lambda tx: tx.all(sql, (recurring_run_id, limit)))
        return [
            Tick(
                recurring_run_id=RecurringRunId(row["recurring_run_id"]),
                planned_at=row["planned_at"],
                decided_at=row["decided_at"],
                outcome=TickOutcome(row["outcome"]),
                reason=row["reason"],
                run_id=None if row["run_id"] is None else RunId(row["run_id"]),
            )
            for row in rows
        ]


def delete_schedule_rows(tx: Transaction, recurring_run_id: str) -> None:
    """Remove a schedule from every table."""
    own = "SELECT backfill_id FROM backfill WHERE recurring_run_id = ?"
    tx.execute(f"DELETE FROM backfill_time WHERE backfill_id IN ({own})", (recurring_run_id,))
    for table in ("recurring_tick", "trigger_event", "backfill", "recurring_change", "recurring_run"):
        tx.execute(f"DELETE FROM {table} WHERE recurring_run_id = ?", (recurring_run_id,))


def active_runs(tx: Transaction) -> Mapping[str, int]:
    """Return how many runs of each recurring run are not in a final state."""
    return {row["recurring_run_id"]: int(row["runs"]) for row in tx.all(_ACTIVE)}


def _to_row(recurring: RecurringRun) -> dict[str, Any]:
    trigger = recurring.trigger
    spec: dict[str, Any] = {"cron": trigger.cron} if trigger.cron is not None else {"interval_seconds": trigger.interval_seconds}
    if trigger.event is not None:
        spec = {"event": asdict(trigger.event)}
    spec.update({name: value for name, value in (("start", trigger.start_at), ("end", trigger.end_at)) if value is not None})
    return {
        "recurring_run_id": recurring.recurring_run_id,
        "display_name": recurring.display_name,
        "description": recurring.description,
        "experiment_id": recurring.experiment_id,
        "namespace": recurring.namespace,
        "spec_digest": recurring.spec_digest,
        "pipeline_id": recurring.pipeline_id,
        "pipeline_version_id": recurring.pipeline_version_id,
        "runtime_config": json.dumps({"parameters": dict(recurring.parameters), "pipeline_root": recurring.pipeline_root}),
        "service_account": recurring.service_account,
        "max_concurrency": recurring.max_concurrency,
        "trigger_spec": json.dumps(spec),
        "no_catchup": int(recurring.no_catchup),
        "is_enabled": int(recurring.is_enabled),
        "status": "ENABLED" if recurring.is_enabled else "DISABLED",
        "extra": json.dumps({"anchored_at": recurring.anchored_at}),
        "created_at": recurring.created_at,
        "updated_at": recurring.updated_at,
        "enabled_at": recurring.enabled_at,
        "event_kind": None if trigger.event is None else trigger.event.kind.value,
    }


def recurring_from_row(row: Row) -> RecurringRun:
    """Return a row of `recurring_run` as a value."""
    config, trigger = json.loads(row["runtime_config"]), json.loads(row["trigger_spec"])
    extra: Mapping[str, Any] = json.loads(row["extra"])
    return RecurringRun(
        recurring_run_id=RecurringRunId(row["recurring_run_id"]),
        display_name=row["display_name"],
        description=row["description"],
        experiment_id=ExperimentId(row["experiment_id"]),
        namespace=row["namespace"],
        trigger=Trigger(
            cron=trigger.get("cron"),
            interval_seconds=trigger.get("interval_seconds"),
            start_at=trigger.get("start"),
            end_at=trigger.get("end"),
            event=event_from_fields(trigger["event"]) if trigger.get("event") else None,
        ),
        max_concurrency=row["max_concurrency"],
        no_catchup=bool(row["no_catchup"]),
        is_enabled=bool(row["is_enabled"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        spec_digest=None if row["spec_digest"] is None else Digest(row["spec_digest"]),
        pipeline_id=None if row["pipeline_id"] is None else PipelineId(row["pipeline_id"]),
        pipeline_version_id=None if row["pipeline_version_id"] is None else PipelineVersionId(row["pipeline_version_id"]),
        parameters=config.get("parameters", {}),
        pipeline_root=config.get("pipeline_root", ""),
        service_account=row["service_account"],
        error=row["error"],
        enabled_at=row["enabled_at"] or 0.0,
        last_trigger_at=row["last_trigger_at"],
        trigger_index=row["trigger_index"],
        anchored_at=extra.get("anchored_at", row["created_at"]),
    )
