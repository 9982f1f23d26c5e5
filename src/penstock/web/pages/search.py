"""Search over everything by name, id or pasted address, with commands; as a dialog and as a page."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.policy import role_for
from penstock.domain.errors import NotFoundError
from penstock.interfaces.page_catalog import SearchHit
from penstock.interfaces.pages import ListQuery
from penstock.web.pages.home import MINE, mine
from penstock.web.pages.pasted import bare, jump_of
from penstock.web.pages.runs.tasks import PANEL_TABS
from penstock.web.pages.tracking.artifacts import version_url
from penstock.web.render import SECTIONS, Crumb, Frame, render, render_part
from penstock.web.services.tracking import caller_of, project_named, reader_of
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import state_look, state_word
from penstock.web.texts.i18n import choose_language, translate
from penstock.web.tracking.documents import STATES, look_of

KINDS: Sequence[tuple[str, str, str, str]] = (
    ("run", "Runs", "run", "/ui/runs/{}"),
    ("pipeline", "Pipelines", "pipeline", "/ui/pipelines/{}"),
    ("experiment", "Experiments", "flask", "/ui/experiments/{}"),
    ("recurring", "Recurring runs", "clock", "/ui/recurring/{}"),
    ("execution", "Executions", "bolt", "/ui/runs/{}"),
    ("artifact", "Artifacts", "box", "/ui/artifacts/{}"),
    ("project", "Projects", "chart", "/{}"),
    ("tracked", "Tracked runs", "chart", "/{}"),
    ("tagged", "Runs by tag", "tag", "/ui/runs/{}"),
    ("sweep", "Sweeps", "loop", "/{}"),
    ("report", "Reports", "document", "/{}"),
    ("collection", "Artifact collections", "layers", "/{}"),
)
"""Kind of hit, heading, icon, address."""

COMMANDS: Sequence[tuple[str, str, str]] = (
    ("Create run", "/ui/runs/new", "plus"),
    ("Create recurring run", "/ui/runs/new?kind=recurring", "clock"),
    ("Create experiment", "/ui/experiments#create", "flask"),
    ("Upload pipeline", "/ui/pipelines#upload", "upload"),
    ("Compare runs", "/ui/compare", "compare"),
    ("Search in logs", "/ui/logs", "terminal"),
    ("Trash", "/ui/trash", "trash"),
    ("Help", "/ui/help", "document"),
    ("API keys", "/authorize", "key"),
    ("Users", "/ui/system/users", "user"),
    *((label, address, symbol) for _, label, address, symbol in SECTIONS),
)

OTHER_WORDS = {"Create run": "New run", "Create recurring run": "New recurring run", "Upload pipeline": "Upload a pipeline"}
"""What else a command is called."""

THEMES: Sequence[tuple[str, str, str]] = (
    ("Toggle theme", "toggle", "contrast"),
    ("Light theme", "light", "sun"),
    ("Dark theme", "dark", "moon"),
    ("High-contrast theme", "contrast", "eye"),
    ("Theme as the system has it", "system", "contrast"),
)
"""Commands that script carries out: label, theme, icon."""
NEW_RUN_OF = "New run of {name}"
TABS_HEADING = "Tabs of a task"
_NEW_RUN = re.compile(r"(?:new |create )?run (?:of )?(.+)", re.IGNORECASE)
_MOST_PIPELINES = 3
_MOST_RECENT = 6
_FEWEST_LETTERS = 3
"""Of a tab's name, before it is offered."""

_VERSION = re.compile(r"^(?:([\w.-]+)/([\w.-]+)/)?([\w.-]+):([\w.-]+)$")
"""`entity/project/name:alias`, as the wandb client names a version, and `name:alias`."""
_MOST_VERSIONS = 6
_TAG = re.compile(r"^tag:\s*(\S.*)$", re.IGNORECASE)
"""As in the filters of lists: only what has such a tag."""
_HAVE_TAGS = frozenset({"tagged", "tracked", "pipeline"})

_PLACE = re.compile(r"^([\w.-]+)/([\w.-]+)/([\w.-]+)$")
"""`entity/project/sweep`, as `wandb agent` takes it."""


@dataclass(frozen=True, slots=True)
class HitLine:
    """A result, ready to show."""

    url: str
    title: str
    detail: str
    icon: str
    look: tuple[str, str] | None = None
    """Word and shape of its state, as its own page says it."""
    at: float | None = None
    name: str = ""
    """Goes into the title once that is translated."""
    theme: str = ""
    """Theme to switch to, instead of going anywhere."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Context of `search/search.html` and `search/results.html`."""

    text: str
    """What was asked."""
    groups: Sequence[tuple[str, Sequence[HitLine]]]
    """(heading, results)."""
    tabs_heading: str = TABS_HEADING


async def search_of(services: WebServices, request: Request, text: str) -> SearchPage:
    """Look everywhere that the reader may look."""
    text = text.strip()[:300]
    groups: list[tuple[str, Sequence[HitLine]]] = []
    if target := jump_of(text):
        groups.append(("Go to", [*await _sweep(services, request, text), HitLine(target, text, "", "arrow-right")]))
        if "#/" in text or text.startswith(("http://", "https://")):
            return SearchPage(text, groups)
    commands = [hit for hit in _commands(services, request) if text and _says(request, hit.title, text)]
    hits = await _hits(services, request, text)
    if versions := await _versions(services, request, text):
        groups.append(("Versions", versions))
    for kind, heading, symbol, address in KINDS:
        found = [
            HitLine(address_of(hit, address), hit.title, detail_of(request, hit, text), symbol, hit_look(hit.state), hit.at)
            for hit in hits
            if hit.kind == kind
        ]
        if found:
            groups.append((heading, found))
    commands = [*await _new_runs(services, request, text), *commands]
    if commands:
        groups.append(("Commands", commands[:6]))
    if tabs := await _tabs(services, request, text):
        groups.append((TABS_HEADING, tabs))
    if text:
        groups.append(("Logs", [HitLine(f"/ui/logs?text={quote(text, safe='')}", text, "", "terminal")]))
    if not text:
        groups = [await recent(services, request), ("Commands", _commands(services, request)[:5])]
    return SearchPage(text, groups)


def hit_look(state: str) -> tuple[str, str] | None:
    """Word and shape of a state: tracked runs, whose states are written small, have words of their own."""
    if not state:
        return None
    return look_of(state) if state in STATES else (state_word(state), state_look(state))


async def _hits(services: WebServices, request: Request, text: str) -> list[SearchHit]:
    """What the database finds; for `tag:KEY` and `tag:KEY=VALUE` only things that have tags."""
    tag = _TAG.match(text)
    words = tag[1].rpartition("=")[2] or tag[1].rstrip("=") if tag else text
    found = await services.home.search(words, reader=reader_of(services.tracking, request)) if words else ()
    return [hit for hit in found if not tag or (hit.kind in _HAVE_TAGS and (hit.kind != "tagged" or tags_with(hit.detail, tag[1])))]


def tags_with(tags: str, text: str) -> list[str]:
    """The tags of a run (the text of a mapping) that `text` is found in, as `KEY` or `KEY=VALUE`."""
    known = json.loads(tags)
    named = [f"{key}={value}" if value else str(key) for key, value in known.items()]
    return [one for one in named if text.lower() in one.lower()]


def detail_of(request: Request, hit: SearchHit, text: str) -> str:
    """What stands beside a name; the state of a schedule as a word, of a run's tags those that were looked for."""
    if hit.kind == "tagged":
        tag = _TAG.match(text)
        return ", ".join(tags_with(hit.detail, tag[1] if tag else text))
    if hit.kind != "recurring":
        return hit.detail
    return translate(_language(request), hit.detail.lower())


def _language(request: Request) -> str:
    return choose_language(request.cookies.get("penstock_lang"), request.headers.get("accept-language", ""))


async def recent(services: WebServices, request: Request) -> tuple[str, list[HitLine]]:
    """What the reader had in hand last; the newest runs for one who had nothing yet."""
    if own := await mine(services, request, limit=_MOST_RECENT):
        return MINE, [HitLine(one.address, one.item.title, one.item.detail, one.icon, one.look, one.item.at) for one in own]
    listing = await services.runs.list_runs(ListQuery(limit=_MOST_RECENT))
    return "Recent runs", [
        HitLine(f"/ui/runs/{run.run_id}", run.name, run.pipeline_title, "run", hit_look(run.state), run.created_at) for run in listing.items
    ]


def _commands(services: WebServices, request: Request) -> list[HitLine]:
    """Commands that the reader's role allows."""
    found = [HitLine(address, label, "", symbol) for label, address, symbol in COMMANDS if _may(services, request, address)]
    return found + [HitLine("#", label, "", symbol, theme=theme) for label, theme, symbol in THEMES]


def _may(services: WebServices, request: Request, address: str) -> bool:
    tracking = services.tracking
    return tracking is None or caller_of(tracking, request).role.covers(role_for("GET", urlsplit(address).path))


def _says(request: Request, label: str, text: str) -> bool:
    """Whether a label has the text in it, in English or in the reader's language."""
    names = (label, OTHER_WORDS.get(label, label))
    return any(text.lower() in words.lower() for name in names for words in (name, translate(_language(request), name)))


async def _new_runs(services: WebServices, request: Request, text: str) -> list[HitLine]:
    """Commands that start pipelines by name: for `mnist`, and for `new run of mnist`."""
    if not text or not _may(services, request, "/ui/runs/new"):
        return []
    named = _NEW_RUN.fullmatch(text)
    words = (named[1] if named else text).split()
    listing = await services.catalog.list_pipelines(ListQuery(words=tuple(words), limit=_MOST_PIPELINES))
    return [
        HitLine(f"/ui/runs/new?pipeline={quote(item.pipeline_id, safe='')}", NEW_RUN_OF, "", "run", name=item.display_name)
        for item in listing.items
    ]


async def _sweep(services: WebServices, request: Request, text: str) -> list[HitLine]:
    """The sweep that `entity/project/name` names, which else is read as a run."""
    match, tracking = _PLACE.match(bare(text)), services.tracking
    if match is None or tracking is None:
        return []
    entity, project, name = match.groups()
    try:
        place = await project_named(tracking, request, entity, project)
    except NotFoundError:
        return []
    if await asyncio.to_thread(tracking.sweeps.named, place.project_id, name) is None:
        return []
    return [HitLine(f"/{quote(entity)}/{quote(project)}/sweeps/{quote(name)}", name, f"{entity}/{project}", "loop")]


async def _versions(services: WebServices, request: Request, text: str) -> list[HitLine]:
    """Versions of the collection that the client's name names; without entity and project, of every collection of that name."""
    match, tracking = _VERSION.match(bare(text)), services.tracking
    if match is None or tracking is None:
        return []
    entity, project, name, alias = match.groups()
    places = [(entity, project)]
    if entity is None:
        hits = await services.home.search(name, reader=reader_of(tracking, request))
        named = [hit.object_id.split("/") for hit in hits if hit.kind == "collection" and hit.title == name]
        places = [(parts[0], parts[1]) for parts in named[:_MOST_VERSIONS]]
    found = []
    for owner, title in places:
        try:
            place = await project_named(tracking, request, owner, title)
        except NotFoundError:
            continue
        if resolved := await asyncio.to_thread(tracking.collections.resolve, place.project_id, f"{name}:{alias}"):
            collection, member = resolved
            label = f"{name}:v{member.version_index}"
            found.append(HitLine(version_url(collection, member.version_index), label, f"{owner}/{title}", "layers"))
    return found


async def _tabs(services: WebServices, request: Request, text: str) -> list[HitLine]:
    """Tabs of the task that the reader looks at, else of the newest one, by any name that tutorials give them."""
    if len(text) < _FEWEST_LETTERS:
        return []
    found = [
        (key, label, other)
        for key, label, other in PANEL_TABS
        if _says(request, label, text) or any(_says(request, word, text) for word in other.split(", "))
    ]
    if not found:
        return []
    here = urlsplit(request.headers.get("hx-current-url", ""))
    asked = dict(parse_qsl(here.query))
    run = re.fullmatch(r"/ui/runs/([\w-]+)", here.path)
    if run and asked.get("task"):
        base, detail = f"{here.path}?task={quote(asked['task'], safe='')}", ""
    else:
        newest = (await services.runs.list_tasks(ListQuery(limit=1))).items
        if not newest or "/" in newest[0].run_id:
            return []
        base = f"/ui/runs/{newest[0].run_id}?task={quote(newest[0].task_id, safe='')}"
        detail = f"{newest[0].display_name} · {newest[0].run_name}"
    return [HitLine(f"{base}&tab={key}", label, ", ".join(filter(None, (other, detail))), "panel-left") for key, label, other in found]


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
