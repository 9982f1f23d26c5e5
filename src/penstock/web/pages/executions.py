"""Executions: every task execution across runs as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.interfaces.pages import Page, TaskItem
from penstock.web.filters import list_query
from penstock.web.render import Crumb, Frame, render
from penstock.web.services import WebServices

FILTER_FIELDS = ("status", "name", "component", "run", "pipeline", "cached", "attempts", "started", "duration")


@dataclass(frozen=True, slots=True)
class ExecutionsPage:
    """Context of `executions/list.html`."""

    listing: Page[TaskItem]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes."""


async def list_page(services: WebServices, request: Request) -> Response:
    """All executions."""
    query = list_query(request.query_params, now=services.clock.now())
    page = ExecutionsPage(await services.runs.list_tasks(query), ("-" if query.is_descending else "") + query.sort)
    frame = Frame(title="Executions", section="executions", crumbs=(Crumb("Executions"),), live="", scripts=("table",))
    return render(services, request, "executions/list.html", frame=frame, page=page)
