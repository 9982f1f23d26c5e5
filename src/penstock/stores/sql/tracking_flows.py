"""Links tracked runs to the flow tasks that made them, in the transaction that stores what the client said."""

from __future__ import annotations

import json

from penstock.domain.flow_links import FlowPlace, place_of
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import RunChange
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.json_columns import compact_json
from penstock.stores.sql.tracking_projects import delete_run_rows

_SHOWN_RUN = "COALESCE(run_id, CAST(run_number AS TEXT))"
_SHOWN_TASK = "COALESCE(task_name, CAST(task_number AS TEXT))"


def link_flow_task(tx: Transaction, run_id: TrackedRunId, change: RunChange) -> None:
    """Give the tracked run its flow task, when the run has none yet and what is known of it points to one.

    Without the task's id a run is linked only when exactly one running task of the step has no tracked run of a client yet, so that a link
    is never a guess.
    """
    if change.group is None and (change.config is None or "--task-id" not in change.config):
        return
    row = tx.one("SELECT task_id, group_name, job_type FROM tracked_run WHERE run_id = ?", (run_id,))
    if row is None or row["task_id"]:
        return
    place = place_of(row["group_name"], row["job_type"], change.config)
    found = _flow_run(tx, place) if place is not None else None
    if place is None or found is None:
        return
    number, shared_run = found
    task = _named_task(tx, number, place) if place.task_id is not None else _only_open_task(tx, shared_run, place.step_name)
    if task is None:
        return
    task_id = f"{shared_run}/{place.step_name}/{task}"
    tx.execute("UPDATE tracked_run SET task_id = ?, pipeline_run_id = ? WHERE run_id = ?", (task_id, shared_run, run_id))
    _replace_automatic(tx, task_id, run_id)


def _replace_automatic(tx: Transaction, task_id: str, run_id: TrackedRunId) -> None:
    """Let a client's run stand for the task alone: the server's own record goes, its parameters stay below the client's config."""
    sql = (
        "SELECT r.run_id, d.base_config FROM tracked_run r JOIN tracked_document d ON d.run_id = r.run_id"
        " WHERE r.task_id = ? AND r.is_automatic = 1 AND r.run_id <> ?"
    )
    for row in tx.all(sql, (task_id, run_id)):
        delete_run_rows(tx, TrackedRunId(row["run_id"]))
        own = tx.one("SELECT config FROM tracked_document WHERE run_id = ?", (run_id,))
        if own is not None and row["base_config"] != "{}":
            config = compact_json({**json.loads(row["base_config"]), **json.loads(own["config"])})
            tx.execute("UPDATE tracked_document SET config = ?, base_config = ? WHERE run_id = ?", (config, row["base_config"], run_id))


def _flow_run(tx: Transaction, place: FlowPlace) -> tuple[int, str] | None:
    is_number = place.run_id.isdecimal() and len(place.run_id) < 19
    where, params = ("run_number = ?", [int(place.run_id)]) if is_number else ("run_id = ?", [place.run_id])
    if place.flow_id is not None:
        where, params = f"{where} AND flow_id = ?", [*params, place.flow_id]
    rows = tx.all(f"SELECT run_number, flow_id, {_SHOWN_RUN} AS shown FROM flow_run WHERE {where} LIMIT 2", params)
    return (int(rows[0]["run_number"]), f"{rows[0]['flow_id']}/{rows[0]['shown']}") if len(rows) == 1 else None


def _named_task(tx: Transaction, run_number: int, place: FlowPlace) -> str | None:
    row = tx.one(
        f"SELECT {_SHOWN_TASK} AS shown FROM flow_task WHERE run_number = ? AND step_name = ? AND {_SHOWN_TASK} = ?",
        (run_number, place.step_name, place.task_id),
    )
    return None if row is None else str(row["shown"])


def _only_open_task(tx: Transaction, shared_run: str, step_name: str) -> str | None:
    head = f"{shared_run}/{step_name}/"
    rows = tx.all(
        "SELECT task_id FROM task WHERE run_id = ? AND parent_task_id = ? AND type = 'RUNTIME' AND state = 'RUNNING'"
        " AND NOT EXISTS (SELECT 1 FROM tracked_run t WHERE t.task_id = task.task_id AND t.is_automatic = 0) LIMIT 2",
        (shared_run, f"{shared_run}/{step_name}"),
    )
    return str(rows[0]["task_id"]).removeprefix(head) if len(rows) == 1 else None
