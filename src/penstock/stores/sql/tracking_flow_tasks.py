"""Flow tasks as tracked runs: begun, ended and failed in the transaction that stores what the client said about the task.

A task that starts gets a record, as pipeline tasks do (`tracking_tasks`): project = flow, group = `<Flow>/<run>`, job type = step. When a
client's own run points to the task (`tracking_flows`), it takes the record's place. A task that the engine runs has the engine's record,
which gets the flow's words. Tasks that a resumed run took over as they were have none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from penstock.domain.flows import FlowRun, FlowTask
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import TrackedProjectId, TrackedState
from penstock.interfaces.clock import IdSource
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.flow_projection import PARAMETERS_STEP, shared_run_id, shared_task_id
from penstock.stores.sql.tracking_projects import ensure_project
from penstock.stores.sql.tracking_rows import next_place

_UNSAFE = re.compile(r"[/\\#?%:]+")


class FlowTaskRuns:
    """Keeps the tracked run of each flow task. Joins the caller's transaction."""

    def __init__(self, ids: IdSource, *, entity: str) -> None:
        self._ids = ids
        self._entity = entity

    def follow(self, tx: Transaction, task: FlowTask, rows: Sequence[Mapping[str, Any]], at: float) -> None:
        """Let `attempt` and `attempt_ok` among new metadata rows (field_name, value, tags) change the task's tracked run."""
        if task.step_name == PARAMETERS_STEP:
            return
        if _is_taken_over(tx, task) or any(row["field_name"] == "origin-task-id" for row in rows):
            tx.execute("DELETE FROM tracked_run WHERE task_id = ? AND is_automatic = 1", (shared_task_id(task),))
            return
        for row in rows:
            if row["field_name"] == "attempt":
                self._begin(tx, task, at)
            elif row["field_name"] == "attempt_ok":
                _end(tx, task, ok=str(row["value"]) == "True", at=at)

    @staticmethod
    def await_values(tx: Transaction, task: FlowTask, attempt: int, *, is_fanning_out: bool = False) -> None:
        """Queue a task whose artifacts are stored for the reader of values (`interfaces.flow_values`), when there is something to read.

        That is what belongs into a record, and how many tasks a foreach starts.
        """
        if task.step_name == PARAMETERS_STEP or is_fanning_out or _automatic_runs(tx, task):
            tx.execute(
                "INSERT INTO flow_unread (task_number, run_number, step_name, attempt) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (task_number) DO UPDATE SET attempt = excluded.attempt, tries = 0",
                (task.task_number, task.run.run_number, task.step_name, attempt),
            )

    def _begin(self, tx: Transaction, task: FlowTask, at: float) -> None:
        config = _config(tx, task.run)
        flow = task.run.flow_id
        project_id, _ = ensure_project(
            tx, self._entity, flow, project_id=TrackedProjectId(self._ids.new_int()), at=at, user_name=self._entity
        )
        if task.task_name is not None and _dress_engine_record(tx, task, project_id, config):
            return
        task_id = shared_task_id(task)
        sql = "UPDATE tracked_run SET state = 'running', finished_at = NULL, exit_code = NULL, heartbeat_at = ? WHERE task_id = ? "
        if tx.execute(sql + "AND is_automatic = 1", (at, task_id)):
            return
        if tx.one("SELECT 1 FROM tracked_run WHERE task_id = ? LIMIT 1", (task_id,)) is not None:
            return  # a client's run: it follows that client
        run_id = self._ids.new_int()
        tx.execute(
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, group_name, "
            "job_type, user_name, task_id, pipeline_run_id, is_automatic, values_stale, place) "
            "VALUES (?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, ?)",
            (
                run_id, project_id, run_name(task), f"{task.step_name}/{task.shown_id}", at, at, at, shared_run_id(task.run),
                task.step_name, task.user_name or self._entity, task_id, shared_run_id(task.run), next_place(tx, project_id),
            ),
        )  # fmt: skip
        tx.execute("INSERT INTO tracked_document (run_id, config, base_config) VALUES (?, ?, ?)", (run_id, config, config))


def run_name(task: FlowTask) -> str:
    """Name of a task's record in the project of its flow; a digest keeps names apart that differ in unsafe characters only."""
    text = f"{task.run.shown_id}-{task.step_name}-{task.shown_id}"
    safe = _UNSAFE.sub("-", text)[:100]
    return text if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def put_parameters(tx: Transaction, run: FlowRun, parameters: Mapping[str, Any]) -> None:
    """Keep the parameters of a flow run and make them (part of) the config of the runs that its tasks have by now."""
    params = {"text": orjson.dumps(dict(parameters)).decode(), "run": run.run_number}
    tx.execute("UPDATE flow_run SET parameters = :text WHERE run_number = :run", params)
    config = _config(tx, run)
    for row in tx.all(
        "SELECT r.run_id, d.config, d.base_config FROM tracked_run r JOIN tracked_document d ON d.run_id = r.run_id"
        " WHERE r.pipeline_run_id IN (?, ?)",
        (shared_run_id(run), run.run_id or ""),
    ):
        # A client's run keeps what it says itself; the record of an engine's task may have got the engine's parameters before.
        own = orjson.loads(row["config"]) if row["config"] != row["base_config"] else {}
        _put_config(tx, TrackedRunId(row["run_id"]), base=config, config=orjson.dumps({**orjson.loads(config), **own}).decode())


def put_values(tx: Transaction, task: FlowTask, values: Mapping[str, Any]) -> None:
    """Make plain values of a task the summary of its record; nothing happens when a client's run took its place."""
    for run_id in _automatic_runs(tx, task):
        tx.execute("UPDATE tracked_document SET summary = ? WHERE run_id = ?", (orjson.dumps(dict(values)).decode(), run_id))
        tx.execute("UPDATE tracked_run SET values_stale = 1 WHERE run_id = ?", (run_id,))


def fail_lost(tx: Transaction, at: float) -> None:
    """Mark the records of flow tasks that were given up as crashed."""
    tx.execute(
        "UPDATE tracked_run SET state = ?, finished_at = ?, updated_at = ? WHERE is_automatic = 1 AND state = 'running' AND task_id IN "
        "(SELECT task.task_id FROM task JOIN run ON run.run_id = task.run_id WHERE run.kind = 'flow' AND task.state = 'FAILED')",
        (TrackedState.CRASHED.value, at, at),
    )


def _end(tx: Transaction, task: FlowTask, *, ok: bool, at: float) -> None:
    state = TrackedState.FINISHED if ok else TrackedState.FAILED
    sql = "UPDATE tracked_run SET state = ?, exit_code = ?, finished_at = ?, updated_at = ?, heartbeat_at = ? WHERE is_automatic = 1 AND "
    tx.execute(sql + "task_id = ?", (state.value, 0 if ok else 1, at, at, at, shared_task_id(task)))


def _automatic_runs(tx: Transaction, task: FlowTask) -> list[int]:
    sql = "SELECT run_id FROM tracked_run WHERE is_automatic = 1 AND task_id IN (?, ?)"
    return [row["run_id"] for row in tx.all(sql, (shared_task_id(task), task.task_name or ""))]


def _dress_engine_record(tx: Transaction, task: FlowTask, project_id: TrackedProjectId, config: str) -> bool:
    """Give the record of the engine's task the project and words of the flow; return whether the engine has that task."""
    rows = tx.all("SELECT run_id, is_automatic FROM tracked_run WHERE task_id = ?", (task.task_name,))
    for row in rows:
        if row["is_automatic"]:
            tx.execute(
                "UPDATE tracked_run SET project_id = ?, group_name = ?, job_type = ?, place = ? WHERE run_id = ?",
                (project_id, shared_run_id(task.run), task.step_name, next_place(tx, project_id), row["run_id"]),
            )
            tx.execute("DELETE FROM tracked_value WHERE run_id = ?", (row["run_id"],))
            _put_config(tx, TrackedRunId(row["run_id"]), base=config, config=config)
    return bool(rows)


def _put_config(tx: Transaction, run_id: TrackedRunId, *, base: str, config: str) -> None:
    tx.execute("UPDATE tracked_document SET config = ?, base_config = ? WHERE run_id = ?", (config, base, run_id))
    tx.execute("UPDATE tracked_run SET values_stale = 1 WHERE run_id = ?", (run_id,))


def _config(tx: Transaction, run: FlowRun) -> str:
    row = tx.one("SELECT parameters FROM flow_run WHERE run_number = ?", (run.run_number,))
    known = orjson.loads(row["parameters"]) if row is not None and row["parameters"] else {}
    return orjson.dumps({name: {"value": value} for name, value in known.items()}).decode()


def _is_taken_over(tx: Transaction, task: FlowTask) -> bool:
    row = tx.one("SELECT is_cached FROM task WHERE task_id = ?", (shared_task_id(task),))
    return row is not None and bool(row["is_cached"])
