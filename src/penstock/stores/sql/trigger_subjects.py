"""What noted events are about, read where runs, metrics and versions are stored; and the newest such thing for a trigger's test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.ids import RunId
from penstock.domain.triggers import EventKind, EventSubject, EventTrigger, NotedEvent
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.json_columns import decode_object

_TRACKED_STATES = {"finished": "SUCCEEDED", "failed": "FAILED", "crashed": "FAILED", "killed": "CANCELED", "preempted": "CANCELED"}
_TRACKED_OVER = "('finished', 'failed', 'crashed', 'killed', 'preempted')"
_TRACKED = (
    "SELECT t.run_id, t.name, t.display_name, t.state, t.pipeline_run_id, t.finished_at, p.entity, p.name AS project, d.summary"
    " FROM tracked_run t JOIN tracked_project p ON p.project_id = t.project_id LEFT JOIN tracked_document d ON d.run_id = t.run_id"
)
_VERSION = (
    "SELECT m.membership_id, m.version_id, m.version_index, m.created_at, c.collection_id, c.name AS collection, c.type_name, p.entity,"
    " p.name AS project, v.digest, v.size_bytes, r.pipeline_run_id FROM membership m"
    " JOIN collection c ON c.collection_id = m.collection_id JOIN tracked_project p ON p.project_id = c.project_id"
    " JOIN artifact_version v ON v.version_id = m.version_id LEFT JOIN tracked_run r ON r.run_id = v.creator_run_id"
)


def subject_of(tx: Transaction, event: NotedEvent) -> EventSubject | None:
    """Return what the event is about, or None when it is gone."""
    match event.source:
        case "run":
            return _run(tx.one("SELECT * FROM run WHERE run_id = ?", (event.source_id,)))
        case "tracked":
            return _tracked(tx.one(f"{_TRACKED} WHERE t.run_id = ?", (int(event.source_id),)))
        case "metric":
            return _metric(tx, event.source_id, str(event.facts.get("task_id")), str(event.facts.get("name")))
        case "version" | "alias":
            collection, version, *alias = event.source_id.split("/", 2)
            row = tx.one(f"{_VERSION} WHERE m.collection_id = ? AND m.version_id = ?", (int(collection), int(version)))
            return _version(row, alias[0] if alias else "")
        case _:
            return EventSubject(event.facts)


def last_subject(tx: Transaction, recurring_run_id: str | None, trigger: EventTrigger) -> EventSubject | None:
    """Return the newest thing of the past that the trigger may wait for; filters that cost a scan are left to the caller."""
    match trigger.kind:
        case EventKind.RUN_FINISHED:
            return _last_tracked(tx, trigger.project) if trigger.project else _last_run(tx, trigger)
        case EventKind.METRIC:
            return _last_tracked(tx, trigger.project) if trigger.project else _last_metric(tx, trigger)
        case EventKind.ARTIFACT:
            return _last_version(tx, trigger)
        case _:
            row = tx.one(
                "SELECT facts FROM trigger_event WHERE recurring_run_id = ? AND source = ? AND COALESCE(outcome, '') <> 'noted'"
                " ORDER BY event_id DESC LIMIT 1",
                (recurring_run_id, trigger.kind.value),
            )
            return None if row is None else EventSubject(decode_object(row["facts"]))


def _last_run(tx: Transaction, trigger: EventTrigger) -> EventSubject | None:
    states = ", ".join("?" * len(trigger.states))
    where, params = f"state IN ({states})", [*trigger.states]
    if trigger.pipeline:
        where, params = f"{where} AND pipeline_name = ?", [*params, trigger.pipeline]
    return _run(tx.one(f"SELECT * FROM run WHERE {where} ORDER BY created_at DESC LIMIT 1", params))


def _last_tracked(tx: Transaction, project: str) -> EventSubject | None:
    entity, _, name = project.partition("/")
    where = f"p.entity = ? AND p.name = ? AND t.state IN {_TRACKED_OVER}"
    return _tracked(tx.one(f"{_TRACKED} WHERE {where} ORDER BY t.created_at DESC LIMIT 1", (entity, name)))


def _last_metric(tx: Transaction, trigger: EventTrigger) -> EventSubject | None:
    where, params = "m.name = ? AND m.number IS NOT NULL", [trigger.metric]
    if trigger.pipeline:
        where, params = f"{where} AND run.pipeline_name = ?", [*params, trigger.pipeline]
    row = tx.one(
        "SELECT m.run_id, m.task_id FROM run_metric m JOIN run ON run.run_id = m.run_id"
        f" WHERE {where} ORDER BY run.created_at DESC LIMIT 1",
        params,
    )
    return None if row is None else _metric(tx, row["run_id"], row["task_id"], trigger.metric)


def _last_version(tx: Transaction, trigger: EventTrigger) -> EventSubject | None:
    entity, project, name = [*trigger.collection.split("/", 2), "", ""][:3]
    params: list[Any] = [entity, project, name]
    join, where = "", "p.entity = ? AND p.name = ? AND c.name = ?"
    if trigger.alias:
        join = " JOIN membership_alias a ON a.collection_id = m.collection_id AND a.version_id = m.version_id"
        where, params = f"{where} AND a.alias = ?", [*params, trigger.alias]
    return _version(tx.one(f"{_VERSION}{join} WHERE {where} ORDER BY m.version_index DESC LIMIT 1", params), trigger.alias)


def _run(row: Row | None) -> EventSubject | None:
    if row is None:
        return None
    # A recorded flow that was deployed has the engine's run behind it, by the same id: that one remembers what started it.
    origin = row["run_id"].partition("/")[2] if row["kind"] == "flow" else row["run_id"]
    return EventSubject(_run_facts(row), RunId(origin))


def _run_facts(row: Row) -> dict[str, Any]:
    return {
        "kind": "run_finished",
        "run_id": row["run_id"],
        "name": row["name"],
        "pipeline": row["pipeline_name"],
        "state": row["state"],
        "experiment_id": row["experiment_id"] or "",
        "finished_at": row["finished_at"],
    }


def _metric(tx: Transaction, run_id: str, task_id: str, name: str) -> EventSubject | None:
    row = tx.one(
        "SELECT run.*, m.number AS metric_number FROM run_metric m JOIN run ON run.run_id = m.run_id"
        " WHERE m.run_id = ? AND m.task_id = ? AND m.name = ?",
        (run_id, task_id, name),
    )
    if row is None:
        return None
    facts = _run_facts(row) | {"kind": "metric", "metrics": {name: row["metric_number"]}}
    return EventSubject(facts, RunId(run_id))


def _tracked(row: Row | None) -> EventSubject | None:
    if row is None:
        return None
    facts = {
        "kind": "run_finished",
        "run_id": row["name"],
        "name": row["display_name"],
        "project": f"{row['entity']}/{row['project']}",
        "state": _TRACKED_STATES.get(row["state"], row["state"].upper()),
        "finished_at": row["finished_at"],
        "metrics": _numbers(decode_object(row["summary"])),
    }
    origin = row["pipeline_run_id"]
    return EventSubject(facts, None if origin is None else RunId(origin))


def _numbers(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a summary by dotted name."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = value
    return found


def _version(row: Row | None, alias: str) -> EventSubject | None:
    if row is None:
        return None
    collection = f"{row['entity']}/{row['project']}/{row['collection']}"
    facts = {
        "kind": "artifact",
        "collection": collection,
        "type": row["type_name"],
        "version": f"v{row['version_index']}",
        "name": f"{collection}:v{row['version_index']}",
        "alias": alias,
        "digest": row["digest"],
        "size_bytes": row["size_bytes"],
    }
    origin = row["pipeline_run_id"]
    return EventSubject(facts, None if origin is None else RunId(origin))
