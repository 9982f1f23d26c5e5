"""The list of runs, and what its bulk bar does."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import PenstockError
from penstock.domain.trash import TrashKind
from penstock.web.filters import list_query
from penstock.web.formats import duration
from penstock.web.pages.run_table import run_table
from penstock.web.pages.trash import undo_notice, user_of
from penstock.web.render import Crumb, Frame, Notice, query_url, redirect, render
from penstock.web.security import check_own_form, safe_next
from penstock.web.services import WebServices

MOST_AT_ONCE = 10_000
"""Runs that one bulk action may take."""


async def list_page(services: WebServices, request: Request) -> Response:
    """All runs across experiments."""
    query = list_query(request.query_params, now=services.clock.now())
    page = await run_table(services, request, query)
    frame = Frame(title="Runs", section="runs", crumbs=(Crumb("Runs"),), live="", scripts=("table", "scatter"))
    return render(services, request, "runs/list.html", frame=frame, page=page)


async def values(services: WebServices, request: Request) -> Response:
    """Values that the filter bar offers for `field`, those that contain `text`."""
    wanted = request.query_params
    found = await services.run_tables.values(wanted.get("field", ""), wanted.get("text", "")[:100], limit=9)
    return JSONResponse(list(found), headers={"cache-control": "no-store"})


_VERBS = {
    "retry": "retry_run",
    "terminate": "terminate_run",
    "archive": "archive_run",
    "unarchive": "unarchive_run",
    "delete": "delete_run",
}
_DONE = {"retry": "Retried", "terminate": "Terminating", "archive": "Archived", "unarchive": "Restored", "delete": "Deleted"}
_UNDO = {"archive": "unarchive", "unarchive": "archive"}


async def act(services: WebServices, request: Request) -> Response:
    """Do one thing to one or many runs; says how many it worked for and why it did not for the others."""
    check_own_form(request)
    form = await request.form()
    verb = str(form.get("verb", ""))
    target = safe_next(str(form.get("next", "")), "/ui/runs")
    ids = await _all_matching(services, target) if form.get("matching") else [str(value) for value in form.getlist("id")]
    if verb == "compare":
        return redirect(query_url("/ui/compare", {"runs": ",".join(ids)}))
    if verb == "clone" and ids:
        return redirect(query_url("/ui/runs/new", {"clone": ids[0]}))
    if verb == "rename" and ids:
        await services.actions.rename_run(ids[0], str(form.get("name", "")).strip(), str(form.get("description", "")).strip())
        return redirect(target, Notice("Saved."))
    if verb not in _VERBS or not ids:
        return redirect(target, Notice("Nothing was selected.", "error"))
    problems: list[str] = []
    trash = services.trash if verb == "delete" else None
    batch = "" if trash is None else trash.new_batch()
    for run_id in ids:
        try:
            if trash is not None:
                await trash.put(TrashKind.RUN, run_id, batch=batch, by=user_of(services, request))
            else:
                await getattr(services.actions, _VERBS[verb])(run_id)
        except PenstockError as error:
            problems.append(f"{run_id[:8]}: {error}")
    done = len(ids) - len(problems)
    text = f"{_DONE[verb]} {done} of {len(ids)} runs." if len(ids) > 1 else f"{_DONE[verb]}."
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        text = (f"{text} " if done else "") + " ".join(problems[:5]) + more
    undo = {"verb": _UNDO[verb], "next": target} if verb in _UNDO and len(ids) == 1 and done else None
    notice = Notice(text, "error" if problems else "done", "/ui/runs/actions" if undo else "", {**undo, "id": ids[0]} if undo else {})
    target = "/ui/runs" if verb == "delete" and "/ui/runs/" in target else target
    if trash is not None and trash.keep_seconds > 0 and done:
        text = f"{text.rstrip('.')}: in the trash for {duration(trash.keep_seconds)}."
        notice = undo_notice(text, batch, target, is_error=bool(problems))
    return redirect(target, notice)


async def _all_matching(services: WebServices, address: str) -> list[str]:
    """Ids of everything that the list at `address` matches, whatever page of it was shown; at most `MOST_AT_ONCE`."""
    query = list_query(dict(parse_qsl(urlsplit(address).query)), now=services.clock.now())
    return list(await services.run_tables.ids(query, limit=MOST_AT_ONCE))
