"""Pipeline tasks as tracked runs, kept by a projection of the run journal: created, ended and failed together with the task itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.domain.ids import RunId, TaskId, TrackedRunId
from penstock.domain.states import RuntimeState
from penstock.domain.tracking import TrackedProjectId, TrackedState
from penstock.interfaces.clock import IdSource
from penstock.interfaces.journal import TaskRecord
from penstock.interfaces.tracking_store import KeyedTask
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.tracking_projects import ensure_project
from penstock.stores.sql.tracking_rows import next_place


class TaskRunProjection:
    """Callable for `RunJournal.add_projection`. Costs nothing for records that neither start nor end a leaf task."""

    def __init__(
        self,
        ids: IdSource,
        *,
        entity: str,
        describe: Callable[[TaskRecord], Any],
        state_of: Callable[[TaskRecord], TrackedState | None],
        summarize: Callable[[TaskRecord], Mapping[str, Any]],
        merge: Callable[[str, Mapping[str, Any]], str],
    ) -> None:
        self._ids = ids
        self._entity = entity
        self._describe = describe
        self._state_of = state_of
        self._summarize = summarize
        self._merge = merge

    def __call__(self, tx: Transaction, records: Sequence[TaskRecord]) -> None:
        """Bring the tracked runs of these tasks up to date."""
        for record in records:
            if not record.is_leaf or record.is_cached or record.state is record.previous_state:
                continue
            if record.state is RuntimeState.RUNNING:
                self._begin(tx, record)
            elif record.state.is_final and record.started_at is not None:
                if record.previous_state is not RuntimeState.RUNNING:  # start and end in one write
                    self._begin(tx, record)
                self._end(tx, record)

    def _begin(self, tx: Transaction, record: TaskRecord) -> None:
        at = record.started_at or record.created_at
        known = tx.one("SELECT run_id, is_automatic FROM tracked_run WHERE task_id = ? ORDER BY created_at LIMIT 1", (record.task_id,))
        if known is not None:  # another attempt; a record that a client has taken over follows that client
            sql = "UPDATE tracked_run SET state = 'running', finished_at = NULL, exit_code = NULL, heartbeat_at = ? WHERE run_id = ? "
            tx.execute(sql + "AND is_automatic = 1", (at, known["run_id"]))
            if known["is_automatic"]:  # the log of the attempt before (`tracking.files`)
                tx.execute("DELETE FROM tracked_file WHERE run_id = ? AND name = 'output.log'", (known["run_id"],))
            return
        run = self._describe(record)
        project_id, _ = ensure_project(
            tx, self._entity, run.project, project_id=TrackedProjectId(self._ids.new_int()), at=at, user_name=self._entity
        )
        run_id = self._ids.new_int()
        tx.execute(
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, group_name, "
            "job_type, user_name, task_id, pipeline_run_id, is_automatic, values_stale, place) "
            "VALUES (?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, ?)",
            (
                run_id, project_id, run.name, run.display_name, at, at, at, run.group, run.job_type, self._entity, record.task_id,
                record.run.run_id, next_place(tx, project_id),
            ),
        )  # fmt: skip
        tx.execute("INSERT INTO tracked_document (run_id, config, base_config) VALUES (?, ?, ?)", (run_id, run.config, run.config))

    def _end(self, tx: Transaction, record: TaskRecord) -> None:
        at = record.finished_at or record.created_at
        # A step of a flow puts out where its data is, for the engine; its record tells the step's own values (`tracking_flow_tasks`).
        is_flow = tx.one("SELECT 1 FROM flow_run WHERE run_id = ? LIMIT 1", (record.run.run_id,)) is not None
        outputs = {} if is_flow else self._summarize(record)
        rows = tx.all(
            "SELECT r.run_id, r.state, r.is_automatic, d.summary FROM tracked_run r JOIN tracked_document d ON d.run_id = r.run_id "
            "WHERE r.task_id = ? ORDER BY r.created_at",
            (record.task_id,),
        )
        for position, row in enumerate(rows):
            self._end_one(tx, record, row, at=at, outputs=outputs if position == 0 else {})
        if rows and not is_flow and (record.outputs.artifacts or record.input_artifacts):  # made into versions when somebody asks
            tx.execute("UPDATE tracked_run SET artifacts_pending = 1 WHERE run_id = ?", (rows[0]["run_id"],))

    def _end_one(self, tx: Transaction, record: TaskRecord, row: Row, *, at: float, outputs: Mapping[str, Any]) -> None:
        run_id = TrackedRunId(row["run_id"])
        is_open = row["is_automatic"] or TrackedState(row["state"]) not in {TrackedState.FINISHED, TrackedState.FAILED}
        state = self._state_of(record)
        if is_open and state is not None:
            exit_code = 0 if record.state is RuntimeState.SUCCEEDED else (record.error.exit_code if record.error else None) or 1
            tx.execute(
                "UPDATE tracked_run SET state = ?, exit_code = ?, finished_at = ?, updated_at = ?, heartbeat_at = ? WHERE run_id = ?",
                (state.value, exit_code, at, at, at, run_id),
            )
        if outputs:
            tx.execute("UPDATE tracked_document SET summary = ? WHERE run_id = ?", (self._merge(row["summary"], outputs), run_id))
            tx.execute("UPDATE tracked_run SET values_stale = 1 WHERE run_id = ?", (run_id,))


def task_finder(database: Database) -> Callable[[str], Sequence[KeyedTask]]:
    """Return the look-up of tasks by the beginning of their id."""

    def find(prefix: str) -> list[KeyedTask]:
        rows = database.read_sync(
            lambda tx: tx.all(
                "SELECT task_id, run_id, finished_at FROM task WHERE task_id >= ? AND task_id < ? LIMIT 8", (prefix, prefix + "g")
            )
        )
        return [KeyedTask(TaskId(row["task_id"]), RunId(row["run_id"]), row["finished_at"]) for row in rows]

    return find
