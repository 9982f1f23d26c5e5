"""Recurring runs: the list, one schedule with its tick history and next fires, and what can be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.interfaces.page_catalog import RecurringItem, TickItem
from penstock.interfaces.pages import Page
from penstock.web.filters import list_query
from penstock.web.pages.runs import RunTable, run_table
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.security import check_own_form, safe_next
from penstock.web.services import WebServices


@dataclass(frozen=True, slots=True)
class RecurringListPage:
    """Context of `recurring/list.html`."""

    listing: Page[RecurringItem]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    next_fires: dict[str, float]
    """Next planned time by schedule."""


@dataclass(frozen=True, slots=True)
class RecurringPage:
    """Context of `recurring/recurring.html`."""

    item: RecurringItem
    """The schedule."""
    ticks: Sequence[TickItem]
    """Newest planned times and what became of them."""
    next_fires: Sequence[float]
    """The next five planned times; empty when disabled."""
    runs: RunTable
    """Its runs."""


def upcoming(services: WebServices, item: RecurringItem, count: int) -> list[float]:
    """Next planned times of an enabled schedule."""
    if not item.is_enabled:
        return []
    try:
        after = services.clock.now()
        return services.actions.next_fires(item.trigger, after=after, count=count)
    except PenstockError:
        return []


async def list_page(services: WebServices, request: Request) -> Response:
    """All schedules."""
    query = list_query(request.query_params, now=services.clock.now())
    listing = await services.catalog.list_recurring(query)
    fires = {item.recurring_run_id: times[0] for item in listing.items if (times := upcoming(services, item, 1))}
    page = RecurringListPage(listing, ("-" if query.is_descending else "") + query.sort, fires)
    frame = Frame(title="Recurring runs", section="recurring", crumbs=(Crumb("Recurring runs"),), live="", scripts=("table",))
    return render(services, request, "recurring/list.html", frame=frame, page=page)


async def recurring_page(services: WebServices, request: Request) -> Response:
    """One schedule."""
    recurring_run_id = request.path_params["recurring_run_id"]
    found = await services.catalog.recurring(recurring_run_id)
    if found is None:
        raise NotFoundError(f"There is no recurring run {recurring_run_id}.")
    item, ticks = found
    query = list_query(request.query_params, now=services.clock.now(), scope={"recurring_run_id": recurring_run_id})
    page = RecurringPage(item, ticks, upcoming(services, item, 5), await run_table(services, request, query))
    crumbs = (Crumb("Recurring runs", "/ui/recurring"), Crumb(item.name))
    frame = Frame(title=item.name, section="recurring", crumbs=crumbs, live="", scripts=("table",))
    return render(services, request, "recurring/recurring.html", frame=frame, page=page)


async def act(services: WebServices, request: Request) -> Response:
    """Enable, disable, run now or delete."""
    check_own_form(request)
    form = await request.form()
    verb, identity = str(form.get("verb", "")), str(form.get("id", ""))
    target = safe_next(str(form.get("next", "")), "/ui/recurring")
    if verb in {"enable", "disable"}:
        await (services.actions.enable_recurring if verb == "enable" else services.actions.disable_recurring)(identity)
        undo = {"verb": "disable" if verb == "enable" else "enable", "id": identity, "next": target}
        return redirect(
            target, Notice("Enabled." if verb == "enable" else "Disabled; running runs go on.", "done", "/ui/recurring/actions", undo)
        )
    if verb == "delete":
        await services.actions.delete_recurring(identity)
        return redirect("/ui/recurring", Notice("Schedule deleted; its runs stay."))
    if verb == "run":
        found = await services.catalog.recurring(identity)
        if found is None:
            raise NotFoundError(f"There is no recurring run {identity}.")
        item = found[0]
        run_id = await services.actions.create_run(
            {
                "name": f"{item.name}, started by hand",
                "experiment_id": item.experiment_id,
                "pipeline_id": item.pipeline_id,
                "pipeline_version_id": item.pipeline_version_id,
                "spec_digest": item.spec_digest,
                "parameters": item.runtime_config.get("parameters") or {},
            }
        )
        return redirect(f"/ui/runs/{run_id}")
    return redirect(target, Notice("Nothing was selected.", "error"))
