"""What the forms of the tracking pages do: edit, stop and delete runs; aliases, tags and text of versions; state of sweeps; projects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import RunChange, TrackedProject, TrackedProjectId, TrackedRun
from penstock.domain.trash import TrashKind
from penstock.web.pages.artifacts.version_forms import ttl_of, words_of
from penstock.web.pages.lists.picked import MOST_AT_ONCE, ListAddress, Picked, missing, picked
from penstock.web.pages.lists.undone import TOO_LATE, UNTAGGED, newly, tags_put, taken_back_by
from penstock.web.pages.system.trash import done_notice, each, put_away, trash_of, undo_notice
from penstock.web.pages.tracking.projects import projects_of
from penstock.web.render import Notice, query_url, redirect
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.tracking import TrackingServices, caller_of, check_writable, checked_id, readable_by, runs_by_ids
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import duration
from penstock.web.texts.zones import reading_zone
from penstock.web.tracking.filters import run_filters, run_order

_MAX_CARD = 100_000
_BATCH = 500
"""Runs that are looked up at once."""
_MAX_COMMENT = 2000
_MOST_COMPARED = 20
_DONE = {"stop": "Asked to stop", "delete": "Deleted", "tag": "Tagged", "untag": "Tags taken off", "retag": "Tagged", "edit": "Saved"}
"""Verb of the form of runs -> what the notice says when it is done."""
_SWEEP_STATES = {"pause": "PAUSED", "resume": "RUNNING", "finish": "FINISHED", "cancel": "CANCELED"}


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


async def _project_of(tracking: TrackingServices, request: Request, subject: str) -> TrackedProject:
    """Return the project of an id that a form sent.

    Raises:
        NotFoundError: there is none.
        PermissionDeniedError: who asks may not write to it.
    """
    project = await tracking.projects.get_by_id(TrackedProjectId(checked_id(subject)))
    if project is None:
        raise NotFoundError("There is no such project any more.")
    check_writable(tracking, request, project.entity)
    return project


async def act_on_runs(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Edit one run; stop, delete, tag or compare many."""

    async def matching(address: ListAddress) -> Sequence[str]:
        return await matching_runs(tracking, request, address, now=services.clock.now())

    wanted = await picked(request, "/ui/projects", matching)
    verb, target = wanted.verb, wanted.target
    if verb == "compare":
        return redirect(query_url("/ui/compare", {"runs": ",".join(wanted.ids[:20])}))
    if verb == "tag" and not words_of(_text(wanted.form, "tags")):
        return missing(request, target, "Name the tag to add.")
    back = tags_put(services, request, wanted)
    if back is not None and not back:
        return redirect(target, Notice(TOO_LATE, "error"))
    ids = wanted.ids if back is None else list(back)
    runs: dict[TrackedRunId, TrackedRun] = {}
    for start in range(0, len(ids), _BATCH):
        runs |= await runs_by_ids(tracking, request, ",".join(ids[start : start + _BATCH]), limit=_BATCH)
    if not runs or verb not in _DONE:
        return redirect(target, Notice("Nothing was selected.", "error"))
    problems = [f"{text}: there is no such run any more" for text in ids if checked_id(text) not in runs]
    trash = services.trash if verb == "delete" else None
    batch = "" if trash is None else trash.new_batch()
    by, put = caller_of(tracking, request).user_name, dict[str, str]()
    for run in runs.values():
        try:
            check_writable(tracking, request, run.entity)
            if verb == "stop":
                await tracking.runs.stop(run.run_id, by=by)
            elif trash is not None:
                await trash.put(TrashKind.TRACKED_RUN, str(run.run_id), batch=batch, by=by)
            elif verb == "delete":
                await tracking.runs.delete(run.run_id)
            else:
                change = _changed(run, wanted, "" if back is None else back[str(run.run_id)])
                await tracking.runs.update(run.run_id, change)
                taken, added = newly(change.tags or (), run.tags), newly(run.tags, change.tags or ())
                if verb in {"tag", *UNTAGGED} and (changed := taken if verb == "untag" else added):
                    put[str(run.run_id)] = changed
        except PenstockError as error:
            problems.append(f"{run.display_name or run.name}: {error}")
    count = len(ids)
    done = count - len(problems)
    text = f"{_DONE[verb]}: {done} of {count}." if count > 1 else f"{_DONE[verb]}."
    if trash is not None and trash.keep_seconds > 0 and done:
        return redirect(target, undo_notice(text, batch, target, problems))
    undo = taken_back_by(services, request, UNTAGGED.get(verb, "untag"), put, target)
    return redirect(target, Notice(text, "error" if problems else "done", "/ui/tracking/runs/actions" if undo else "", undo, problems))


def _changed(run: TrackedRun, wanted: Picked, put: str) -> RunChange:
    """Return what a run becomes: with more tags, without those that were `put` a moment ago or with them again, or as its form says."""
    tags = json.loads(put) if wanted.verb == "retag" else words_of(_text(wanted.form, "tags"))
    if wanted.verb in {"tag", "retag"}:
        return RunChange(tags=list(dict.fromkeys([*run.tags, *tags])))
    if wanted.verb == "untag":
        taken_off = json.loads(put)
        return RunChange(tags=[tag for tag in run.tags if tag not in taken_off])
    return RunChange(
        display_name=_text(wanted.form, "display_name") or None,
        notes=str(wanted.form.get("notes", "")),
        tags=tags,
        group=_text(wanted.form, "group"),
        job_type=_text(wanted.form, "job_type"),
    )


async def matching_runs(tracking: TrackingServices, request: Request, address: ListAddress, *, now: float) -> list[str]:
    """Return the ids of the runs that the table of a project matches, at most `MOST_AT_ONCE`; none of one that the caller may not see."""
    parts = [unquote(part) for part in address.path.strip("/").split("/")]
    project = await tracking.projects.get(parts[0], parts[1]) if len(parts) == 3 else None
    if project is None or not readable_by(tracking, request)(project.entity):
        return []
    filters = run_filters(address.query.get("q", ""), now=now, zone=reading_zone(address.query, request.cookies))
    ids: list[str] = []
    after: str | None = None
    while len(ids) < MOST_AT_ONCE:
        found = await tracking.runs.list(project, filters=filters, order=run_order("-created"), after=after, limit=_BATCH)
        ids += [str(entry.run.run_id) for entry in found.entries]
        if not found.has_next:
            break
        after = found.entries[-1].cursor
    return ids[:MOST_AT_ONCE]


async def act_on_version(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Change aliases, tags, description of a version, or delete it."""
    check_own_form(request)
    form = await request.form()
    target = safe_next(_text(form, "next"), "/ui/projects")
    version_id, verb = int(checked_id(_text(form, "id"))), _text(form, "verb")
    if verb in {"approved", "rejected"}:
        return await _approve(tracking, request, form, version_id, target)
    if services.trash is not None and verb in {"delete", "delete-collection"}:
        return await _to_trash(services, tracking, request, version_id, verb, target)

    def work() -> str:
        version = tracking.artifacts.get(version_id)
        if version is None:
            raise NotFoundError("There is no such version any more.")
        check_writable(tracking, request, version.entity)
        by = caller_of(tracking, request).user_name
        if verb == "delete":
            tracking.artifacts.delete(version_id, with_aliases=True, by=by)
            return "Version deleted."
        collection_id = int(checked_id(_text(form, "collection")))
        wanted = set(words_of(_text(form, "aliases")))
        had = {
            alias.alias
            for alias in tracking.collections.aliases_of_versions([version_id]).get(version_id, ())
            if alias.collection_id == collection_id
        }
        if added := sorted(wanted - had):
            tracking.collections.set_aliases(version_id, [(collection_id, alias) for alias in added], by=by)
        if dropped := sorted(had - wanted - set(_locked_in(tracking, collection_id, by))):
            tracking.collections.drop_aliases(version_id, [(collection_id, alias) for alias in dropped], by=by)
        if "card" in form:
            tracking.collections.update(collection_id, description=str(form["card"])[:_MAX_CARD], by=by)
        tags, known = set(words_of(_text(form, "tags"))), set(tracking.artifacts.tags([version_id]).get(version_id, ()))
        changes: dict[str, Any] = {"description": str(form.get("description", "")) or None}
        if "ttl_days" in form:
            changes["ttl_seconds"] = ttl_of(_text(form, "ttl_days"))
        tracking.artifacts.update(version_id, changes=changes, add_tags=sorted(tags - known), remove_tags=sorted(known - tags), by=by)
        return "Saved."

    return redirect(target, Notice(await asyncio.to_thread(work)))


def _locked_in(tracking: TrackingServices, collection_id: int, by: str) -> Mapping[str, str]:
    """Return the protected aliases of a collection's project that `by` may not change: the form does not hold them."""
    collection = tracking.collections.get(collection_id)
    return {} if collection is None else tracking.registries.locked_aliases(collection.project_id, by)


async def _approve(tracking: TrackingServices, request: Request, form: FormData, version_id: int, target: str) -> Response:
    """Write down a verdict on a version in a collection."""
    collection_id, verdict = int(checked_id(_text(form, "collection"))), _text(form, "verb")
    collection = await asyncio.to_thread(tracking.collections.get, collection_id)
    if collection is None:
        raise NotFoundError("There is no such collection any more.")
    check_writable(tracking, request, collection.entity)
    by, comment = caller_of(tracking, request).user_name, _text(form, "comment")[:_MAX_COMMENT]
    await asyncio.to_thread(lambda: tracking.registries.approve(collection_id, version_id, verdict, comment, by=by))
    return redirect(target, Notice("Approved." if verdict == "approved" else "Rejected."))


async def act_on_aliases(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Protect an alias of a project or registry, or free it."""
    check_own_form(request)
    form = await request.form()
    project = await _project_of(tracking, request, _text(form, "id"))
    alias, is_protected = _text(form, "alias"), _text(form, "verb") == "protect"
    by = caller_of(tracking, request).user_name
    await asyncio.to_thread(lambda: tracking.registries.set_protected(project.project_id, alias, is_protected=is_protected, by=by))
    text = f"{alias} is protected." if is_protected else f"{alias} is free again."
    return redirect(safe_next(_text(form, "next"), "/ui/projects"), Notice(text))


async def _to_trash(
    services: WebServices, tracking: TrackingServices, request: Request, version_id: int, verb: str, target: str
) -> Response:
    """Move a version, or the collection it was logged to, to the trash."""
    trash = trash_of(services)
    version = await asyncio.to_thread(tracking.artifacts.get, version_id)
    if version is None:
        raise NotFoundError("There is no such version any more.")
    check_writable(tracking, request, version.entity)
    kind, subject = (TrashKind.VERSION, version_id) if verb == "delete" else (TrashKind.COLLECTION, version.collection_id)
    batch = trash.new_batch()
    item = await trash.put(kind, str(subject), batch=batch, by=caller_of(tracking, request).user_name)
    if trash.keep_seconds <= 0:
        return redirect(target, Notice(f"Deleted {item.title}."))
    return redirect(target, undo_notice(f"{item.title} is in the trash for {duration(trash.keep_seconds)}.", batch, target))


async def act_on_sweep(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Pause, resume, finish or cancel a sweep."""
    check_own_form(request)
    form = await request.form()
    target, state = safe_next(_text(form, "next"), "/ui/projects"), _SWEEP_STATES.get(_text(form, "verb"))
    sweep_id = int(checked_id(_text(form, "id")))
    sweep = await asyncio.to_thread(tracking.sweeps.get, sweep_id)
    project = await tracking.projects.get_by_id(TrackedProjectId(sweep.project_id)) if sweep is not None else None
    if sweep is None or project is None:
        raise NotFoundError("There is no such sweep any more.")
    check_writable(tracking, request, project.entity)
    if state is None:
        return redirect(target, Notice("Nothing was selected.", "error"))
    await asyncio.to_thread(lambda: tracking.sweeps.change(sweep_id, state=state))
    return redirect(target, Notice("Saved."))


async def _compare_newest(tracking: TrackingServices, request: Request, wanted: Picked) -> Response:
    readable, runs = readable_by(tracking, request), list[str]()
    for subject in wanted.ids[:_MOST_COMPARED]:
        project = await tracking.projects.get_by_id(TrackedProjectId(checked_id(subject)))
        if project is not None and readable(project.entity):
            found = await tracking.runs.list(project, filters=run_filters("", now=0.0), order=run_order("-created"), limit=1)
            runs += [str(entry.run.run_id) for entry in found.entries]
    if not runs:
        return redirect(wanted.target, Notice("None of these projects has a run.", "error"))
    return redirect(query_url("/ui/compare", {"runs": ",".join(runs)}))


async def _delete_projects(services: WebServices, tracking: TrackingServices, request: Request, wanted: Picked) -> Response:
    for subject in wanted.ids:
        await _project_of(tracking, request, subject)
    target = wanted.target if wanted.target.startswith(("/ui/projects", "/ui/registry")) else "/ui/projects"
    if (answer := await put_away(services, request, TrashKind.PROJECT, wanted.ids, target)) is not None:
        return answer

    async def delete(subject: str) -> None:
        await tracking.projects.delete(TrackedProjectId(checked_id(subject)))

    return done_notice(target, "Deleted", wanted.ids, await each(wanted.ids, delete), Notice("Project deleted."))


async def act_on_project(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Change a project's description; delete one or many with everything in them, or compare the newest run of each."""

    async def matching(address: ListAddress) -> Sequence[str]:
        found = await projects_of(services, request, address.query, registries=address.path == "/ui/registry")
        return [str(item.project_id) for item in found.rows]

    wanted = await picked(request, "/ui/projects", matching)
    form = wanted.form
    if wanted.verb == "compare":
        return await _compare_newest(tracking, request, wanted)
    if wanted.verb == "delete":
        return await _delete_projects(services, tracking, request, wanted)
    project = await _project_of(tracking, request, _text(form, "id"))
    await tracking.projects.upsert(project.entity, project.name, description=_text(form, "description"))
    return redirect(safe_next(_text(form, "next"), "/ui/projects"), Notice("Saved."))
