"""Data of panels that show one value per run: columns of config and summary, and the importance of parameters for one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.tracking.importance import importances
from penstock.web.pages.tracking.data import NO_STORE
from penstock.web.pages.tracking.workspace import ListedRun, listed_run, run_listing
from penstock.web.services.tracking import TrackingServices, caller_of, checked_id, runs_by_ids
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import plain, tree_of

MOST_RUNS = 1000
_MOST_COLUMNS = 12
_MOST_LEAVES = 1000
_ASKED_RUNS = 50
"""Newest runs whose names are offered whether or not they are indexed yet."""


async def value_rows(
    services: WebServices, tracking: TrackingServices, request: Request, *, limit: int = MOST_RUNS
) -> tuple[Sequence[ListedRun], int]:
    """Return the runs that the address names: `runs` by id, or those of `project` that match `q`; and how many there are."""
    query = request.query_params
    if "runs" in query:
        found = await runs_by_ids(tracking, request, query["runs"], limit=50)
        rows = [listed_run(run) for run in found.values()]
        return rows, len(rows)
    project = await project_by_id(tracking, request)
    listing = await run_listing(services, tracking, request, project, limit=limit)
    return listing.rows, listing.total


async def project_by_id(tracking: TrackingServices, request: Request, text: str | None = None) -> TrackedProject:
    """Return the project with the id in `text` or in the address.

    Raises:
        NotFoundError: there is none, or it is not the caller's to see.
    """
    project_id = checked_id(request.query_params.get("project", "") if text is None else text)
    project = await tracking.projects.get_by_id(TrackedProjectId(project_id))
    if project is None or not tracking.accounts.is_readable(caller_of(tracking, request), project.entity):
        raise NotFoundError("There is no such project.")
    return project


def flat_values(row: ListedRun) -> dict[str, Any]:
    """Return all values of a run by column: `c.lr`, `s.best`."""
    found: dict[str, Any] = {}
    for prefix, document in (("s.", row.summary), ("c.", row.config)):
        for leaf in tree_of(document).leaves[:_MOST_LEAVES]:
            found[prefix + leaf.path] = leaf.value
    return found


async def values(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the values of each `column` (`c.lr`, `s.best`, `duration`, `created`) per run; all of them when none is named."""
    rows, total = await value_rows(services, tracking, request)
    columns = request.query_params.getlist("column")[:_MOST_COLUMNS]

    def one(row: ListedRun) -> Mapping[str, Any]:
        run = row.run
        held = {column: cell_of(row, column) for column in columns} if columns else flat_values(row)
        label = run.display_name or run.name
        return {"id": str(run.run_id), "label": label, "url": row.url, "color": row.color, "group": row.group, "values": held}

    return JSONResponse(plain({"rows": [one(row) for row in rows], "total": total}), headers=NO_STORE)


def cell_of(row: ListedRun, column: str) -> Any:
    """Return the value of a run in a column (`c.lr`, `s.best`, `duration`, `created`); of a summary of a metric, the one that it keeps."""
    if column == "duration":
        return row.run.duration_seconds
    if column == "created":
        return row.run.created_at
    value = row.cell(column if column[:2] in {"c.", "s."} else f"s.{column}")
    if isinstance(value, Mapping) and column.startswith("s."):
        return next((value[name] for name in ("min", "max", "mean", "last") if name in value), None)
    return value


async def columns(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the names of values that runs of the project have, summary before config."""
    rows, _ = await value_rows(services, tracking, request, limit=_ASKED_RUNS)
    names = list(dict.fromkeys(name for row in rows for name in flat_values(row)))
    if "project" in request.query_params:
        project = await project_by_id(tracking, request)
        indexed = [name for name in await tracking.pages.keys(project.project_id) if not name.startswith(("h.", "c._wandb", "s._"))]
        names = list(dict.fromkeys([*names, *indexed]))
    names.sort(key=lambda name: (name.startswith("c."), name))
    return JSONResponse({"columns": names}, headers=NO_STORE)


async def importance(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the importance of config parameters for `metric`."""
    rows, _ = await value_rows(services, tracking, request)
    metric = request.query_params.get("metric", "")
    found = await asyncio.to_thread(importance_of, rows, metric)
    body = {"metric": metric, "runs": sum(cell_of(row, metric) is not None for row in rows), "parameters": found}
    return JSONResponse(plain(body), headers=NO_STORE)


def importance_of(rows: Sequence[ListedRun], metric: str) -> list[Mapping[str, Any]]:
    """Return importances as data, most important first."""
    parameters = [{leaf.path: leaf.value for leaf in tree_of(row.config).leaves[:_MOST_LEAVES] if leaf.kind != "media"} for row in rows]
    found = importances(parameters, [cell_of(row, metric) for row in rows])
    return [{"name": one.name, "importance": one.importance, "correlation": one.correlation} for one in found]
