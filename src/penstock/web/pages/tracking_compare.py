"""Tracked runs side by side: panels drawn together, config and summary as columns, differences first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.pages.tracking_board import merged_panels
from penstock.web.pages.tracking_run import project_crumb
from penstock.web.pages.tracking_workspace import ListedRun, listed_run
from penstock.web.render import Crumb, Frame, render
from penstock.web.services import WebServices
from penstock.web.tracking_documents import ComparedRow, compared
from penstock.web.tracking_services import TrackingServices, runs_by_ids

MOST = 20


@dataclass(frozen=True, slots=True)
class TrackedComparePage:
    """Context of `tracking/compare.html`."""

    runs: Sequence[ListedRun]
    """The columns; the first is the baseline."""
    summary: Sequence[ComparedRow]
    """Rows of the summaries."""
    config: Sequence[ComparedRow]
    """Rows of the configs."""
    panels: Sequence[Mapping[str, Any]]
    """Drawings."""
    shows_all: bool
    """Rows that are the same everywhere are shown too."""

    @property
    def project_id(self) -> int | None:
        """The project of all runs, to which a report of the comparison belongs; None when they are of several."""
        found = {row.run.project_id for row in self.runs}
        return found.pop() if len(found) == 1 else None


async def compare_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Two to twenty tracked runs."""
    found = await runs_by_ids(tracking, request, request.query_params.get("runs", ""), limit=MOST)
    runs = [listed_run(run) for run in found.values()]
    kinds = await tracking.history.kinds(list(found))
    shows_all = request.query_params.get("all") == "1"
    rows = [compared([run.summary for run in runs]), compared([run.config for run in runs])]
    if not shows_all and len(runs) > 1:
        rows = [[row for row in part if row.is_different] for part in rows]
    page = TrackedComparePage(runs, rows[0], rows[1], merged_panels(kinds, list(found.values())), shows_all)
    crumbs = [Crumb("Projects", "/ui/projects")]
    if runs:
        crumbs.append(project_crumb(runs[0].run.entity, runs[0].run.project, runs[0].url.rpartition("/runs/")[0]))
    crumbs.append(Crumb("Compare", is_word=True))
    frame = Frame("Compare", "projects", crumbs, scripts=("tracked_run",))
    return render(services, request, "tracking/compare.html", frame=frame, page=page)
