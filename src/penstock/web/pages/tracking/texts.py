"""Texts that panels of a board show: what differs in the code of two runs, and notes in Markdown."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError
from penstock.web.pages.tracking.data import NO_STORE
from penstock.web.pages.tracking.run import code_of, patches_of
from penstock.web.security import PAGE_HEADERS, check_own_form
from penstock.web.services.tracking import TrackingServices, runs_by_ids
from penstock.web.services.web import WebServices
from penstock.web.texts.prose import prose
from penstock.web.tracking.panel_specs import MOST_WORDS


async def code(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with what differs from the code of the first of two `runs` to that of the second: a unified diff per file.

    Raises:
        InvalidArgumentError: these are not two runs that the caller may see.
    """
    runs = list((await runs_by_ids(tracking, request, request.query_params.get("runs", ""), limit=2)).values())
    if len(runs) != 2:
        raise InvalidArgumentError("two runs are compared")
    before, after = [dict(await code_of(services, tracking, run)) for run in runs]
    for texts in (before, after):
        texts.pop("config.yaml", None)  # the comparer of runs has it key by key
    files = [{"name": name, "lines": patch.split("\n")} for name, patch in patches_of(before, after)]
    body = {"files": files, "same": sorted(name for name in before if before[name] == after.get(name)), "counts": [len(before), len(after)]}
    return JSONResponse(body, headers=NO_STORE)


async def markdown(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with a text as HTML; markup in it stays text.

    Raises:
        InvalidArgumentError: it is too long.
    """
    check_own_form(request)
    text = (await request.body()).decode("utf-8", "replace")
    if len(text) > MOST_WORDS:
        raise InvalidArgumentError(f"a note has at most {MOST_WORDS} characters")
    return HTMLResponse(prose(text), headers=PAGE_HEADERS)
