"""The run page: header, graph and the other views of the same run; the node panel is in `pages.runs.tasks`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.expr import UNSET
from penstock.domain.plan import ParameterSpec
from penstock.domain.trash import TrashItem, TrashKind
from penstock.interfaces.pages import ArtifactUse, Condition, ListQuery, Page, RunItem, RunView, TaskItem, with_rounds_in_order
from penstock.interfaces.tracking_pages import RunTracking
from penstock.web.graphs.critical_path import CriticalPath, critical_path, group_ids, path_document
from penstock.web.graphs.run import RunGraph
from penstock.web.graphs.timelines import SORTS, Timeline, timeline
from penstock.web.lists.filters import query_of
from penstock.web.pages.runs.output_panel import OutputPanel
from penstock.web.pages.runs.tasks import PANEL_TABS, TaskPanel, shown_panel
from penstock.web.previews.viewer_sources import kept_uses, uses_with_sources
from penstock.web.previews.visualizations import DRAWN_TYPES, Visual, visuals_of
from penstock.web.render import Crumb, Frame, render
from penstock.web.runs.attempts import RunAttempt, attempts_of
from penstock.web.runs.causes import Cause, causes_of
from penstock.web.runs.logs import last_lines
from penstock.web.runs.plans import plan_of
from penstock.web.runs.trace import trace_of
from penstock.web.services.tracking import tracking_of
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import kind_word, plain_json

VIEWS: Sequence[tuple[str, str, str]] = (
    ("graph", "Graph", "pipeline"),
    ("timeline", "Timeline", "timeline"),
    ("tasks", "Tasks", "bolt"),
    ("metrics", "Metrics", "metrics"),
    ("output", "Output", "eye"),
    ("config", "Config", "leaf"),
    ("spec", "Pipeline Spec", "document"),
    ("lineage", "Lineage", "lineage"),
)
"""Key, English label and icon of the views."""

PATH_TASKS = 5000
"""Leaf tasks, the longest first, among which the critical path is looked for."""

_OPENED = re.compile(r"[\w-]{1,64}(~\d{1,6})?")


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One parameter of the run."""

    name: str
    value: Any
    """Effective value; None when nothing was given and there is no default."""
    type: str
    is_default: bool
    """The caller did not give it."""
    description: str
    is_required: bool = False
    """The definition has no default for it, and does not go without."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Context of `runs/run.html`."""

    view: RunView
    """Header data."""
    tab: str
    """Key of the open view."""
    tabs: Sequence[tuple[str, str, str]]
    """All views."""
    panel: TaskPanel | OutputPanel | None
    """The selected task, if any."""
    failure_tail: str
    """Last meaningful log lines of the first failing task."""
    causes: Sequence[Cause] = ()
    """Failed tasks by cause, when more than one failed; of the first 200."""
    attempts: Sequence[RunAttempt] = ()
    """Attempts of the run, if it was retried."""
    trashed: TrashItem | None = None
    """Where it lies when it was deleted; the page is read-only then."""
    tracking: Sequence[RunTracking] = ()
    """Projects that hold tracked runs of its tasks."""
    tasks: Page[TaskItem] | None = None
    """Rows of the Tasks view; also the graph's table twin."""
    timeline: Timeline | None = None
    orders: Sequence[tuple[str, str]] = SORTS
    """Orders of the timeline's rows."""
    path: CriticalPath | None = None
    """Marked in the timeline when the reader asks for it."""
    visuals: Sequence[Visual] = ()
    """Metrics and Output views."""
    parameters: Sequence[ParameterRow] = ()
    """Config view."""
    spec_text: str = ""
    """Source of the definition."""
    uses: Sequence[ArtifactUse] = ()
    """What tasks put out, for the Lineage view."""
    around: ArtifactUse | None = None
    """Of it, what the lineage is drawn around."""
    graph_address: str = ""
    """What the graph's script asks for first, letter by letter, so that the browser may fetch it while it reads the scripts."""

    @property
    def run(self) -> RunItem:
        """The run."""
        return self.view.run


def parameter_rows(specs: Mapping[str, ParameterSpec], given: Mapping[str, Any]) -> list[ParameterRow]:
    """Declared parameters with what was given, then whatever else was given."""
    rows = [
        ParameterRow(
            name,
            given.get(name, None if spec.default is UNSET else spec.default),
            kind_word(spec.type),
            name not in given,
            spec.description,
            spec.default is UNSET and not spec.is_optional,
        )
        for name, spec in specs.items()
    ]
    return rows + [ParameterRow(name, value, "", False, "") for name, value in given.items() if name not in specs]


async def _trashed(services: WebServices, run: RunItem) -> TrashItem | None:
    if services.trash is None or run.storage_state != "TRASHED":
        return None
    return await services.trash.of_subject(TrashKind.RUN, run.run_id)


async def run_page(services: WebServices, request: Request) -> Response:
    """A run."""
    run_id = request.path_params["run_id"]
    view = await services.runs.run(run_id)
    if view is None:
        raise NotFoundError(f"There is no run {run_id}.")
    tab = request.query_params.get("view", "graph")
    tab = tab if tab in {key for key, _, _ in VIEWS} else "graph"
    panel = None
    if task_id := request.query_params.get("task"):
        panel = await shown_panel(services, request, run_id, task_id)
    page = RunPage(
        view=view,
        tab=tab,
        tabs=VIEWS,
        panel=panel,
        failure_tail=await failure_tail(services, view.first_failure),
        causes=await _causes(services, view.run),
        attempts=await attempts_of(services, view.run),
        trashed=await _trashed(services, view.run),
        tracking=await tracking_of(services.tracking, request, [run_id]),
        **await _tab_data(services, request, view, tab),
    )
    run = view.run
    siblings = [(f"{other.name}", f"/ui/runs/{other.run_id}") for other in view.neighbours if other.run_id != run_id]
    frame = Frame(
        title=run.name,
        section="runs",
        crumbs=(Crumb("Runs", "/ui/runs"), Crumb(run.name, "", siblings)),
        live=f"run={run_id}",
        scripts=("run", "graph", "logs", "table", "timeline", "visuals", "preview", *(("lineage",) if tab == "lineage" else ())),
        is_wide=True,
    )
    return render(services, request, "runs/run.html", frame=frame, page=page)


async def _tab_data(services: WebServices, request: Request, view: RunView, tab: str) -> dict[str, Any]:
    run = view.run
    now = services.clock.now()
    if tab in {"tasks", "graph"}:
        query = query_of(request, now=now, sort="position", descending=False, scope={"run_id": run.run_id})
        address = _graph_address(request, run.run_id) if tab == "graph" else ""
        return {"tasks": await services.runs.list_tasks(query), "graph_address": address}
    if tab == "timeline":
        tasks = await services.runs.timeline(run.run_id)
        start = min([run.created_at, *(task.created_at for task in tasks)])
        end = run.finished_at or now
        path = await path_of_run(services, run) if request.query_params.get("path") else None
        return {"timeline": timeline(tasks, start, end, request.query_params), "path": path}
    if tab in {"metrics", "output"}:
        uses = await services.artifacts.of_runs([run.run_id], DRAWN_TYPES)
        kept, _ended = await kept_uses(services, uses)
        return {"visuals": visuals_of(await uses_with_sources(services, kept), url=services.url)}
    if tab == "lineage":
        uses = await services.artifacts.of_runs([run.run_id])
        return {"uses": with_rounds_in_order(uses), "around": _around(uses, request.query_params.get("around", ""))}
    if tab == "spec":
        stored = await services.runs.spec(run.spec_digest) if run.spec_digest else None
        return {"spec_text": "" if stored is None else stored[2] or plain_json(stored[1])}
    plan = await plan_of(services, run.spec_digest)
    return {"parameters": parameter_rows(plan.parameters if plan else {}, run.parameters)}


def _around(uses: Sequence[ArtifactUse], asked: str) -> ArtifactUse | None:
    """Return what a lineage is drawn around: the artifact asked for, else what the run put out last."""
    return next((use for use in uses if str(use.artifact.artifact_id) == asked), uses[-1] if uses else None)


def _graph_address(request: Request, run_id: str) -> str:
    opened = ",".join(filter(None, request.query_params.get("open", "").split(",")))
    return f"/ui/runs/{run_id}/graph" + (f"?{urlencode({'open': opened}).replace('~', '%7E')}" if opened else "")


async def path_of_run(services: WebServices, run: RunItem) -> CriticalPath:
    """Return the chain of tasks that decided when the run ended, or decides so far; of the `PATH_TASKS` longest tasks."""
    tasks = await services.runs.timeline(run.run_id, limit=PATH_TASKS)
    plan = await plan_of(services, run.spec_digest)
    end = services.clock.now() if run.finished_at is None else run.finished_at
    return await asyncio.to_thread(critical_path, tasks, plan, start=run.created_at, end=end)


async def trace_data(services: WebServices, request: Request) -> Response:
    """Answer a run as a trace, of its `PATH_TASKS` longest tasks at most."""
    run_id = request.path_params["run_id"]
    view = await services.runs.run(run_id)
    if view is None:
        raise NotFoundError(f"There is no run {run_id}.")
    tasks = await services.runs.timeline(run_id, limit=PATH_TASKS)
    headers = {"content-disposition": f'attachment; filename="trace-{run_id}.json"', "cache-control": "no-store"}
    return JSONResponse(trace_of(view.run, tasks, version=services.version, now=services.clock.now()), headers=headers)


async def path_data(services: WebServices, request: Request) -> Response:
    """Answer the critical path of a run for the graph, with the groups around each task, since these may be closed."""
    run_id = request.path_params["run_id"]
    view = await services.runs.run(run_id)
    if view is None:
        raise NotFoundError(f"There is no run {run_id}.")
    path = await path_of_run(services, view.run)
    body = path_document(path, lambda step: [*group_ids(run_id, step.path), step.task_id])
    return JSONResponse(body, headers={"cache-control": "no-store"})


async def _causes(services: WebServices, run: RunItem) -> list[Cause]:
    if run.failed_count < 2:
        return []
    query = ListQuery(
        conditions=(Condition("status", ":", "failed"),), sort="position", is_descending=False, limit=200, scope={"run_id": run.run_id}
    )
    return causes_of((await services.runs.list_tasks(query)).items)


async def failure_tail(services: WebServices, task: TaskItem | None) -> str:
    """Last meaningful log lines of a failed task."""
    if task is None:
        return ""
    return await last_lines(services.logs, task.run_id, task.task_id, max(0, task.attempts - 1), count=6)


async def graph_data(services: WebServices, request: Request) -> Response:
    """Structure and states of the open scopes of a run, for the graph.

    `?open=<task id>,...` names group nodes that are open in place; the root scope is always there. A loop's entry lists its
    iterations compactly; `?open` of an iteration gives that iteration's tasks, of a cluster (`<task id>~<number>`) its first
    members, those that `open` names among them.
    """
    run_id = request.path_params["run_id"]
    view = await services.runs.run(run_id)
    if view is None:
        raise NotFoundError(f"There is no run {run_id}.")
    drawn = RunGraph(services, view.run, await plan_of(services, view.run.spec_digest))
    opened = [text for text in request.query_params.get("open", "").split(",") if _OPENED.fullmatch(text)]
    await drawn.collect(view.root, opened)
    body = {
        "root": view.root.task_id if view.root else "root",
        "state": view.run.state,
        "version": view.run.version,
        "now": services.clock.now(),
        "scopes": drawn.scopes,
        "loops": drawn.loops,
        "trail": await drawn.trail(layer) if _OPENED.fullmatch(layer := request.query_params.get("layer", "")) else [],
    }
    return JSONResponse(body, headers={"cache-control": "no-store"})


__all__ = [
    "PANEL_TABS",
    "RunPage",
    "failure_tail",
    "graph_data",
    "parameter_rows",
    "path_data",
    "path_of_run",
    "run_page",
]
