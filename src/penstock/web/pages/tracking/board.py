"""The workspace of a project: runs at left, panels of their keys at right, arranged as a stored view says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.domain.tracking import TrackedProject, TrackedRun
from penstock.web.lists.filters import is_chip_field
from penstock.web.pages.tracking.values import project_by_id
from penstock.web.pages.tracking.views import ASKED, OpenView, open_view, views_of, with_runs
from penstock.web.pages.tracking.workspace import (
    GROUPS,
    PROJECT_TABS,
    SORTS,
    RunListing,
    listed_keys,
    listed_run,
    project_frame,
    project_url,
    run_listing,
    wanted_groups,
)
from penstock.web.render import query_url, render, render_part
from penstock.web.services.tracking import TrackingServices, project_of, runs_by_ids
from penstock.web.services.web import WebServices
from penstock.web.tracking.chart_panels import ChartPanel, client_plots, panel_list, panels_of_kinds
from penstock.web.tracking.filters import FIELDS
from penstock.web.tracking.step_metrics import step_metrics

_LISTED = 100
"""Runs of one part of the list."""
_SERIES_RUNS = 50
"""Runs whose keys decide which panels there are; as many as are ever drawn."""
_KEYED_ROWS = 20
"""Runs whose keys of config and summary are offered before the index of values knows them."""
_OFFERED = 200
"""Keys that are offered to group and sort by."""


_KEPT = frozenset({"view", "nw", "then", "x", "smoother", "smooth", "ly", "lx", "clip", "agg", "band", "sync", "lines", "from", "to"})
"""Parts of the address that say how a workspace is drawn."""


@dataclass(frozen=True, slots=True)
class WorkspacePage:
    """Context of `tracking/workspace.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    listing: RunListing
    """Runs at left."""
    panels: Sequence[Mapping[str, Any]]
    """Drawings that come with the keys."""
    view: OpenView
    """How they are arranged."""
    views: Sequence[tuple[str, str, str]]
    """Views to choose from: (address parameter, name, owner)."""
    source: str
    """Query that names the runs, for panels that show one value per run."""
    groups: Sequence[tuple[str, str]] = GROUPS
    """What runs may be grouped by."""
    sorts: Sequence[tuple[str, str]] = SORTS
    """Offered orders."""
    filter_fields: Sequence[str] = FIELDS
    """Fields the filter bar completes."""
    keys: Sequence[str] = ()
    """Columns of config and summary that runs of the project have: `c.lr`, `s.loss`."""

    @property
    def config_keys(self) -> list[str]:
        """Keys of the config to group and sort by."""
        return [key[2:] for key in self.keys if key.startswith("c.") and not key.startswith("c._")][:_OFFERED]

    @property
    def summary_keys(self) -> list[str]:
        """Keys of the summary to sort by."""
        return [key[2:] for key in self.keys if key.startswith("s.") and not key.startswith("s._")][:_OFFERED]

    @property
    def completed_fields(self) -> list[str]:
        """All fields that the filter bar completes: those of every run, then keys of config and summary that a chip can name."""
        keys = [*(f"config.{key}" for key in self.config_keys), *(f"summary.{key}" for key in self.summary_keys)]
        return [*self.filter_fields, *(key for key in keys if is_chip_field(key))]

    @staticmethod
    def kept(query: QueryParams) -> dict[str, str]:
        """Parts of the address that another filter leaves as they are, beside those that every filter bar leaves."""
        return {name: value for name, value in query.items() if name in _KEPT}

    def offers(self, sort: str) -> bool:
        """Whether an order goes by one of these keys."""
        prefix, _, key = sort.removeprefix("-").partition(".")
        return key in {"config": self.config_keys, "summary": self.summary_keys}.get(prefix, ())


def merged_panels(kinds: Sequence[Mapping[str, Mapping[str, int]]], runs: Sequence[TrackedRun] = ()) -> list[dict[str, Any]]:
    """Return the panels of several histories, each key once, sections together; of `runs` it is read how tables are to be drawn.

    Args:
        kinds: keys with their values by type, one mapping for each history.
        runs: whose histories they are.
    """
    plots: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        plots = client_plots(run) | plots
    types: dict[str, set[str]] = {}
    for one in kinds:
        for key, counts in one.items():
            types.setdefault(key, set()).update(counts)
    found: dict[str, ChartPanel] = {}
    for panel in panels_of_kinds({key: sorted(kinds) for key, kinds in types.items()}, plots, step_metrics(runs)):
        found.setdefault(panel.key, panel)
    return panel_list(list(found.values()))


async def workspace_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Runs beside panels."""
    project = await project_of(tracking, request)
    query = request.query_params
    view = await asyncio.to_thread(open_view, tracking.reports, project, query)
    if view.query and not any(name in query for name in ASKED):  # the address tells what is shown; an empty part takes it back
        return RedirectResponse(query_url(request.url.path, query, **view.query), status_code=303)
    view = await with_runs(tracking, project, view)
    listing = await run_listing(services, tracking, request, project, limit=_LISTED)
    runs = [row.run for row in listing.rows[:_SERIES_RUNS]]
    kinds = await tracking.history.kinds([run.run_id for run in runs])
    source = urlencode([("project", project.project_id), *((name, query[name]) for name in ASKED if name in query)])
    views = await asyncio.to_thread(views_of, tracking.reports, project)
    keys = sorted({*await tracking.pages.keys(project.project_id), *listed_keys(listing.rows[:_KEYED_ROWS])})
    page = WorkspacePage(project, project_url(project), PROJECT_TABS, listing, merged_panels(kinds, runs), view, views, source, keys=keys)
    frame = project_frame(project, f"{project.entity}/{project.name}", scripts=("workspace", "table"))
    return render(services, request, "tracking/workspace.html", frame=frame, page=page)


async def rows_part(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The next part of the list of runs of `project`, from `cursor`; or, of those with the ids in `runs`, the ones that the project has."""
    project, query = await project_by_id(tracking, request), request.query_params
    if "runs" in query:
        group = ",".join(wanted_groups(query))
        found = await runs_by_ids(tracking, request, query["runs"], limit=_SERIES_RUNS)
        rows = [listed_run(run, group) for run in found.values() if run.project_id == project.project_id]
        part = RunListing(rows, len(rows), None, "", group)
    else:
        part = await run_listing(services, tracking, request, project, limit=_LISTED, is_counted=False)
    return render_part(services, request, "tracking/workspace_rows.html", part=part)
