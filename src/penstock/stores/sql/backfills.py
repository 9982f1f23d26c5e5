"""`BackfillStore` on SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.domain.catalog import RecurringRun
from penstock.domain.ids import RecurringRunId, RunId
from penstock.domain.triggers import Backfill, BackfillState
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.recurring_runs import recurring_from_row

_COUNTED = (
    "SELECT backfill.*, (SELECT COUNT(*) FROM backfill_time t WHERE t.backfill_id = backfill.backfill_id) AS total,"
    " (SELECT COUNT(*) FROM backfill_time t WHERE t.backfill_id = backfill.backfill_id AND t.outcome IS NOT NULL) AS done,"
    " (SELECT COUNT(*) FROM backfill_time t WHERE t.backfill_id = backfill.backfill_id AND t.outcome = 'error') AS failed FROM backfill"
)
_ACTIVE = (
    "SELECT COUNT(*) AS n FROM backfill_time t JOIN run ON run.run_id = t.run_id WHERE t.backfill_id = ?"
    " AND run.state IN ('PENDING', 'RUNNING', 'CANCELING', 'PAUSED')"
)
_LEFT = "SELECT planned_at FROM backfill_time WHERE backfill_id = ? AND outcome IS NULL ORDER BY planned_at LIMIT 100"


class SqlBackfillStore:
    """`interfaces.trigger_store.BackfillStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, backfill: Backfill, times: Sequence[float]) -> None:
        """See `BackfillStore.create`."""
        row = (
            backfill.backfill_id,
            backfill.recurring_run_id,
            backfill.from_at,
            backfill.until_at,
            int(backfill.is_again),
            backfill.max_concurrency,
            backfill.state.value,
            backfill.created_at,
        )

        def work(tx: Transaction) -> None:
            tx.execute(
                "INSERT INTO backfill (backfill_id, recurring_run_id, from_at, until_at, is_again, max_concurrency, state, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            tx.many("INSERT INTO backfill_time (backfill_id, planned_at) VALUES (?, ?)", [(backfill.backfill_id, at) for at in times])

        await self._database.write(work)

    async def open(self) -> Sequence[tuple[Backfill, RecurringRun, int, Sequence[float]]]:
        """See `BackfillStore.open`."""

        def work(tx: Transaction) -> list[tuple[Backfill, RecurringRun, int, Sequence[float]]]:
            found: list[tuple[Backfill, RecurringRun, int, Sequence[float]]] = []
            for row in tx.all(f"{_COUNTED} WHERE backfill.state = 'RUNNING' ORDER BY backfill.created_at"):
                recurring = tx.one("SELECT * FROM recurring_run WHERE recurring_run_id = ?", (row["recurring_run_id"],))
                if recurring is None:
                    continue
                active = tx.one(_ACTIVE, (row["backfill_id"],))
                left = [item["planned_at"] for item in tx.all(_LEFT, (row["backfill_id"],))]
                found.append((_backfill(row), recurring_from_row(recurring), int(active["n"]) if active else 0, left))
            return found

        return await self._database.read(work)

    async def record(self, backfill_id: str, planned_at: float, *, outcome: str, reason: str, run_id: RunId | None) -> None:
        """See `BackfillStore.record`."""
        sql = "UPDATE backfill_time SET outcome = ?, reason = ?, run_id = ? WHERE backfill_id = ? AND planned_at = ?"
        await self._database.write(lambda tx: tx.execute(sql, (outcome, reason, run_id, backfill_id, planned_at)))

    async def finish(self, backfill_id: str, state: BackfillState, *, at: float) -> None:
        """See `BackfillStore.finish`."""
        sql = "UPDATE backfill SET state = ?, finished_at = ? WHERE backfill_id = ? AND state = 'RUNNING'"
        await self._database.write(lambda tx: tx.execute(sql, (state.value, at, backfill_id)))

    async def list(self, recurring_run_id: RecurringRunId, *, limit: int) -> Sequence[Backfill]:
        """See `BackfillStore.list`."""
        sql = f"{_COUNTED} WHERE backfill.recurring_run_id = ? ORDER BY backfill.created_at DESC LIMIT ?"
        return [_backfill(row) for row in await self._database.read(lambda tx: tx.all(sql, (recurring_run_id, limit)))]

    async def fired(self, recurring_run_id: RecurringRunId, *, from_at: float, until_at: float) -> Mapping[float, RunId]:
        """See `BackfillStore.fired`."""
        sql = (
            "SELECT planned_at, run_id FROM recurring_tick WHERE recurring_run_id = :id AND outcome = 'fired' AND planned_at >= :low"
            " AND planned_at <= :high UNION ALL SELECT t.planned_at, t.run_id FROM backfill_time t JOIN backfill b ON b.backfill_id ="
            " t.backfill_id WHERE b.recurring_run_id = :id AND t.outcome = 'fired' AND t.planned_at >= :low AND t.planned_at <= :high"
        )
        params = {"id": recurring_run_id, "low": from_at - 0.001, "high": until_at + 0.001}
        rows = await self._database.read(lambda tx: tx.all(sql, params))
        return {round(row["planned_at"], 3): RunId(row["run_id"]) for row in rows if row["run_id"]}

    async def usual_seconds(self, recurring_run_id: RecurringRunId) -> tuple[float, int] | None:
        """See `BackfillStore.usual_seconds`."""
        version = (
            "SELECT COALESCE(r.pipeline_version_id, (SELECT v.pipeline_version_id FROM pipeline_version v"
            " WHERE v.pipeline_id = r.pipeline_id ORDER BY v.created_at DESC LIMIT 1)) FROM recurring_run r WHERE r.recurring_run_id = ?"
        )

        def work(tx: Transaction) -> tuple[float, int] | None:
            for of in ("recurring_run_id = ?", f"pipeline_version_id = ({version})"):
                rows = tx.all(
                    f"SELECT finished_at - COALESCE(started_at, created_at) AS seconds FROM run WHERE {of} AND state = 'SUCCEEDED'"
                    " AND finished_at IS NOT NULL ORDER BY created_at DESC LIMIT 20",
                    (recurring_run_id,),
                )
                if rows:
                    seconds = sorted(row["seconds"] for row in rows)
                    return seconds[len(seconds) // 2], len(seconds)
            return None

        return await self._database.read(work)

    async def usual_cpu_seconds(self, pipeline_name: str) -> Mapping[str, float]:
        """See `BackfillStore.usual_cpu_seconds`."""

        def work(tx: Transaction) -> Mapping[str, float]:
            cpu = f"CAST({tx.dialect.json_text('detail', 'usage', 'cpu_seconds')} AS DOUBLE PRECISION)"
            rows = tx.all(
                f"SELECT component, AVG(cpu) AS cpu FROM (SELECT component, {cpu} AS cpu FROM task WHERE run_id IN"
                " (SELECT run_id FROM run WHERE pipeline_name = ? ORDER BY created_at DESC LIMIT 20)"
                " AND is_cached = 0 AND state = 'SUCCEEDED' LIMIT 5000) used WHERE cpu IS NOT NULL GROUP BY component",
                (pipeline_name,),
            )
            return {row["component"]: row["cpu"] for row in rows}

        return await self._database.read(work)


def _backfill(row: Row) -> Backfill:
    return Backfill(
        backfill_id=row["backfill_id"],
        recurring_run_id=RecurringRunId(row["recurring_run_id"]),
        from_at=row["from_at"],
        until_at=row["until_at"],
        is_again=bool(row["is_again"]),
        max_concurrency=row["max_concurrency"],
        state=BackfillState(row["state"]),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        total=row["total"],
        done=row["done"],
        failed=row["failed"],
    )
