"""Recorded flows in the shared run and task tables, so that lists, search and pages see them beside pipelines.

Runs in the transaction that stores the fact. States follow section 4 of the Metaflow protocol notes: the newest `attempt_ok` of the
end step decides a run; heartbeats that stop are judged later (`background.flow_reaper`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from penstock.domain.flows import FlowRun, FlowStep, FlowTask
from penstock.domain.states import RuntimeState, TaskType
from penstock.interfaces.flow_failures import UNEXPLAINED
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.flow_fan_out import begin_expected

PARAMETERS_STEP = "_parameters"
MAX_TRIGGERS = 20_000
"""Characters of what a client told of the events that started a run, beyond which it is not kept with the run."""
LOST = '{"kind":"LOST"'
"""How the `error` of an attempt begins that told nothing of its end, as JSON text."""


def shared_run_id(run: FlowRun) -> str:
    """Id of the run in the shared tables."""
    return f"{run.flow_id}/{run.shown_id}"


def shared_task_id(task: FlowTask) -> str:
    """Id of the task in the shared tables."""
    return f"{shared_run_id(task.run)}/{task.step_name}/{task.shown_id}"


def error_of(message: str) -> str:
    """Return the `error` of an attempt or task that failed by itself, as JSON text."""
    return orjson.dumps({"kind": "EXIT_CODE", "message": message}).decode()


def lost_error(message: str) -> str:
    """Return the `error` of an attempt or task that told nothing of its end, as JSON text."""
    return orjson.dumps({"kind": "LOST", "message": message}).decode()


def wait_for_reason(tx: Transaction, attempts: str, params: Mapping[str, Any]) -> None:
    """Have the reasons read of the attempts that a query finds (columns `task_number`, `attempt`, `run_number`)."""
    sql = f"INSERT INTO flow_unexplained (task_number, attempt, run_number) {attempts} ON CONFLICT (task_number, attempt) DO NOTHING"
    tx.execute(sql, params)


def execution_id_for(text: str) -> int:
    """A number below 2**53 for clients that want one."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11


def run_tags(run: FlowRun) -> str:
    """The shared `tags` column: user tags and system tags as a mapping; `key:value` tags are taken apart."""
    found = {}
    for tag in (*run.by.system_tags, *run.by.tags):
        key, separator, value = tag.partition(":")
        found[key if separator else tag] = value if separator else ""
    return orjson.dumps(found).decode()


def project_run(tx: Transaction, run: FlowRun) -> None:
    """Create the shared row of a new run and its root task."""
    run_id, at = shared_run_id(run), run.ts_epoch / 1000
    history = orjson.dumps([{"at": at, "state": RuntimeState.RUNNING, "error": None}]).decode()
    tx.execute(
        "INSERT INTO run (run_id, kind, name, resource_name, pipeline_name, service_account, tags, state, state_history,"
        " created_at, scheduled_at, started_at)"
        " VALUES (:run, 'flow', :name, :run, :flow, :user, :tags, 'RUNNING', :history, :at, :at, :at) ON CONFLICT (run_id) DO NOTHING",
        {
            "run": run_id, "name": run.title, "flow": run.flow_id, "user": run.by.user_name or "", "tags": run_tags(run),
            "history": history, "at": at,
        },
    )  # fmt: skip
    # The engine run of a deployed flow has the same id, and may have been paused before its first step told of the run.
    tx.execute(
        "UPDATE run SET state = 'PAUSED' WHERE run_id = :run"
        " AND EXISTS (SELECT 1 FROM run e WHERE e.run_id = :engine AND e.state = 'PAUSED')",
        {"run": run_id, "engine": run.shown_id},
    )
    _add_task(tx, run_id, run_id, None, "root", run.flow_id, TaskType.ROOT, "", at, RuntimeState.RUNNING)


def touch_run(tx: Transaction, run: FlowRun) -> None:
    """Refresh what may change about a run: its tags."""
    tx.execute("UPDATE run SET tags = :tags, version = version + 1 WHERE run_id = :run", {"tags": run_tags(run), "run": shared_run_id(run)})


def project_step(tx: Transaction, step: FlowStep) -> None:
    """Create the shared row of a step: a group of its tasks."""
    if step.step_name == PARAMETERS_STEP:
        return
    run_id = shared_run_id(step.run)
    task_id = f"{run_id}/{step.step_name}"
    _add_task(
        tx, task_id, run_id, run_id, f"root/{step.step_name}", step.step_name, TaskType.DAG, "", step.ts_epoch / 1000, RuntimeState.RUNNING
    )


def project_task(tx: Transaction, task: FlowTask) -> None:
    """Create the shared row of a task."""
    if task.step_name == PARAMETERS_STEP:
        return
    run_id = shared_run_id(task.run)
    task_id = shared_task_id(task)
    component = f"{task.run.flow_id}.{task.step_name}"
    _add_task(
        tx,
        task_id,
        run_id,
        f"{run_id}/{task.step_name}",
        f"root/{task.step_name}/{task.shown_id}",
        task.shown_id,
        TaskType.RUNTIME,
        component,
        task.ts_epoch / 1000,
        RuntimeState.PENDING,
    )
    more = 0 if begin_expected(tx, task) else 1
    tx.execute("UPDATE run SET task_count = task_count + :more, version = version + 1 WHERE run_id = :run", {"more": more, "run": run_id})


def _add_task(
    tx: Transaction,
    task_id: str,
    run_id: str,
    parent: str | None,
    path: str,
    key: str,
    kind: TaskType,
    component: str,
    at: float,
    state: RuntimeState,
) -> None:
    tx.execute(
        "INSERT INTO task (task_id, run_id, execution_id, parent_task_id, path, task_key, display_name, type, component, position,"
        " state, created_at, started_at)"
        " VALUES (:task, :run, :execution, :parent, :path, :key, :key, :type, :component, :position, :state, :at, :started)"
        " ON CONFLICT (task_id) DO NOTHING",
        {
            "task": task_id,
            "run": run_id,
            "execution": execution_id_for(task_id),
            "parent": parent,
            "path": path,
            "key": key,
            "type": kind,
            "component": component,
            "position": int(at * 1000) % 2_000_000_000,
            "state": state,
            "at": at,
            "started": at if state is RuntimeState.RUNNING else None,
        },
    )


def project_metadata(tx: Transaction, task: FlowTask, rows: list[dict[str, Any]], end_step: str, at: float) -> None:
    """Let `attempt`, `attempt_ok` and graph facts among `rows` (field_name, value, tags) change shared states.

    Args:
        tx: the transaction that stores the rows.
        task: the task they belong to.
        rows: the new rows in order.
        end_step: name of the run's end step.
        at: seconds since the epoch.
    """
    if task.step_name == PARAMETERS_STEP:
        return
    for row in rows:
        field, value = row["field_name"], str(row["value"])
        if field == "attempt":
            _attempt_started(tx, task, int(value) if value.isdecimal() else 0, at)
        elif field == "attempt_ok":
            _attempt_ended(tx, task, _attempt_of(row["tags"]), value == "True", at)
            if task.step_name == end_step:
                _end_run(tx, task.run, value == "True", at)
        elif field == "code-package":
            tx.execute(
                "UPDATE task SET code_digest = :digest WHERE task_id = :task",
                {"digest": _package_digest(value), "task": shared_task_id(task)},
            )
        elif field == "execution-triggers":
            if len(value) <= MAX_TRIGGERS:
                params = {"told": orjson.dumps(value).decode(), "run": task.run.run_number}
                tx.execute("UPDATE flow_run SET triggers = :told WHERE run_number = :run", params)
        elif field == "origin-task-id":
            tx.execute(
                "UPDATE task SET is_cached = 1, cached_task_id = :origin WHERE task_id = :task",
                {"origin": value, "task": shared_task_id(task)},
            )


def _package_digest(value: str) -> str:
    """Digest of the code package that a task names; empty when it is not told."""
    try:
        told = orjson.loads(value)
    except orjson.JSONDecodeError:
        return ""
    digest = told.get("sha") if isinstance(told, dict) else None
    return digest if isinstance(digest, str) else ""


def _attempt_of(tags: list[str]) -> int:
    """Attempt that metadata rows belong to, by their tag `attempt_id:<n>`; 0 without one."""
    for tag in tags:
        if tag.startswith("attempt_id:") and tag.removeprefix("attempt_id:").isdecimal():
            return int(tag.removeprefix("attempt_id:"))
    return 0


def _count(tx: Transaction, run: FlowRun, before: str | None, after: RuntimeState) -> None:
    """Move the run's counters from a task's old state to its new one, so that retries are not counted twice."""
    done = int(after.is_final) - int(before is not None and RuntimeState(before).is_final)
    failed = int(after is RuntimeState.FAILED) - int(before == RuntimeState.FAILED)
    tx.execute(
        "UPDATE run SET done_count = done_count + :done, failed_count = failed_count + :failed, version = version + 1 WHERE run_id = :run",
        {"done": done, "failed": failed, "run": shared_run_id(run)},
    )


def _state_of(tx: Transaction, task: FlowTask) -> str | None:
    row = tx.one("SELECT state FROM task WHERE task_id = :task", {"task": shared_task_id(task)})
    return None if row is None else str(row["state"])


def _attempt_started(tx: Transaction, task: FlowTask, attempt: int, at: float) -> None:
    _count(tx, task.run, _state_of(tx, task), RuntimeState.RUNNING)
    params = {"task": shared_task_id(task), "run": shared_run_id(task.run), "attempt": attempt, "at": at, "attempts": attempt + 1}
    tx.execute(
        "UPDATE task SET state = 'RUNNING', started_at = COALESCE(started_at, :at), finished_at = NULL, attempts = :attempts, error = NULL"
        " WHERE task_id = :task",
        params,
    )
    # An attempt whose process was killed says nothing; a newer one tells that it failed.
    silent = "task_id = :task AND attempt < :attempt AND state = 'RUNNING'"
    numbers = {"number": task.task_number, "run_number": task.run.run_number}
    wait_for_reason(tx, f"SELECT :number, attempt, :run_number FROM attempt WHERE {silent}", {**params, **numbers})
    tx.execute(
        f"UPDATE attempt SET state = 'FAILED', finished_at = :at, error = :error WHERE {silent}",
        {**params, "error": lost_error("it ended without saying how; a newer attempt began")},
    )
    tx.execute(
        "INSERT INTO attempt (task_id, attempt, run_id, state, created_at, started_at) VALUES (:task, :attempt, :run, 'RUNNING', :at, :at)"
        " ON CONFLICT (task_id, attempt) DO NOTHING",
        params,
    )


def _attempt_ended(tx: Transaction, task: FlowTask, attempt: int, ok: bool, at: float) -> None:
    state = RuntimeState.SUCCEEDED if ok else RuntimeState.FAILED
    _count(tx, task.run, _state_of(tx, task), state)
    error = None if ok else error_of(UNEXPLAINED)
    if not ok:
        numbers = {"number": task.task_number, "attempt": attempt, "run_number": task.run.run_number}
        wait_for_reason(tx, "VALUES (:number, :attempt, :run_number)", numbers)
    params = {"task": shared_task_id(task), "run": shared_run_id(task.run), "attempt": attempt, "at": at, "state": state, "error": error}
    tx.execute("UPDATE task SET state = :state, finished_at = :at, error = :error WHERE task_id = :task", params)
    tx.execute(
        "INSERT INTO attempt (task_id, attempt, run_id, state, created_at, started_at, finished_at, error)"
        " VALUES (:task, :attempt, :run, :state, :at, :at, :at, :error)"
        " ON CONFLICT (task_id, attempt) DO UPDATE SET state = :state, finished_at = :at, error = :error",
        params,
    )
    step = f"{params['run']}/{task.step_name}"
    tx.execute("UPDATE task SET state = :state, finished_at = :at WHERE task_id = :step", {"state": state, "at": at, "step": step})


def _end_run(tx: Transaction, run: FlowRun, ok: bool, at: float) -> None:
    message = None if ok else "the end step failed"
    finish_run(tx, shared_run_id(run), RuntimeState.SUCCEEDED if ok else RuntimeState.FAILED, message, at)


def finish_run(tx: Transaction, run_id: str, state: RuntimeState, message: str | None, at: float) -> None:
    """Set the final state of a recorded run and of its root task; repeating with the same state changes nothing."""
    row: Row | None = tx.one("SELECT state, state_history FROM run WHERE run_id = :run", {"run": run_id})
    if row is None or row["state"] == state:
        return
    history = [*orjson.loads(row["state_history"]), {"at": at, "state": state, "error": message}]
    params = {
        "run": run_id,
        "state": state,
        "at": at,
        "history": orjson.dumps(history).decode(),
        "error": orjson.dumps({"code": 2, "kind": "LOST", "message": message}).decode() if message else None,
    }
    tx.execute(
        "UPDATE run SET state = :state, finished_at = :at, state_history = :history, error = :error, version = version + 1"
        " WHERE run_id = :run",
        params,
    )
    tx.execute("UPDATE task SET state = :state, finished_at = :at, error = :error WHERE task_id = :run", params)


def project_parameters(tx: Transaction, run: FlowRun, end_step: str) -> None:
    """Keep the name of the end step of a run (metadata `end_step` of its parameters task)."""
    tx.execute("UPDATE flow_run SET end_step = :step WHERE run_number = :run", {"step": end_step, "run": run.run_number})
