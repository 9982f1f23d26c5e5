"""`interfaces.flow_reaping.FlowJudge` in SQL: recorded runs and tasks whose heartbeats stopped have failed."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.domain.states import RuntimeState
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.flow_projection import finish_run, lost_error, wait_for_reason
from penstock.stores.sql.tracking_flow_tasks import fail_lost

_SHOWN_RUN = "flow_run.flow_id || '/' || COALESCE(flow_run.run_id, CAST(flow_run.run_number AS TEXT))"
_SHOWN_TASK = f"{_SHOWN_RUN} || '/' || flow_task.step_name || '/' || COALESCE(flow_task.task_name, CAST(flow_task.task_number AS TEXT))"
_TASK_FACTS = "task.task_id, task.started_at, flow_task.task_number, flow_task.run_number, flow_task.last_heartbeat_ts"
_OPEN_TASKS = (
    f"SELECT {_TASK_FACTS} FROM flow_run JOIN flow_task ON flow_task.run_number = flow_run.run_number"
    f" JOIN task ON task.task_id = {_SHOWN_TASK} AND task.state IN ('RUNNING', 'PENDING') WHERE flow_run.run_number = :number"
)
_ENGINE_HAS_IT = "EXISTS (SELECT 1 FROM run engine WHERE engine.run_id = flow_run.run_id AND engine.finished_at IS NULL)"


class SqlFlowJudge:
    """Decides about recorded runs that fell silent. Runs that the engine still works on are the engine's to judge."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fail_silent(self, *, now: float, run_seconds: float, task_seconds: float) -> int:
        """See `FlowJudge.fail_silent`."""

        def work(tx: Transaction) -> int:
            silent = tx.all(
                "SELECT run.run_id, flow_run.run_number, flow_run.last_heartbeat_ts FROM flow_run"
                f" JOIN run ON run.run_id = {_SHOWN_RUN} WHERE run.state = 'RUNNING'"
                " AND COALESCE(flow_run.last_heartbeat_ts, flow_run.ts_epoch / 1000) < :limit"
                f" AND NOT {_ENGINE_HAS_IT}",
                {"limit": now - run_seconds},
            )
            for row in silent:
                message = f"no heartbeat for more than {int(run_seconds)} seconds"
                finish_run(tx, row["run_id"], RuntimeState.FAILED, message, float(row["last_heartbeat_ts"] or now))
                _fail_groups(tx, row["run_id"], run_seconds, now)
                _fail(tx, tx.all(_OPEN_TASKS, {"number": row["run_number"]}), run_seconds, now)
            given_up = _fail_given_up(tx, now - task_seconds)
            lost = tx.all(
                f"SELECT {_TASK_FACTS} FROM run JOIN flow_run ON run.run_id = {_SHOWN_RUN}"
                " JOIN flow_task ON flow_task.run_number = flow_run.run_number AND flow_task.last_heartbeat_ts < :limit"
                f" JOIN task ON task.task_id = {_SHOWN_TASK} AND task.state = 'RUNNING'"
                f" WHERE run.kind = 'flow' AND run.state = 'RUNNING' AND NOT {_ENGINE_HAS_IT}",
                {"limit": now - task_seconds},
            )
            _fail(tx, lost, task_seconds, now)
            if silent or lost:
                fail_lost(tx, now)
            return len(silent) + given_up

        return await self._database.write(work)


def _fail_given_up(tx: Transaction, limit: float) -> int:
    """Fail runs that have a failed task and none that runs, and whose client sent no heartbeat since `limit`."""
    found = tx.all(
        f"SELECT run.run_id, flow_run.last_heartbeat_ts, MIN(task.task_id) AS task_id FROM flow_run JOIN run ON run.run_id = {_SHOWN_RUN}"
        " JOIN task ON task.run_id = run.run_id AND task.type = 'RUNTIME' AND task.state = 'FAILED'"
        f" WHERE run.state = 'RUNNING' AND flow_run.last_heartbeat_ts < :limit AND NOT {_ENGINE_HAS_IT}"
        " AND NOT EXISTS (SELECT 1 FROM task o WHERE o.run_id = run.run_id AND o.type = 'RUNTIME' AND o.state = 'RUNNING')"
        " GROUP BY run.run_id, flow_run.last_heartbeat_ts",
        {"limit": limit},
    )
    for row in found:
        task = row["task_id"].removeprefix(f"{row['run_id']}/")
        finish_run(tx, row["run_id"], RuntimeState.FAILED, f"task {task} failed and the client stopped", float(row["last_heartbeat_ts"]))
    return len(found)


def _silence(seconds: float) -> str:
    return lost_error(f"no heartbeat for more than {int(seconds)} seconds")


def _fail_groups(tx: Transaction, run_id: str, seconds: float, now: float) -> None:
    """Fail what of an ended run is no task of the client's: its steps."""
    tx.execute(
        "UPDATE task SET state = 'FAILED', finished_at = :at, error = :error"
        " WHERE run_id = :run AND type <> 'RUNTIME' AND state IN ('RUNNING', 'PENDING')",
        {"run": run_id, "at": now, "error": _silence(seconds)},
    )


def _fail(tx: Transaction, tasks: Sequence[Row], seconds: float, now: float) -> None:
    """Fail open tasks with their running attempts as of their last heartbeat; they count in their run, and the reader of reasons looks."""
    for task in tasks:
        at = max(task["started_at"] or 0.0, float(task["last_heartbeat_ts"] or now))
        params = {"task": task["task_id"], "at": at, "error": _silence(seconds)}
        numbers = {"number": task["task_number"], "run_number": task["run_number"], "task": task["task_id"]}
        silent = "task_id = :task AND state = 'RUNNING'"
        wait_for_reason(tx, f"SELECT :number, attempt, :run_number FROM attempt WHERE {silent}", numbers)
        tx.execute("UPDATE task SET state = 'FAILED', finished_at = :at, error = :error WHERE task_id = :task", params)
        tx.execute(f"UPDATE attempt SET state = 'FAILED', finished_at = :at, error = :error WHERE {silent}", params)
        tx.execute(
            "UPDATE run SET done_count = done_count + 1, failed_count = failed_count + 1, version = version + 1"
            " WHERE run_id = (SELECT run_id FROM task WHERE task_id = :task AND type = 'RUNTIME')",
            params,
        )
