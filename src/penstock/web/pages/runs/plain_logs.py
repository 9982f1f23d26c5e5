"""Logs as pages for browsers without script: the end first, with ways to earlier and later lines and the whole file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.render import Crumb, Frame, render
from penstock.web.runs.plain_logs import PlainLine, part_of
from penstock.web.services.web import WebServices

_LONGEST_NUMBER = 17


@dataclass(frozen=True, slots=True)
class PlainLogPage:
    """Context of `shared/plain_log.html`. Addresses are relative, so that they hold wherever the log is."""

    lines: Sequence[PlainLine]
    """The part that is shown."""
    earlier: str
    """Address of the part before it; empty: this is the beginning."""
    later: str
    """Address of the part behind it; empty: this is the end as it was now."""
    beginning: str
    """Address of the first part."""
    end: str
    """Address of the last part."""
    download: str
    """Address of the whole log as a file."""


async def plain_log(services: WebServices, request: Request) -> Response:
    """Some lines of an attempt's log: those that end before the byte `?before=`, or begin at `?since=`; without either its end."""
    attempt = number_of(request, "attempt") or 0
    before, since = number_of(request, "before"), number_of(request, "since")
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    part = await part_of(services.logs, run_id, task_id, attempt, before=before, since=since)
    kept = {"attempt": str(attempt)}
    page = PlainLogPage(
        part.lines,
        address_of(request, kept, before=part.earlier),
        address_of(request, kept, since=part.later),
        address_of(request, kept, since=0),
        address_of(request, kept),
        f"download?{urlencode(kept)}",
    )
    return plain_page(services, request, page)


def plain_page(services: WebServices, request: Request, page: PlainLogPage) -> Response:
    """Answer with the page; in a frame of the log's own page (`?kfp=true`) without what is around it."""
    frame = Frame(title="Log", section="runs", crumbs=(Crumb("Runs", "/ui/runs"), Crumb("Log", is_word=True)), is_bare=bool(_bare(request)))
    return render(services, request, "shared/plain_log.html", frame=frame, page=page)


def address_of(request: Request, kept: dict[str, str], **place: int | None) -> str:
    """Return the address of a part: the end when no place is named; empty when the place is None."""
    if None in place.values():
        return ""
    return f"?{urlencode(kept | {name: str(at) for name, at in place.items()} | _bare(request))}"


def number_of(request: Request, name: str) -> int | None:
    """Return a number of the address, None when there is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _LONGEST_NUMBER else None


def _bare(request: Request) -> dict[str, str]:
    return {"kfp": "true"} if request.query_params.get("kfp") == "true" else {}
