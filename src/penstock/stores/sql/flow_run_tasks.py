"""Tasks of a recorded run: counted by step and state, and a page of them, with what only a page needs. However many tasks a run has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from penstock.interfaces.page_flows import FlowAttempt, FlowStep, FlowTaskItem, FlowTaskPage, FlowTaskQuery, TrackedLink
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.flow_projection import PARAMETERS_STEP
from penstock.stores.sql.page_filters import Where
from penstock.stores.sql.page_rows import named_places

_SHOWN = "COALESCE(flow_task.task_name, CAST(flow_task.task_number AS TEXT))"
_ATTEMPTS = "(SELECT COUNT(*) FROM attempt WHERE attempt.task_id = task.task_id)"
_FOREACH = (
    "COALESCE((SELECT MAX(m.value) FROM flow_metadata m"
    " WHERE m.task_number = flow_task.task_number AND m.field_name = 'foreach-stack'), '')"
)
_SORTS: Mapping[str, Sequence[str]] = {
    "task": ("flow_task.step_name", f"LENGTH({_SHOWN})", _SHOWN),
    "status": ("task.state",),
    "foreach": (f"LENGTH({_FOREACH})", _FOREACH),
    "attempts": (_ATTEMPTS,),
    "duration": ("COALESCE(task.finished_at - task.started_at, -1)",),
    "started": ("COALESCE(task.started_at, task.created_at)",),
}
"""SQL of what the tasks are sorted by; else they stand in the order in which they were recorded."""
_CAUGHT = (
    "SELECT DISTINCT ok.task_number AS task_number FROM flow_artifact ok JOIN flow_artifact good ON good.task_number = ok.task_number"
    " AND good.attempt_id = ok.attempt_id AND good.name = '_success' WHERE ok.task_number IN ({numbers}) AND ok.name = '_task_ok'"
    " AND ok.sha <> good.sha"
)
"""SQL of the tasks whose step did not succeed although they did (observed with metaflow 2.19: the client keeps both as artifacts, and equal
ones have equal hashes)."""


def steps_of(tx: Transaction, run_number: int, shared_id: str) -> list[FlowStep]:
    """Return the steps that began, in that order, with their tasks counted by state."""
    source, where = _tasks(tx, run_number, shared_id)
    states: dict[str, dict[str, int]] = {}
    for row in tx.all(
        f"SELECT flow_task.step_name AS step_name, task.state AS state, COUNT(*) AS n, MIN(flow_task.task_number) AS first FROM {source}"
        f" {where.sql()} GROUP BY flow_task.step_name, task.state ORDER BY first",
        where.params,
    ):
        states.setdefault(row["step_name"], {})[row["state"]] = row["n"]
    return [FlowStep(name, counts) for name, counts in states.items()]


def tasks_page(tx: Transaction, run_number: int, shared_id: str, query: FlowTaskQuery) -> FlowTaskPage:
    """See `FlowPages.tasks`."""
    source, where = _tasks(tx, run_number, shared_id)
    _narrow(where, query)
    direction = "DESC" if query.is_descending else "ASC"
    order = ", ".join(f"{sql} {direction}" for sql in (*_SORTS.get(query.sort, ()), "flow_task.task_number"))
    rows = tx.all(
        f"SELECT flow_task.task_number AS task_number, flow_task.step_name AS step_name, {_SHOWN} AS shown_id, task.* FROM {source}"
        f" {where.sql()} ORDER BY {order} LIMIT {int(query.limit) + 1} OFFSET {int(query.offset)}",
        where.params,
    )
    shown = rows[: query.limit]
    found = query.offset + len(shown)
    if len(rows) > query.limit or (query.offset and not rows):
        counted = tx.one(f"SELECT COUNT(*) AS n FROM {source} {where.sql()}", where.params)
        found = int(counted["n"]) if counted is not None else 0
    return FlowTaskPage(_items(tx, shown, shared_id), found)


def _tasks(tx: Transaction, run_number: int, shared_id: str) -> tuple[str, Where]:
    where = Where(tx, now=0.0)
    head = where.bind(f"{shared_id}/")
    where.equals("flow_task.run_number", run_number)
    where.add(f"flow_task.step_name <> {where.bind(PARAMETERS_STEP)}")
    return f"flow_task JOIN task ON task.task_id = {head} || flow_task.step_name || '/' || {_SHOWN}", where


def _narrow(where: Where, query: FlowTaskQuery) -> None:
    if query.steps is not None:
        where.among("flow_task.step_name", list(query.steps))
    if query.state:
        where.equals("task.state", query.state)
    if query.task_id:
        where.add(f"{_SHOWN} = {where.bind(query.task_id)}")
    if query.has_begun:
        where.add("EXISTS (SELECT 1 FROM attempt WHERE attempt.task_id = task.task_id)")
    if query.text:
        foreach = (
            "EXISTS (SELECT 1 FROM flow_metadata m WHERE m.task_number = flow_task.task_number AND m.field_name = 'foreach-stack'"
            f" AND {where.contains('m.value', query.text)})"
        )
        named = f"(flow_task.step_name || '/' || {_SHOWN})"
        where.add(f"({where.contains(named, query.text)} OR {foreach})")


def _items(tx: Transaction, rows: Sequence[Row], shared_id: str) -> list[FlowTaskItem]:
    """What a page shows of its tasks; a fixed number of queries."""
    places, ids = named_places(row["task_id"] for row in rows)
    attempts: dict[str, list[FlowAttempt]] = {}
    for row in tx.all(f"SELECT * FROM attempt WHERE task_id IN ({places}) ORDER BY task_id, attempt", ids):
        attempts.setdefault(row["task_id"], []).append(
            FlowAttempt(row["attempt"], row["state"], row["started_at"], row["finished_at"], message_of(row["error"]))
        )
    numbers, bound = named_places(row["task_number"] for row in rows)
    facts: dict[tuple[int, str], Any] = {}
    for row in tx.all(
        f"SELECT task_number, field_name, value FROM flow_metadata WHERE task_number IN ({numbers})"
        " AND field_name IN ('foreach-stack', 'origin-run-id', 'origin-task-id') ORDER BY id",
        bound,
    ):
        facts[(row["task_number"], row["field_name"])] = orjson.loads(row["value"])
    caught = {row["task_number"] for row in tx.all(_CAUGHT.format(numbers=numbers), bound)}
    tracked = _tracked(tx, shared_id, [row["task_id"] for row in rows])
    return [
        FlowTaskItem(
            step_name=row["step_name"],
            task_id=row["shown_id"],
            state=row["state"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            error_message=message_of(row["error"]),
            foreach=_foreach(facts.get((row["task_number"], "foreach-stack"))),
            origin=str(facts.get((row["task_number"], "origin-task-id")) or ""),
            attempts=attempts.get(row["task_id"], []),
            tracked=tracked.get(row["task_id"], []),
            origin_run=_run_told(facts.get((row["task_number"], "origin-run-id"))),
            is_caught=row["state"] == "SUCCEEDED" and row["task_number"] in caught,
        )
        for row in rows
    ]


def origin_of(tx: Transaction, run_number: int) -> str:
    """Return the run that a run resumes, as its first task tells; empty when it resumes none."""
    row = tx.one(
        "SELECT value FROM flow_metadata WHERE field_name = 'origin-run-id' AND task_number ="
        " (SELECT MIN(task_number) FROM flow_task WHERE run_number = :run AND step_name <> :parameters) ORDER BY id DESC LIMIT 1",
        {"run": run_number, "parameters": PARAMETERS_STEP},
    )
    return "" if row is None else _run_told(orjson.loads(row["value"]))


def _run_told(value: Any) -> str:
    """Return the run that metadata `origin-run-id` names; the client writes `None` as a word."""
    text = str(value or "")
    return "" if text == "None" else text


def message_of(error: str | None) -> str:
    """Return why a run or task failed, as it was told."""
    return str((orjson.loads(error) or {}).get("message") or "") if error else ""


def _foreach(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value or "")


def _tracked(tx: Transaction, shared_id: str, task_ids: Iterable[str]) -> dict[str, Sequence[TrackedLink]]:
    """Tracked runs by shared task id. A task that the engine runs has the engine's task id as its own name, so that one counts too."""
    found: dict[str, list[TrackedLink]] = {}
    places, ids = named_places(task_ids, "task")
    for row in tx.all(
        "SELECT COALESCE(f.task_id, r.task_id) AS task_id, r.name AS name, r.display_name AS display_name, r.state AS state,"
        " p.entity AS entity, p.name AS project FROM tracked_run r"
        " JOIN tracked_project p ON p.project_id = r.project_id"
        " LEFT JOIN task f ON f.run_id = :run AND f.task_key = r.task_id AND f.type = 'RUNTIME'"
        f" WHERE r.pipeline_run_id IN (:run, :engine) AND COALESCE(f.task_id, r.task_id) IN ({places}) ORDER BY r.created_at",
        {"run": shared_id, "engine": shared_id.partition("/")[2], **ids},
    ):
        found.setdefault(row["task_id"], []).append(
            TrackedLink(row["entity"], row["project"], row["name"], row["display_name"], row["state"])
        )
    return dict(found)
