"""A run as a trace: what OpenTelemetry's tools read (OTLP, JSON encoding of `ExportTraceServiceRequest`).

The run is the root span, each task that started a span below it, and the phases that its executor measured are spans of the task. Ids are
made of the run's and the tasks' own, so that a trace that is fetched again is the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.interfaces.pages import RunItem, TaskItem
from penstock.web.graphs.timelines import phases_of

_INTERNAL = 1
_OK, _ERROR = 1, 2
_PHASES = (("queued", "queued"), ("environment", "environment"), ("run", "run"), ("upload", "store results"))


def trace_of(run: RunItem, tasks: Sequence[TaskItem], *, version: str, now: float) -> dict[str, Any]:
    """Return the trace of a run; what has not ended is as long as it is `now`, and its state says so."""
    trace_id, root = _id(f"run {run.run_id}", 16), _id(f"root {run.run_id}", 8)
    facts = {"penstock.run_id": run.run_id, "penstock.pipeline": run.pipeline_name, "penstock.state": run.state}
    whole = _span(trace_id, root, "", run.name, run.created_at, run.finished_at or now, facts, state=run.state)
    spans = [whole, *(span for task in tasks if task.started_at is not None for span in _task_spans(trace_id, root, task, now))]
    resource = {"attributes": _attributes({"service.name": "penstock", "service.version": version})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "penstock.run"}, "spans": spans}]}]}


def _task_spans(trace_id: str, root: str, task: TaskItem, now: float) -> Iterator[Mapping[str, Any]]:
    started, end = task.started_at or task.created_at, task.finished_at or now
    phases = [(label, seconds) for key, label in _PHASES if (seconds := phases_of(task.detail).get(key))]
    ahead = sum(seconds for label, seconds in phases if label in {"queued", "environment"})
    at = max(task.created_at, started - ahead)
    span_id = _id(f"task {task.task_id}", 8)
    facts = {
        "penstock.task_id": task.task_id, "penstock.component": task.component, "penstock.state": task.state,
        "penstock.cached": task.is_cached,
        "penstock.attempts": task.attempts, "host.name": task.worker,
    }  # fmt: skip
    yield _span(trace_id, span_id, root, task.label, at, end, facts, state=task.state)
    for label, seconds in phases:
        until = min(at + seconds, end)
        yield _span(trace_id, _id(f"{label} {task.task_id}", 8), span_id, label, at, until, {}, state="")
        at = until


def _span(
    trace_id: str, span_id: str, parent_id: str, name: str, start: float, end: float, facts: Mapping[str, Any], *, state: str
) -> dict[str, Any]:
    span: dict[str, Any] = {
        "traceId": trace_id, "spanId": span_id, "name": name, "kind": _INTERNAL, "startTimeUnixNano": _nanoseconds(start),
        "endTimeUnixNano": _nanoseconds(max(start, end)), "attributes": _attributes(facts),
    }  # fmt: skip
    if parent_id:
        span["parentSpanId"] = parent_id
    if state in {"SUCCEEDED", "FAILED"}:
        span["status"] = {"code": _OK if state == "SUCCEEDED" else _ERROR}
    return span


def _nanoseconds(moment: float) -> str:
    """Return a moment as the format has it: a text, since JSON's numbers are too coarse."""
    return str(round(moment * 1_000_000) * 1000)


def _attributes(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in facts.items() if value != ""]


def _value(value: Any) -> Mapping[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}


def _id(text: str, size: int) -> str:
    return hashlib.sha256(text.encode()).digest()[:size].hex()
