"""The console of a tracked run as a page for browsers without script."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.tracking import ConsoleLine
from penstock.web.pages.runs.plain_logs import PlainLogPage, address_of, number_of, plain_page
from penstock.web.runs.plain_logs import LINES, PlainLine, shown
from penstock.web.services.tracking import TrackingServices, run_by_id
from penstock.web.services.web import WebServices


async def console_plain(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Some console lines as a page for browsers without script: those before the line `?before=`, or from `?since=`; else the last."""
    run = await run_by_id(tracking, request, request.path_params["run_id"])
    label, before, since = request.query_params.get("label", ""), number_of(request, "before"), number_of(request, "since")
    if since is not None:
        page = await tracking.console.page(run.run_id, first=LINES, after=since - 1, label=label)
    elif before is not None:
        page = await tracking.console.page(run.run_id, last=LINES, before=before, label=label)
    else:
        page = await tracking.console.page(run.run_id, last=LINES, label=label)
    kept = {"label": label} if label else {}
    found = [_plain(line) for line in page.lines]
    log = PlainLogPage(
        found,
        address_of(request, kept, before=page.lines[0].number if found and page.has_previous else None),
        address_of(request, kept, since=page.lines[-1].number + 1 if found and page.has_next else None),
        address_of(request, kept, since=0),
        address_of(request, kept),
        f"text?{urlencode(kept)}",
    )
    return plain_page(services, request, log)


def _plain(line: ConsoleLine) -> PlainLine:
    text, left_out = shown(line.text)
    return PlainLine(text, line.number + 1, line.level == "error", left_out)
