"""Freezing a grid of a report, making it live again, and what a frozen grid's panels are drawn from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from penstock.api.bodies import read_object
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.reports import FROZEN_KIND, Report
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.web.following import LISTENER
from penstock.web.pages.tracking.data import NO_STORE
from penstock.web.pages.tracking.reports import KINDS, raw_blocks, read_blocks, stills_of
from penstock.web.reports.comparison_view import pieces_of
from penstock.web.reports.comparisons import document_of_comparison, frozen_comparison_of, live_comparison, wanted_of
from penstock.web.reports.freezing import asked_answers, document_of_grid, frozen_grid_of, frozen_id_of, marked
from penstock.web.reports.writing import document_of
from penstock.web.security import BOX_HEADERS, check_own_form
from penstock.web.services.tracking import TrackingServices, caller_of, check_writable, checked_id, readable_by
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import read_document
from penstock.web.tracking.panel_specs import listed, number

_MOST_BODY = 1 << 20


async def _report_of(tracking: TrackingServices, request: Request, text: str) -> tuple[Report, TrackedProject]:
    report = await asyncio.to_thread(tracking.reports.get, int(checked_id(text)))
    project = await tracking.projects.get_by_id(TrackedProjectId(report.project_id)) if report is not None else None
    if report is None or project is None or report.kind not in KINDS or not readable_by(tracking, request)(project.entity):
        raise NotFoundError("There is no such report any more.")
    return report, project


async def freeze(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Keep what the panels of a grid show: `{report, block, addresses}`; with `live` true it is drawn from its runs again."""
    check_own_form(request)
    body = await read_object(request, _MOST_BODY)
    report, project = await _report_of(tracking, request, str(body.get("report", "")))
    check_writable(tracking, request, project.entity)
    place, raw = int(number(body.get("block")) or 0), raw_blocks(report.spec)
    is_comparison = 0 <= place < len(raw) and wanted_of(raw[place]) is not None
    if not is_comparison and (not 0 <= place < len(raw) or raw[place].get("type") != "panel-grid"):
        raise NotFoundError("The report has no such grid any more.")
    old = frozen_id_of(raw[place])
    if body.get("live") is True:
        made = None
    elif is_comparison:
        made = await freeze_comparison(services, tracking, request, report, raw[place])
    else:
        made = await _frozen(services, tracking, request, report, project, place, body)
    blocks = [*listed(read_document(report.spec).get("blocks"))]
    at = [number_ for number_, block in enumerate(blocks) if isinstance(block, Mapping)][place]
    blocks[at] = marked(raw[place], made)
    spec = document_of(read_document(report.spec), blocks)
    await asyncio.to_thread(tracking.reports.change, report.report_id, spec=spec)
    kept = await asyncio.to_thread(tracking.reports.get, old) if old is not None else None
    if old is not None and kept is not None and kept.kind == FROZEN_KIND and kept.name == str(report.report_id):
        await asyncio.to_thread(tracking.reports.delete, old)
    return JSONResponse({"frozen": made}, headers=NO_STORE)


async def freeze_comparison(
    services: WebServices, tracking: TrackingServices, request: Request, report: Report, block: Mapping[str, Any]
) -> int:
    """Keep what a comparison shows now, with its pictures and documents; return the id of the document.

    Raises:
        InvalidArgumentError: its runs are gone.
    """
    comparison = await live_comparison(services, request, block, is_whole=True)
    if comparison is None:
        raise InvalidArgumentError("the runs of this comparison are gone")
    user = caller_of(tracking, request).user_name
    document = document_of_comparison(comparison, at=services.clock.now(), user_name=user)
    create = tracking.reports.create
    made = await asyncio.to_thread(lambda: create(report.project_id, user, kind=FROZEN_KIND, name=str(report.report_id), spec=document))
    return made.report_id


async def frozen_document(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """A document of a frozen comparison (`id` of `report`, the drawing `at`) in its box; it scrolls with those beside it."""
    del services
    report, _ = await _report_of(tracking, request, request.query_params.get("report", ""))
    kept = await asyncio.to_thread(tracking.reports.get, int(checked_id(request.query_params.get("id", ""))))
    comparison, at = frozen_comparison_of(kept, report.report_id), request.query_params.get("at", "")
    is_seen = comparison is not None and all(map(readable_by(tracking, request), comparison.entities))
    pieces = pieces_of(comparison.view) if comparison is not None and is_seen else ()
    data = pieces[int(at)].get("data") if at.isdecimal() and len(at) < 6 and int(at) < len(pieces) else None
    if not isinstance(data, str) or data.startswith("data:"):
        raise NotFoundError("There is no such document.")
    return HTMLResponse(data + LISTENER, headers=BOX_HEADERS)


async def _frozen(
    services: WebServices, tracking: TrackingServices, request: Request, report: Report, project: TrackedProject, place: int,
    body: Mapping[str, Any],
) -> int:  # fmt: skip
    """Return the id of a new document that holds the grid with its answers."""
    grid = (await read_blocks(tracking, request, project, report))[place].grid
    if grid is None:
        raise InvalidArgumentError("the grid is frozen already")
    addresses = [str(one) for one in listed(body.get("addresses"))]
    answers = await asked_answers(services, tracking, request, addresses, grid)
    user = caller_of(tracking, request).user_name
    document = document_of_grid(grid, answers, await stills_of(tracking, grid), at=services.clock.now(), user_name=user)
    create = tracking.reports.create
    made = await asyncio.to_thread(lambda: create(project.project_id, user, kind=FROZEN_KIND, name=str(report.report_id), spec=document))
    return made.report_id


async def frozen(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with what the panels of a frozen grid (`id` of `report`) are drawn from."""
    report, _ = await _report_of(tracking, request, request.query_params.get("report", ""))
    kept = await asyncio.to_thread(tracking.reports.get, int(checked_id(request.query_params.get("id", ""))))
    grid = frozen_grid_of(kept, report.report_id)
    readable = readable_by(tracking, request)
    if kept is None or grid is None or not all(map(readable, grid.entities)):
        raise NotFoundError("There is no such frozen grid.")
    answers = await asyncio.to_thread(lambda: read_document(kept.spec).get("answers"))
    return JSONResponse({"answers": answers if isinstance(answers, Mapping) else {}}, headers=NO_STORE)
