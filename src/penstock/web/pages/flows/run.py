"""The page of a recorded run: its graph, timeline, tasks, output, config and tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError
from penstock.domain.flows import Page
from penstock.flows.reading import PARAMETERS_STEP, Card, ValueInfo
from penstock.interfaces.page_flows import FlowRunItem, FlowRunView, FlowTaskItem, FlowTaskQuery
from penstock.interfaces.tracking_pages import RunTracking
from penstock.web.flows.parameters import declared, looked_at
from penstock.web.flows.run_lineage import RunLineage, run_lineage
from penstock.web.flows.tag_words import tags_in
from penstock.web.flows.task_table import TaskTable, task_query, task_table
from penstock.web.graphs.flow import FlowGraph, graph_of, worst_state
from penstock.web.graphs.timelines import Part, part_of
from penstock.web.render import Crumb, Frame, Notice, language_of, redirect, render
from penstock.web.security import check_own_form
from penstock.web.services.flows import FlowWeb
from penstock.web.services.tracking import tracking_of
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import state_word
from penstock.web.texts.i18n import translate

VIEWS: Sequence[tuple[str, str]] = (
    ("dag", "Graph"),
    ("timeline", "Timeline"),
    ("tasks", "Tasks"),
    ("output", "Output"),
    ("parameters", "Config"),
    ("lineage", "Lineage"),
    ("metadata", "Metadata"),
)
"""Views of a run; `dag` and `timeline` are also Metaflow's words in addresses."""
RUN_CRUMB = "Run {run}"
"""What the breadcrumbs call a run, whose id is most often a bare number."""
_OTHER_WORDS = {"graph": "dag", "config": "parameters", "cards": "output", "task": "tasks"}
_SCRIPTS: Mapping[str, Sequence[str]] = {"dag": ("graph",), "lineage": ("lineage", "preview", "visuals")}
"""What views need beside what all do."""
_MOST_CARDED = 40
"""Tasks whose cards are looked for: each costs a look into the datastore."""
_MOST_VALUES = 200
_LAST_WORDS = 5
_MAX_BARS = 1000
_MOST_ROWS = 500
"""Rows of metadata on a page."""
_ROW = re.compile(r"[0-9]{1,15}\.[0-9]{1,15}")
"""Time and number of a row of metadata, as they stand in the address."""


@dataclass(frozen=True, slots=True)
class FlowBar:
    """An attempt on the timeline, in percent of the whole."""

    task: FlowTaskItem
    attempt: int
    state: str
    start: float
    width: float
    seconds: float


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step on the timeline with its attempts."""

    name: str
    state: str
    counts: Mapping[str, int]
    bars: Sequence[FlowBar]
    seconds: float
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class FlowTimeline(Part):
    """What the timeline draws: the steps with something in the part that is looked at."""

    rows: Sequence[StepRow] = ()


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A parameter of a run."""

    name: str
    type_name: str
    value: Any
    text: str
    """Shown when the value is not plain data, or the reason why it cannot be shown."""


@dataclass(frozen=True, slots=True)
class FlowOutput:
    """What a run put out: the cards of its tasks, and what its last step ended with."""

    cards: Sequence[tuple[FlowTaskItem, Card, str]] = ()
    """With the address of the task that has each: of an earlier run, where its result was taken over."""
    carded: int = 0
    """Tasks whose cards were looked for."""
    may_have: int = 0
    """Tasks that may have cards."""
    last: FlowTaskItem | None = None
    """The task of the last step, once it began."""
    values: Sequence[ValueInfo] = ()
    """What it ended with, without Metaflow's own."""
    problem: str = ""
    """Why nothing can be read."""


@dataclass(frozen=True, slots=True)
class FlowRunPage:
    """Context of `flows/run.html`."""

    view: FlowRunView
    tab: str
    tabs: Sequence[tuple[str, str]]
    step: str
    """Only tasks of this step, when chosen."""
    problem: str
    """Why the datastore cannot be read; empty when it can, or nothing was asked of it."""
    graph: FlowGraph | None = None
    timeline: FlowTimeline = FlowTimeline()
    tracking: Sequence[RunTracking] = ()
    """Projects that hold tracked runs of its tasks."""
    parameters: Sequence[ParameterValue] = ()
    metadata: Sequence[Any] = ()
    older: str = ""
    """The last of `metadata`, when older rows follow."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the client told of the run when it began, by field: code, interpreter, datastore."""
    output: FlowOutput = FlowOutput()
    hidden: int = 0
    """Tasks that the timeline leaves out."""
    table: TaskTable = field(default_factory=TaskTable)
    """Tasks of the chosen step, or of all."""
    lineage: RunLineage = field(default_factory=RunLineage)
    """What its lineage is drawn around."""
    last_words: Sequence[str] = ()
    """The end of the log of the task that failed first."""

    @property
    def run(self) -> FlowRunItem:
        """The run."""
        return self.view.run

    @property
    def compared_with(self) -> str:
        """Shared id of the run to compare with: the newest other one that succeeded, else the newest other one; empty without one."""
        others = [one for one in self.view.neighbours if one.run_id != self.run.run_id]
        best = next((one for one in others if one.state == "SUCCEEDED"), others[0] if others else None)
        return "" if best is None else best.shared_id

    @property
    def last_good(self) -> FlowRunItem | None:
        """The newest other run that succeeded, of the last ten."""
        return next((one for one in self.view.neighbours if one.state == "SUCCEEDED" and one.run_id != self.run.run_id), None)

    @property
    def first_failure(self) -> FlowTaskItem | None:
        """The task to look at first."""
        return self.view.first_failure


async def run_page(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """A recorded run."""
    flow_id, run_id = request.path_params["flow"], request.path_params["run"]
    view = await flows.pages.run(flow_id, run_id)
    if view is None:
        raise NotFoundError(f"There is no run {flow_id}/{run_id}. Runs are recorded here once `penstock env` is set in the flow's shell.")
    step = request.path_params.get("step") or request.query_params.get("step", "")
    asked = request.path_params.get("view") or request.query_params.get("view") or ("tasks" if step else "dag")
    asked = _OTHER_WORDS.get(asked, asked)
    tab = asked if asked in {key for key, _ in VIEWS} else "dag"
    problem = await _problem(flows, view)
    extra = await _tab(services, flows, view, tab, {**request.query_params, "step": step})
    tracked = await tracking_of(services.tracking, request, [id_ for id_ in (view.run.shared_id, view.run.pipeline_run_id) if id_])
    page = FlowRunPage(view=view, tab=tab, tabs=VIEWS, step=step, problem=problem, tracking=tracked, **extra)
    page = replace(page, last_words=await _last_words(flows, page))
    language = language_of(request)
    states = [translate(language, state_word(other.state)) for other in view.neighbours]
    beside = zip(view.neighbours, states, strict=True)
    others = [(f"{one.short_title} · {state}", f"/flows/{flow_id}/{one.run_id}") for one, state in beside]
    name = translate(language, RUN_CRUMB, run=view.run.short_title)
    crumbs = (Crumb("Flows", "/flows"), Crumb(flow_id, f"/flows/{flow_id}"), Crumb(name, "", others))
    scripts = ("table", "flows", "timeline", *_SCRIPTS.get(tab, ()))
    frame = Frame(title=view.run.title, section="flows", crumbs=crumbs, live=live_of(view.run), scripts=scripts)
    return render(services, request, "flows/run.html", frame=frame, page=page)


def address_of(run: FlowRunItem, task: FlowTaskItem) -> str:
    """Return the address of the task that has the log and the cards of `task`."""
    run_id, step, task_id = task.data_ids
    return "/flows/" + "/".join(quote(part, safe="") for part in (run.flow_id, run_id or run.run_id, step, task_id))


def live_of(run: FlowRunItem) -> str:
    """The stream of what changes in a run."""
    return urlencode({"run": run.shared_id})


async def change_tags(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """Add and remove user tags, then show the run again."""
    check_own_form(request)
    form = await request.form()
    flow_id, run_id = request.path_params["flow"], request.path_params["run"]
    add = tags_in(str(form.get("add", "")))
    if any(len(tag) > 500 for tag in add):
        raise InvalidArgumentError("a tag has at most 500 characters")
    await flows.recorder.change_tags(flow_id, run_id, add, [str(tag) for tag in form.getlist("remove")])
    run = await flows.pages.run(flow_id, run_id)
    fixed = [tag for tag in add if run is not None and tag in run.run.system_tags]
    refused = Notice(f"Set by the client, and not to be changed: {', '.join(fixed)}", "error") if fixed else None
    del services
    view = request.query_params.get("view", "")
    shown = f"/view/{view}" if view in {key for key, _ in VIEWS[1:]} else ""
    return redirect(f"/flows/{quote(flow_id)}/{quote(run_id)}{shown}", refused)


async def _problem(flows: FlowWeb, view: FlowRunView) -> str:
    """Why the datastore cannot be read, or nothing."""
    run = view.run
    tasks = await _parameter_tasks(flows, view)
    try:
        if tasks:
            await flows.reader.logs(run.flow_id, run.run_id, PARAMETERS_STEP, tasks[0], 0)
    except NotFoundError:
        return ""
    except PenstockError as error:
        return str(error)
    return ""


async def _last_words(flows: FlowWeb, page: FlowRunPage) -> Sequence[str]:
    failed = page.first_failure if page.run.state == "FAILED" and not page.problem else None
    if failed is None:
        return ()
    try:
        ids = (page.run.flow_id, page.run.run_id, failed.step_name, failed.task_id)
        return await flows.reader.last_words(*ids, failed.newest_attempt, count=_LAST_WORDS)
    except PenstockError:
        return ()


async def _parameter_tasks(flows: FlowWeb, view: FlowRunView) -> list[str]:
    try:
        found = await flows.recorder.store.tasks(view.run.flow_id, view.run.run_id, PARAMETERS_STEP, None, Page())
    except NotFoundError:
        return []
    return [task.shown_id for task in found]


async def _tab(services: WebServices, flows: FlowWeb, view: FlowRunView, tab: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    run = view.run
    if tab == "dag":
        return {"graph": graph_of(await flows.reader.graph(run.flow_id, run.run_id), view.steps, view.expected)}
    if tab == "timeline":
        end = run.finished_at or services.clock.now()
        drawn = await flows.pages.tasks(run.flow_id, run.run_id, FlowTaskQuery(limit=_MAX_BARS))
        return {"timeline": timeline(drawn.items, run.started_at, end, wanted), "hidden": drawn.total - len(drawn.items)}
    if tab == "parameters":
        return {"parameters": await _parameters(flows, view), "facts": await _facts(flows, view)}
    if tab == "output":
        return {"output": await _output(flows, view)}
    if tab in {"tasks", "lineage"}:
        step = wanted.get("step", "")
        query = task_query(view.steps, step, wanted)
        table = task_table(await flows.pages.tasks(run.flow_id, run.run_id, query), query, view.steps, step)
        around = await run_lineage(flows.pages, run.flow_id, run.run_id, wanted.get("around", "")) if tab == "lineage" else RunLineage()
        return {"table": table, "lineage": around}
    if tab == "metadata":
        return await _metadata(flows, run, wanted.get("before", ""))
    return {}


async def _metadata(flows: FlowWeb, run: FlowRunItem, before: str) -> dict[str, Any]:
    """Rows of all tasks, newest first: those behind the row that `before` names, and the name of the last one when more follow."""
    time, _, number = before.partition(".")
    cursor = (int(time), int(number), "") if _ROW.fullmatch(before) else None
    rows = await flows.recorder.store.metadata(run.flow_id, run.run_id, None, None, Page(limit=_MOST_ROWS + 1, cursor=cursor))
    shown = rows[:_MOST_ROWS]
    return {"metadata": shown, "older": f"{shown[-1].ts_epoch}.{shown[-1].row_id}" if len(rows) > len(shown) else ""}


async def _facts(flows: FlowWeb, view: FlowRunView) -> dict[str, str]:
    """What the first task's metadata says of the whole run."""
    tasks = await _parameter_tasks(flows, view)
    rows = await flows.recorder.store.metadata(view.run.flow_id, view.run.run_id, PARAMETERS_STEP, tasks[0], Page()) if tasks else ()
    wanted = {"script-name", "code-package", "ds-type", "ds-root", "python_version", "user", "origin-run-id"}
    tags = dict(tag.split(":", 1) for tag in view.run.system_tags if ":" in tag)
    return {**tags, **{str(row.field_name): str(row.value) for row in rows if row.field_name in wanted}}


async def _output(flows: FlowWeb, view: FlowRunView) -> FlowOutput:
    run = view.run
    info = await flows.reader.graph(run.flow_id, run.run_id)
    steps = (info or {}).get("steps")
    carded = {name for name, step in steps.items() if _has_card(step)} if isinstance(steps, Mapping) else None
    asked = FlowTaskQuery(steps=None if carded is None else sorted(carded), has_begun=True, limit=_MOST_CARDED)
    tasks = await flows.pages.tasks(run.flow_id, run.run_id, asked)
    end = FlowTaskQuery(steps=[str((info or {}).get("end_step") or "end")], has_begun=True, is_descending=True, limit=1)
    last = next(iter((await flows.pages.tasks(run.flow_id, run.run_id, end)).items), None)
    cards: list[tuple[FlowTaskItem, Card, str]] = []
    values: Sequence[ValueInfo] = ()
    problem = ""
    try:
        for task in tasks.items:
            run_id, step, task_id = task.data_ids
            found = await flows.reader.cards(run.flow_id, run_id or run.run_id, step, task_id)
            cards += [(task, card, address_of(run, task)) for card in found]
        if last is not None:
            left = await flows.reader.values(run.flow_id, run.run_id, last.step_name, last.task_id, last.newest_attempt)
            values = [value for value in left if not value.name.startswith("_")][:_MOST_VALUES]
    except PenstockError as error:
        problem = str(error)
    return FlowOutput(cards, len(tasks.items), tasks.total, last, values, problem)


def _has_card(step: Any) -> bool:
    found = step.get("decorators") if isinstance(step, Mapping) else None
    return any(isinstance(item, Mapping) and item.get("name") == "card" for item in found or ())


async def _parameters(flows: FlowWeb, view: FlowRunView) -> list[ParameterValue]:
    run = view.run
    info = await flows.reader.graph(run.flow_id, run.run_id)
    tasks = await _parameter_tasks(flows, view)
    kinds = {str(item.get("name", "")): str(item.get("type", "")) for item in declared(info)}
    looks = await looked_at(flows.reader, run.flow_id, run.run_id, tasks[0], info) if tasks else {}
    return [
        ParameterValue(name, kinds.get(name, ""), None, str(seen))
        if isinstance(seen, PenstockError)
        else ParameterValue(name, seen.type_name, seen.value, "" if seen.value is not None else seen.text)
        for name, seen in looks.items()
    ]


def timeline(tasks: Sequence[FlowTaskItem], start: float, end: float, wanted: Mapping[str, str]) -> FlowTimeline:
    """Attempts as bars, by step in order of the first, in the part of the run that is looked at; a step's head spans all its attempts."""
    part = part_of(start, end, wanted)
    left, whole = start + part.begin, part.end - part.begin
    by_step: dict[str, list[FlowBar]] = {}
    counts: dict[str, Counter[str]] = {}
    for task in tasks:
        counts.setdefault(task.step_name, Counter())[task.state] += 1
        bars = by_step.setdefault(task.step_name, [])
        for item in task.attempts:
            begin = item.started_at if item.started_at is not None else task.created_at
            stop = item.finished_at if item.finished_at is not None else (task.finished_at or end)
            span = max(stop - begin, 0.0)
            bars.append(FlowBar(task, item.attempt, item.state, 100 * (begin - left) / whole, max(100 * span / whole, 0.3), span))
    rows = []
    shown_tasks: set[tuple[str, str]] = set()
    for name, bars in by_step.items():
        shown = [bar for bar in bars if not part.is_zoomed or (bar.start <= 100 and bar.start + bar.width >= 0)]
        shown_tasks |= {(name, bar.task.task_id) for bar in shown}
        if bars and not shown:
            continue
        first = min((bar.start for bar in bars), default=0.0)
        last = max((bar.start + bar.width for bar in bars), default=0.0)
        rows.append(StepRow(name, worst_state(counts[name]), counts[name], shown, (last - first) * whole / 100, first, last - first))
    hidden = sum(1 for task in tasks if task.attempts and (task.step_name, task.task_id) not in shown_tasks)
    return FlowTimeline(part.total_seconds, part.begin, part.end, hidden, rows)
