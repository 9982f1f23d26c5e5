"""Tracked runs side by side: differences from a baseline first, panels drawn together, the code of two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.comparisons.runs import is_cost
from penstock.web.pages.compare.runs import COLUMNS
from penstock.web.pages.tracking.board import merged_panels
from penstock.web.pages.tracking.run import code_of, patches_of, project_crumb, told_facts
from penstock.web.pages.tracking.workspace import ListedRun, listed_run
from penstock.web.render import Crumb, Frame, render
from penstock.web.services.tracking import TrackingServices, runs_by_ids
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import ComparedRow, compared

MOST = 20
_HEADLINE = 6


@dataclass(frozen=True, slots=True)
class NumberDelta:
    """How far a number of a run is from the baseline's."""

    difference: float
    verdict: str
    """`better`, `worse` or empty."""


@dataclass(frozen=True, slots=True)
class TrackedComparePage:
    """Context of `tracking/compare.html`."""

    runs: Sequence[ListedRun]
    """The columns."""
    baseline: int
    """Index of the baseline."""
    facts: Sequence[ComparedRow]
    """What the runs say of themselves."""
    summary: Sequence[ComparedRow]
    """Rows of the summaries."""
    config: Sequence[ComparedRow]
    """Rows of the configs."""
    panels: Sequence[Mapping[str, Any]]
    """Drawings."""
    shows_all: bool
    """Rows that are the same everywhere are shown too."""
    other: int = 0
    """Index of the run whose code is compared with the baseline's."""
    columns: str = "auto"
    """How many runs' media stand side by side, one of `COLUMNS`."""
    patches: Sequence[tuple[str, str]] = ()
    """Differences of their code: name and unified diff."""

    @property
    def project_id(self) -> int | None:
        """The project of all runs, to which a report of the comparison belongs; None when they are of several."""
        found = {row.run.project_id for row in self.runs}
        return found.pop() if len(found) == 1 else None

    @property
    def pipeline_runs(self) -> Sequence[str]:
        """Runs of pipelines and flows that they belong to."""
        return list(dict.fromkeys(str(row.run.pipeline_run_id) for row in self.runs if row.run.pipeline_run_id))

    @property
    def headline(self) -> Sequence[tuple[ComparedRow, int, NumberDelta]]:
        """Numbers of the summary that differ, each with the run that is furthest on its better side."""
        found = []
        for row in self.summary:
            deltas = [(place, delta) for place in range(len(self.runs)) if (delta := self.delta(row, place, is_judged=True))]
            if not row.key.startswith("_") and deltas:
                sign = -1 if is_cost(row.key) else 1
                found.append((row, *max(deltas, key=lambda one: sign * one[1].difference)))
        return found[:_HEADLINE]

    def delta(self, row: ComparedRow, place: int, *, is_judged: bool = False) -> NumberDelta | None:
        """Return how far a run's number is from the baseline's; None where one is none, or both are equal."""
        value, base = row.values[place], row.values[self.baseline]
        if not (_is_number(value) and _is_number(base)) or value == base:
            return None
        difference = value - base
        is_better = (difference < 0) == is_cost(row.key)
        return NumberDelta(difference, ("better" if is_better else "worse") if is_judged and not row.key.startswith("_") else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


async def compare_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Two to twenty tracked runs; `?baseline=ID`, `?with=ID` for the code, `?all=1` shows equal rows too."""
    query = request.query_params
    found = await runs_by_ids(tracking, request, query.get("runs", ""), limit=MOST)
    runs = [listed_run(run) for run in found.values()]
    kinds = await tracking.history.kinds(list(found))
    shows_all = query.get("all") == "1"
    ids = [str(row.run.run_id) for row in runs]
    baseline = ids.index(query["baseline"]) if query.get("baseline") in ids else 0
    other = ids.index(query["with"]) if query.get("with") in ids else next((at for at in range(len(ids)) if at != baseline), 0)
    facts = [{"state": row.look[0], **told_facts(row.run)} for row in runs]
    rows = [compared(facts), compared([run.summary for run in runs]), compared([run.config for run in runs])]
    if not shows_all and len(runs) > 1:
        rows = [[row for row in part if row.is_different] for part in rows]
    patches: Sequence[tuple[str, str]] = ()
    if other != baseline:
        texts = [dict(await code_of(services, tracking, runs[place].run)) for place in (baseline, other)]
        for held in texts:
            held.pop("config.yaml", None)  # said key by key
        patches = patches_of(*texts)
    columns = asked if (asked := query.get("columns", "")) in COLUMNS else "auto"
    page = TrackedComparePage(
        runs, baseline, rows[0], rows[1], rows[2], merged_panels(kinds, list(found.values())), shows_all, other, columns, patches
    )
    crumbs = [Crumb("Projects", "/ui/projects")]
    if runs:
        crumbs.append(project_crumb(runs[0].run.entity, runs[0].run.project, runs[0].url.rpartition("/runs/")[0]))
    crumbs.append(Crumb("Compare", is_word=True))
    frame = Frame("Compare", "projects", crumbs, scripts=("tracked_run", "compare"))
    return render(services, request, "tracking/compare.html", frame=frame, page=page)
