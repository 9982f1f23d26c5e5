"""Recorded flows: the list of runs, narrowed, in order, or grouped by flow, user or state."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any
from urllib.parse import quote

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.periods import bounds_of, seconds_of, zone_named
from penstock.interfaces.page_flows import FlowListing, FlowQuery, FlowRunItem
from penstock.interfaces.pages import Condition, TaskItem
from penstock.web.flows.tag_words import as_word, tags_in
from penstock.web.lists.filters import parse
from penstock.web.lists.groups import GroupTable
from penstock.web.lists.held_rows import MOST_OFFERED
from penstock.web.lists.key_columns import KeyColumns, key_columns, named
from penstock.web.lists.namespaces import namespace_of
from penstock.web.pages.pasted import bare
from penstock.web.render import Crumb, Frame, query_url, redirect, render
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices
from penstock.web.texts.zones import moment_of, reading_zone

GROUPINGS: Mapping[str, str] = {"flow": "Flow", "user": "User", "status": "Status"}
"""What groups the list, with its label."""
_STATUS = {
    "ACTIVE": "running", "RUNNING": "running", "PENDING": "running", "SUCCEEDED": "completed", "FAILED": "failed", "CANCELED": "failed",
}  # fmt: skip
"""State, or another word for it in a chip -> the word of the filter that has it."""
_CHIPS = {"flow": "flow", "user": "user", "status": "status", "state": "status"}
"""Chip of the search field -> field of the form."""
_PATH = re.compile(r"\w[\w.-]*/[\w.-]+(?:/[\w.-]+){0,3}")
_PAGE = 50
_SPANS = {"1h": 3600.0, "24h": 86_400.0, "7d": 7 * 86_400.0, "30d": 30 * 86_400.0}
_PEEK_TASKS = 60
_OFFERED_ROWS = 200
"""Newest runs whose tags and parameters the filter bar offers."""
FILTER_FIELDS = ("flow", "user", "status", "tag", "started")


@dataclass(frozen=True, slots=True)
class PeekBar:
    """A task in the small timeline of a list's row, in percent of its run."""

    name: str
    state: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class FlowListPage:
    """Context of `flows/list.html`."""

    listing: FlowListing
    query: FlowQuery
    groups: GroupTable | None
    """Runs in groups; None when rows are shown."""
    span: str
    """Chosen time range."""
    spans: Sequence[str]
    next_offset: int | None
    peeks: Mapping[str, Sequence[PeekBar]]
    """Tasks of the listed runs over time, by shared run id; the 60 longest of each."""
    keys: KeyColumns
    """Parameters of the runs, as columns."""
    group_choices: Sequence[tuple[str, str]] = tuple(GROUPINGS.items())
    """(name, label) of what groups the list."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes, beside the parameters of the runs shown."""
    tag_word: Callable[[str], str] = as_word
    """How a tag stands in the field of tags."""


def flow_query(flow_id: str, given: QueryParams, now: float, zone: str) -> FlowQuery:
    """Read the filters of the address of a flow, or of all flows (empty); unknown ones are ignored, dates are read in a zone.

    Raises:
        InvalidArgumentError: `from` or `until` is no date and time.
    """
    span = _SPANS.get(given.get("since", ""))
    start, end = (moment_of(given[name], zone) if given.get(name) else None for name in ("from", "until"))
    offset = given.get("offset", "")
    words, conditions = parse(given.get("q", "")[:2000])
    chips = {_CHIPS[one.field]: one.value for one in conditions if one.operator in {":", "="} and one.field in _CHIPS}
    tags = [one.value for one in conditions if one.operator in {":", "="} and one.field == "tag"]
    times = [_bounds(one, now, zone) for one in conditions if one.field in {"started", "created"}]
    lows = (start, None if span is None else now - span, *(low for low, _ in times))
    highs = (end, *(high for _, high in times))
    others = [one for one in conditions if one.field not in {*_CHIPS, "tag", "started", "created"}]
    status = chips.get("status", given.get("status", "")).lower()
    return FlowQuery(
        flow_id=flow_id or chips.get("flow") or given.get("flow", ""),
        user=chips.get("user") or given.get("user", ""),
        namespace=given.get("namespace", ""),
        status=_STATUS.get(status.upper(), status),
        tags=[*tags_in(given.get("tag", "")), *tags],
        since=max((moment for moment in lows if moment is not None), default=None),
        until=min((moment for moment in highs if moment is not None), default=None),
        text=" ".join(words),
        parameters=[replace(one, field=one.field.removeprefix("param.")) for one in others],
        offset=int(offset) if offset.isdecimal() and len(offset) < 9 else 0,
        limit=_PAGE,
        sort=given.get("sort", "").removeprefix("-") or "started",
        is_descending=given.get("sort", "-").startswith("-"),
    )


def _bounds(condition: Condition, now: float, zone: str) -> tuple[float | None, float | None]:
    """Between which times a chip like `started:<24h` or `started:2026-11-20` lets runs begin; nothing does when it is no time."""
    age = seconds_of(condition.value)
    if age is not None:
        return (None, now - age) if condition.operator in {">", ">="} else (now - age, None)
    bounds = bounds_of(condition.operator, condition.value, zone_named(zone) or UTC)
    return (now, 0.0) if bounds is None or bounds.is_outside else (bounds.low, bounds.high)


async def parameters_of(flows: FlowWeb, runs: Sequence[FlowRunItem]) -> Mapping[str, Mapping[str, Any]]:
    """Return the parameters of runs as far as their client told them, by shared id."""
    facts = await flows.pages.facts([run.shared_id for run in runs])
    return {shared_id: named("param", one.parameters) for shared_id, one in facts.items()}


async def list_page(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """Recorded runs, newest first or in another order, or in groups by flow, user or status; the path of one as search text leads there."""
    if place := await _place_of(flows, request.query_params.get("q", "").strip()):
        return redirect(place)
    zone = reading_zone(request.query_params, request.cookies)
    query = flow_query(request.path_params.get("flow", ""), request.query_params, services.clock.now(), zone)
    listing = await flows.pages.runs(query)
    if not listing.items and (flow_id := request.path_params.get("flow")):
        await _check_known(flows, flow_id)
    page = FlowListPage(
        listing,
        query,
        await _groups(flows, query, request),
        request.query_params.get("since", ""),
        tuple(_SPANS),
        query.offset + _PAGE if listing.has_more else None,
        await _peeks(services, listing.items) if request.query_params.get("group") not in GROUPINGS else {},
        key_columns(request.query_params, await parameters_of(flows, listing.items)),
    )
    crumbs = (Crumb("Flows", "/flows"), Crumb(query.flow_id)) if query.flow_id else (Crumb("Flows"),)
    frame = Frame(title=query.flow_id or "Flows", section="flows", crumbs=crumbs, live="", scripts=("table", "flows"))
    return render(services, request, "flows/list.html", frame=frame, page=page)


async def values(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """Values that the filter bar of the list offers for `field`, those that contain `text`: of the newest runs."""
    field, text = request.query_params.get("field", ""), request.query_params.get("text", "").lower()
    found = await flows.pages.runs(FlowQuery(namespace=namespace_of(request), limit=_OFFERED_ROWS))
    offered: Iterable[Any]
    if field in _CHIPS:
        offered = {"flow": found.flow_ids, "user": found.users}.get(_CHIPS[field], tuple(dict.fromkeys(_STATUS.values())))
    elif field == "tag":
        offered = (tag for run in found.items for tag in (*run.tags, *run.system_tags))
    else:
        key = f"param.{field.removeprefix('param.')}"
        offered = (one[key] for one in (await parameters_of(flows, found.items)).values() if one.get(key) is not None)
    texts = (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in offered)
    matching = dict.fromkeys(value for value in texts if value and text in value.lower())
    return JSONResponse(list(matching)[:MOST_OFFERED], headers={"cache-control": "no-store"})


async def _check_known(flows: FlowWeb, flow_id: str) -> None:
    try:
        await flows.recorder.store.flow(flow_id)
    except NotFoundError:
        raise NotFoundError(f"There is no flow {flow_id}.") from None


async def _place_of(flows: FlowWeb, text: str) -> str:
    """Address of what `Flow/run[/step[/task[/artifact]]]` names, bare or as the client prints it; empty when there is no such run."""
    path = bare(text)
    if _PATH.fullmatch(path) is None:
        return ""
    flow_id, run_id, *below = path.split("/")
    if await flows.pages.run(flow_id, run_id) is None:
        return ""
    task, value = "/".join((flow_id, run_id, *below[:2])), "".join(below[2:])
    return f"/flows/{quote(task)}" + (f"?tab=artifacts&value={quote(value)}#value-{quote(value)}" if value else "")


async def _groups(flows: FlowWeb, query: FlowQuery, request: Request) -> GroupTable | None:
    """The groups that the address asks for; a group leads to its rows by the words of the filters."""
    by = request.query_params.get("group", "")
    if by not in GROUPINGS:
        return None
    base = request.url.path

    def leads(value: str) -> str:
        if by == "flow":
            return query_url(f"/flows/{quote(value, safe='')}", request.query_params, group=None, flow=None, offset=None)
        word = _STATUS.get(value, "") if by == "status" else value
        return query_url(base, request.query_params, group=None, offset=None, **{by: word}) if word else ""

    found = await flows.pages.groups(query, by)
    return GroupTable("state" if by == "status" else by, GROUPINGS[by], found, (), base, request.query_params, leads=leads)


async def _peeks(services: WebServices, runs: Sequence[FlowRunItem]) -> dict[str, list[PeekBar]]:
    """One query, however many runs are listed."""
    if not runs:
        return {}
    tasks = await services.runs.timelines([run.shared_id for run in runs], limit=_PEEK_TASKS)
    return {run.shared_id: peek(run, [task for task in tasks if task.run_id == run.shared_id], services.clock.now()) for run in runs}


def peek(run: FlowRunItem, tasks: Sequence[TaskItem], now: float) -> list[PeekBar]:
    """Return bars for the tasks of a run that began, within the run's own time."""
    end = run.finished_at or now
    whole = max(end - run.started_at, 1e-3)
    bars = []
    for task in tasks:
        if task.started_at is None:
            continue
        first = min(max(task.started_at - run.started_at, 0.0), whole)
        last = min(max((task.finished_at or end) - run.started_at, first), whole)
        bars.append(PeekBar(task.label, task.state, 100 * first / whole, max(100 * (last - first) / whole, 0.6)))
    return bars
