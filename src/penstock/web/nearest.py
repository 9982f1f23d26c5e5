"""What a reader may have meant by an address that leads nowhere: objects of nearly that name or id, and what lies in the trash."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request

from penstock.domain.errors import PenstockError
from penstock.domain.trash import TrashItem
from penstock.interfaces.page_flows import FlowQuery, FlowRunItem
from penstock.web.pages.search import COMMANDS, KINDS, HitLine, address_of, detail_of, hit_look, recent
from penstock.web.render import SECTIONS, language_of
from penstock.web.services.flows import FlowWeb
from penstock.web.services.tracking import TrackingServices, readable_by, reader_of
from penstock.web.services.web import WebServices
from penstock.web.texts.i18n import translate

_MAX_SHOWN = 6
_OWN_WORDS = frozenset(
    {"ui", "runs", "artifacts", "pipelines", "experiments", "recurring", "executions", "files", "lineage", "usage", "versions", "history",
     "overview", "sweeps", "reports", "workspace", "table", "flows", "view"}
)  # fmt: skip
"""Segments of addresses that name a page, not a thing."""
_KINDS = {
    "runs": "run", "pipelines": "pipeline", "experiments": "experiment", "recurring": "recurring", "executions": "execution",
    "artifacts": "artifact",
}  # fmt: skip
"""Segment of an address -> the kind of hit that it asks for."""
_LIKENESS = 0.5
_NEARLY = 0.75
"""Likeness of a word to the name of a page that it is taken for."""
_PARTS = {"lineage": "artifacts", "compare": "runs", "logs": "executions", "tracking": "projects"}
"""Pages that are no list of the rail -> the one that they belong to."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """Ways on from an address that leads nowhere."""

    hits: Sequence[HitLine] = ()
    """Objects that exist, the most alike first."""
    trashed: Sequence[TrashItem] = ()
    """What can be restored."""
    heading: str = "Perhaps you meant"
    """Over the objects; another where nothing is alike, and they are what the reader had in hand last."""
    has_trash: bool = False
    """Whether there is anything to look for in the trash."""


async def nearest(services: WebServices, request: Request) -> Nearest:
    """Look for what the address may mean; a fixed number of queries, and never an error of its own."""
    segments = [part for part in request.url.path.split("/") if part]
    words = [part for part in segments if part.lower() not in _OWN_WORDS][-3:]
    if segments[:2] == ["ui", "tracking"]:
        return Nearest()
    with contextlib.suppress(PenstockError):
        has_trash, trashed = await _trashed(services, request, segments, words)
        hits = _pages(request, segments)
        hits += await _objects(services, request, segments, words) if segments[0] == "ui" else []
        if segments[0] == "flows" and services.flows is not None:
            hits += await _flows(services.flows, segments[1:])
        elif services.tracking is not None and segments[0] != "ui":
            hits += await _tracked(services.tracking, request, segments)
        if hits:
            return Nearest(hits[:_MAX_SHOWN], trashed, has_trash=has_trash)
        heading, known = await recent(services, request)
        return Nearest(known[:_MAX_SHOWN], trashed, heading, has_trash)
    return Nearest()


def _pages(request: Request, segments: Sequence[str]) -> list[HitLine]:
    """Pages of nearly the name that an address of one word has, `/runs` and `/ui/experimets`."""
    names = segments[1:] if segments[0] == "ui" else segments
    pages = {address.rpartition("/")[2]: (label, address, symbol) for label, address, symbol in COMMANDS if not {"#", "?"} & set(address)}
    alike = difflib.get_close_matches(names[0].lower(), pages, n=2, cutoff=_NEARLY) if len(names) == 1 else []
    language, found = language_of(request), [pages[name] for name in alike]
    return [HitLine(address, translate(language, label), "", symbol) for label, address, symbol in found]


def nearest_section(path: str) -> str:
    """Key of the part of the rail that an address belongs to or nearly names; empty: none.

    What is neither ours nor of flows is of a tracked project.
    """
    parts = path.strip("/").split("/")
    if parts[0] != "ui":
        return "flows" if parts[0] == "flows" else "projects" if len(parts) > 1 else ""
    asked = parts[1] if len(parts) > 1 else ""
    keys = [key for key, *_ in SECTIONS]
    return _PARTS.get(asked) or next(iter(difflib.get_close_matches(asked.lower(), keys, n=1, cutoff=_NEARLY)), "")


async def flow_address(services: WebServices, request: Request) -> str:
    """Where `/FLOW/RUN...`, as sites of Metaflow have it at their root, is shown here; empty when no such run was recorded."""
    segments = [part for part in request.url.path.split("/") if part]
    if services.flows is None or len(segments) < 2 or not segments[0].isidentifier() or segments[0] in {"ui", "flows"}:
        return ""
    with contextlib.suppress(PenstockError):
        if await services.flows.pages.run(segments[0], segments[1]) is not None:
            return _path("flows", *segments) + (f"?{request.url.query}" if request.url.query else "")
    return ""


async def _trashed(
    services: WebServices, request: Request, segments: Sequence[str], words: Sequence[str]
) -> tuple[bool, list[TrashItem]]:
    """Return whether anything of the reader's lies in the trash, and what of it the address may mean."""
    if services.trash is None:
        return False, []
    names = {*words, ":".join(words[-2:])}
    place = "/".join(segments[:2])
    readable = readable_by(services.tracking, request)
    items = [item for item in await services.trash.items(limit=500) if readable(item.entity)]
    exact = [item for item in items if item.subject in names or item.title in names]
    beside = [item for item in items if item.place == place and item not in exact]
    return bool(items), [*exact, *beside][:_MAX_SHOWN]


async def _objects(services: WebServices, request: Request, segments: Sequence[str], words: Sequence[str]) -> list[HitLine]:
    """Return what the search finds for the last words, or for the beginning of an id; what the address asks for comes first."""
    asked = _KINDS.get(segments[1], "") if len(segments) > 1 else ""
    for word in reversed(words):
        for text in dict.fromkeys((word, word[:8], word[:4])):
            found = await services.home.search(text, reader=reader_of(services.tracking, request)) if len(text) > 2 else ()
            if found:
                places = {kind: (symbol, address) for kind, _, symbol, address in KINDS}
                return [
                    HitLine(address_of(hit, address), hit.title, detail_of(request, hit, text), symbol, hit_look(hit.state), hit.at)
                    for hit in sorted(found, key=lambda hit: hit.kind != asked)
                    if hit.kind in places
                    for symbol, address in (places[hit.kind],)
                ]
    return []


async def _flows(flows: FlowWeb, names: Sequence[str]) -> list[HitLine]:
    """Return the run of a task that is not there, else the newest runs of the flow, else flows of nearly that name."""
    if len(names) > 2 and (view := await flows.pages.run(names[0], names[1])) is not None:
        return [_run_of_flow(view.run)]
    listing = await flows.pages.runs(FlowQuery(flow_id=names[0], limit=_MAX_SHOWN)) if names else None
    if listing is not None and listing.items:
        return [_run_of_flow(run) for run in listing.items]
    known = (await flows.pages.runs(FlowQuery(limit=1))).flow_ids
    alike = difflib.get_close_matches(names[0] if names else "", known, n=_MAX_SHOWN, cutoff=_LIKENESS)
    return [HitLine(_path("flows", name), name, "", "flow") for name in alike]


def _run_of_flow(run: FlowRunItem) -> HitLine:
    return HitLine(_path("flows", run.flow_id, run.run_id), run.shared_id, run.user, "flow", hit_look(run.state), run.started_at)


async def _tracked(tracking: TrackingServices, request: Request, segments: Sequence[str]) -> list[HitLine]:
    """Return projects and collections of nearly the names in an address of a tracking client."""
    readable = readable_by(tracking, request)
    collections = await tracking.pages.all_collections(limit=1000)
    projects = await tracking.pages.projects()
    hits = {}
    for item in collections:
        if readable(item.entity):
            parts = (item.entity, item.project, "artifacts", item.type_name, item.name)
            hits["/".join(parts)] = HitLine(_path(*parts), item.name, f"{item.entity}/{item.project}", "box")
    for project in projects:
        if readable(project.entity):
            name = f"{project.entity}/{project.name}"
            hits[name] = HitLine(_path(project.entity, project.name), name, "", "chart")
    wanted = "/".join(segments)
    keys = difflib.get_close_matches(wanted, hits, n=_MAX_SHOWN, cutoff=_LIKENESS)
    home = "/".join(segments[:2])
    return [hits[key] for key in dict.fromkeys([*keys, *([home] if home in hits else [])])]


def _path(*names: str) -> str:
    return "/" + "/".join(quote(name, safe="") for name in names)
