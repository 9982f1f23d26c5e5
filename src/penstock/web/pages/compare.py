"""Comparing 2 to 20 runs: differences first, metrics against a baseline, drawings side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.interfaces.pages import ListQuery, RunItem, ScalarMetric
from penstock.web.render import Crumb, Frame, render
from penstock.web.services import WebServices
from penstock.web.visualizations import DRAWN_TYPES, Visual, visuals_of

MAX_RUNS = 20
_LESS_IS_BETTER = ("loss", "error", "mse", "rmse", "mae", "time", "seconds", "latency", "perplexity", "fpr")


@dataclass(frozen=True, slots=True)
class Delta:
    """A metric of one run against the baseline."""

    metric: ScalarMetric | None
    difference: float | None
    """None: the same run, text, or missing on one side."""
    verdict: str
    """`better`, `worse` or empty."""


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One name over all runs."""

    name: str
    values: Sequence[Any]
    """Per run; `None` where it has none."""
    is_different: bool


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric over all runs."""

    name: str
    deltas: Sequence[Delta]


@dataclass(frozen=True, slots=True)
class ComparePage:
    """Context of `compare/compare.html`."""

    runs: Sequence[RunItem]
    """In the order asked for; the first is the baseline unless another was chosen."""
    baseline: int
    """Index of the baseline."""
    metrics: Sequence[MetricRow]
    """Scalar metrics."""
    facts: Sequence[DiffRow]
    """State, duration, pipeline, version and the like."""
    parameters: Sequence[DiffRow]
    """Parameters."""
    inputs: Sequence[DiffRow]
    """Digests of artifacts by task and output."""
    durations: Sequence[DiffRow]
    """Seconds by task."""
    confusion: Sequence[Visual]
    """Confusion matrices."""
    curves: Sequence[Visual]
    """ROC curves."""
    documents: Sequence[Visual]
    """HTML and Markdown."""
    only_differences: bool
    """Equal rows are hidden."""
    candidates: Sequence[RunItem]
    """Runs that could be added."""


def difference_rows(runs: Sequence[Mapping[str, Any]]) -> list[DiffRow]:
    """One row per name that any run has; differing ones first, each group by name."""
    names = list(dict.fromkeys(name for run in runs for name in run))
    rows = [DiffRow(name, [run.get(name) for run in runs], any(run.get(name) != runs[0].get(name) for run in runs[1:])) for name in names]
    return sorted(rows, key=lambda row: (not row.is_different, row.name))


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
                is_cost = any(word in name.lower() for word in _LESS_IS_BETTER)
                verdict = "" if difference == 0 else "better" if (difference < 0) == is_cost else "worse"
            deltas.append(Delta(metric, difference, verdict))
        rows.append(MetricRow(name, deltas))
    return rows


async def compare_page(services: WebServices, request: Request) -> Response:
    """The comparison; `?runs=a,b,c`, `?baseline=<id>`, `?all=1` shows equal rows too."""
    ids = list(dict.fromkeys(part for part in request.query_params.get("runs", "").split(",") if part))[:MAX_RUNS]
    runs = list(await services.runs.runs(ids)) if ids else []
    wanted = request.query_params.get("baseline")
    baseline = next((index for index, run in enumerate(runs) if run.run_id == wanted), 0)
    visuals: Sequence[Visual] = ()
    tasks: list[dict[str, Any]] = []
    digests: list[dict[str, Any]] = []
    if runs:
        found = [run.run_id for run in runs]
        uses = await services.artifacts.of_runs(found)
        visuals = visuals_of([use for use in uses if use.artifact.type in DRAWN_TYPES])
        digests = [
            {
                f"{use.task_name} \u2192 {use.key}": (use.artifact.digest or "")[7:19]
                for use in uses
                if use.run_id == run_id and use.artifact.digest
            }
            for run_id in found
        ]
        for run_id in found:
            timeline = await services.runs.timeline(run_id, limit=200)
            tasks.append(
                {
                    task.path.removeprefix("root/"): "cached" if task.is_cached else round(task.finished_at - task.started_at, 1)
                    for task in timeline
                    if task.finished_at and task.started_at
                }
            )
    first = next((run for run in runs if run.pipeline_name), None)
    scope = {"pipeline_name": first.pipeline_name} if first else {}
    candidates = await services.runs.list_runs(ListQuery(limit=25, scope=scope))
    page = ComparePage(
        runs=runs,
        baseline=baseline,
        metrics=metric_rows(runs, baseline) if runs else (),
        facts=difference_rows([_facts(run) for run in runs]) if runs else (),
        parameters=difference_rows([run.parameters for run in runs]) if runs else (),
        inputs=difference_rows(digests) if digests else (),
        durations=difference_rows(tasks) if tasks else (),
        confusion=[visual for visual in visuals if visual.matrix],
        curves=[visual for visual in visuals if visual.roc],
        documents=[visual for visual in visuals if visual.kind in {"html", "markdown"}],
        only_differences=request.query_params.get("all") != "1",
        candidates=[run for run in candidates.items if run.run_id not in ids],
    )
    frame = Frame(title="Compare runs", section="runs", crumbs=(Crumb("Runs", "/ui/runs"), Crumb("Compare")), scripts=("compare",))
    return render(services, request, "compare/compare.html", frame=frame, page=page)


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
