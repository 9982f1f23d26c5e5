"""The list of runs, and what its bulk bar does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError, PenstockError, PreconditionError
from penstock.domain.trash import TrashKind
from penstock.web.lists.experiment_choices import meant
from penstock.web.lists.filters import query_of
from penstock.web.pages.lists.picked import MOST_AT_ONCE, ListAddress, Picked, missing, picked
from penstock.web.pages.lists.undone import TOO_LATE, UNTAGGED, taken_back_by
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


_AT_ONCE = 500
_MOST_NAMED = 20
"""Runs that a notice names; the others, of which it lists none, keep their ids."""
_DONE = {
    "tag": "Tagged",
    "untag": "Tags taken off",
    "retag": "Tagged",
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
_UNDO = {"archive": "unarchive", "unarchive": "archive", "pause": "unpause", "unpause": "pause", "move": "move", "tag": "untag", **UNTAGGED}
_REMEMBERED = {"move", "tag", *UNTAGGED}
"""Verbs that are taken back to what each run was."""


def is_of_flow(run_id: str) -> bool:
    """Whether a run in the lists is one of a flow, `Flow/12`, which its own client began."""
    return "/" in run_id


def of_flow_words(run_id: str) -> str:
    """Why a run of a flow, which stands in the same lists, stays as it is."""
    return f"run {run_id} is one of a flow; what can be done to it stands on its own page"


async def act(services: WebServices, request: Request) -> Response:
    """Do one thing to one or many runs."""

    async def matching(address: ListAddress) -> Sequence[str]:
        return await services.run_tables.ids(query_of(request, address.query, now=services.clock.now()), limit=MOST_AT_ONCE)

    wanted = await picked(request, "/ui/runs", matching)
    if "batch" in wanted.form:
        return await _take_back(services, request, wanted)
    return await act_on_runs(services, request, wanted)


async def _take_back(services: WebServices, request: Request, wanted: Picked) -> Response:
    """Undo what was done to many runs: `verb` with those of a batch; moved ones go back where each was, tags to what they said."""
    before = services.undoing.take(user_of(services, request), str(wanted.form["batch"]))
    if not before:
        return redirect(wanted.target, Notice(TOO_LATE, "error"))
    wanted = replace(wanted, ids=list(before))
    return await act_on_runs(services, request, wanted, before)


async def act_on_runs(services: WebServices, request: Request, wanted: Picked, back: Mapping[str, str] | None = None) -> Response:
    """Do what was picked to runs; says how many it worked for and why it did not for the others.

    Args:
        services: what pages work with.
        request: who asks.
        wanted: what to do to which runs.
        back: what runs that are taken back were, by id; None: nothing is taken back.
    """
    verb, ids, target = wanted.verb, wanted.ids, wanted.target
    if verb == "compare":
        return redirect(query_url("/ui/compare", {"runs": ",".join(ids[:MOST_COMPARED])}))
    if verb == "clone" and ids and is_of_flow(ids[0]):
        return redirect(target, Notice(of_flow_words(ids[0]), "error"))
    if verb == "clone" and ids:
        return redirect(query_url("/ui/runs/new", {"clone": ids[0]}))
    if verb == "rename" and ids:
        name, description = (str(wanted.form.get(field, "")).strip() for field in ("name", "description"))
        await services.actions.runs.rename(ids[0], name, description)
        return redirect(target, Notice("Saved."))
    if verb == "tag" and not _tags(wanted):
        return missing(request, target, "Name the tag to add: KEY or KEY=VALUE.")
    if verb not in _DONE or not ids or (verb in UNTAGGED and back is None):
        return redirect(target, Notice("Nothing was selected.", "error"))
    try:
        experiment_id = await _new_home(services, wanted) if verb == "move" and back is None else ""
    except InvalidArgumentError as error:
        return missing(request, target, str(error))
    refused: dict[str, str] = {}
    before = back if back is not None and verb in UNTAGGED else await _before(services, wanted)
    trash = services.trash if verb == "delete" else None
    batch = "" if trash is None else trash.new_batch()
    for run_id in ids:
        try:
            if is_of_flow(run_id):
                raise PreconditionError(of_flow_words(run_id))
            if trash is not None:
                await trash.put(TrashKind.RUN, run_id, batch=batch, by=user_of(services, request))
            else:
                await _act_on_one(services, wanted, run_id, experiment_id if back is None else back[run_id])
        except PenstockError as error:
            refused[run_id] = str(error)
    problems = await _told_by_name(services, refused)
    done = len(ids) - len(problems)
    text = f"{_DONE[verb]} {done} of {len(ids)} runs." if len(ids) > 1 else f"{_DONE[verb]}." if done else "It did not work."
    worked = [run_id for run_id in ids if verb in _UNDO and run_id not in refused and (verb not in _REMEMBERED or run_id in before)]
    undo = taken_back_by(services, request, _UNDO.get(verb, ""), {run_id: before.get(run_id, "") for run_id in worked}, target)
    notice = Notice(text, "error" if problems else "done", "/ui/runs/actions" if undo else "", undo, problems)
    target = "/ui/runs" if verb == "delete" and "/ui/runs/" in target else target
    if trash is not None and trash.keep_seconds > 0 and done:
        text = f"{text.rstrip('.')}: in the trash for {duration(trash.keep_seconds)}."
        notice = undo_notice(text, batch, target, problems)
    return redirect(target, notice)


async def _act_on_one(services: WebServices, wanted: Picked, run_id: str, given: str) -> None:
    if wanted.verb == "tag":
        await services.actions.runs.tag(run_id, _tags(wanted))
    elif wanted.verb == "untag":
        await services.actions.runs.untag(run_id, *json.loads(given))
    elif wanted.verb == "retag":
        await services.actions.runs.tag(run_id, json.loads(given)[0])
    elif wanted.verb == "move":
        await services.actions.runs.move(run_id, given)
    else:
        await getattr(services.actions.runs, wanted.verb)(run_id)


async def _new_home(services: WebServices, wanted: Picked) -> str:
    """Return the experiment that runs are to be moved to.

    Raises:
        InvalidArgumentError: none or several are named.
    """
    named = str(wanted.form.get("experiment", "")).strip()
    if not named:
        raise InvalidArgumentError("Choose the experiment to move to.")
    return await meant(services.catalog, named)


async def _before(services: WebServices, wanted: Picked) -> dict[str, str]:
    """Return what each run is before it is changed: its experiment, or the tags it is to get and those that they stand in for, as JSON;
    none of a run to which the tags say nothing new.
    """
    found: dict[str, str] = {}
    tags = _tags(wanted)
    for first in range(0, len(wanted.ids), _AT_ONCE) if wanted.verb in _REMEMBERED else ():
        for run in await services.runs.runs(wanted.ids[first : first + _AT_ONCE]):
            new = {key: value for key, value in tags.items() if run.tags.get(key) != value}
            if wanted.verb == "move":
                found[run.run_id] = run.experiment_id or ""
            elif new:
                found[run.run_id] = json.dumps([new, {key: run.tags[key] for key in new if key in run.tags}])
    return found


async def _told_by_name(services: WebServices, refused: Mapping[str, str]) -> list[str]:
    """Say for which runs it did not work and why: the first ones, which the notice lists, by their names."""
    named = {run.run_id: run.name for run in await services.runs.runs(list(refused)[:_MOST_NAMED])} if refused else {}
    told = []
    for run_id, why in refused.items():
        name = named.get(run_id, run_id if is_of_flow(run_id) else run_id[:8])
        told.append(why.replace(run_id, name, 1) if why.startswith(f"run {run_id} ") else f"{name}: {why}")
    return told


def _tags(wanted: Picked) -> dict[str, str]:
    """Return the tags that the field of the bulk bar names: `KEY` or `KEY=VALUE`, several with commas."""
    words = [word.strip() for word in str(wanted.form.get("tags", "")).split(",") if word.strip()]
    return {key.strip(): value.strip() for key, _, value in (word.partition("=") for word in words)}
