"""Comparing 2 to 20 runs: likely causes first, then metrics against a baseline, drawings side by side, the rest."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.domain.expr import UNSET
from penstock.domain.plan import LeafTemplate, RunPlan
from penstock.flows.code import CodePlace
from penstock.interfaces.page_flows import FlowRunFacts
from penstock.interfaces.pages import ArtifactUse, ListQuery, RunItem, ScalarMetric, TaskItem
from penstock.web.comparisons.exhibits import KINDS, PARTS, Shelf, steps_of
from penstock.web.comparisons.flows import FlowCodeNotes, code_place, flow_code_notes, flow_texts, flow_values
from penstock.web.comparisons.runs import (
    Cause,
    CodeDiff,
    ComponentText,
    DiffRow,
    PackageTable,
    causes,
    code_diffs,
    definition_text,
    difference_rows,
    is_cost,
    package_tables,
    seconds_by_task,
    versions,
)
from penstock.web.graphs.component_cards import component_source
from penstock.web.graphs.flow_diff import FlowGraphDiff, flow_graph_diff
from penstock.web.pages.compare.exhibits import exhibits
from penstock.web.pages.compare.graphs import GraphDiff, graph_diff
from penstock.web.previews.viewer_sources import uses_with_sources
from penstock.web.previews.visualizations import Visual, visuals_of
from penstock.web.render import Crumb, Frame, query_url, render
from penstock.web.runs.plans import keep_plan, kept_plan, load_plan
from penstock.web.services.flows import FlowWeb
from penstock.web.services.tracking import report_projects, runs_by_ids, tracking_of
from penstock.web.services.web import WebServices

MAX_RUNS = 20
_USES_PER_RUN = 500
_HEADLINE = 6
_MOST_CURVES = 30
_LONGEST_NUMBER = 16
_LOOP = re.compile(r"\[\d+\]")
COLUMNS = ("auto", "1", "2", "3", "4")
"""Choices of how many drawings stand side by side."""
_PARTS = ("causes", "code", "packages", "metrics", "facts", "parameters", "inputs", "outputs", "durations")


@dataclass(frozen=True, slots=True)
class Delta:
    """A metric of one run against the baseline."""

    metric: ScalarMetric | None
    difference: float | None
    """None: the same run, text, or missing on one side."""
    verdict: str
    """`better`, `worse` or empty."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric over all runs."""

    name: str
    deltas: Sequence[Delta]

    @property
    def is_different(self) -> bool:
        """Whether a run has another value than the first, or none."""
        values = [delta.metric and (delta.metric.number, delta.metric.text) for delta in self.deltas]
        return any(repr(value) != repr(values[0]) for value in values[1:])

    @property
    def best(self) -> int | None:
        """Index of the run that is furthest on the better side of the baseline, else the least worse; None: no run differs."""
        differing = [(place, delta) for place, delta in enumerate(self.deltas) if delta.difference and math.isfinite(delta.difference)]
        if not differing:
            return None
        sign = -1 if is_cost(self.name) else 1
        return max(differing, key=lambda one: sign * (one[1].difference or 0.0))[0]


@dataclass(frozen=True, slots=True)
class ComparePage:
    """Context of `compare/compare.html`."""

    runs: Sequence[RunItem]
    """In the order asked for; the first is the baseline unless another was chosen."""
    baseline: int
    """Index of the baseline."""
    causes: Sequence[Cause]
    """What differs, likely causes first."""
    code: Sequence[CodeDiff]
    """Components whose code or definition differs from the baseline's."""
    packages: Sequence[PackageTable]
    """Packages by task that differ."""
    unread: Sequence[RunItem]
    """Runs of pipelines without a definition that can be read; their code is not compared."""
    flow_code: FlowCodeNotes
    """What is said of the code of flows beside its differences."""
    metrics: Sequence[MetricRow]
    """Scalar metrics."""
    facts: Sequence[DiffRow]
    """State, duration, pipeline, version and the like."""
    parameters: Sequence[DiffRow]
    """Parameters."""
    inputs: Sequence[DiffRow]
    """Digests of artifacts by task and input."""
    outputs: Sequence[DiffRow]
    """Digests of artifacts by task and output."""
    graph: GraphDiff | None
    """The definitions of the baseline and of another run as one graph; None: all have the same, or one cannot be drawn."""
    graph_with: int
    """Index of that other run."""
    others: Sequence[int]
    """Indexes of runs whose definition differs from the baseline's, one for each definition."""
    flow_graph: FlowGraphDiff | None
    """The flows of the baseline and of another run as one graph; None: no run of a flow, or one definition is not known."""
    flow_graph_with: int
    """Index of that other run."""
    flow_others: Sequence[int]
    """Indexes of the other runs of flows."""
    durations: Sequence[DiffRow]
    """Seconds by task."""
    curves: Sequence[Visual]
    """ROC curves by run."""
    more_curves: int
    """Curves that are too many to be drawn."""
    shelves: Sequence[Shelf]
    """Matrices, documents, pictures and cards side by side."""
    only_differences: bool
    """Equal rows are hidden."""
    candidates: Sequence[RunItem]
    """Runs that could be added."""
    report_projects: Sequence[str] = ()
    """Tracking projects (`entity/project`) that a report of the comparison can be kept in, the nearest first."""
    tracked_in: Sequence[tuple[str, Sequence[str]]] = ()
    """Address of each project that tracks tasks of the runs, with the ids of those runs."""
    gone: Sequence[str] = ()
    """Ids that were asked for and lead to no run."""
    left_out: int = 0
    """Runs asked for that are more than are compared."""
    most: int = MAX_RUNS
    """Runs that are compared at most."""
    columns: str = "auto"
    """How many drawings stand side by side, one of `COLUMNS`."""
    step: int | None = None
    """The step that is shown of drawings that have several; None: the last."""

    @property
    def headline(self) -> Sequence[MetricRow]:
        """Metrics whose deltas are said above all."""
        return [row for row in self.metrics if row.best is not None][:_HEADLINE]

    @property
    def failed(self) -> Sequence[RunItem]:
        """Runs that did not succeed though they ended."""
        return [run for run in self.runs if run.state in {"FAILED", "CANCELED"}]

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


def metric_rows(runs: Sequence[RunItem], baseline: int) -> list[MetricRow]:
    """Metrics with their difference from the baseline; names that mean cost count as better when smaller."""
    by_run = [{metric.name: metric for metric in run.metrics} for run in runs]
    names = sorted({name for metrics in by_run for name in metrics})
    rows = []
    for name in names:
        base = by_run[baseline].get(name)
        deltas = []
        for index, metrics in enumerate(by_run):
            metric = metrics.get(name)
            difference, verdict = None, ""
            if index != baseline and metric and base and metric.number is not None and base.number is not None:
                difference = metric.number - base.number
                verdict = "" if difference == 0 else "better" if (difference < 0) == is_cost(name) else "worse"
            deltas.append(Delta(metric, difference, verdict))
        rows.append(MetricRow(name, deltas))
    return rows


@dataclass(frozen=True, slots=True)
class _Findings:
    """What the queries brought, by run in the order of the page."""

    plans: Sequence[RunPlan | None]
    flows: Sequence[FlowRunFacts | None]
    """Of runs of flows."""
    sources: Mapping[CodePlace, str]
    """Files of flows in the code that the runs kept."""
    tasks: Sequence[Sequence[TaskItem]]
    recorded: Mapping[str, Mapping[str, Any]]
    inputs: Sequence[ArtifactUse]
    outputs: Sequence[ArtifactUse]


async def compare_page(services: WebServices, request: Request) -> Response:
    """The comparison; `?runs=a,b,c`, `?baseline=<id>`, `?all=1` shows equal rows too. The number of queries is fixed."""
    if target := await _tracked_target(services, request):
        return RedirectResponse(target, status_code=303)
    page = await compared(services, request, request.query_params)
    crumbs = (Crumb("Runs", "/ui/runs"), Crumb("Compare", is_word=True))
    frame = Frame(title="Compare runs", section="runs", crumbs=crumbs, scripts=("compare", "graph", "visuals"))
    return render(services, request, "compare/compare.html", frame=frame, page=page)


async def _tracked_target(services: WebServices, request: Request) -> str | None:
    """Where a comparison that names tracked runs by their numbers is: with runs of pipelines or flows, those that they are tasks of."""
    ids = _asked(request.query_params)
    numbers = [one for one in ids if one.isdecimal() and len(one) <= _LONGEST_NUMBER]
    if services.tracking is None or not numbers:
        return None
    found = await runs_by_ids(services.tracking, request, ",".join(numbers[:MAX_RUNS]), limit=MAX_RUNS)
    if len(numbers) == len(ids):
        return query_url("/ui/tracking/compare", request.query_params, runs=",".join(ids)) if found else None
    wholes = {str(number): str(run.pipeline_run_id) for number, run in found.items() if run.pipeline_run_id}
    runs = dict.fromkeys(wholes.get(one, one) for one in ids if one in wholes or one not in numbers)
    return query_url("/ui/compare", request.query_params, runs=",".join(runs), untracked=len(set(numbers) - wholes.keys()) or None)


def _asked(ask: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(part for part in ask.get("runs", "").split(",") if part))


async def compared(services: WebServices, request: Request, ask: Mapping[str, str]) -> ComparePage:
    """Return what the page shows for the parameters of its address."""
    asked = _asked(ask)
    ids = asked[:MAX_RUNS]
    runs = list(await services.runs.runs(ids)) if ids else []
    wanted = ask.get("baseline")
    baseline = next((index for index, run in enumerate(runs) if run.run_id == wanted), 0)
    first = next((run for run in runs if run.pipeline_name), None)
    scope = {"pipeline_name": first.pipeline_name} if first else {}
    candidates = await services.runs.list_runs(ListQuery(limit=25, scope=scope))
    findings = await _find(services, runs) if runs else _Findings((), (), {}, (), {}, (), ())
    parts: dict[str, Any] = (
        await asyncio.to_thread(_compared, services, runs, findings, baseline) if runs else dict.fromkeys(_PARTS, ())
    )
    places = {run.run_id: place for place, run in enumerate(runs)}
    outputs = await uses_with_sources(services, sorted(findings.outputs, key=lambda use: places.get(use.run_id, 0)))
    visuals = visuals_of(outputs)
    others = _others(runs, baseline)
    with_id = ask.get("graph")
    graph_with = next((index for index in others if runs[index].run_id == with_id), others[0] if others else 0)
    flow_others = [index for index, known in enumerate(findings.flows) if known is not None and index != baseline]
    flow_with = next((index for index in flow_others if runs[index].run_id == with_id), flow_others[0] if flow_others else 0)
    flow_graph = await _flow_graph(services.flows, runs[baseline], runs[flow_with]) if flow_others and findings.flows[baseline] else None
    headline = [*parts.pop("causes"), *_step_causes(flow_graph)]
    return ComparePage(
        runs=runs,
        baseline=baseline,
        causes=headline,
        **parts,
        graph=await asyncio.to_thread(_graph, runs, findings.plans, baseline, graph_with) if others else None,
        graph_with=graph_with,
        flow_graph=flow_graph,
        flow_graph_with=flow_with,
        flow_others=flow_others,
        others=others,
        unread=[run for run, plan in zip(runs, findings.plans, strict=True) if plan is None and run.kind != "flow"],
        flow_code=flow_code_notes(findings.flows, findings.sources, baseline) if runs else FlowCodeNotes(),
        curves=(curves := [visual for visual in visuals if visual.roc])[:_MOST_CURVES],
        more_curves=max(0, len(curves) - _MOST_CURVES),
        shelves=await exhibits(services, runs, visuals, outputs, findings.tasks, findings.flows),
        only_differences=ask.get("all") != "1",
        candidates=[run for run in candidates.items if run.run_id not in ids],
        report_projects=await report_projects(services.tracking, request, ids) if runs else (),
        tracked_in=await _tracked_in(services, request, ids) if runs else (),
        gone=sorted(set(ids) - places.keys()),
        left_out=max(0, len(asked) - MAX_RUNS),
        columns=columns if (columns := ask.get("columns", "")) in COLUMNS else "auto",
        step=int(step) if (step := ask.get("step", "")).isdecimal() and len(step) < 10 else None,
    )


async def _tracked_in(services: WebServices, request: Request, ids: Sequence[str]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for one in await tracking_of(services.tracking, request, ids):
        found.setdefault(f"/{quote(one.entity, safe='')}/{quote(one.project, safe='')}", []).append(one.run_id)
    return [(address, runs) for address, runs in found.items() if len(runs) > 1]


def _others(runs: Sequence[RunItem], baseline: int) -> list[int]:
    """Indexes of the runs with another definition than the baseline, one for each."""
    mine = runs[baseline].spec_digest if runs else None
    found = {run.spec_digest: index for index, run in reversed(list(enumerate(runs))) if run.spec_digest and run.spec_digest != mine}
    return sorted(found.values())


def _graph(runs: Sequence[RunItem], plans: Sequence[RunPlan | None], baseline: int, other: int) -> GraphDiff | None:
    return graph_diff(runs[baseline].spec_digest or "", plans[baseline], runs[other].spec_digest or "", plans[other])


async def _flow_graph(flows: FlowWeb | None, baseline: RunItem, other: RunItem) -> FlowGraphDiff | None:
    """Read the definitions of two runs of flows, however many are compared."""
    if flows is None:
        return None
    ids = [run.run_id.partition("/") for run in (baseline, other)]
    before, after = [await flows.reader.graph(flow_id, run_id) for flow_id, _, run_id in ids]
    return await asyncio.to_thread(flow_graph_diff, before, after)


def _step_causes(found: FlowGraphDiff | None) -> list[Cause]:
    """Steps that differ, after what else the headline names: they say less than the code."""
    return [Cause("step", step.name, "" if step.mark == "changed" else step.mark) for step in (found.steps if found else ())]


async def _find(services: WebServices, runs: Sequence[RunItem]) -> _Findings:
    ids = [run.run_id for run in runs]
    limit = _USES_PER_RUN * len(ids)
    tasks = await services.runs.timelines(ids)
    facts, sources = await _flow_facts(services.flows, runs)
    return _Findings(
        plans=await _plans(services, runs),
        flows=facts,
        sources=sources,
        tasks=[[task for task in tasks if task.run_id == run_id] for run_id in ids],
        recorded=await services.runs.environments(ids),
        inputs=await services.artifacts.of_runs(ids, direction="input", limit=limit),
        outputs=await services.artifacts.of_runs(ids, limit=limit),
    )


async def _flow_facts(
    flows: FlowWeb | None, runs: Sequence[RunItem]
) -> tuple[Sequence[FlowRunFacts | None], Mapping[CodePlace, str]]:
    """What the runs of flows among these began with, and the texts of their flows' files."""
    ids = [run.run_id for run in runs if run.kind == "flow"]
    if flows is None or not ids:
        return [None] * len(runs), {}
    known = await flows.pages.facts(ids)
    facts = [known.get(run.run_id) for run in runs]
    places = [place for item in facts if (place := code_place(item)) is not None]
    return facts, await asyncio.to_thread(flows.code.sources, places)


async def _plans(services: WebServices, runs: Sequence[RunItem]) -> list[RunPlan | None]:
    """Plans of the runs; those not kept are read by one query."""
    digests = {run.spec_digest for run in runs if run.spec_digest}
    plans = {digest: plan for digest in digests for is_kept, plan in [kept_plan(digest)] if is_kept}
    for digest, (kind, content) in (await services.runs.specs(sorted(digests - plans.keys()))).items():
        plans[digest] = await asyncio.to_thread(load_plan, services, kind, content)
        keep_plan(digest, plans[digest])
    return [plans.get(run.spec_digest or "") for run in runs]


def _compared(services: WebServices, runs: Sequence[RunItem], findings: _Findings, baseline: int) -> dict[str, Any]:
    """Fields of `ComparePage` that are differences; blocking: reads the locks of environments."""
    texts = _components(findings.plans) if findings.flows[baseline] is None else flow_texts(findings.flows, findings.sources)
    code = code_diffs(texts, baseline)
    begun = flow_values(findings.flows)
    parameters = difference_rows([{**_parameters(run, plan), **own} for run, plan, own in zip(runs, findings.plans, begun, strict=True)])
    inputs = difference_rows(contents_of(runs, findings.inputs, "\u2190"))
    packages = package_tables(_environments(services, findings))
    numbers = [{metric.name: metric.text if metric.number is None else metric.number for metric in run.metrics} for run in runs]
    return {
        "causes": causes(code, parameters, inputs, packages, difference_rows(numbers), baseline),
        "code": code,
        "packages": packages,
        "metrics": metric_rows(runs, baseline),
        "facts": difference_rows([_facts(run) for run in runs]),
        "parameters": parameters,
        "inputs": inputs,
        "outputs": difference_rows(contents_of(runs, findings.outputs, "\u2192")),
        "durations": difference_rows([seconds_by_task(tasks) for tasks in findings.tasks]),
    }


def _components(plans: Sequence[RunPlan | None]) -> list[Mapping[str, ComponentText] | None]:
    """Texts of the components of each run; those that all definitions share are left out, they cannot differ."""
    leaves = [
        None if plan is None else {name: item for name, item in plan.templates.items() if isinstance(item, LeafTemplate)} for plan in plans
    ]
    known = [found for found in leaves if found is not None]
    differing = {
        name for found in known for name in found if any(name not in other or other[name].work != found[name].work for other in known)
    }
    kept: dict[int, Mapping[str, ComponentText]] = {}
    for found in known:
        if id(found) not in kept:
            kept[id(found)] = {name: definition_text(found[name].work, component_source) for name in differing if name in found}
    return [None if found is None else kept[id(found)] for found in leaves]


def _parameters(run: RunItem, plan: RunPlan | None) -> dict[str, Any]:
    """Parameters as given, and the definition's defaults for the others."""
    defaults = {} if plan is None else {name: spec.default for name, spec in plan.parameters.items() if spec.default is not UNSET}
    return {**defaults, **run.parameters}


def contents_of(runs: Sequence[RunItem], uses: Sequence[ArtifactUse], arrow: str) -> list[dict[str, str]]:
    """Return, for each run, digests by task and key; what a task has several of (a list, iterations of a loop) is one row."""
    found: dict[str, dict[str, list[str]]] = {run.run_id: {} for run in runs}
    for use in uses:
        if use.artifact.digest:
            found[use.run_id].setdefault(f"{use.task_name} {arrow} {use.key}", []).append(use.artifact.digest[7:19])
    # Iterations that took the same content say it once: how many there were is told by their parameters and seconds.
    return [{name: ", ".join(sorted(set(digests))) for name, digests in found[run.run_id].items()} for run in runs]


def _environments(services: WebServices, findings: _Findings) -> list[dict[str, Mapping[str, str] | None]]:
    """Versions of packages by task; iterations of a loop share an environment and are one task. None: it is not known any more.

    Tasks that never had an environment of this server are left out.
    """
    locks: dict[str, Sequence[str] | None] = {}
    found: list[dict[str, Mapping[str, str] | None]] = []
    for tasks in findings.tasks:
        mine: dict[str, Mapping[str, str] | None] = {}
        for task in tasks:
            name = _LOOP.sub("", task.path.removeprefix("root/"))
            if task.type != "RUNTIME" or mine.get(name) is not None:
                continue
            detail = findings.recorded.get(task.task_id, {})
            packages, environment = detail.get("packages"), str(detail.get("environment_id") or "")
            if packages is None and not environment:
                continue  # it never had one made here: steps of flows that others ran, commands of their own
            if packages is None:
                if environment not in locks:
                    locks[environment] = services.locked_packages(environment)
                packages = locks[environment]
            mine[name] = None if packages is None else {"Python": str(detail.get("python") or ""), **versions(packages)}
        found.append(mine)
    return found


def _facts(run: RunItem) -> dict[str, Any]:
    seconds = run.finished_at - (run.started_at or run.created_at) if run.finished_at else None
    return {
        "State": run.state,
        "Duration": None if seconds is None else f"{seconds:.1f} s",
        "Experiment": run.experiment_name,
        "Pipeline": run.pipeline_name,
        "Version": run.version_name,
        "Definition": (run.spec_digest or "")[7:19],
        "Tasks": run.task_count,
        "Cached": run.cached_count,
        "Error": run.error_message or None,
    }
