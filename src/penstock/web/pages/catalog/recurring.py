"""Recurring runs: the list, one schedule with its tick history and next fires, and what can be done to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.ids import RecurringRunId
from penstock.domain.trash import TrashKind
from penstock.domain.triggers import Backfill, NotedEvent, RecurringEdit
from penstock.interfaces.page_catalog import MOST_TICKS, RecurringItem, TickItem
from penstock.interfaces.pages import Page, RunItem
from penstock.pipelines.recurring_runs import HeldBack
from penstock.pipelines.triggers import TriggerTest
from penstock.web.lists.catalog_groups import choices_of, group_table
from penstock.web.lists.filters import before_of, query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.pages.catalog.triggers import EDIT_WORDS, FACTS, BackfillPreview, preview_of
from penstock.web.pages.lists.picked import ListAddress, bulk_form, every, ids_of
from penstock.web.pages.lists.undone import Words, for_each
from penstock.web.pages.runs.table import RunTable, run_table
from penstock.web.pages.system.trash import done_notice, each, put_away
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.web import WebServices

_LONGEST_NUMBER = 17


@dataclass(frozen=True, slots=True)
class RecurringListPage:
    """Context of `recurring/list.html`."""

    listing: Page[RecurringItem]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    next_fires: dict[str, float]
    """Next planned time by schedule."""
    groups: GroupTable | None
    """Schedules in groups; None: they are shown one by one."""
    group_choices: Sequence[tuple[str, str]]
    """(column, label) of what may group."""


@dataclass(frozen=True, slots=True)
class RecurringDraft:
    """What was typed into the edit form and could not be saved."""

    name: str
    description: str
    trigger: Mapping[str, Any]
    """Empty: it could not be read."""
    max_concurrency: str
    is_catchup: bool
    parameters: Mapping[str, str]
    problem: str
    """Why."""


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
    parameters: Mapping[str, str]
    """What it gives its runs, as the edit form shows it: texts as they are, the rest as JSON."""
    draft: RecurringDraft | None = None
    """What was typed and not saved; None: the form shows what is stored."""
    held_back: HeldBack | None = None
    """A planned time that waits for active runs to end."""
    events: Sequence[NotedEvent] = ()
    """What was noted for an event trigger, newest first."""
    event_runs: Mapping[str, RunItem] = field(default_factory=dict)
    """Runs that events started, by id."""
    edits: Sequence[RecurringEdit] = ()
    """Who changed what, newest first."""
    edit_words: Mapping[str, str] = field(default_factory=dict)
    """What the change log calls the fields."""
    backfills: Sequence[Backfill] = ()
    slots: int | None = None
    """How many tasks this machine runs at once."""
    is_earlier: bool = False
    """Not the newest part of the history."""
    has_earlier: bool = False
    """There may be more before what is shown."""
    preview: BackfillPreview | None = None
    """What a backfill would do; None where there can be none."""
    test: TriggerTest | None = None
    """What the last event would start, when that was asked."""
    test_problem: str = ""
    """Why the test could not say."""
    facts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What parameters may ask of its events, by kind: its own alone."""
    hook_url: str = ""
    """Address of the webhook."""


def upcoming(services: WebServices, item: RecurringItem, count: int) -> list[float]:
    """Next planned times of an enabled schedule."""
    if not item.is_enabled or item.trigger.get("event"):
        return []
    try:
        after = max(services.clock.now(), item.enabled_at or 0.0, item.last_trigger_at or 0.0)
        return services.actions.recurring_runs.next_fires(item.trigger, after=after, count=count, anchored_at=item.anchored_at)
    except PenstockError:
        return []


async def list_page(services: WebServices, request: Request) -> Response:
    """All schedules."""
    query = query_of(request, now=services.clock.now())
    groups = await group_table(services, "recurring", query, request.query_params, request.url.path)
    listing: Page[RecurringItem] = Page([], None, 0) if groups else await services.catalog.list_recurring(query)
    fires = {item.recurring_run_id: times[0] for item in listing.items if (times := upcoming(services, item, 1))}
    page = RecurringListPage(listing, ("-" if query.is_descending else "") + query.sort, fires, groups, choices_of("recurring"))
    frame = Frame(title="Recurring runs", section="recurring", crumbs=(Crumb("Recurring runs"),), live="", scripts=("table",))
    return render(services, request, "recurring/list.html", frame=frame, page=page)


async def recurring_page(services: WebServices, request: Request, *, draft: RecurringDraft | None = None) -> Response:
    """One schedule; with `draft` its edit form is open, filled with that."""
    recurring_run_id = request.path_params["recurring_run_id"]
    before = before_of(request)
    found = await services.catalog.recurring(recurring_run_id, before=before)
    if found is None:
        raise NotFoundError(f"There is no recurring run {recurring_run_id}.")
    item, ticks = found
    query = query_of(request, now=services.clock.now(), scope={"recurring_run_id": recurring_run_id})
    given = item.runtime_config.get("parameters") or {}
    page = RecurringPage(
        item,
        ticks,
        upcoming(services, item, 5),
        await run_table(services, request, query),
        parameters={name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in given.items()},
        draft=draft,
        slots=services.system.source.slots().slots if services.system else None,
        **{"is_earlier": before is not None, "has_earlier": len(ticks) == MOST_TICKS} | await _automation_parts(services, request, item),
    )
    crumbs = (Crumb("Recurring runs", "/ui/recurring"), Crumb(item.name))
    frame = Frame(title=item.name, section="recurring", crumbs=crumbs, live="", scripts=("table", "triggers"))
    return render(services, request, "recurring/recurring.html", frame=frame, page=page)


async def _automation_parts(services: WebServices, request: Request, item: RecurringItem) -> dict[str, Any]:
    """Return the parts of the page that are about events, backfills and changes; none on a server without them."""
    automation, identity = services.automation, RecurringRunId(item.recurring_run_id)
    if automation is None:
        return {}
    parts: dict[str, Any] = {"edits": await automation.recurring_runs.edits(identity), "edit_words": EDIT_WORDS}
    if not item.trigger.get("event"):
        preview = await preview_of(services, request, identity)
        held_back = await automation.recurring_runs.held_back(identity) if item.is_enabled else None
        return parts | {"backfills": await automation.backfills.list(identity), "preview": preview, "held_back": held_back}
    earlier = request.query_params.get("event", "")
    before = int(earlier) if earlier.isdecimal() and len(earlier) < _LONGEST_NUMBER else None
    found = await automation.triggers.history(identity, limit=MOST_TICKS + 1, before=before)
    events = found[:MOST_TICKS]
    started = await services.runs.runs([str(event.run_id) for event in events if event.run_id])
    parts |= {"events": events, "event_runs": {run.run_id: run for run in started}}
    parts |= {"is_earlier": before is not None, "has_earlier": len(found) > MOST_TICKS}
    kind = item.trigger["event"]["kind"]
    parts["facts"] = {kind: FACTS.get(kind, ())}
    parts["hook_url"] = f"{services.url}/apis/penstock/v1/hooks/{identity}"
    if "test" in request.query_params:
        try:
            parts["test"] = await automation.triggers.test(identity)
        except PenstockError as error:
            parts["test_problem"] = str(error)
    return parts


async def act(services: WebServices, request: Request) -> Response:
    """Enable, disable or delete one or many, or run one now."""
    check_own_form(request)
    form = await bulk_form(request)
    verb, identity = str(form.get("verb", "")), str(form.get("id", ""))
    target = safe_next(str(form.get("next", "")), "/ui/recurring")

    async def matching(address: ListAddress) -> Sequence[str]:
        query = query_of(request, address.query, now=services.clock.now())
        return await every(services.catalog.list_recurring, query, lambda item: item.recurring_run_id)

    ids = await ids_of(form, target, matching)
    if verb in {"enable", "disable"}:
        if verb == "enable":
            words = Words(target, "Enabled.", "Enabled", "/ui/recurring/actions", "disable")
            return await for_each(services, request, form, ids, services.actions.recurring_runs.enable, words)
        words = Words(target, "Disabled; running runs go on.", "Disabled", "/ui/recurring/actions", "enable")
        return await for_each(services, request, form, ids, services.actions.recurring_runs.disable, words)
    if verb == "delete":
        if (answer := await put_away(services, request, TrashKind.SCHEDULE, ids, "/ui/recurring")) is not None:
            return answer
        return done_notice("/ui/recurring", "Deleted", ids, await each(ids, services.actions.recurring_runs.delete))
    if verb == "run":
        found = await services.catalog.recurring(identity)
        if found is None:
            raise NotFoundError(f"There is no recurring run {identity}.")
        item = found[0]
        given = item.runtime_config.get("parameters") or {}
        if services.automation is not None:
            given = await services.automation.triggers.parameters_by_hand(RecurringRunId(identity))
        run_id = await services.actions.runs.create(
            {
                "name": f"{item.name}, started by hand",
                "experiment_id": item.experiment_id,
                "pipeline_id": item.pipeline_id,
                "pipeline_version_id": item.pipeline_version_id,
                "spec_digest": item.spec_digest,
                "parameters": given,
            }
        )
        return redirect(f"/ui/runs/{run_id}")
    return redirect(target, Notice("Nothing was selected.", "error"))
