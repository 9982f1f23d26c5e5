"""What the bulk bars of the lists of artifacts do: compare two, tag, delete, download."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.trash import TrashKind
from penstock.domain.versions import Collection
from penstock.interfaces.pages import ArtifactItem
from penstock.interfaces.versions import MembershipQuery
from penstock.tracking.collections import CollectionService
from penstock.web.artifact_content import ZipMember, zip_of
from penstock.web.filters import query_of
from penstock.web.formats import duration
from penstock.web.pages.collections import collections_of
from penstock.web.pages.picked import ListAddress, Picked, every, picked
from penstock.web.pages.trash import done_notice, each, undo_notice, user_of
from penstock.web.render import Notice, query_url, redirect
from penstock.web.security import STILL_HEADERS
from penstock.web.services import WebServices
from penstock.web.tracking_services import TrackingServices, caller_of, check_writable, checked_id

MOST_DOWNLOADED = 1_000
"""Artifacts of one archive."""


async def act_on_stored(services: WebServices, request: Request) -> Response:
    """Compare two stored artifacts, or send several as one archive."""

    async def matching(address: ListAddress) -> Sequence[str]:
        query = query_of(request, address.query, now=services.clock.now())
        return await every(services.artifacts.list_artifacts, query, lambda item: str(item.artifact_id))

    wanted = await picked(request, "/ui/artifacts?tab=stored", matching)
    ids = [text for text in wanted.ids if text.isdecimal() and len(text) < 17][:MOST_DOWNLOADED]
    if wanted.verb == "compare":
        return _compared(wanted, [f"artifact:{number}" for number in ids])
    if wanted.verb == "download" and ids:
        return await _download(services, wanted, [int(number) for number in ids])
    return redirect(wanted.target, Notice("Nothing was selected.", "error"))


def _compared(wanted: Picked, subjects: Sequence[str]) -> Response:
    if len(subjects) != 2:
        return redirect(wanted.target, Notice("Two artifacts stand beside each other: pick two.", "error"))
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
        return [row.subject for row in (await collections_of(services, request, address.query)).rows]

    wanted = await picked(request, "/ui/artifacts", matching)
    if wanted.verb == "compare":
        return _compared(wanted, [await asyncio.to_thread(_newest, services.tracking, text) for text in wanted.ids[:3]])
    if wanted.verb not in {"tag", "delete"} or not wanted.ids:
        return redirect(wanted.target, Notice("Nothing was selected.", "error"))
    tags = [word.strip() for word in str(wanted.form.get("tags", "")).split(",") if word.strip()]
    if wanted.verb == "tag" and not tags:
        return redirect(wanted.target, Notice("Name the tag to add.", "error"))
    trash, by = services.trash, user_of(services, request)
    batch = "" if trash is None else trash.new_batch()

    async def work(subject: str) -> None:
        collection = await asyncio.to_thread(_writable, services.tracking, request, subject)
        if wanted.verb == "tag":
            await asyncio.to_thread(lambda: _collections(services).change_tags(collection.collection_id, add=tags, by=by))
        elif trash is not None:
            await trash.put(TrashKind.COLLECTION, str(collection.collection_id), batch=batch, by=by)
        else:
            await asyncio.to_thread(lambda: _collections(services).delete(collection.collection_id, collection.kind, by=by))

    problems = await each(wanted.ids, work)
    done = len(wanted.ids) - len(problems)
    if trash is not None and wanted.verb == "delete" and trash.keep_seconds > 0 and done:
        text = f"Deleted {done} of {len(wanted.ids)}: in the trash for {duration(trash.keep_seconds)}."
        return redirect(wanted.target, undo_notice(text, batch, wanted.target, problems))
    return done_notice(wanted.target, "Tagged" if wanted.verb == "tag" else "Deleted", wanted.ids, problems)


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
        raise InvalidArgumentError(f"{subject[:40]}: outputs of pipelines have no tags and go with their runs")
    collection = tracking.collections.get(checked_id(number))
    if collection is None or not tracking.accounts.is_readable(caller_of(tracking, request), collection.entity):
        raise NotFoundError(f"There is no collection {number} any more")
    check_writable(tracking, request, collection.entity)
    return collection
