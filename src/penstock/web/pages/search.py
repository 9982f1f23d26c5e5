"""Search over everything by name, id or pasted address, with commands; as a dialog and as a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from penstock.interfaces.page_catalog import SearchHit
from penstock.interfaces.pages import ListQuery
from penstock.web.render import SECTIONS, Crumb, Frame, render, render_part
from penstock.web.services import WebServices
from penstock.web.tracking_services import readable_by

KINDS: Sequence[tuple[str, str, str, str]] = (
    ("run", "Runs", "run", "/ui/runs/{}"),
    ("pipeline", "Pipelines", "pipeline", "/ui/pipelines/{}"),
    ("experiment", "Experiments", "flask", "/ui/experiments/{}"),
    ("recurring", "Recurring runs", "clock", "/ui/recurring/{}"),
    ("execution", "Executions", "bolt", "/ui/runs/{}"),
    ("artifact", "Artifacts", "box", "/ui/artifacts/{}"),
    ("project", "Projects", "chart", "/{}"),
    ("tracked", "Tracked runs", "chart", "/{}"),
    ("collection", "Artifact collections", "layers", "/{}"),
)
"""Kind of hit, heading, icon, address."""

_STATES = {
    "pending": "PENDING", "running": "RUNNING", "finished": "SUCCEEDED", "failed": "FAILED", "crashed": "FAILED", "killed": "CANCELED",
    "preempting": "RUNNING", "preempted": "CANCELED",
}  # fmt: skip
"""States of tracked runs -> those that results show."""

COMMANDS: Sequence[tuple[str, str, str]] = (
    ("New run", "/ui/runs/new", "plus"),
    ("New recurring run", "/ui/runs/new?kind=recurring", "clock"),
    ("Upload a pipeline", "/ui/pipelines#upload", "upload"),
    ("Compare runs", "/ui/compare", "compare"),
    ("Search in logs", "/ui/logs", "terminal"),
    ("Trash", "/ui/trash", "trash"),
    *((label, address, symbol) for _, label, address, symbol in SECTIONS),
)

_JUMPS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"#/runs/details/([\w-]+)"), "/ui/runs/{}"),
    (re.compile(r"#/experiments/details/([\w-]+)"), "/ui/experiments/{}"),
    (re.compile(r"#/pipelines/details/([\w-]+)"), "/ui/pipelines/{}"),
    (re.compile(r"#/recurringrun/details/([\w-]+)"), "/ui/recurring/{}"),
    (re.compile(r"^https?://[^/\s]+(/(?!/)[^\s\\]+)$"), "{}"),
    (re.compile(r"^([A-Za-z_]\w*/\d+(?:/\w+(?:/\d+)?)?)$"), "/flows/{}"),
    (re.compile(r"^([\w.-]+/[\w.-]+)/([\w.-]+)$"), "/{}/runs/{}"),
    (re.compile(r"^([\w.-]+/[\w.-]+)$"), "/{}"),
)
"""What is pasted -> address: what kfp clients print, any address of a server like this one, `Flow/12/train/34`, `entity/project/run`,
`entity/project`. The host of an address does not count; a client may know the server by another name."""


@dataclass(frozen=True, slots=True)
class HitLine:
    """A result, ready to show."""

    url: str
    title: str
    detail: str
    icon: str
    state: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Context of `search/search.html` and `search/results.html`."""

    text: str
    """What was asked."""
    groups: Sequence[tuple[str, Sequence[HitLine]]]
    """(heading, results)."""


async def search_of(services: WebServices, request: Request, text: str) -> SearchPage:
    """Look everywhere that the reader may look."""
    text = text.strip()[:300]
    groups: list[tuple[str, Sequence[HitLine]]] = []
    if target := jump_of(text):
        groups.append(("Go to", [HitLine(target, text, "", "arrow-right")]))
        if "://" in text or "#/" in text:
            return SearchPage(text, groups)
    lowered = text.lower()
    commands = [HitLine(address, label, "", symbol) for label, address, symbol in COMMANDS if lowered and lowered in label.lower()]
    readable = readable_by(services.tracking, request)
    hits = [hit for hit in (await services.home.search(text) if text else ()) if readable(hit.entity)]
    for kind, heading, symbol, address in KINDS:
        found = [
            HitLine(address_of(hit, address), hit.title, hit.detail, symbol, _STATES.get(hit.state, hit.state), hit.at)
            for hit in hits
            if hit.kind == kind
        ]
        if found:
            groups.append((heading, found))
    if text:
        groups.append(("Logs", [HitLine(f"/ui/logs?text={quote(text, safe='')}", text, "", "terminal")]))
    if commands:
        groups.append(("Commands", commands[:6]))
    if not text:
        listing = await services.runs.list_runs(_newest())
        recent = [HitLine(f"/ui/runs/{run.run_id}", run.name, run.pipeline_name, "run", run.state, run.created_at) for run in listing.items]
        groups = [("Recent runs", recent), ("Commands", [HitLine(address, label, "", symbol) for label, address, symbol in COMMANDS[:5]])]
    return SearchPage(text, groups)


def jump_of(text: str) -> str:
    """Return the address on this server of a pasted address or path; empty when it is none."""
    for pattern, address in _JUMPS:
        if match := pattern.search(text):
            return address.format(*(quote(part, safe="/:?=&#%@~+,;!$'()*-._") for part in match.groups()))
    return ""


def _newest() -> ListQuery:
    return ListQuery(limit=6)


def address_of(hit: SearchHit, address: str) -> str:
    """Return the address of what the search found, from the pattern of its kind."""
    if hit.kind == "execution":
        run_id, _, task_id = hit.object_id.partition("/")
        return f"/ui/runs/{run_id}?task={task_id}"
    return address.format(quote(hit.object_id))


async def results_part(services: WebServices, request: Request) -> Response:
    """Results for the dialog."""
    page = await search_of(services, request, request.query_params.get("q", ""))
    return render_part(services, request, "search/results.html", page=page)


async def search_page(services: WebServices, request: Request) -> Response:
    """Results as a page."""
    page = await search_of(services, request, request.query_params.get("q", ""))
    return render(services, request, "search/search.html", frame=Frame("Search", "", (Crumb("Search"),)), page=page)
