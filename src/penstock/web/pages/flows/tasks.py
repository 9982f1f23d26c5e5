"""The page of a recorded task: attempts, logs, artifacts with safe values, cards, metadata. Content of tasks is hostile."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.api.downloads import attachment
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError, UnavailableError
from penstock.domain.flows import MetadataRow, Page
from penstock.domain.tracebacks import UNCAUGHT_EXIT, exception_of
from penstock.flows.failures import ending_of, has_ending
from penstock.flows.reading import SMALL_VALUE_BYTES, Card, ValueInfo
from penstock.interfaces.flow_files import PickleSummary
from penstock.interfaces.page_flows import FlowRunItem, FlowTaskItem, FlowTaskQuery
from penstock.web.flows.replay import FlowReplay, replay_of
from penstock.web.following import LISTENER
from penstock.web.pages.flows.run import RUN_CRUMB, address_of, live_of
from penstock.web.render import Crumb, Frame, language_of, render
from penstock.web.security import BOX_HEADERS
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices
from penstock.web.texts.i18n import translate
from penstock.web.texts.whole_numbers import whole_number

TABS: Sequence[tuple[str, str]] = (
    ("logs", "Logs"),
    ("artifacts", "Artifacts"),
    ("cards", "Cards"),
    ("metadata", "Metadata"),
    ("replay", "Replay locally"),
)
TASK_CRUMB = "Task {task}"
_MOST_SIBLINGS = 200
_MOST_SEEN = 100
"""Values that are shown at once; others one by one."""
_QUOTE = ">  "
_LAST_LINES = 400
_LONGEST_EXCEPTION = 400
_INTERNAL = re.compile(r"^_")


@dataclass(frozen=True, slots=True)
class FlowTaskPage:
    """Context of `flows/task.html`."""

    run: FlowRunItem
    task: FlowTaskItem
    attempt: int
    tab: str
    tabs: Sequence[tuple[str, str]]
    base: str
    """Address of the task without query."""
    data_base: str
    """Address of the task that has the log and the cards: of an earlier run, where a resumed run took its result over."""
    siblings: Sequence[FlowTaskItem]
    """The first tasks of its step."""
    sibling_count: int
    """All of them."""
    problem: str = ""
    """Why the datastore cannot be read."""
    reasons: Sequence[str] = ()
    """Why the attempt failed: what is recorded, and how its process ended where that does not say it."""
    caught: str = ""
    """The exception that `@catch` caught, where the log has it."""
    values: Sequence[ValueInfo] = ()
    internal: Sequence[ValueInfo] = ()
    seen: Mapping[str, PickleSummary] = field(default_factory=dict)
    """Small values, by name: shown at once."""
    opened: str = ""
    """Artifact whose value was asked for."""
    value: PickleSummary | None = None
    value_problem: str = ""
    cards: Sequence[Card] = ()
    follows_cards: bool = False
    """Whether cards may still change: the client renders them for the last time after it has told that the attempt ended."""
    metadata: Sequence[MetadataRow] = ()
    replay: FlowReplay | None = None


_CARD_SECONDS = 600.0
"""How long after its task a card may come: rendering may take as long as the `timeout` of `@card`, 45 seconds if not set."""

_LISTENER = b"""
<script>addEventListener("message", (event) => {
  if (event.source !== parent || !event.data || !event.data.penstock) return;
  const { token, data, at } = event.data.penstock, update = window.metaflow_card_update;
  const isOurs = !update || window.METAFLOW_RELOAD_TOKEN === token;
  if (update && isOurs) update(data);
  parent.postMessage({ penstock: { at, isOurs } }, "*");
})</script>
"""
"""Stands in for the viewer of `card server`, which reaches into the frame: hands what the page sends to the card, and says whether the
card that it belongs to is still the one in the frame (observed with metaflow 2.19: `metaflow_card_update`, `METAFLOW_RELOAD_TOKEN`)."""


def _ids(request: Request) -> tuple[str, str, str, str]:
    params = request.path_params
    return params["flow"], params["run"], params["step"], params["task"]


def _attempt(request: Request, newest: int) -> int:
    text = request.query_params.get("attempt", "")
    return int(text) if text.isdecimal() and len(text) < 6 else newest


async def task_page(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """A recorded task."""
    flow_id, run_id, step, task_id = _ids(request)
    view = await flows.pages.run(flow_id, run_id)
    task = next(iter((await flows.pages.tasks(flow_id, run_id, FlowTaskQuery(steps=[step], task_id=task_id, limit=1))).items), None)
    if view is None or task is None:
        raise NotFoundError(f"There is no task {flow_id}/{run_id}/{step}/{task_id}.")
    attempt = _attempt(request, task.newest_attempt)
    asked = request.query_params.get("tab", "logs")
    tab = asked if asked in {key for key, _ in TABS} else "logs"
    base = f"/flows/{flow_id}/{view.run.run_id}/{step}/{task_id}"
    extra: dict[str, Any]
    try:
        extra = {"replay": await _replay(flows, request, view.run)} if tab == "replay" else await _tab(flows, request, task, tab, attempt)
    except NotFoundError as error:
        extra = {"problem": "" if task.state in {"PENDING", "RUNNING"} else str(error)}
    except PenstockError as error:
        extra = {"problem": str(error)}
    beside = await flows.pages.tasks(flow_id, run_id, FlowTaskQuery(steps=[step], limit=_MOST_SIBLINGS))
    page = FlowTaskPage(
        run=view.run,
        task=task,
        attempt=attempt,
        tab=tab,
        tabs=TABS,
        base=base,
        data_base=address_of(view.run, task),
        siblings=beside.items,
        sibling_count=beside.total,
        follows_cards=task.finished_at is None or services.clock.now() - task.finished_at < _CARD_SECONDS,
        reasons=await _reasons(flows, request, task, attempt),
        caught=await _caught(flows, request, task, attempt),
        **extra,
    )
    crumbs = _crumbs(page, language_of(request))
    frame = Frame(title=f"{step}/{task_id}", section="flows", crumbs=crumbs, live=live_of(view.run), scripts=("table", "flows"))
    return render(services, request, "flows/task.html", frame=frame, page=page)


def _crumbs(page: FlowTaskPage, language: str) -> Sequence[Crumb]:
    """Say where the task is; ids are numbers, so the words say of what."""
    run, task = page.run, page.task
    above = f"/flows/{run.flow_id}/{run.run_id}"
    return (
        Crumb("Flows", "/flows"),
        Crumb(run.flow_id, f"/flows/{run.flow_id}"),
        Crumb(translate(language, RUN_CRUMB, run=run.short_title), above),
        Crumb(task.step_name, f"{above}/{task.step_name}"),
        Crumb(translate(language, TASK_CRUMB, task=task.task_id)),
    )


async def _replay(flows: FlowWeb, request: Request, run: FlowRunItem) -> FlowReplay:
    ids = _ids(request)
    rows = await flows.recorder.store.metadata(*ids, Page())
    facts = {row.field_name: str(row.value) for row in rows}
    path = f"{run.flow_id}/{run.run_id}/{ids[2]}/{ids[3]}"
    return replay_of(path, facts, run.system_tags, await flows.reader.graph(*ids[:2]))


async def _reasons(flows: FlowWeb, request: Request, task: FlowTaskItem, attempt: int) -> Sequence[str]:
    shown = next((item for item in task.attempts if item.attempt == attempt), None)
    if (shown or task).state != "FAILED":
        return ()
    recorded, code = (shown or task).error_message, None
    if has_ending(recorded):
        return [recorded]
    with contextlib.suppress(NotFoundError, UnavailableError):
        code = await flows.reader.exit_code(*_ids(request), attempt) if shown is not None else None
    return [said for said in (recorded, ending_of(code)) if said]


async def _caught(flows: FlowWeb, request: Request, task: FlowTaskItem, attempt: int) -> str:
    """Return the exception that `@catch` caught; empty for none."""
    if not task.is_caught or attempt != task.newest_attempt:
        return ""
    with contextlib.suppress(PenstockError):
        return caught_in(await flows.reader.last_words(*_ids(request), attempt, count=_LAST_LINES))
    return ""


def caught_in(lines: Sequence[str]) -> str:
    """Return the exception that `@catch` wrote at the end of a log, `>` in front of each line (observed with metaflow 2.19)."""
    return exception_of([line.removeprefix(_QUOTE) for line in lines], UNCAUGHT_EXIT)[:_LONGEST_EXCEPTION]


async def _tab(flows: FlowWeb, request: Request, task: FlowTaskItem, tab: str, attempt: int) -> dict[str, Any]:
    ids = _ids(request)
    if tab == "logs" and task.origin_run and task.origin:
        return {}
    if tab == "logs":
        await flows.reader.log_sizes(*ids, attempt)  # the viewer fetches the lines; here only whether it can
        return {}
    if tab == "artifacts":
        values = await flows.reader.values(*ids, attempt)
        opened = request.query_params.get("value", "")
        found: dict[str, Any] = {
            "values": [item for item in values if not _INTERNAL.match(item.name)],
            "internal": [item for item in values if _INTERNAL.match(item.name)],
            "opened": opened,
        }
        small = [item for item in found["values"] if item.size_bytes is not None and item.size_bytes <= SMALL_VALUE_BYTES]
        with contextlib.suppress(PenstockError):
            found["seen"] = await flows.reader.looks(*ids, small[:_MOST_SEEN])
        if opened:
            try:
                found["value"] = await flows.reader.value(*ids, opened, attempt)
            except PenstockError as error:
                found["value_problem"] = str(error)
        return found
    if tab == "cards":
        run_id, step, task_id = task.data_ids
        return {"cards": await flows.reader.cards(ids[0], run_id or ids[1], step, task_id)}
    return {"metadata": await flows.recorder.store.metadata(*ids, Page())}


async def value_data(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """A safe look at an artifact as JSON: type, plain value (or null) and text."""
    del services
    text = request.query_params.get("attempt", "")
    attempt = whole_number(text)
    if text and attempt is None:
        raise InvalidArgumentError("attempt must be a number")
    found = await flows.reader.value(*_ids(request), request.path_params["name"], attempt)
    return JSONResponse({"type": found.type_name, "value": found.value, "text": found.text}, headers={"cache-control": "no-store"})


async def card(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """A card in its box: an opaque origin without access to this server; `?live=1` takes updates, `?follow=1` scrolls with those beside it,
    `?download=1` is a file.
    """
    del services
    name = request.path_params["name"]
    content = await flows.reader.card(*_ids(request), name)
    if request.query_params.get("live"):
        content += _LISTENER
    if request.query_params.get("follow"):
        content += LISTENER.encode()
    headers = dict(BOX_HEADERS) | {"cache-control": "no-store"}
    if request.query_params.get("download"):
        headers["content-disposition"] = attachment(name)
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)


async def card_update(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """What the running step last refreshed of a card, as JSON; `null` when nothing was."""
    del services
    found = await flows.reader.card_update(*_ids(request), request.path_params["name"])
    return JSONResponse(found, headers={"cache-control": "no-store"})
