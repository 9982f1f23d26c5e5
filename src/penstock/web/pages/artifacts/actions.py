"""What the bulk bars of the lists of artifacts do: compare two, tag, delete, download; the form of one stored artifact."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.tracking import TrackedProject
from penstock.domain.trash import TrashKind
from penstock.domain.versions import LATEST, Collection
from penstock.interfaces.artifact_notes import ArtifactHolders, NoteChange
from penstock.interfaces.pages import ArtifactItem
from penstock.interfaces.versions import MembershipQuery
from penstock.tracking.collections import CollectionService
from penstock.tracking.version_names import check_alias, check_tag
from penstock.web.lists.filters import query_of
from penstock.web.pages.artifacts.collections import collections_of
from penstock.web.pages.artifacts.version_forms import read_version_form, words_of
from penstock.web.pages.lists.picked import ListAddress, Picked, every, missing, picked
from penstock.web.pages.lists.undone import UNTAGGED, tag_each
from penstock.web.pages.system.trash import done_notice, each, put_away, undo_notice, user_of
from penstock.web.previews.content import ZipMember, zip_of
from penstock.web.render import Notice, query_url, redirect, render_part
from penstock.web.security import STILL_HEADERS, check_own_form, safe_next
from penstock.web.services.tracking import TrackingServices, caller_of, check_writable, checked_id, project_named
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import duration

MOST_DOWNLOADED = 1_000
"""Artifacts of one archive."""
_ALL = "/ui/artifacts"
"""The list of collections of the whole server."""
_OF_PROJECT = re.compile(r"/([^/]+)/([^/]+)/artifacts")
_MAX_TEXT = 100_000


async def act_on_stored(services: WebServices, request: Request) -> Response:
    """Compare two stored artifacts, send several as one archive, tag them, or move them to the trash."""

    async def matching(address: ListAddress) -> Sequence[str]:
        query = query_of(request, address.query, now=services.clock.now())
        return await every(services.artifacts.list_artifacts, query, lambda item: str(item.artifact_id))

    wanted = await picked(request, "/ui/artifacts?tab=stored", matching)
    ids = [text for text in wanted.ids if text.isdecimal() and len(text) < 17]
    if wanted.verb == "compare":
        return _compared(request, wanted, [f"artifact:{number}" for number in ids])
    if wanted.verb == "download" and ids:
        return await _download(services, wanted, [int(number) for number in ids[:MOST_DOWNLOADED]])
    if wanted.verb in UNTAGGED or (wanted.verb == "tag" and ids):
        return await _tag(services, request, replace(wanted, ids=ids))
    answer = await put_away(services, request, TrashKind.ARTIFACT, ids, wanted.target) if wanted.verb == "delete" and ids else None
    return answer or redirect(wanted.target, Notice("Nothing was selected.", "error"))


async def _tag(services: WebServices, request: Request, wanted: Picked) -> Response:
    """Add tags to stored artifacts, or take off what was added a moment ago."""
    tags = words_of(str(wanted.form.get("tags", "")))
    if wanted.verb == "tag" and not tags:
        return missing(request, wanted.target, "Name the tag to add.")
    for tag in tags:
        check_tag(tag)
    by, at = user_of(services, request), services.clock.now()

    async def change(subject: str, add: Sequence[str], remove: Sequence[str]) -> Sequence[str]:
        note = await services.notes.note(int(subject))
        kept = [tag for tag in note.tags if tag not in remove]
        await services.notes.edit(int(subject), NoteChange(note.description, note.aliases, [*kept, *add], note.ttl_seconds), by=by, at=at)
        return note.tags

    return await tag_each(services, request, wanted, tags, change, "/ui/artifacts/actions")


async def edit_stored(services: WebServices, request: Request) -> Response:
    """Change aliases, tags, description and time to live of a stored artifact."""
    check_own_form(request)
    form = await request.form()
    number = _number(request)
    wanted = read_version_form(form)
    aliases = [alias for alias in wanted.aliases if alias != LATEST]
    for alias in aliases:
        check_alias(alias)
    for tag in wanted.tags:
        check_tag(tag)
    change = NoteChange(wanted.description[:_MAX_TEXT], aliases, wanted.tags, wanted.ttl_seconds)
    await services.notes.edit(number, change, by=user_of(services, request), at=services.clock.now())
    return redirect(safe_next(str(form.get("next", "")), f"/ui/artifacts/{number}"), Notice("Saved."))


def _number(request: Request) -> int:
    text = str(request.path_params["artifact_id"])
    if not text.isdecimal() or len(text) > 16:
        raise NotFoundError(f"There is no artifact {text[:40]}.")
    return int(text)


@dataclass(frozen=True, slots=True)
class StoredDeletionPart:
    """Context of `artifacts/deletion.html`."""

    holders: ArtifactHolders
    """Who refers to it."""
    aliases: Sequence[str]
    """Its own."""
    size_bytes: int | None
    """Of its bytes."""
    keep_seconds: float
    """How long it can be restored; 0: not at all."""


async def stored_deletion(services: WebServices, request: Request) -> Response:
    """The inside of the dialog that precedes the deletion of a stored artifact."""
    number = _number(request)
    view = await services.artifacts.artifact(number)
    if view is None:
        raise NotFoundError(f"There is no artifact {number}.")
    part = StoredDeletionPart(
        await services.notes.holders(number),
        (await services.notes.note(number)).aliases,
        view.artifact.size_bytes,
        0.0 if services.trash is None else services.trash.keep_seconds,
    )
    return render_part(services, request, "artifacts/deletion.html", part=part)


def _compared(request: Request, wanted: Picked, subjects: Sequence[str]) -> Response:
    if len(subjects) != 2:
        return missing(request, wanted.target, "Two artifacts stand beside each other: pick two.")
    return redirect(query_url("/ui/artifacts/compare", {"a": subjects[0], "b": subjects[1]}))


async def _download(services: WebServices, wanted: Picked, ids: Sequence[int]) -> Response:
    """Send what is stored of these artifacts, each in a folder of its own; those without bytes are left out."""
    found = [view.artifact for number in ids if (view := await services.artifacts.artifact(number)) is not None]
    stored = await asyncio.to_thread(lambda: [item for item in found if item.digest and services.blobs.has(Digest(item.digest))])
    if not stored:
        return redirect(wanted.target, Notice("None of these artifacts has bytes here.", "error"))
    headers = {"content-disposition": 'attachment; filename="artifacts.zip"'} | STILL_HEADERS
    members = (member for item in stored for member in _members(services, item))
    return StreamingResponse(zip_of(services.blobs, members), media_type="application/zip", headers=headers)


def _members(services: WebServices, artifact: ArtifactItem) -> list[ZipMember]:
    name = re.sub(r"[^\w.-]", "_", artifact.name or artifact.output_key or "artifact")
    folder, digest = f"{artifact.artifact_id}-{name}", Digest(str(artifact.digest))
    if artifact.is_directory:
        return [ZipMember(f"{folder}/{entry.path}", entry.digest) for entry in services.blobs.list_tree(digest)]
    return [ZipMember(f"{folder}/{name}", digest)]


async def act_on_collections(services: WebServices, request: Request) -> Response:
    """Compare the newest versions of two collections; tag collections of projects or move them to the trash.

    A row is `collection:ID`, or `artifact:ID` (the last one) for the outputs of a pipeline, which have no tags and go with their runs.
    """

    async def matching(address: ListAddress) -> Sequence[str]:
        project = await _project_at(services, request, address.path)
        return [row.subject for row in (await collections_of(services, request, address.query, project)).rows]

    wanted = await picked(request, _ALL, matching)
    if wanted.verb == "compare":
        return _compared(request, wanted, [await asyncio.to_thread(_newest, services.tracking, text) for text in wanted.ids[:3]])
    if wanted.verb in UNTAGGED or (wanted.verb == "tag" and wanted.ids):
        return await _tag_collections(services, request, wanted)
    if wanted.verb != "delete" or not wanted.ids:
        return redirect(wanted.target, Notice("Nothing was selected.", "error"))
    trash, by = services.trash, user_of(services, request)
    batch = "" if trash is None else trash.new_batch()

    async def work(subject: str) -> None:
        collection = await asyncio.to_thread(_writable, services.tracking, request, subject)
        if trash is not None:
            await trash.put(TrashKind.COLLECTION, str(collection.collection_id), batch=batch, by=by)
        else:
            await asyncio.to_thread(lambda: _collections(services).delete(collection.collection_id, collection.kind, by=by))

    problems = await each(wanted.ids, work)
    done = len(wanted.ids) - len(problems)
    if trash is not None and trash.keep_seconds > 0 and done:
        text = f"Deleted {done} of {len(wanted.ids)}: in the trash for {duration(trash.keep_seconds)}."
        return redirect(wanted.target, undo_notice(text, batch, wanted.target, problems))
    return done_notice(wanted.target, "Deleted", wanted.ids, problems)


async def _tag_collections(services: WebServices, request: Request, wanted: Picked) -> Response:
    """Add tags to collections, or take off what was added a moment ago."""
    tags, by = words_of(str(wanted.form.get("tags", ""))), user_of(services, request)
    if wanted.verb == "tag" and not tags:
        return missing(request, wanted.target, "Name the tag to add.")

    def work(subject: str, add: Sequence[str], remove: Sequence[str]) -> Sequence[str]:
        collection, of = _writable(services.tracking, request, subject), _collections(services)
        had = of.tags([collection.collection_id]).get(collection.collection_id, ())
        of.change_tags(collection.collection_id, add=add, remove=remove, by=by)
        return had

    async def change(subject: str, add: Sequence[str], remove: Sequence[str]) -> Sequence[str]:
        return await asyncio.to_thread(work, subject, add, remove)

    return await tag_each(services, request, wanted, tags, change, "/ui/artifacts/collections/actions")


async def _project_at(services: WebServices, request: Request, path: str) -> TrackedProject | None:
    """Return the project whose list is at a path; None for the list of the whole server.

    Raises:
        NotFoundError: there is no such list, or it is not the reader's to see.
    """
    if path == _ALL:
        return None
    of = _OF_PROJECT.fullmatch(path)
    if of is None or services.tracking is None:
        raise NotFoundError(f"There is no list of collections at {path}.")
    return await project_named(services.tracking, request, unquote(of[1]), unquote(of[2]))


def _collections(services: WebServices) -> CollectionService:
    if services.tracking is None:
        raise NotFoundError("This server keeps no tracked runs.")
    return services.tracking.collections


def _newest(tracking: TrackingServices | None, subject: str) -> str:
    """Return what stands for a row when two are compared: the last artifact, or the newest version of a collection."""
    kind, _, number = subject.partition(":")
    if kind != "collection" or tracking is None:
        return subject
    members, _ = tracking.collections.find_members(MembershipQuery([checked_id(number)], limit=1))
    return f"version:{members[0].version_id}" if members else subject


def _writable(tracking: TrackingServices | None, request: Request, subject: str) -> Collection:
    """Return a collection that the caller may change.

    Raises:
        InvalidArgumentError: the row is not a collection of a project.
        NotFoundError: it does not exist, or not for the caller.
        PermissionDeniedError: it is not the caller's to change.
    """
    kind, _, number = subject.partition(":")
    if kind != "collection" or tracking is None:
        raise InvalidArgumentError(f"{subject[:40]}: outputs of pipelines are tagged and deleted one by one, on the second tab")
    collection = tracking.collections.get(checked_id(number))
    if collection is None or not tracking.accounts.is_readable(caller_of(tracking, request), collection.entity):
        raise NotFoundError(f"There is no collection {number} any more")
    check_writable(tracking, request, collection.entity)
    return collection
