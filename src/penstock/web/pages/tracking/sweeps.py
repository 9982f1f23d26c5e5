"""Sweeps of a project: the list, and one sweep with its best value so far, parallel coordinates, trials, agents and configuration."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.numbers import finite_number
from penstock.domain.sweeps import AgentState, Sweep, SweepAgent, SweepState
from penstock.domain.tracking import TrackedProject, TrackedRun, TrackedState
from penstock.interfaces.pages import RunItem
from penstock.tracking.importance import Importance, importances
from penstock.tracking.sweeps import metric_value
from penstock.web.lists.held_lists import HeldList, HeldTable
from penstock.web.lists.held_rows import Columns
from penstock.web.pages.tracking.run import run_url
from penstock.web.pages.tracking.workspace import PROJECT_TABS, project_frame, project_url
from penstock.web.render import language_of, render
from penstock.web.services.tracking import TrackingServices, project_of
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import number, state_word
from penstock.web.texts.i18n import translate
from penstock.web.tracking.documents import config_of, look_of, lookup, summary_of
from penstock.web.tracking.run_colors import color_of

WIDTH, HEIGHT = 1000.0, 300.0
_TOP, _BOTTOM, _SIDE = 40.0, 270.0, 70.0
AGENT_WORDS: Mapping[AgentState, str] = {
    AgentState.WORKING: "working",
    AgentState.WAITING: "waits: the sweep is paused",
    AgentState.SILENT: "silent",
    AgentState.ENDED: "ended",
    AgentState.GONE: "gone",
}
SWEEPS: HeldList[Sweep] = HeldList(
    Columns(
        words=lambda one: f"{one.name} {one.display_name or ''} {one.description or ''}",
        texts={
            "name": lambda one: [one.display_name or one.name],
            "state": lambda one: [one.state.value.lower()],
            "method": lambda one: [one.method],
            "user": lambda one: [one.user_name],
        },
        numbers={"trials": lambda one: one.next_trial},
        times={"created": lambda one: one.created_at},
    ),
    groupings=(("state", "State"), ("method", "Method"), ("user", "User"), ("created", "Created")),
    at=lambda one: one.created_at,
    sort="created",
    numbers={"trials": "Trials"},
)
"""The list of a project's sweeps."""
STATE_WORDS = {state.value.lower(): state_word(state.value) for state in SweepState}
"""What states are called, in English, by their word in the filter."""
_MAX_AXES = 10
_DRAWN = 50
"""Trials in the drawing that can be brushed; the still one has all."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A run of a sweep."""

    run: TrackedRun
    url: str
    look: tuple[str, str]
    metric: float | None
    values: Sequence[Any]
    """Of the searched parameters, in the order of the axes."""
    is_best: bool
    path: str
    """Its line over the axes, as SVG; empty when a value is missing."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the parallel coordinates."""

    name: str
    x: float
    ticks: Sequence[tuple[float, str]]
    """(y, text)."""


@dataclass(frozen=True, slots=True)
class SweepListPage:
    """Context of `tracking/sweeps.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    found: HeldTable[Sweep]
    """Those that are shown."""
    count: int
    """How many the project has."""


@dataclass(frozen=True, slots=True)
class SweepPage:
    """Context of `tracking/sweep.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    sweep: Sweep
    """The sweep."""
    metric: str
    """What is optimised; empty when the configuration names nothing."""
    is_maximized: bool
    """Larger is better."""
    expected: int | None
    """How many trials there will be, if known."""
    trials: Sequence[Trial]
    """Oldest first."""
    axes: Sequence[Axis]
    """Searched parameters, then the metric."""
    agents: Sequence[tuple[SweepAgent, AgentState]]
    """Agents, and what each is doing."""
    best_path: str
    """Best value so far as SVG over 100 by 100."""
    best_points: Sequence[tuple[float, float, str]]
    """(x, y, text) of each trial in the same drawing."""
    problem: str
    """Why the configuration cannot be understood; empty when it can."""
    panels: Sequence[Mapping[str, Any]] = ()
    """Drawings over the trials that can be brushed and moved."""
    runs: Sequence[Mapping[str, Any]] = ()
    """The trials as these drawings read them, the newest fifty."""
    importances: Sequence[Importance] = ()
    """What each searched parameter means for the metric."""
    agent_words: Mapping[AgentState, str] = field(default_factory=lambda: AGENT_WORDS)
    """Word of each state of an agent."""
    pipeline_runs: Mapping[str, RunItem] = field(default_factory=dict)
    """Runs of pipelines whose tasks are trials, by id; of the newest fifty."""
    sort: str = ""
    """Name of the axis, or `name`, that the table is sorted by; with a minus for descending; empty: as they began."""

    @property
    def is_idle(self) -> bool:
        """Whether trials are wanted and no agent asks for one."""
        is_open = self.sweep.state in {SweepState.PENDING, SweepState.RUNNING}
        is_full = self.expected is not None and len(self.trials) >= self.expected
        return is_open and not is_full and not any(state.is_there for _, state in self.agents)

    @property
    def listed(self) -> Sequence[Trial]:
        """Trials as the table lists them: those without the value last."""
        return sorted_trials(self.trials, [axis.name for axis in self.axes], self.sort)

    @property
    def span(self) -> tuple[float, float] | None:
        """Smallest and largest value of the metric, where there are two."""
        held = [trial.metric for trial in self.trials if trial.metric is not None and math.isfinite(trial.metric)]
        return (min(held), max(held)) if held and min(held) < max(held) else None

    @property
    def reused(self) -> tuple[int, int]:
        """Tasks of the pipeline runs that were reused, and all of them."""
        runs = self.pipeline_runs.values()
        return sum(run.cached_count for run in runs), sum(run.task_count for run in runs)

    def pipeline_run(self, trial: Trial) -> RunItem | None:
        """Return the run of a pipeline that a trial belongs to."""
        return self.pipeline_runs.get(trial.run.pipeline_run_id or "")

    @property
    def best(self) -> Trial | None:
        """The best trial so far."""
        return next((trial for trial in self.trials if trial.is_best), None)


async def sweeps_of(tracking: TrackingServices, project: TrackedProject) -> Sequence[Sweep]:
    """Return the sweeps of a project, newest first."""
    return await asyncio.to_thread(tracking.sweeps.of_project, project.project_id)


async def list_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Sweeps of a project."""
    project = await project_of(tracking, request)
    sweeps = await sweeps_of(tracking, project)
    found = SWEEPS.found(request, sweeps, now=services.clock.now()).shown(request, STATE_WORDS)
    page = SweepListPage(project, project_url(project), PROJECT_TABS, found, len(sweeps))
    frame = project_frame(project, "Sweeps", crumb="Sweeps", scripts=("table",))
    return render(services, request, "tracking/sweeps.html", frame=frame, page=page)


async def sweep_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """One sweep."""
    project = await project_of(tracking, request)
    name = request.path_params["sweep"]
    sweep = await asyncio.to_thread(tracking.sweeps.named, project.project_id, name)
    if sweep is None:
        raise NotFoundError(f"There is no sweep {name} in {project.entity}/{project.name}.")
    names: list[str] = []
    metric, is_maximized, expected, problem = "", False, None, ""
    try:
        plan = tracking.sweeps.plan(sweep)
        names = [parameter.name for parameter in plan.space.searched][: _MAX_AXES - 1]
        metric, is_maximized, expected = plan.metric, plan.is_maximized, plan.expected
    except PenstockError as error:
        problem = str(error)
    runs = await tracking.pages.sweep_runs(project.project_id, sweep.name)
    axes, trials = drawn_trials(runs, names, metric, is_maximized=is_maximized)
    agents = await asyncio.to_thread(tracking.sweeps.agents, sweep.sweep_id)
    path, points = best_curve(trials, is_maximized=is_maximized)
    page = SweepPage(
        project=project, base=project_url(project), tabs=PROJECT_TABS, sweep=sweep, metric=metric, is_maximized=is_maximized,
        expected=expected, trials=trials, axes=axes, best_path=path,
        agents=[(agent, tracking.sweeps.agent_state(agent, sweep)) for agent in agents], best_points=points, problem=problem,
        importances=await asyncio.to_thread(_importances, trials, names) if metric else (),
        pipeline_runs=await _pipeline_runs(services, runs),
        sort=request.query_params.get("sort", ""), panels=_panels(names, metric, language_of(request)),
        runs=[_drawn(trial) for trial in trials[-_DRAWN:]],
    )  # fmt: skip
    frame = project_frame(project, sweep.display_name or sweep.name, crumb=sweep.display_name or sweep.name, scripts=("table", "sweep"))
    return render(services, request, "tracking/sweep.html", frame=frame, page=page)


async def _pipeline_runs(services: WebServices, runs: Sequence[TrackedRun]) -> dict[str, RunItem]:
    """Return the runs of pipelines that these belong to; one query, none for sweeps without any."""
    ids = list(dict.fromkeys(str(run.pipeline_run_id) for run in reversed(runs) if run.pipeline_run_id))[:_DRAWN]
    return {found.run_id: found for found in await services.runs.runs(ids)} if ids else {}


def _importances(trials: Sequence[Trial], names: Sequence[str]) -> list[Importance]:
    return importances([dict(zip(names, trial.values, strict=False)) for trial in trials], [trial.metric for trial in trials])


def _panels(names: Sequence[str], metric: str, language: str) -> list[Mapping[str, Any]]:
    """Return the drawing of all trials with axes to brush and move, the metric last."""
    columns = [*(f"c.{name}" for name in names), *([f"s.{metric}"] if metric else [])]
    if len(columns) < 2:
        return []
    place = {"id": "parallel", "key": "parallel", "section": translate(language, "Sweep"), "wide": 4}
    return [{**place, "kind": "parallel", "columns": columns, "title": translate(language, "Parallel coordinates")}]


def _drawn(trial: Trial) -> Mapping[str, Any]:
    run = trial.run
    return {"id": str(run.run_id), "name": run.display_name or run.name, "runName": run.name, "url": trial.url, "color": color_of(run)}


def drawn_trials(runs: Sequence[TrackedRun], names: Sequence[str], metric: str, *, is_maximized: bool) -> tuple[list[Axis], list[Trial]]:
    """Return the axes and the runs of a sweep as lines over them."""
    documents = [(run, config_of(run), summary_of(run)) for run in runs]
    metrics = [metric_value(summary, metric) if metric else None for _, _, summary in documents]
    columns = [[lookup(config, name) for _, config, _ in documents] for name in names]
    headings = [*names, *([metric] if metric else [])]
    scales = [Scale(column) for column in [*columns, *([metrics] if metric else [])]]
    gap = (WIDTH - 2 * _SIDE) / max(1, len(headings) - 1)
    axes = [Axis(name, _SIDE + place * gap, scale.ticks()) for place, (name, scale) in enumerate(zip(headings, scales, strict=True))]
    finite = [value for value in metrics if value is not None and math.isfinite(value)]
    best = (max(finite) if is_maximized else min(finite)) if finite else None
    trials, is_found = [], False
    for place, (run, _, _) in enumerate(documents):
        values = [column[place] for column in columns]
        heights = [scale.height(value) for scale, value in zip(scales, [*values, *([metrics[place]] if metric else [])], strict=True)]
        path = ""
        if len(heights) > 1 and None not in heights:
            path = "M" + " L".join(f"{axis.x:.1f} {height:.1f}" for axis, height in zip(axes, heights, strict=True))
        is_best = best is not None and metrics[place] == best and not is_found
        is_found = is_found or is_best
        trials.append(Trial(run, run_url(run.entity, run.project, run.name), look_of(run.state), metrics[place], values, is_best, path))
    return axes, trials


def sorted_trials(trials: Sequence[Trial], names: Sequence[str], sort: str) -> Sequence[Trial]:
    """Return the trials by an axis (`rate`, `-rate`) or `name`; numbers by size, before texts; as they are for any other word."""
    key = sort.removeprefix("-")

    def value(trial: Trial) -> Any:
        values = [*trial.values, *([trial.metric] if len(names) > len(trial.values) else [])]
        return trial.run.display_name if key == "name" else values[names.index(key)]

    if key != "name" and key not in names:
        return trials
    held = [(trial, found) for trial in trials if (found := value(trial)) is not None]
    order = {id(trial): (not is_number(found), found if is_number(found) else 0, str(found)) for trial, found in held}
    by = sorted(held, key=lambda one: order[id(one[0])], reverse=sort.startswith("-"))
    return [*(trial for trial, _ in by), *(trial for trial in trials if value(trial) is None)]


class Scale:
    """Where the values of one axis stand: numbers by size (logarithmic over wide ranges), anything else by order of appearance."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._numbers = [value for value in values if is_number(value)]
        self._words = [] if self._numbers and len(self._numbers) == sum(value is not None for value in values) else list(
            dict.fromkeys(str(value) for value in values if value is not None)
        )  # fmt: skip
        self._low, self._high = min(self._numbers, default=0.0), max(self._numbers, default=1.0)
        self._is_log = self._low > 0 and self._high / self._low > 100

    def height(self, value: Any) -> float | None:
        """Return y of a value, or None when it is missing."""
        if self._words:
            share = (self._words.index(str(value)) + 0.5) / len(self._words) if value is not None else None
        elif not is_number(value):
            share = None
        else:
            low, high, at = (math.log(part) if self._is_log else part for part in (self._low, self._high, value))
            share = (at - low) / (high - low) if high > low else 0.5
        return None if share is None else _BOTTOM - share * (_BOTTOM - _TOP)

    def ticks(self) -> list[tuple[float, str]]:
        """Return marks along the axis."""
        if self._words:
            return [(self.height(word) or 0.0, word[:14]) for word in self._words[:12]]
        if not self._numbers:
            return []
        middle = math.sqrt(self._low * self._high) if self._is_log else (self._low + self._high) / 2
        values = [self._low] if self._low == self._high else [self._low, middle, self._high]
        return [(self.height(value) or 0.0, number(float(f"{value:.4g}"))) for value in values]


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return finite_number(value) is not None


def best_curve(trials: Sequence[Trial], *, is_maximized: bool) -> tuple[str, list[tuple[float, float, str]]]:
    """Return the best value so far as a path over 100 by 100, and a point per trial."""
    measured = [trial for trial in trials if trial.metric is not None and math.isfinite(trial.metric)]
    done = [trial for trial in measured if trial.run.state is not TrackedState.PENDING]
    if not done:
        return "", []
    values = [trial.metric for trial in done if trial.metric is not None]
    low, high = min(values), max(values)
    # One trial stands in the middle.
    start, step = (2, 96 / (len(done) - 1)) if len(done) > 1 else (50, 0)
    best, path, points = values[0], "", []
    for place, value in enumerate(values):
        best = max(best, value) if is_maximized else min(best, value)
        x = start + place * step
        y, best_y = (96 - 92 * ((at - low) / (high - low) if high > low else 0.5) for at in (value, best))
        path += f"M{x:.2f} {best_y:.2f}" if not path else f" H{x:.2f} V{best_y:.2f}"
        points.append((x, y, f"{done[place].run.display_name}: {number(value)}"))
    return path, points
