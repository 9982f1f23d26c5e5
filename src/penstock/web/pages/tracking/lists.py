"""What lists of a project's runs, sweeps, reports and collections offer beside their pages: values for the filter bar."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.tracking import TrackedProject
from penstock.web.pages.artifacts import collections
from penstock.web.pages.tracking.reports import REPORTS, reports_of
from penstock.web.pages.tracking.sweeps import SWEEPS, sweeps_of
from penstock.web.services.tracking import TrackingServices, project_named
from penstock.web.services.web import WebServices

_OFFERED = 9


async def values(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Values that the filter bar of the list `of` in a project offers for `field`, those that contain `text`.

    Raises:
        InvalidArgumentError: there is no such list.
        NotFoundError: there is no such project, or it is not the reader's to see.
    """
    wanted, field, text = request.query_params, request.query_params.get("field", ""), request.query_params.get("text", "")
    project = await project_asked(tracking, request)
    offered: Sequence[str]
    match wanted.get("of", ""):
        case "runs":
            offered = await tracking.pages.run_values(project.project_id, field[:200], text[:100], limit=_OFFERED)
        case "sweeps":
            offered = SWEEPS.columns.offered(await sweeps_of(tracking, project), field, text)
        case "reports":
            offered = REPORTS.columns.offered(await reports_of(tracking, project), field, text)
        case "artifacts":
            offered = await collections.offered(services, request, project)
        case other:
            raise InvalidArgumentError(f"of: {other[:40]!r} is no list of a project; runs, sweeps, reports and artifacts are")
    return JSONResponse(offered, headers={"cache-control": "no-store"})


async def project_asked(tracking: TrackingServices, request: Request) -> TrackedProject:
    """Return the project that `project=ENTITY/NAME` names.

    Raises:
        NotFoundError: there is none, or it is not the reader's to see.
    """
    entity, _, name = request.query_params.get("project", "").partition("/")
    return await project_named(tracking, request, entity, name)
