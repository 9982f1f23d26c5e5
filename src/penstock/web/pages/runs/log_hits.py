"""Search in logs across runs: a text and a scope, hits grouped by what they say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.lists.filters import query_of
from penstock.web.pages.runs.executions import FILTER_FIELDS
from penstock.web.render import Crumb, Frame, render
from penstock.web.runs.log_search import TAIL_BYTES, LogHits, pattern_of, search_logs
from penstock.web.services.web import WebServices

SCOPES: Sequence[tuple[str, str]] = (
    ("started:<24h", "Last 24 hours"),
    ("started:<7d", "Last 7 days"),
    ("status:failed", "Failed tasks"),
)
"""Scope in the words of the filter, label."""


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
    tail_bytes: int = TAIL_BYTES
    """How much of the end of each log is looked through."""
    scopes: Sequence[tuple[str, str]] = SCOPES
    """Scopes by one click."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the scope completes."""


async def logs_page(services: WebServices, request: Request) -> Response:
    """The search: `?text=`, `?q=` for the scope, `?errors=1`, `?cursor=` to go on."""
    text, is_errors = request.query_params.get("text", "").strip()[:300], request.query_params.get("errors") == "1"
    problem, found = "", None
    try:
        pattern = pattern_of(text, is_errors=is_errors)
        if pattern is not None:
            found = await search_logs(services, pattern, query_of(request, now=services.clock.now()))
    except re.error as error:
        problem = str(error)
    page = LogHitsPage(text, is_errors, problem, found)
    crumbs = (Crumb("Executions", "/ui/executions"), Crumb("Search in logs", is_word=True))
    frame = Frame("Search in logs", "executions", crumbs, scripts=("table",))
    return render(services, request, "search/logs.html", frame=frame, page=page)
