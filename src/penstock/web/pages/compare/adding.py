"""Adding runs of any kind to a comparison: what a reader types (a name, an id, a number, `Flow/12`, `entity/project/run`) or pastes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError
from penstock.interfaces.pages import ListQuery
from penstock.web.comparisons.subjects import KINDS, Subject
from penstock.web.pages.compare.findings import asked_runs
from penstock.web.pages.pasted import jump_of
from penstock.web.pages.search import detail_of
from penstock.web.render import query_url, render_part
from penstock.web.services.tracking import project_named, reader_of
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import STATES, look_of

MOST_RUNS = 20
"""Runs that are compared."""
_OFFERED = 12
_LONGEST_TEXT = 4000
_FLOW_RUN = re.compile(r"[A-Za-z_]\w*/\d+")
_COMPARISON = re.compile(r"(?:/ui/|#/)compare\?(\S*)")
_ICONS: Mapping[str, str] = {"pipeline": "run", "flow": "flow", "tracked": "chart"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A run that can be added."""

    url: str
    """Of the comparison with it."""
    title: str
    detail: str
    icon: str
    kind: str
    """What it is, in English."""
    state: str
    at: float | None
    look: tuple[str, str] | None = None
    """Word and icon of the state of a tracked run."""


@dataclass(frozen=True, slots=True)
class ChoicesPart:
    """Context of `compare/choices.html`."""

    text: str
    groups: Sequence[tuple[str, Sequence[Choice]]]
    """(heading, runs)."""


def ids_of(ask: Mapping[str, str]) -> list[str]:
    """Return the ids that an address names, each once."""
    return list(dict.fromkeys(part for part in ask.get("runs", "").split(",") if part))


async def named_runs(services: WebServices, request: Request, text: str) -> list[str]:
    """Return the ids of the runs that a text names by itself: an address, an id or a path; nothing for words to look for."""
    text = text.strip()[:_LONGEST_TEXT]
    if match := _COMPARISON.search(text):
        given = parse_qs(match[1])
        wanted = [one for name in ("runs", "runlist") for value in given.get(name, ()) for one in value.split(",") if one]
    else:
        address = text if text.startswith("/") else jump_of(text)
        parts = [unquote(part) for part in urlsplit(address).path.split("/") if part]
        wanted = [one for one in [await _of_path(services, request, parts) or (text if "://" not in text else "")] if one]
    return [one.run_id for one in (await asked_runs(services, request, wanted[:MOST_RUNS])).subjects] if wanted else []


async def _of_path(services: WebServices, request: Request, parts: Sequence[str]) -> str:
    """Return the id of the run that an address of this server is about, empty for none."""
    if parts[:2] == ["ui", "runs"]:
        flow_run = "/".join(parts[2:4])
        return flow_run if _FLOW_RUN.fullmatch(flow_run) else "".join(parts[2:3])
    if _FLOW_RUN.fullmatch(flow_run := "/".join(parts[1:3] if parts[:1] == ["flows"] else parts[:2])):
        return flow_run
    if len(parts) < 4 or parts[2] != "runs" or services.tracking is None:
        return ""
    try:
        project = await project_named(services.tracking, request, parts[0], parts[1])
    except NotFoundError:
        return ""
    run = await services.tracking.runs.get(project.entity, project.name, parts[3])
    return "" if run is None else str(run.run_id)


async def choices_part(services: WebServices, request: Request) -> Response:
    """Runs that `add` may mean, or that lie near those compared (`runs`), as links to the comparison with one of them."""
    query = request.query_params
    text = query.get("add", "").strip()
    groups = await (_found(services, request, text) if text else _near(services, request))
    return render_part(services, request, "compare/choices.html", page=ChoicesPart(text, [group for group in groups if group[1]]))


async def _found(services: WebServices, request: Request, text: str) -> list[tuple[str, Sequence[Choice]]]:
    ids = ids_of(request.query_params)
    named = [one for one in await named_runs(services, request, text) if one not in ids]
    subjects = (await asked_runs(services, request, named)).subjects if named else ()
    found: dict[str, list[Choice]] = {"Runs": [], "Tracked runs": []}
    seen = {*ids, *named}
    for hit in await services.home.search(text[:300], reader=reader_of(services.tracking, request)):
        if hit.object_id in seen:
            continue
        if hit.kind in {"run", "tagged"}:
            kind = "flow" if _FLOW_RUN.fullmatch(hit.object_id) else "pipeline"
            url = _with(request, hit.object_id)
            found["Runs"].append(Choice(url, hit.title, detail_of(request, hit, text), _ICONS[kind], KINDS[kind], hit.state, hit.at))
        elif hit.kind == "tracked":
            url = query_url("/ui/compare", _address(request), add=f"/{quote(hit.object_id)}")
            state, look = STATES.get(hit.state, hit.state), look_of(hit.state)
            found["Tracked runs"].append(Choice(url, hit.title, hit.detail, _ICONS["tracked"], KINDS["tracked"], state, hit.at, look))
        seen.add(hit.object_id)
    return [("Go to", [_choice(request, subject) for subject in subjects]), *found.items()]


async def _near(services: WebServices, request: Request) -> list[tuple[str, Sequence[Choice]]]:
    """Newest runs of the pipeline and of the tracking project of the first run that has one, then newest runs of all."""
    ids = ids_of(request.query_params)
    subjects = (await asked_runs(services, request, ids[:MOST_RUNS])).subjects if ids else ()
    pipeline = next((subject.pipeline_name for subject in subjects if subject.pipeline_name), "")
    tracked = next((subject.tracked for subject in subjects if subject.tracked is not None), None)
    groups: list[tuple[str, list[str]]] = []
    if pipeline:
        listed = await services.runs.list_runs(ListQuery(limit=_OFFERED, scope={"pipeline_name": pipeline}))
        groups.append((pipeline, [run.run_id for run in listed.items]))
    if tracked is not None and services.tracking is not None:
        project = await project_named(services.tracking, request, tracked.entity, tracked.project)
        entries = (await services.tracking.runs.list(project, limit=_OFFERED)).entries
        groups.append((f"{tracked.entity}/{tracked.project}", [str(entry.run.run_id) for entry in entries]))
    newest = await services.runs.list_runs(ListQuery(limit=_OFFERED))
    groups.append(("Recent runs", [run.run_id for run in newest.items]))
    wanted = list(dict.fromkeys(one for _, held in groups for one in held if one not in ids))
    known = {subject.run_id: subject for subject in (await asked_runs(services, request, wanted)).subjects}
    found: list[tuple[str, Sequence[Choice]]] = []
    for heading, held in groups:
        found.append((heading, [_choice(request, known.pop(one)) for one in held if one in known]))
    return found


def _choice(request: Request, subject: Subject) -> Choice:
    detail = subject.pipeline_name or str(subject.facts.get("Project") or "")
    url = _with(request, subject.run_id)
    return Choice(
        url, subject.name, detail, _ICONS[subject.kind], KINDS[subject.kind], subject.state, subject.created_at, subject.look
    )  # fmt: skip


def _address(request: Request) -> dict[str, str]:
    """Return what stays of the comparison's address."""
    return {name: value for name, value in request.query_params.items() if name != "add"}


def _with(request: Request, run_id: str) -> str:
    return query_url("/ui/compare", _address(request), runs=",".join([*ids_of(request.query_params), run_id]))
