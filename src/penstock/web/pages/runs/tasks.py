"""The node panel: everything about one task of a run, in the tabs that Kubeflow users know."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import RunId, TaskId, TaskPath, task_id_for
from penstock.domain.plan import ContainerWork, LeafTemplate, RetryPolicy
from penstock.domain.tracking import TrackedRun
from penstock.interfaces.pages import ArtifactUse, AttemptItem, TaskItem, TaskView
from penstock.spec.kfp.platform import HIDDEN_PREFIX
from penstock.web.graphs import graph
from penstock.web.graphs.component_cards import component_source
from penstock.web.graphs.iteration_grid import IterationGrid, iteration_grid, loop_names
from penstock.web.graphs.timelines import phases_of
from penstock.web.pages.runs.output_panel import OutputPanel, output_panel
from penstock.web.previews.viewer_sources import kept_uses, uses_with_sources
from penstock.web.previews.visualizations import Visual, visuals_of
from penstock.web.render import render_part
from penstock.web.runs.bindings import Binding, Bindings, Output
from penstock.web.runs.packages import Packages, packages_of
from penstock.web.runs.plans import plan_of
from penstock.web.runs.replay import replay_line
from penstock.web.runs.usage_charts import UsageChart, gpu_charts, usage_charts
from penstock.web.services.tracking import readable_by
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import headline, state_word
from penstock.web.texts.whole_numbers import whole_number

PANEL_TABS: Sequence[tuple[str, str, str]] = (
    ("io", "Input/Output", ""),
    ("visualizations", "Visualizations", ""),
    ("details", "Details", ""),
    ("logs", "Logs", ""),
    ("environment", "Environment", "Pod, Volumes"),
    ("events", "Events", ""),
    ("metadata", "ML Metadata", ""),
)
"""Key, English label, and what else people call it (shown on hover, searchable)."""

PHASES: Sequence[tuple[str, str]] = (
    ("queued", "Queued"),
    ("environment", "Environment"),
    ("run", "Running"),
    ("upload", "Storing results"),
    ("rest", "Starting and ending the process"),
)
"""Parts of a task's time, by the name of their colour."""


@dataclass(frozen=True, slots=True)
class ParameterLine:
    """One parameter in or out."""

    name: str
    value: Any
    source: str
    """Key of the task it came from; empty for constants and run parameters."""
    source_key: str
    source_id: str = ""
    """Id of the task it came from."""
    type: str = ""
    """Declared type where the definition tells more than the value does."""
    run_parameter: str = ""
    """Parameter of the run that it is."""


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A line of the tab Events, and of the stream System of the log."""

    at: float
    kind: str
    text: str
    attempt: int | None
    cause: str = ""
    """What the text alone does not say."""


@dataclass(frozen=True, slots=True)
class ExpectedInput:
    """An input of a task that has not taken it yet, or never did."""

    binding: Binding
    sources: Sequence[tuple[Output, str, bool]]
    """Outputs that it is made of, each with the id of its task and whether that is still awaited."""


_INNERMOST = re.compile(r"(.+)\[(\d+)\]([^\[]*)")
"""Path of the innermost loop, number of the iteration, rest of the path."""
_ITERATIONS = 100
_PRODUCERS = 20
"""Tasks that are looked up for what a task waits for."""


@dataclass(frozen=True, slots=True)
class Iteration:
    """The same task in one iteration."""

    task_id: str
    number: int
    is_shown: bool


@dataclass(frozen=True, slots=True)
class TaskPanel:
    """Context of `tasks/panel.html`."""

    template: ClassVar[str] = "tasks/panel.html"

    view: TaskView
    """The task and what hangs on it."""
    tab: str
    """Key of the open tab."""
    tabs: Sequence[tuple[str, str, str]]
    """All tabs."""
    attempt: AttemptItem | None
    """The attempt that Logs, Details and Environment show."""
    base: str
    """Address of the run page, to which `task` and `tab` are added."""
    query: Mapping[str, str]
    """The run page's address parameters."""
    inputs: Sequence[ParameterLine]
    """Input parameters."""
    outputs: Sequence[ParameterLine]
    """Output parameters."""
    expected: Sequence[ExpectedInput]
    """Input parameters as the definition binds them, while there are no values, in the tab Input/Output."""
    expected_artifacts: Sequence[ExpectedInput]
    """Input artifacts likewise."""
    input_artifacts: Sequence[ArtifactUse]
    """Input artifacts."""
    output_artifacts: Sequence[ArtifactUse]
    """Output artifacts."""
    visuals: Sequence[Visual]
    """What can be drawn."""
    ended: frozenset[int]
    """Ids of its artifacts that were deleted or have outlived their time; their bytes are not shown."""
    phases: Sequence[tuple[str, float, str]]
    """(label, seconds, colour) of where time went."""
    source: str
    """Code of the component, where the definition holds it."""
    retry: RetryPolicy | None
    """How failures are retried, in the tab Details; None: they are not, or it is not known."""
    identity: Mapping[str, str]
    """Parts of the cache key that the component itself gives, each a digest, in the tab Details."""
    image: str
    """Image the author asked for."""
    command: Sequence[str]
    """Command as compiled."""
    log_size: int | None
    """Bytes of the attempt's log; None: there is none."""
    packages: Packages | None
    """Packages of the attempt's environment; None: not known, or another tab is open."""
    usage: Sequence[UsageChart]
    """What the attempt used over time, in the tab Environment; empty: not known."""
    grid: IterationGrid | None
    """Iterations of a loop, in the tab Input/Output."""
    replay: str
    """Shell line that runs the attempt again on the reader's machine; empty: it cannot."""
    tracked: Sequence[TrackedRun]
    """Its tracked runs, oldest first; those of the task whose result was reused, if it was."""
    events: Sequence[TaskEvent]
    """What happened to it, in order of time."""
    iterations: Sequence[Iteration] = ()
    """The same task in the iterations of the loop around it, at most `_ITERATIONS` on either side."""

    @property
    def iteration(self) -> str:
        """Index of the iteration it belongs to, nested ones joined by dots; empty outside loops."""
        return ".".join(re.findall(r"\[(\d+)\]", self.view.task.path))

    @property
    def is_earlier(self) -> bool:
        """Whether the attempt shown is not the last one."""
        return self.attempt is not None and self.attempt != self.view.attempts[-1]

    @property
    def detail(self) -> Mapping[str, Any]:
        """What the executor said about the attempt shown."""
        return self.attempt.detail if self.attempt is not None and self.attempt.detail else self.view.task.detail


def default_tab(view: TaskView) -> str:
    """Failures open on their logs, everything else on Input/Output."""
    return "logs" if view.task.state == "FAILED" and view.task.is_leaf else "io"


async def task_panel(services: WebServices, request: Request, run_id: str, task_id: str) -> TaskPanel | None:
    """Gather the panel; None when the run has no such task."""
    view = await services.runs.task(run_id, task_id)
    if view is None:
        return None
    task = view.task
    tab = request.query_params.get("tab", "")
    tab = tab if tab in {key for key, _, _ in PANEL_TABS} else default_tab(view)
    wanted = request.query_params.get("attempt", "")
    attempts = {attempt.attempt: attempt for attempt in view.attempts}
    number = asked if (asked := whole_number(wanted)) in attempts else max(attempts, default=max(0, task.attempts - 1))
    leaf = await _leaf(services, view) if tab in {"details", "environment", "io"} and task.is_leaf else None
    source, image, command = _definition(leaf)
    retry, identity = await _policies(services, view, leaf) if tab == "details" else (None, {})
    types = leaf.extra.get("value_types", {}) if leaf is not None else {}
    bindings = await _bindings(services, view) if tab == "io" else None
    parameters, artifacts = (bindings.parameters(), bindings.artifacts()) if bindings is not None else ([], [])
    parameters = [binding for binding in parameters if not binding.name.startswith(HIDDEN_PREFIX)]
    has_inputs = bool(task.inputs.get("parameters")) or any(use.direction == "input" for use in view.uses)
    log_owner = view.cached_from if task.is_cached and view.cached_from else task
    size = services.logs.size(log_owner.run_id, log_owner.task_id, number) if tab == "logs" else None
    uses, ended = await kept_uses(services, view.uses)
    return TaskPanel(
        view=view,
        tab=tab,
        tabs=PANEL_TABS,
        attempt=attempts.get(number),
        base=f"/ui/runs/{run_id}",
        query={key: value for key, value in request.query_params.items() if key not in {"task", "tab", "attempt"}},
        inputs=_parameters(run_id, task.inputs, types, {binding.name: binding.run_parameter for binding in parameters}),
        expected=[] if has_inputs else await _expected(services, view, parameters),
        expected_artifacts=[] if has_inputs else await _expected(services, view, artifacts),
        outputs=_parameters(run_id, task.outputs, types),
        input_artifacts=[use for use in uses if use.direction == "input"],
        output_artifacts=[use for use in uses if use.direction == "output"],
        visuals=visuals_of(await uses_with_sources(services, uses), url=services.url) if tab == "visualizations" else (),
        ended=ended,
        phases=_phases(view, attempts.get(number)),
        source=source,
        retry=retry,
        identity=identity,
        image=image,
        command=command,
        log_size=size,
        packages=await _packages(services, view, attempts.get(number)) if tab == "environment" else None,
        usage=await _usage(services, task, attempts.get(number)) if tab == "environment" else (),
        grid=await _grid(services, request, task, view.run.spec_digest) if tab == "io" and task.type == "LOOP" else None,
        replay=_replay(services, request, view, attempts.get(number)),
        tracked=await _tracked(services, request, log_owner),
        events=events_of(view) or list(moments_of(task)),
        iterations=await _iterations(services, task),
    )


async def _iterations(services: WebServices, task: TaskItem) -> Sequence[Iteration]:
    """Ids of tasks follow from their paths, so that only the loop around `task` has to be read."""
    found = _INNERMOST.fullmatch(task.path)
    if found is None:
        return ()
    loop_path, shown, rest = found[1], int(found[2]), found[3]
    run_id = RunId(task.run_id)
    loop = await services.runs.task(run_id, task_id_for(run_id, TaskPath(loop_path)))
    count = 0 if loop is None else loop.task.iteration_count or 0
    numbers = range(max(0, shown - _ITERATIONS), min(count, shown + _ITERATIONS + 1))
    return [Iteration(task_id_for(run_id, TaskPath(f"{loop_path}[{number}]{rest}")), number, number == shown) for number in numbers]


def events_of(view: TaskView) -> list[TaskEvent]:
    """Return the notes of engine and executor together with the moments of each attempt and their causes, in order of time."""
    ends = {attempt.attempt: attempt.finished_at or 0.0 for attempt in view.attempts}
    told = []
    for note in view.notes:
        is_retry = note.kind == "retry"  # decided when the attempt has ended, whichever of the two was written down first
        at = max(note.at, ends.get(note.attempt, 0.0)) if is_retry and note.attempt is not None else note.at
        told.append((at, is_retry, TaskEvent(note.at, note.kind, note.text, note.attempt)))
    for attempt in view.attempts:
        look = {"SUCCEEDED": "finished", "FAILED": "failed", "CANCELED": "killed"}.get(attempt.state, "")
        pid = (attempt.detail or {}).get("pid")
        why = headline(str((attempt.error or {}).get("message", "")), 500)
        for moment, kind, text, cause in (
            (attempt.created_at, "queued", "Queued", ""),
            (attempt.started_at, "started", "Started", f"pid {pid}" if pid else ""),
            (attempt.finished_at, look, state_word(attempt.state), why),
        ):
            if moment is not None and kind:
                told.append((moment, False, TaskEvent(moment, kind, text, attempt.attempt, cause)))
    return [event for _, _, event in sorted(told, key=lambda one: one[:2])]


def moments_of(task: TaskItem) -> Iterator[TaskEvent]:
    """Say what became of a task that had no attempt: of a group by its begin and end, of what was reused or left out by the reason."""
    if task.type == "IMPORTER":
        return
    if task.started_at is not None and not task.is_leaf:
        yield TaskEvent(task.started_at, "started", "Started", None)
    if task.finished_at is not None:
        kind = "cached" if task.is_cached else {"SUCCEEDED": "finished", "FAILED": "failed", "CANCELED": "killed"}.get(task.state, "note")
        error = headline(str((task.error or {}).get("message", "")), 500)
        yield TaskEvent(task.finished_at, kind, state_word(task.state), None, task.reason or error)


async def _packages(services: WebServices, view: TaskView, attempt: AttemptItem | None) -> Packages | None:
    """Packages of an attempt against those of the same task in the run before."""
    if attempt is None:
        return None
    return await asyncio.to_thread(packages_of, services, attempt.detail, await services.runs.previous_attempt(view.task))


async def _usage(services: WebServices, task: TaskItem, attempt: AttemptItem | None) -> Sequence[UsageChart]:
    if attempt is None:
        return ()
    place, resources = (task.run_id, task.task_id, attempt.attempt), attempt.detail.get("resources") or {}
    samples = await asyncio.to_thread(services.logs.usage, *place)
    on_gpus = await asyncio.to_thread(services.logs.gpu_usage, *place)
    return (*usage_charts(samples, resources), *gpu_charts(on_gpus, resources))


async def _grid(services: WebServices, request: Request, task: TaskItem, spec_digest: str | None) -> IterationGrid | None:
    items = await services.runs.iterations(task.run_id, task.path)
    asked = request.query_params
    plan = await plan_of(services, spec_digest) if items else None
    names = loop_names(plan, task.path) if plan is not None else {}
    return iteration_grid(items, names, x=asked.get("x", ""), y=asked.get("y", ""), by=asked.get("by", ""))


def _replay(services: WebServices, request: Request, view: TaskView, attempt: AttemptItem | None) -> str:
    is_there = attempt is not None or (view.task.is_cached and view.cached_from is not None)
    if services.replays is None or view.task.type != "RUNTIME" or view.run.kind == "flow" or not is_there:
        return ""
    return replay_line(request, view.task, attempt.attempt if attempt is not None and attempt != view.attempts[-1] else None)


async def _tracked(services: WebServices, request: Request, task: TaskItem) -> Sequence[TrackedRun]:
    """Tracked runs of the task that the caller may see."""
    tracking = services.tracking
    if tracking is None or not task.is_leaf:
        return ()
    found = (await tracking.runs.of_tasks([TaskId(task.task_id)])).get(TaskId(task.task_id), ())
    readable = readable_by(tracking, request)
    return [run for run in found if readable(run.entity)]


async def shown_panel(services: WebServices, request: Request, run_id: str, task_id: str) -> TaskPanel | OutputPanel | None:
    """Gather the panel of a task, or of what it puts out by the name `output`; None when the run has no such task."""
    if key := request.query_params.get("output", ""):
        return await output_panel(services, request, run_id, task_id, key)
    return await task_panel(services, request, run_id, task_id)


async def panel_part(services: WebServices, request: Request) -> Response:
    """The panel alone, for swapping it into the run page."""
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    panel = await shown_panel(services, request, run_id, task_id)
    if panel is None:
        raise NotFoundError(f"This run has no task {task_id} yet.")
    return render_part(services, request, panel.template, panel=panel)


async def _bindings(services: WebServices, view: TaskView) -> Bindings | None:
    plan = await plan_of(services, view.run.spec_digest)
    return Bindings(plan, view.task.path, view.run.parameters) if plan is not None else None


async def _expected(services: WebServices, view: TaskView, bindings: Sequence[Binding]) -> list[ExpectedInput]:
    """Look up which of the tasks that `bindings` name are still awaited; none is once the task has ended."""
    run_id = RunId(view.task.run_id)
    paths = {output.path for binding in bindings for output in binding.outputs}
    ids = {path: task_id_for(run_id, TaskPath(path)) for path in sorted(paths)}
    awaited = set()
    for path, task_id in list(ids.items())[:_PRODUCERS] if not view.task.is_final else ():
        producer = await services.runs.task(run_id, task_id)
        if producer is None or not producer.task.is_final:
            awaited.add(path)
    return [
        ExpectedInput(binding, [(output, ids[output.path], output.path in awaited) for output in binding.outputs]) for binding in bindings
    ]


def _parameters(
    run_id: str, side: Mapping[str, Any], types: Mapping[str, str], run_parameters: Mapping[str, str] | None = None
) -> list[ParameterLine]:
    values = side.get("parameters", {})
    producers = side.get("producers", {})
    if not isinstance(values, Mapping):
        return []
    lines = []
    for name, value in values.items():
        if name.startswith(HIDDEN_PREFIX):  # of the Kubernetes configuration, which Environment shows
            continue
        producer = producers.get(name, {}) if isinstance(producers, Mapping) else {}
        producer = producer if isinstance(producer, Mapping) else {}
        path = producer.get("path")
        source_id = task_id_for(RunId(run_id), TaskPath(str(path))) if path else ""
        source, key = str(producer.get("task", "")), str(producer.get("key", ""))
        lines.append(ParameterLine(name, value, source, key, source_id, types.get(name, ""), (run_parameters or {}).get(name, "")))
    return lines


def _phases(view: TaskView, attempt: AttemptItem | None) -> list[tuple[str, float, str]]:
    """Return the parts of an attempt's time, each with label, seconds and colour: together its duration and what it waited before."""
    task = view.task
    measured = phases_of(attempt.detail if attempt is not None else task.detail)
    if not measured and task.started_at is not None and not task.is_cached:
        measured = {"queued": max(0.0, task.started_at - task.created_at)}
        if task.finished_at is not None:
            measured["run"] = task.finished_at - task.started_at
    elif attempt is not None and attempt.started_at is not None and attempt.finished_at is not None and "run" in measured:
        rest = attempt.finished_at - attempt.started_at - measured["run"] - measured.get("upload", 0.0)
        measured["rest"] = max(0.0, rest)
    return [(label, measured[key], key) for key, label in PHASES if key in measured]


async def _leaf(services: WebServices, view: TaskView) -> LeafTemplate | None:
    """The task's template in the stored definition."""
    plan = await plan_of(services, view.run.spec_digest)
    template = graph.template_at(plan, view.task.path) if plan is not None else None
    return template if isinstance(template, LeafTemplate) else None


async def _policies(services: WebServices, view: TaskView, leaf: LeafTemplate | None) -> tuple[RetryPolicy | None, Mapping[str, str]]:
    """How a leaf is retried (as it says itself, else the nearest graph around it), and what of its cache key is the component's."""
    along = graph.tasks_along(await plan_of(services, view.run.spec_digest), view.task.path) if leaf is not None else []
    if leaf is None or not along:
        return None, {}
    retry = next((task.retry for task in reversed(along) if task.retry is not None), None)
    own = along[-1].cache.custom_key
    return retry if retry is not None and retry.max_retries else None, {"key": own} if own is not None else leaf.identity


def _definition(template: LeafTemplate | None) -> tuple[str, str, list[str]]:
    """Code, image and command of a leaf."""
    if template is None or not isinstance(template.work, ContainerWork):
        return "", "", []
    command = [str(part) for part in (*template.work.command, *template.work.args)]
    return component_source(command), template.work.image, command
