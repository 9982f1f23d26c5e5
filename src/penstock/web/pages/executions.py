"""Executions: every task execution across runs as one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.interfaces.pages import Condition, ListQuery, Page, TaskItem
from penstock.web.causes import Cause, causes_of
from penstock.web.filters import list_query
from penstock.web.pages.picked import MOST_AT_ONCE, picked
from penstock.web.pages.runs import act_on_runs
from penstock.web.render import Crumb, Frame, render
from penstock.web.services import WebServices

FILTER_FIELDS = ("status", "name", "component", "run", "pipeline", "cached", "attempts", "started", "duration", "id")

GROUPED_TASKS = 500
"""Failures are grouped by cause over this many newest ones."""


@dataclass(frozen=True, slots=True)
class ExecutionsPage:
    """Context of `executions/list.html`."""

    listing: Page[TaskItem]
    """The rows shown."""
    causes: Sequence[Cause] | None
    """Failures by cause; None when executions are shown one by one."""
    sort: str
    """Sort name, with `-` in front for descending."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes."""


async def list_page(services: WebServices, request: Request) -> Response:
    """All executions."""
    query = list_query(request.query_params, now=services.clock.now())
    is_grouped = request.query_params.get("group") == "cause"
    if is_grouped:
        failed = Condition("status", ":", "failed")
        query = dataclasses.replace(query, conditions=(*query.conditions, failed), cursor=None, limit=GROUPED_TASKS)
    listing = await services.runs.list_tasks(query)
    causes = causes_of(listing.items) if is_grouped else None
    page = ExecutionsPage(listing, causes, ("-" if query.is_descending else "") + query.sort)
    frame = Frame(title="Executions", section="executions", crumbs=(Crumb("Executions"),), live="", scripts=("table",))
    return render(services, request, "executions/list.html", frame=frame, page=page)


async def act(services: WebServices, request: Request) -> Response:
    """Compare, retry or terminate the runs that the picked executions belong to; a row is named `RUN/TASK`."""

    async def matching(query: ListQuery) -> Sequence[str]:
        return await services.run_tables.task_runs(query, limit=MOST_AT_ONCE)

    wanted = await picked(services, request, "/ui/executions", matching)
    runs = list(dict.fromkeys(row.partition("/")[0] for row in wanted.ids))
    verb = wanted.verb if wanted.verb in {"compare", "retry", "terminate"} else ""
    return await act_on_runs(services, request, dataclasses.replace(wanted, verb=verb, ids=runs))
