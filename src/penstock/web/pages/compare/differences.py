"""What differs between the runs of a comparison, from what was read of them; blocking: reads the locks of environments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.expr import UNSET
from penstock.domain.plan import LeafTemplate, RunPlan
from penstock.interfaces.pages import ArtifactUse, ScalarMetric, by_name
from penstock.interfaces.tracking_pages import RunVersion
from penstock.web.comparisons.flows import flow_texts, flow_values
from penstock.web.comparisons.runs import (
    CodeDiff,
    ComponentText,
    causes,
    code_diffs,
    definition_text,
    difference_rows,
    is_cost,
    package_tables,
    seconds_by_task,
    versions,
)
from penstock.web.comparisons.subjects import Subject
from penstock.web.comparisons.tracked import REQUIREMENTS, code_texts, required_versions
from penstock.web.graphs.component_cards import component_source
from penstock.web.pages.compare.findings import Asked, Findings
from penstock.web.services.web import WebServices

_MOST_METRICS = 500
_LOOP = re.compile(r"\[\d+\]")
PARTS_OF_PAGE = ("causes", "code", "codeless", "packages", "metrics", "facts", "parameters", "inputs", "outputs", "durations")
"""Fields of the page that are differences."""


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


def metric_rows(runs: Sequence[Subject], baseline: int) -> list[MetricRow]:
    """Metrics with their difference from the baseline, those that differ first; names that mean cost count as better when smaller."""
    by_run = [by_name(run.metrics) for run in runs]
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
                if not math.isfinite(difference):
                    difference = None
            if difference is not None:
                verdict = "" if difference == 0 else "better" if (difference < 0) == is_cost(name) else "worse"
            deltas.append(Delta(metric, difference, verdict))
        rows.append(MetricRow(name, deltas))
    return sorted(rows, key=lambda row: not row.is_different)[:_MOST_METRICS]


def first_of(kind: str, runs: Sequence[Subject], baseline: int) -> int | None:
    """Index of the run that others of its kind are compared with: the baseline, or the first where that is of another kind."""
    if runs[baseline].kind == kind:
        return baseline
    return next((place for place, run in enumerate(runs) if run.kind == kind), None)


def differences(services: WebServices, asked: Asked, findings: Findings, baseline: int) -> dict[str, Any]:
    """Fields of `ComparePage` that are differences; blocking: reads the locks of environments."""
    runs = asked.subjects
    saved = code_texts([files if run.tracked else None for run, files in zip(runs, findings.files, strict=True)], findings.texts)
    code = _code(runs, findings, saved, baseline)
    begun = flow_values(findings.flows)
    parameters = difference_rows([{**_parameters(run, plan), **own} for run, plan, own in zip(runs, findings.plans, begun, strict=True)])
    used, logged = [[one for one in findings.versions if one.direction == way] for way in ("input", "output")]
    inputs = difference_rows(contents_of(runs, findings.inputs, "\u2190", used))
    packages = package_tables(_environments(services, findings))
    numbers = [{name: one.text if one.number is None else one.number for name, one in by_name(run.metrics).items()} for run in runs]
    return {
        "causes": causes(code, parameters, inputs, packages, difference_rows(numbers), baseline),
        "code": code,
        "codeless": [place for place, run in enumerate(runs) if run.tracked and saved[place] is None],
        "packages": packages,
        "metrics": metric_rows(runs, baseline),
        "facts": difference_rows([run.facts for run in runs]),
        "parameters": parameters,
        "inputs": inputs,
        "outputs": difference_rows(contents_of(runs, findings.outputs, "\u2192", logged)),
        "durations": difference_rows([seconds_by_task(tasks) for tasks in findings.tasks]),
    }


def _code(
    runs: Sequence[Subject], findings: Findings, saved: Sequence[Mapping[str, ComponentText] | None], baseline: int
) -> list[CodeDiff]:
    """Differences of code, each kind of run among its own: a component has no counterpart in a flow's file or a saved script."""
    texts: Mapping[str, Sequence[Mapping[str, ComponentText] | None]] = {
        "pipeline": _components(findings.plans),
        "flow": flow_texts(findings.flows, findings.sources),
        "tracked": saved,
    }
    found: list[CodeDiff] = []
    for kind in sorted(texts, key=lambda kind: kind != runs[baseline].kind):
        if (first := first_of(kind, runs, baseline)) is not None:
            found += code_diffs(texts[kind], first)
    return found


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


def _parameters(run: Subject, plan: RunPlan | None) -> dict[str, Any]:
    """Parameters as given, and the definition's defaults for the others."""
    defaults = {} if plan is None else {name: spec.default for name, spec in plan.parameters.items() if spec.default is not UNSET}
    return {**defaults, **run.parameters}


def contents_of(
    runs: Sequence[Subject], uses: Sequence[ArtifactUse], arrow: str, versions: Sequence[RunVersion] = ()
) -> list[dict[str, str]]:
    """Return, for each run, digests by task and key; what a task has several of (a list, iterations of a loop) is one row.

    Args:
        runs: all of them.
        uses: what tasks took in, or what they put out.
        arrow: stands in the names.
        versions: what tracked runs used, or what they logged.
    """
    found: dict[str, dict[str, list[str]]] = {run.run_id: {} for run in runs}
    for use in uses:
        if use.artifact.digest:
            found[use.run_id].setdefault(f"{use.task_name} {arrow} {use.key}", []).append(use.artifact.digest[7:19])
    names = {run.run_id: f"run-{run.tracked.name}-" for run in runs if run.tracked is not None}
    for version in versions:
        owner = str(version.run_id)
        collection = version.collection.removeprefix(names.get(owner, ""))  # tables that a run logs are named after it
        found[owner].setdefault(f"{arrow} {collection} ({version.type_name})", []).append(version.digest[:12])
    # Iterations that took the same content say it once: how many there were is told by their parameters and seconds.
    return [{name: ", ".join(sorted(set(digests))) for name, digests in found[run.run_id].items()} for run in runs]


def _environments(services: WebServices, findings: Findings) -> list[dict[str, Mapping[str, str] | None]]:
    """Versions of packages by task; iterations of a loop share an environment and are one task. None: it is not known any more.

    Tasks that never had an environment of this server are left out. What tracked runs wrote down stands beside the tasks.
    """
    locks: dict[str, Sequence[str] | None] = {}
    found: list[dict[str, Mapping[str, str] | None]] = []
    for tasks, files in zip(findings.tasks, findings.files, strict=True):
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
        if (required := required_versions(files, findings.texts)) is not None:
            mine[REQUIREMENTS] = required
        found.append(mine)
    return found
