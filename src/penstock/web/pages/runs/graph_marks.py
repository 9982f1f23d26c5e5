"""What the graph of a run says beside states: artifacts along its edges with their sizes, a metric on each box, which tasks are tracked."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import TaskId
from penstock.interfaces.pages import ScalarMetric
from penstock.web.services.tracking import readable_by
from penstock.web.services.web import WebServices
from penstock.web.texts import formats

MOST = 1000
"""Outputs of a run that are looked at."""


async def marks_data(services: WebServices, request: Request) -> Response:
    """Answer `outputs` (`TASK#KEY` -> name, type, size), `metrics` (task -> name, value) and ids of `tracked` tasks."""
    run_id = request.path_params["run_id"]
    view = await services.runs.run(run_id)
    if view is None:
        raise NotFoundError(f"There is no run {run_id}.")
    outputs = await services.artifacts.of_runs([run_id], limit=MOST)
    metrics: dict[str, tuple[str, str]] = {}
    for metric in view.run.metrics:
        metrics.setdefault(metric.task_id, (metric.name, value_text(metric)))
    tasks = {use.task_id for use in outputs} | {task.task_id for task in await services.runs.timeline(run_id)}
    body: dict[str, Any] = {
        "outputs": {f"{use.task_id}#{use.key}": _words(use.artifact.name, use.artifact.type, use.artifact.size_bytes) for use in outputs},
        "metrics": metrics,
        "tracked": await _tracked(services, request, tasks),
    }
    return JSONResponse(body, headers={"cache-control": "no-store"})


def value_text(metric: ScalarMetric) -> str:
    """Return a metric as it is read: shares in percent, where it says so."""
    if metric.number is None:
        return metric.text or ""
    return formats.percentage(metric.number) if metric.format == "PERCENTAGE" else formats.number(metric.number)


def _words(name: str, kind: str, size: int | None) -> list[str]:
    return [name, formats.type_word(kind), "" if size is None else formats.size(size)]


async def _tracked(services: WebServices, request: Request, tasks: set[str]) -> list[str]:
    """Return which of the tasks have a tracked run that the caller may see."""
    if services.tracking is None or not tasks:
        return []
    readable = readable_by(services.tracking, request)
    found = await services.tracking.runs.of_tasks([TaskId(task) for task in sorted(tasks)])
    return [task for task, runs in found.items() if any(readable(run.entity) for run in runs)]
