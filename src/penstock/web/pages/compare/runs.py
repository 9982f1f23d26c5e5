"""Comparing 2 to 20 runs of any kind: likely causes first, then metrics against a baseline, drawings side by side, the rest."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.domain.plan import RunPlan
from penstock.domain.tracking import TrackedRun
from penstock.interfaces.pages import by_name
from penstock.web.comparisons.exhibits import KINDS, PARTS, Shelf, steps_of
from penstock.web.comparisons.flows import FlowCodeNotes, flow_code_notes
from penstock.web.comparisons.runs import Cause, CodeDiff, DiffRow, PackageTable
from penstock.web.comparisons.subjects import KINDS as RUN_KINDS
from penstock.web.comparisons.subjects import Subject
from penstock.web.comparisons.tracked import PRECISION_AXES, ROC_AXES
from penstock.web.graphs.flow_diff import FlowGraphDiff, flow_graph_diff
from penstock.web.pages.compare.adding import MOST_RUNS, ids_of, named_runs
from penstock.web.pages.compare.differences import PARTS_OF_PAGE, MetricRow, differences, first_of
from penstock.web.pages.compare.exhibits import exhibits, tracked_curves
from penstock.web.pages.compare.findings import Asked, Findings, asked_runs, find
from penstock.web.pages.compare.graphs import GraphDiff, graph_diff
from penstock.web.pages.tracking.board import merged_panels
from penstock.web.pages.tracking.run import project_crumb
from penstock.web.previews.viewer_sources import uses_with_sources
from penstock.web.previews.visualizations import RocCurve, visuals_of
from penstock.web.render import Crumb, Frame, query_url, render
from penstock.web.services.flows import FlowWeb
from penstock.web.services.tracking import report_projects, tracking_of
from penstock.web.services.web import WebServices

_HEADLINE = 6
_MOST_CURVES = 30
COLUMNS = ("auto", "1", "2", "3", "4")
"""Choices of how many drawings stand side by side."""


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """A tracked run whose series are drawn."""

    run: TrackedRun
    owner: int
    """Index of the run of the comparison that it is, or whose task logged it."""
    label: str
    color: int


@dataclass(frozen=True, slots=True)
class Charts:
    """Series of tracked runs over each other."""

    runs: Sequence[DrawnRun] = ()
    undrawn: int = 0
    """Tracked runs of tasks that are too many."""
    panels: Sequence[Mapping[str, Any]] = ()

    def data(self, subjects: Sequence[Subject]) -> Sequence[Mapping[str, Any]]:
        """Return the runs as the board in the browser takes them."""
        return [
            {"id": str(one.run.run_id), "name": one.label, "runName": one.run.name, "color": one.color, "url": subjects[one.owner].url}
            for one in self.runs
        ]

    def finals(self, subjects: Sequence[Subject]) -> Sequence[Mapping[str, Any]]:
        """Return the numbers that runs without series ended with: they lie over the series of the others as level lines."""
        owners = {one.owner for one in self.runs}
        found = []
        for place, subject in enumerate(subjects):
            numbers = {name: one.number for name, one in by_name(subject.metrics).items()}
            values = {name: number for name, number in numbers.items() if number is not None and math.isfinite(number)}
            if place not in owners and values:
                found.append({"id": subject.run_id, "name": subject.name, "color": subject.color, "url": subject.url, "values": values})
        return found


@dataclass(frozen=True, slots=True)
class ComparePage:
    """Context of `compare/compare.html`."""

    runs: Sequence[Subject]
    """In the order asked for; the first is the baseline unless another was chosen."""
    baseline: int
    """Index of the baseline."""
    causes: Sequence[Cause]
    """What differs, likely causes first."""
    code: Sequence[CodeDiff]
    """Components, flows' files and saved files whose text differs from the baseline's, or from that of the first of their kind."""
    packages: Sequence[PackageTable]
    """Packages by task that differ."""
    unread: Sequence[Subject]
    """Runs of pipelines without a definition that can be read; their code is not compared."""
    flow_code: FlowCodeNotes
    """What is said of the code of flows beside its differences."""
    codeless: Sequence[int]
    """Indexes of tracked runs that saved no code."""
    metrics: Sequence[MetricRow]
    """Scalar metrics and summaries."""
    facts: Sequence[DiffRow]
    """State, duration, pipeline, version and the like."""
    parameters: Sequence[DiffRow]
    """Parameters and configs."""
    inputs: Sequence[DiffRow]
    """Digests of artifacts by task and input."""
    outputs: Sequence[DiffRow]
    """Digests of artifacts by task and output."""
    graph: GraphDiff | None
    """The definitions of two runs as one graph; None: all have the same, or one cannot be drawn."""
    graph_from: int
    """Index of the first: the baseline, or the first run of a pipeline."""
    graph_with: int
    """Index of that other run."""
    others: Sequence[int]
    """Indexes of runs whose definition differs from the first's, one for each definition."""
    flow_graph: FlowGraphDiff | None
    """The flows of two runs as one graph; None: fewer runs of flows, or one definition is not known."""
    flow_graph_from: int
    flow_graph_with: int
    """Indexes of the two."""
    flow_others: Sequence[int]
    """Indexes of the other runs of flows."""
    durations: Sequence[DiffRow]
    """Seconds by task."""
    curves: Sequence[RocCurve]
    """ROC curves, named by their run."""
    more_curves: int
    """Curves that are too many to be drawn."""
    precision_curves: Sequence[RocCurve]
    """Curves of precision over recall that tracked runs logged, in a comparison with runs of other kinds."""
    more_precision: int
    """Those that are too many."""
    shelves: Sequence[Shelf]
    """Matrices, documents, pictures and cards side by side."""
    only_differences: bool
    """Equal rows are hidden."""
    charts: Charts = Charts()
    """Series of the tracked runs."""
    report_projects: Sequence[str] = ()
    """Tracking projects (`entity/project`) that a report of the comparison can be kept in, the nearest first."""
    tracked_in: Sequence[tuple[str, Sequence[str]]] = ()
    """Address of each project that tracks tasks of the runs, with the ids of those runs."""
    gone: Sequence[str] = ()
    """Ids that were asked for and lead to no run."""
    left_out: int = 0
    """Runs asked for that are more than are compared."""
    most: int = MOST_RUNS
    """Runs that are compared at most."""
    columns: str = "auto"
    """How many drawings stand side by side, one of `COLUMNS`."""
    step: int | None = None
    """The step that is shown of drawings that have several; None: the last."""
    sought: str = ""
    """What was to be added and names no run by itself."""

    @property
    def headline(self) -> Sequence[MetricRow]:
        """Metrics whose deltas are said above all."""
        return [row for row in self.metrics if row.best is not None][:_HEADLINE]

    @property
    def failed(self) -> Sequence[Subject]:
        """Runs that did not succeed though they ended."""
        return [run for run in self.runs if run.state in {"FAILED", "CANCELED"}]

    @property
    def run_kinds(self) -> Sequence[str]:
        """Kinds of the runs, each once."""
        return list(dict.fromkeys(run.kind for run in self.runs))

    @property
    def values_title(self) -> str:
        """What the settings of the runs are called."""
        kinds = set(self.run_kinds)
        return "Config" if kinds == {"tracked"} else "Parameters and config" if "tracked" in kinds else "Parameters"

    @property
    def metrics_title(self) -> str:
        """What their numbers are called."""
        return "Summary" if set(self.run_kinds) == {"tracked"} else "Scalar Metrics"

    @property
    def kind_words(self) -> Mapping[str, str]:
        """What one run of each kind is called."""
        return RUN_KINDS

    @property
    def whole_runs(self) -> Sequence[str]:
        """Runs of pipelines and flows whose tasks the tracked runs are, where these are compared without them."""
        found = dict.fromkeys(str(run.tracked.pipeline_run_id) for run in self.runs if run.tracked and run.tracked.pipeline_run_id)
        return [one for one in found if one not in {run.run_id for run in self.runs}]

    @property
    def silent(self) -> Sequence[int]:
        """Indexes of the runs that logged no metric."""
        return [place for place, run in enumerate(self.runs) if not run.metrics]

    @property
    def undrawn(self) -> Sequence[int]:
        """Indexes of the runs without series."""
        owners = {one.owner for one in self.charts.runs}
        return [place for place in range(len(self.runs)) if place not in owners]

    def of_kind(self, *kinds: str) -> Sequence[int]:
        """Return the indexes of the runs of some kinds."""
        return [place for place, run in enumerate(self.runs) if run.kind in kinds]

    def empty_in(self, rows: Sequence[DiffRow]) -> Sequence[int]:
        """Return the indexes of the runs that have nothing in a table in which others have something."""
        return [place for place in range(len(self.runs)) if all(row.values[place] is None for row in rows)] if rows else []

    @property
    def report_parts(self) -> Sequence[tuple[str, str]]:
        """Parts that a report of the comparison may have."""
        held = {shelf.kind for shelf in self.shelves}
        return [(part, heading) for part, heading in PARTS.items() if part not in KINDS or part in held]

    @property
    def kinds(self) -> Sequence[tuple[str, str]]:
        """Kinds of shelves that there are, with their headings."""
        held = {shelf.kind for shelf in self.shelves}
        return [(kind, heading) for kind, heading in KINDS.items() if kind in held]

    @property
    def steps(self) -> Sequence[int]:
        """Steps to choose from."""
        return steps_of(self.shelves)


async def compare_page(services: WebServices, request: Request) -> Response:
    """The comparison; `?runs=a,Flow/12,4711`, `?baseline=<id>`, `?all=1` shows equal rows too. The number of queries is fixed.

    `?add=` names one more run by anything that tells it: the address without that word has its id.
    """
    query = request.query_params
    sought = query.get("add", "").strip()
    if sought and (added := await named_runs(services, request, sought)):
        wanted = ",".join(dict.fromkeys([*ids_of(query), *added]))
        return RedirectResponse(query_url("/ui/compare", query, runs=wanted, add=None), status_code=303)
    page = replace(await compared(services, request, query), sought=sought)
    own = page.runs[0].tracked if page.run_kinds == ["tracked"] else None
    crumbs = [Crumb("Runs", "/ui/runs")]
    if own is not None:
        address = f"/{quote(own.entity, safe='')}/{quote(own.project, safe='')}"
        crumbs = [Crumb("Projects", "/ui/projects"), project_crumb(own.entity, own.project, address)]
    crumbs.append(Crumb("Compare", is_word=True))
    scripts = ("compare", "graph", "visuals", *(("tracked_run",) if page.charts.panels else ()))
    frame = Frame(title="Compare runs", section="projects" if own is not None else "runs", crumbs=crumbs, scripts=scripts)
    return render(services, request, "compare/compare.html", frame=frame, page=page)


async def tracked_address(services: WebServices, request: Request) -> Response:
    """Where comparisons of tracked runs used to be."""
    return RedirectResponse(query_url("/ui/compare", request.query_params, **{"with": None}), status_code=303)


async def compared(services: WebServices, request: Request, ask: Mapping[str, str]) -> ComparePage:
    """Return what the page shows for the parameters of its address."""
    wanted = ids_of(ask)
    ids = wanted[:MOST_RUNS]
    asked = await asked_runs(services, request, ids) if ids else Asked()
    runs = asked.subjects
    baseline = next((index for index, run in enumerate(runs) if run.run_id == ask.get("baseline")), 0)
    findings = await find(services, asked) if runs else Findings()
    parts: dict[str, Any] = (
        await asyncio.to_thread(differences, services, asked, findings, baseline) if runs else dict.fromkeys(PARTS_OF_PAGE, ())
    )
    graphs = await _graphs(services, runs, findings, baseline, ask.get("graph")) if runs else _NO_GRAPHS
    headline = [*parts.pop("causes"), *_step_causes(graphs["flow_graph"])]
    places = {run.run_id: place for place, run in enumerate(runs)}
    of_pipelines = [run.run_id for run in runs if run.kind != "tracked"]
    return ComparePage(
        runs=runs,
        baseline=baseline,
        causes=headline,
        **parts,
        **graphs,
        **await _drawings(services, runs, findings),
        unread=[run for run, plan in zip(runs, findings.plans, strict=True) if plan is None and run.kind == "pipeline"],
        flow_code=flow_code_notes(findings.flows, findings.sources, first_of("flow", runs, baseline) or 0) if runs else FlowCodeNotes(),
        only_differences=ask.get("all") != "1",
        charts=await _charts(services, asked),
        report_projects=await report_projects(services.tracking, request, of_pipelines, _own_projects(runs)),
        tracked_in=await _tracked_in(services, request, of_pipelines),
        gone=sorted(set(ids) - places.keys()),
        left_out=max(0, len(wanted) - MOST_RUNS),
        columns=columns if (columns := ask.get("columns", "")) in COLUMNS else "auto",
        step=int(step) if (step := ask.get("step", "")).isdecimal() and len(step) < 10 else None,
    )


def _own_projects(runs: Sequence[Subject]) -> list[tuple[str, str]]:
    return [(run.tracked.entity, run.tracked.project) for run in runs if run.tracked is not None]


async def _drawings(services: WebServices, runs: Sequence[Subject], findings: Findings) -> dict[str, Any]:
    """Return the fields of `ComparePage` that are curves and what stands side by side."""
    places = {run.run_id: place for place, run in enumerate(runs)}
    outputs = await uses_with_sources(services, sorted(findings.outputs, key=lambda use: places.get(use.run_id, 0)))
    visuals = visuals_of(outputs)
    curves = [replace(one.roc, name=f"{one.run_name} \u00b7 {one.artifact.name}") for one in visuals if one.roc is not None]
    if curves:  # without any, the panels of the tracked runs have theirs
        curves += await tracked_curves(services, runs, ROC_AXES)
    is_mixed = any(run.tracked is None for run in runs)
    precision = await tracked_curves(services, runs, PRECISION_AXES) if is_mixed else []
    return {
        "curves": curves[:_MOST_CURVES],
        "more_curves": max(0, len(curves) - _MOST_CURVES),
        "precision_curves": precision[:_MOST_CURVES],
        "more_precision": max(0, len(precision) - _MOST_CURVES),
        "shelves": await exhibits(services, runs, visuals, outputs, findings.tasks, findings.flows),
    }


async def _charts(services: WebServices, asked: Asked) -> Charts:
    """Return the panels of the tracked runs of a comparison that have series, each key once."""
    drawn: list[DrawnRun] = []
    for owner, (subject, runs) in enumerate(zip(asked.subjects, asked.tracked, strict=True)):
        for run in runs:
            own = run.display_name or run.name
            label = subject.name if subject.tracked is not None or len(runs) == 1 else f"{subject.name} \u00b7 {own}"
            drawn.append(DrawnRun(run, owner, label, subject.color))
    if services.tracking is None or not drawn:
        return Charts()
    kinds = await services.tracking.history.kinds([one.run.run_id for one in drawn])
    with_series = [(one, keys) for one, keys in zip(drawn, kinds, strict=True) if keys]
    panels = merged_panels([keys for _, keys in with_series], [one.run for one, _ in with_series])
    return Charts([one for one, _ in with_series], asked.undrawn, panels)


async def _tracked_in(services: WebServices, request: Request, ids: Sequence[str]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for one in await tracking_of(services.tracking, request, ids) if ids else ():
        found.setdefault(f"/{quote(one.entity, safe='')}/{quote(one.project, safe='')}", []).append(one.run_id)
    return [(address, runs) for address, runs in found.items() if len(runs) > 1]


_NO_GRAPHS: Mapping[str, Any] = {
    "graph": None, "graph_from": 0, "graph_with": 0, "others": (),
    "flow_graph": None, "flow_graph_from": 0, "flow_graph_with": 0, "flow_others": (),
}  # fmt: skip


async def _graphs(
    services: WebServices, runs: Sequence[Subject], findings: Findings, baseline: int, wanted: str | None
) -> Mapping[str, Any]:
    """Return the fields of `ComparePage` that are graphs. Args: wanted: id of the run whose graph is laid over the first one."""
    start, flow_start = first_of("pipeline", runs, baseline), first_of("flow", runs, baseline)
    others = _others(runs, start)
    known = [place for place, facts in enumerate(findings.flows) if facts is not None]
    flow_others = [place for place in known if place != flow_start] if flow_start in known else []
    other = next((place for place in others if runs[place].run_id == wanted), others[0] if others else 0)
    flow_other = next((place for place in flow_others if runs[place].run_id == wanted), flow_others[0] if flow_others else 0)
    return {
        "graph": await asyncio.to_thread(_graph, runs, findings.plans, start or 0, other) if others else None,
        "graph_from": start or 0,
        "graph_with": other,
        "others": others,
        "flow_graph": await _flow_graph(services.flows, runs[flow_start or 0], runs[flow_other]) if flow_others else None,
        "flow_graph_from": flow_start or 0,
        "flow_graph_with": flow_other,
        "flow_others": flow_others,
    }


def _others(runs: Sequence[Subject], start: int | None) -> list[int]:
    """Indexes of the runs with another definition than that one, one for each."""
    if start is None:
        return []
    mine = runs[start].spec_digest
    found = {run.spec_digest: index for index, run in reversed(list(enumerate(runs))) if run.spec_digest and run.spec_digest != mine}
    return sorted(found.values())


def _graph(runs: Sequence[Subject], plans: Sequence[RunPlan | None], start: int, other: int) -> GraphDiff | None:
    return graph_diff(runs[start].spec_digest or "", plans[start], runs[other].spec_digest or "", plans[other])


async def _flow_graph(flows: FlowWeb | None, first: Subject, other: Subject) -> FlowGraphDiff | None:
    """Read the definitions of two runs of flows, however many are compared."""
    if flows is None:
        return None
    ids = [run.run_id.partition("/") for run in (first, other)]
    before, after = [await flows.reader.graph(flow_id, run_id) for flow_id, _, run_id in ids]
    return await asyncio.to_thread(flow_graph_diff, before, after)


def _step_causes(found: FlowGraphDiff | None) -> list[Cause]:
    """Steps that differ, after what else the headline names: they say less than the code."""
    return [Cause("step", step.name, "" if step.mark == "changed" else step.mark) for step in (found.steps if found else ())]


