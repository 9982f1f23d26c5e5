"""The list of runs, and what its bulk bar does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.domain.trash import TrashKind
from penstock.web.lists.experiment_choices import meant
from penstock.web.lists.filters import query_of
from penstock.web.pages.lists.picked import MOST_AT_ONCE, ListAddress, Picked, picked
from penstock.web.pages.runs.table import run_table
from penstock.web.pages.system.trash import undo_notice, user_of
from penstock.web.render import Crumb, Frame, Notice, query_url, redirect, render
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import duration

MOST_COMPARED = 20
"""Runs that stand beside each other."""


async def list_page(services: WebServices, request: Request) -> Response:
    """All runs across experiments."""
    query = query_of(request, now=services.clock.now())
    page = await run_table(services, request, query)
    frame = Frame(title="Runs", section="runs", crumbs=(Crumb("Runs"),), live="", scripts=("table", "scatter"))
    return render(services, request, "runs/list.html", frame=frame, page=page)


_COMPLETED = {
    "executions": {
        "name": "task", "component": "component", "run": "name", "pipeline": "pipeline", "worker": "worker", "code": "code",
    },
    "artifacts": {"name": "artifact", "type": "type", "run": "name", "pipeline": "pipeline"},
    "pipelines": {"name": "pipeline", "version": "version"},
    "experiments": {"name": "experiment"},
    "recurring": {"name": "recurring", "pipeline": "pipeline", "experiment": "experiment"},
}  # fmt: skip
"""List -> field of its filter bar -> column that is completed; lists of runs name the columns themselves."""


async def values(services: WebServices, request: Request) -> Response:
    """Values that the filter bar of a list (`of`) offers for `field`, those that contain `text`."""
    wanted = request.query_params
    field, of = wanted.get("field", ""), wanted.get("of", "")
    column = _COMPLETED[of].get(field, "") if of in _COMPLETED else field
    found = await services.run_tables.values(column, wanted.get("text", "")[:100], limit=9)
    return JSONResponse(list(found), headers={"cache-control": "no-store"})


_MOST_NAMED = 20
"""Runs that a notice names; the others, of which it lists none, keep their ids."""
_DONE = {
    "tag": "Tagged",
    "move": "Moved",
    "retry": "Retried",
    "terminate": "Terminating",
    "pause": "Paused",
    "unpause": "Continued",
    "archive": "Archived",
    "unarchive": "Restored",
    "delete": "Deleted",
}
"""Verb of the form, which is the name of a method of `RunActions`, too -> what the notice says when it is done."""
_UNDO = {"archive": "unarchive", "unarchive": "archive", "pause": "unpause", "unpause": "pause"}


async def act(services: WebServices, request: Request) -> Response:
    """Do one thing to one or many runs."""

    async def matching(address: ListAddress) -> Sequence[str]:
        return await services.run_tables.ids(query_of(request, address.query, now=services.clock.now()), limit=MOST_AT_ONCE)

    return await act_on_runs(services, request, await picked(request, "/ui/runs", matching))


async def act_on_runs(services: WebServices, request: Request, wanted: Picked) -> Response:
    """Do what was picked to runs; says how many it worked for and why it did not for the others."""
    verb, ids, target = wanted.verb, wanted.ids, wanted.target
    if verb == "compare":
        return redirect(query_url("/ui/compare", {"runs": ",".join(ids[:MOST_COMPARED])}))
    if verb == "clone" and ids:
        return redirect(query_url("/ui/runs/new", {"clone": ids[0]}))
    if verb == "rename" and ids:
        name, description = (str(wanted.form.get(field, "")).strip() for field in ("name", "description"))
        await services.actions.runs.rename(ids[0], name, description)
        return redirect(target, Notice("Saved."))
    if verb == "tag" and not _tags(wanted):
        return redirect(target, Notice("Name the tag to add: KEY or KEY=VALUE.", "error"))
    if verb not in _DONE or not ids:
        return redirect(target, Notice("Nothing was selected.", "error"))
    experiment_id = ""
    if verb == "move":
        named = str(wanted.form.get("experiment", "")).strip()
        if not named:
            return redirect(target, Notice("Choose the experiment to move to.", "error"))
        try:
            experiment_id = await meant(services.catalog, named)
        except InvalidArgumentError as error:
            return redirect(target, Notice(str(error), "error"))
    refused: dict[str, str] = {}
    trash = services.trash if verb == "delete" else None
    batch = "" if trash is None else trash.new_batch()
    for run_id in ids:
        try:
            if verb == "tag":
                await services.actions.runs.tag(run_id, _tags(wanted))
            elif verb == "move":
                await services.actions.runs.move(run_id, experiment_id)
            elif trash is not None:
                await trash.put(TrashKind.RUN, run_id, batch=batch, by=user_of(services, request))
            else:
                await getattr(services.actions.runs, verb)(run_id)
        except PenstockError as error:
            refused[run_id] = str(error)
    problems = await _told_by_name(services, refused)
    done = len(ids) - len(problems)
    text = f"{_DONE[verb]} {done} of {len(ids)} runs." if len(ids) > 1 else f"{_DONE[verb]}." if done else "It did not work."
    undo = {"verb": _UNDO[verb], "next": target} if verb in _UNDO and len(ids) == 1 and done else None
    kind = "error" if problems else "done"
    notice = Notice(text, kind, "/ui/runs/actions" if undo else "", {**undo, "id": ids[0]} if undo else {}, problems)
    target = "/ui/runs" if verb == "delete" and "/ui/runs/" in target else target
    if trash is not None and trash.keep_seconds > 0 and done:
        text = f"{text.rstrip('.')}: in the trash for {duration(trash.keep_seconds)}."
        notice = undo_notice(text, batch, target, problems)
    return redirect(target, notice)


async def _told_by_name(services: WebServices, refused: Mapping[str, str]) -> list[str]:
    """Say for which runs it did not work and why: the first ones, which the notice lists, by their names."""
    named = {run.run_id: run.name for run in await services.runs.runs(list(refused)[:_MOST_NAMED])} if refused else {}
    told = []
    for run_id, why in refused.items():
        name = named.get(run_id, run_id[:8])
        told.append(why.replace(run_id, name, 1) if why.startswith(f"run {run_id} ") else f"{name}: {why}")
    return told


def _tags(wanted: Picked) -> dict[str, str]:
    """Return the tags that the field of the bulk bar names: `KEY` or `KEY=VALUE`, several with commas."""
    words = [word.strip() for word in str(wanted.form.get("tags", "")).split(",") if word.strip()]
    return {key.strip(): value.strip() for key, _, value in (word.partition("=") for word in words)}
