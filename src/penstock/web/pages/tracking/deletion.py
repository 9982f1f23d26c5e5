"""What deleting a version of an artifact would touch: who refers to it, and which of its bytes other versions share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.tracking import TrackedRun
from penstock.domain.versions import ArtifactVersion, Collection
from penstock.interfaces.versions import CollectionQuery, MembershipQuery
from penstock.web.render import render_part
from penstock.web.services.tracking import TrackingServices, caller_of
from penstock.web.services.web import WebServices

_MAX_FILES = 200_000
_MAX_VERSIONS = 200
_MAX_RUNS = 200


@dataclass(frozen=True, slots=True)
class DeletionPart:
    """Context of `tracking/deletion.html`."""

    version: ArtifactVersion
    """What would go."""
    collection: Collection | None
    """The sequence it was logged to."""
    version_count: int
    """Members of that sequence."""
    users: Sequence[TrackedRun]
    """Runs that used it, at most 200."""
    links: Sequence[Collection]
    """Collections that link it."""
    aliases: Sequence[str]
    """In any collection."""
    shared_files: int
    """Files whose bytes other versions of the project hold too."""
    shared_bytes: int
    """Their size: these bytes stay."""
    is_cut: bool
    """Only some files or versions were compared."""
    keep_seconds: float
    """How long it can be restored; 0: not at all."""


async def deletion_part(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The inside of the dialog that precedes a deletion."""
    version = await asyncio.to_thread(tracking.artifacts.get, int(request.path_params["version_id"]))
    if version is None or not tracking.accounts.is_readable(caller_of(tracking, request), version.entity):
        raise NotFoundError("There is no such version.")
    ids = list(await asyncio.to_thread(tracking.artifacts.runs_using, version.version_id))[:_MAX_RUNS]
    found = await tracking.pages.runs(ids)
    members = await asyncio.to_thread(lambda: tracking.collections.memberships_of([version.version_id]).get(version.version_id, ()))
    collections = await asyncio.to_thread(tracking.collections.many, [version.collection_id, *(member.collection_id for member in members)])
    aliases = await asyncio.to_thread(lambda: tracking.collections.aliases_of_versions([version.version_id]).get(version.version_id, ()))
    files, size, is_cut = await asyncio.to_thread(_shared, tracking, version)
    _, count = await asyncio.to_thread(tracking.collections.find_members, MembershipQuery([version.collection_id], limit=1))
    part = DeletionPart(
        version=version,
        collection=collections.get(version.collection_id),
        version_count=count,
        users=[found[run_id] for run_id in ids if run_id in found],
        links=[item for item in collections.values() if item.collection_id != version.collection_id],
        aliases=sorted({alias.alias for alias in aliases}),
        shared_files=files,
        shared_bytes=size,
        is_cut=is_cut,
        keep_seconds=0.0 if services.trash is None else services.trash.keep_seconds,
    )
    return render_part(services, request, "tracking/deletion.html", part=part)


def _shared(tracking: TrackingServices, version: ArtifactVersion) -> tuple[int, int, bool]:
    """Return how many files of a version other versions of the project hold too, and their bytes; stops when all are found."""
    own = {entry.digest: entry.size_bytes or 0 for entry in islice(tracking.artifacts.listing(version).all(), _MAX_FILES)}
    is_cut = version.file_count > _MAX_FILES
    missing, files, size = dict(own), 0, 0
    collections, _ = tracking.collections.find(CollectionQuery([version.project_id], order="updated_at", is_descending=True, limit=500))
    ids = [item.collection_id for item in collections]
    members, count = tracking.collections.find_members(MembershipQuery(ids, order="created_at", limit=_MAX_VERSIONS + 1))
    others = tracking.artifacts.many([member.version_id for member in members if member.version_id != version.version_id])
    for other in others.values():
        if not missing:
            break
        try:
            listing = tracking.artifacts.listing(other)
        except PenstockError:
            continue
        for _, digest, _ in islice(listing.stored(), _MAX_FILES):
            if digest in missing:
                files, size = files + 1, size + missing.pop(digest)
    return files, size, is_cut or count > _MAX_VERSIONS + 1
