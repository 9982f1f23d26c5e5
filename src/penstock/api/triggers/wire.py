"""JSON shapes of triggers, events and backfills. Times are RFC 3339 in UTC."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from penstock.domain.catalog import RecurringRun, Trigger
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId
from penstock.domain.triggers import Backfill, EventKind, EventTrigger, NotedEvent, RecurringEdit
from penstock.pipelines.backfills import BackfillPlan
from penstock.pipelines.recurring_runs import RecurringRequest
from penstock.pipelines.runs import RunRequest
from penstock.pipelines.schedules import describe
from penstock.pipelines.triggers import TriggerTest

_TEXTS = ("pipeline", "project", "collection", "alias", "metric", "comparison", "path", "name", "together")


def event_from_wire(fields: Any, *, token_digest: str = "") -> EventTrigger:
    """Return the trigger that a client describes.

    Raises:
        InvalidArgumentError: names the field.
    """
    if not isinstance(fields, Mapping):
        raise InvalidArgumentError("event has to be an object")
    try:
        kind = EventKind(str(fields.get("kind")))
    except ValueError:
        raise InvalidArgumentError(f"event.kind has to be one of {', '.join(EventKind)}") from None
    unknown = fields.keys() - {item.name for item in dataclasses.fields(EventTrigger)} - {"token_digest"}
    if unknown:
        raise InvalidArgumentError(f"event: unknown fields {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {name: str(fields[name]) for name in _TEXTS if fields.get(name) is not None}
    if (states := fields.get("states")) is not None:
        values["states"] = tuple(str(state).upper() for state in ([states] if isinstance(states, str) else states))
    try:
        if fields.get("threshold") is not None:
            values["threshold"] = float(fields["threshold"])
        for name in ("ring_limit", "max_per_hour"):
            if fields.get(name) is not None:
                values[name] = int(fields[name])
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"event: {error}") from error
    return EventTrigger(kind, token_digest=token_digest, **values)


def event_to_wire(trigger: EventTrigger) -> dict[str, Any]:
    """Return the trigger without its token."""
    fields = dataclasses.asdict(trigger)
    del fields["token_digest"]
    return {name: value for name, value in fields.items() if value not in {"", ()}} | {"kind": trigger.kind.value}


def request_from_wire(fields: Mapping[str, Any], *, event: EventTrigger) -> RecurringRequest:
    """Return what a client asks for when it creates a trigger.

    Raises:
        InvalidArgumentError: a field has the wrong type.
    """

    def text(name: str) -> str:
        return str(fields.get(name) or "")

    parameters = fields.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise InvalidArgumentError("parameters has to be an object")
    run = RunRequest(
        name=text("display_name"),
        description=text("description"),
        experiment_id=ExperimentId(text("experiment_id")) if text("experiment_id") else None,
        spec_digest=Digest(text("spec_digest")) if text("spec_digest") else None,
        pipeline_id=PipelineId(text("pipeline_id")) if text("pipeline_id") else None,
        pipeline_version_id=PipelineVersionId(text("pipeline_version_id")) if text("pipeline_version_id") else None,
        parameters=dict(parameters),
        pipeline_root=text("pipeline_root"),
    )
    try:
        at_once = int(fields.get("max_concurrency") or 1)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"max_concurrency: {error}") from error
    return RecurringRequest(run, Trigger(event=event), at_once, is_enabled=bool(fields.get("is_enabled", True)))


def trigger_to_wire(recurring: RecurringRun, *, hook_url: str = "", token: str = "") -> dict[str, Any]:
    """Return a trigger; address and token of a webhook only when given."""
    event = recurring.trigger.event
    body: dict[str, Any] = {
        "recurring_run_id": recurring.recurring_run_id,
        "display_name": recurring.display_name,
        "description": recurring.description,
        "experiment_id": recurring.experiment_id,
        "pipeline_id": recurring.pipeline_id,
        "pipeline_version_id": recurring.pipeline_version_id,
        "parameters": dict(recurring.parameters),
        "event": None if event is None else event_to_wire(event),
        "text": describe(recurring.trigger),
        "max_concurrency": recurring.max_concurrency,
        "is_enabled": recurring.is_enabled,
        "created_at": time_to_wire(recurring.created_at),
    }
    if event is not None and event.kind is EventKind.WEBHOOK:
        body["hook_url"] = hook_url
    return body | ({"token": token} if token else {})


def noted_to_wire(event: NotedEvent) -> dict[str, Any]:
    """Return what was noted and what became of it."""
    return {
        "subject": event.subject,
        "at": time_to_wire(event.at),
        "outcome": "waiting" if event.outcome is None else event.outcome.value,
        "reason": event.reason,
        "run_id": event.run_id,
        "facts": dict(event.facts),
    }


def test_to_wire(test: TriggerTest) -> dict[str, Any]:
    """Return what the newest event would have started."""
    run = test.run.new_run if test.run else None
    return {
        "event": dict(test.subject.facts) if test.subject else None,
        "would_start": bool(run) and not test.refused,
        "reason": test.refused,
        "run": None if run is None else {"name": run.name, "pipeline": run.pipeline_name, "parameters": dict(run.parameters)},
    }


def plan_to_wire(plan: BackfillPlan) -> dict[str, Any]:
    """Return what a backfill would do."""
    return {
        "times": [
            {"planned_at": time_to_wire(one.planned_at), "fired_run_id": one.fired_run_id, "will_start": one.will_start}
            for one in plan.times
        ],
        "starts": plan.starts,
        "is_cut": plan.is_cut,
        "usual_seconds": plan.usual_seconds,
        "total_seconds": plan.total_seconds,
        "max_concurrency": plan.max_concurrency,
    }


def backfill_to_wire(backfill: Backfill) -> dict[str, Any]:
    """Return how far a backfill is."""
    return {
        "backfill_id": backfill.backfill_id,
        "recurring_run_id": backfill.recurring_run_id,
        "from": time_to_wire(backfill.from_at),
        "until": time_to_wire(backfill.until_at),
        "is_again": backfill.is_again,
        "max_concurrency": backfill.max_concurrency,
        "state": backfill.state.value,
        "total": backfill.total,
        "done": backfill.done,
        "failed": backfill.failed,
    }


def edit_to_wire(edit: RecurringEdit) -> dict[str, Any]:
    """Return who changed what."""
    changes = [{"field": field, "before": before, "after": after} for field, before, after in edit.changes]
    return {"at": time_to_wire(edit.at), "user": edit.user_name, "changes": changes}


def time_to_wire(at: float | None) -> str | None:
    """Return RFC 3339 text."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def time_from_wire(value: Any, name: str) -> float:
    """Read RFC 3339 text, or seconds since the epoch.

    Raises:
        InvalidArgumentError: it is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidArgumentError(f"{name}: {value!r} is not a time such as 2026-01-31T00:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
