"""Search in logs across runs: a text and a scope, hits by what they say, line by line, or in groups; as a page and as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.line_finder import ExpressionError
from penstock.web.lists.exporting import Export, Field
from penstock.web.lists.filters import query_of
from penstock.web.lists.group_exports import group_export
from penstock.web.lists.held_lists import FoundRows, HeldList, HeldTable
from penstock.web.lists.held_rows import Columns
from penstock.web.lists.parquet_writing import Kind
from penstock.web.pages.runs.executions import FILTER_FIELDS
from penstock.web.render import Crumb, Frame, render
from penstock.web.runs.console_search import FIELDS
from penstock.web.runs.found_lines import TAIL_BYTES, Hit, HitGroup, groups_of
from penstock.web.runs.log_search import LogHits, search_logs, wanted_of
from penstock.web.services.tracking import readable_by
from penstock.web.services.web import WebServices

SCOPES: Sequence[tuple[str, str]] = (
    ("started:<24h", "Last 24 hours"),
    ("started:<7d", "Last 7 days"),
    ("status:failed", "Failed"),
)
"""Scope in the words of the filter, label."""
KINDS: HeldList[HitGroup] = HeldList(
    Columns(
        words=lambda kind: kind.fingerprint,
        texts={"line": lambda kind: [kind.hits[0].text]},
        numbers={"lines": lambda kind: len(kind.hits), "runs": lambda kind: kind.run_count, "logs": lambda kind: len(kind.logs)},
        times={"newest": lambda kind: kind.hits[0].log.created_at},
    ),
    groupings=(),
    at=lambda kind: kind.hits[0].log.created_at,
    sort="runs",
)
"""The hits by what they say."""
LINES: HeldList[Hit] = HeldList(
    Columns(
        words=lambda hit: hit.text,
        texts={"line": lambda hit: [hit.text], "name": lambda hit: [hit.log.name], "run": lambda hit: [hit.log.run_name]},
        times={"newest": lambda hit: hit.log.created_at},
    ),
    groupings=(("run", "Run"), ("name", "Task")),
    at=lambda hit: hit.log.created_at,
    sort="newest",
)
"""The hits line by line, and what groups them otherwise."""
EACH = "line"
"""What `group` is where every line stands for itself."""
MOST_SHOWN = 200
"""Rows on the page; a file has all."""
_KIND = (
    Field("line"), Field("fingerprint"), Field("lines", Kind.INTEGER), Field("runs", Kind.INTEGER), Field("logs", Kind.INTEGER),
    Field("newest_at", Kind.MOMENT), Field("url"),
)  # fmt: skip
_LINE = (
    Field("line"), Field("number", Kind.INTEGER), Field("fingerprint"), Field("kind"), Field("name"), Field("run"), Field("run_id"),
    Field("project"), Field("created_at", Kind.MOMENT), Field("url"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogHitsPage:
    """Context of `search/logs.html`."""

    text: str
    """What was asked: words, or `/regular expression/`."""
    is_errors: bool
    """Only lines that tell of an error."""
    problem: str
    """Why the text could not be searched for."""
    found: LogHits | None
    """None: nothing was asked yet."""
    kinds: HeldTable[HitGroup] | None
    """The hits by what they say; None when they are shown otherwise."""
    lines: HeldTable[Hit] | None
    """The hits line by line or in other groups; None when they are shown by what they say."""
    tail_bytes: int = TAIL_BYTES
    """How much of the end of each log is looked through."""
    scopes: Sequence[tuple[str, str]] = SCOPES
    """Scopes by one click."""
    filter_fields: Sequence[str] = (*FILTER_FIELDS, *FIELDS)
    """Fields the scope completes."""
    group_choices: Sequence[tuple[str, str]] = LINES.groupings
    """(column, label) of what may group instead of what lines say."""


async def searched(services: WebServices, request: Request) -> LogHits | None:
    """Search for what an address asks: `?text=`, `?q=` for the scope, `?errors=1`, `?older=` to go on; None: for nothing.

    Raises:
        ExpressionError: the expression is not valid, or takes too long.
        InvalidArgumentError: `older` is none of a search.
    """
    wanted = request.query_params
    looked_for = wanted_of(wanted.get("text", "").strip()[:300], services.finder, is_errors=wanted.get("errors") == "1")
    if looked_for is None:
        return None
    scope = replace(query_of(request, now=services.clock.now()), sort="created", is_descending=True, cursor=wanted.get("older"))
    return await search_logs(services, looked_for, scope, readable_by(services.tracking, request))


def kinds_of(found: LogHits, request: Request, *, now: float) -> FoundRows[HitGroup]:
    """Return the hits by what they say, in the order that the address asks for; alike ones stay in that of `groups_of`."""
    query = query_of(request, now=now, sort=KINDS.sort)
    return KINDS.arranged(groups_of(found.hits)[::-1], replace(query, words=(), conditions=(), cursor=None, limit=MOST_SHOWN), "")


def lines_of(found: LogHits, request: Request, *, now: float) -> FoundRows[Hit]:
    """Return the hits line by line, or what to group them by."""
    query, by = query_of(request, now=now, sort=LINES.sort), request.query_params.get("group", "")
    return LINES.arranged(found.hits[::-1], replace(query, words=(), conditions=(), cursor=None, limit=MOST_SHOWN), by)


async def logs_page(services: WebServices, request: Request) -> Response:
    """The search and what it found."""
    wanted, now = request.query_params, services.clock.now()
    problem, found, kinds, lines = "", None, None, None
    try:
        found = await searched(services, request)
    except ExpressionError as error:
        problem = str(error)
    if found is not None and wanted.get("group") in {*dict(LINES.groupings), EACH}:
        lines = lines_of(found, request, now=now).shown(request)
    elif found is not None:
        kinds = kinds_of(found, request, now=now).shown(request)
    page = LogHitsPage(wanted.get("text", "").strip()[:300], wanted.get("errors") == "1", problem, found, kinds, lines)
    crumbs = (Crumb("Executions", "/ui/executions"), Crumb("Search in logs", is_word=True))
    frame = Frame("Search in logs", "executions", crumbs, scripts=("table",))
    return render(services, request, "search/logs.html", frame=frame, page=page)


async def exported(services: WebServices, request: Request) -> Export:
    """What the page of an address shows, all of it.

    Raises:
        InvalidArgumentError: nothing is asked for, or what cannot be read.
    """
    now, by = services.clock.now(), request.query_params.get("group", "")
    try:
        found = await searched(services, request)
    except ExpressionError as error:
        raise InvalidArgumentError(f"text: the expression cannot be read: {error}") from error
    if found is None:
        raise InvalidArgumentError("text: nothing is searched for; give a text, or errors=1")
    if by in dict(LINES.groupings):
        return group_export("log-hits", by, lines_of(found, request, now=now).groups(), {}, has_states=False)
    if by == EACH:
        return Export("log-hits", _LINE, _rows([_line(hit, services.url) for hit in lines_of(found, request, now=now).rows]))
    return Export("log-hits", _KIND, _rows([_kind(kind, services.url) for kind in kinds_of(found, request, now=now).rows]))


async def _rows(rows: Sequence[Mapping[str, Any]]) -> AsyncIterator[Mapping[str, Any]]:
    for row in rows:
        yield row


def _kind(kind: HitGroup, base: str) -> dict[str, Any]:
    first = kind.hits[0]
    values = (
        first.text, kind.fingerprint, len(kind.hits), kind.run_count, len(kind.logs), first.log.created_at, f"{base}{first.url}",
    )  # fmt: skip
    return {field.name: value for field, value in zip(_KIND, values, strict=True)}


def _line(hit: Hit, base: str) -> dict[str, Any]:
    log = hit.log
    values = (
        hit.text, hit.line, hit.fingerprint, log.kind, log.name, log.run_name, log.run_id, log.place or None, log.created_at,
        f"{base}{hit.url}",
    )  # fmt: skip
    return {field.name: value for field, value in zip(_LINE, values, strict=True)}
