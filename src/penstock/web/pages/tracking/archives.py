"""Files of a version as one archive: all of them, or a folder. References to elsewhere are left out: their bytes are not here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.api.downloads import attachment
from penstock.domain.errors import NotFoundError
from penstock.domain.versions import ArtifactVersion
from penstock.web.pages.compare.versions import stored_content
from penstock.web.pages.tracking.artifacts import version_by_id
from penstock.web.previews.content import ZipMember, zip_of
from penstock.web.security import STILL_HEADERS
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.web import WebServices


async def archive(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Send the files below `path` as a zip archive.

    Raises:
        NotFoundError: there is no such version, or it has no such folder.
    """
    version = await version_by_id(tracking, request)
    folder = request.query_params.get("path", "").strip("/")
    members = _members(tracking, version, folder)
    first = next(members, None)
    if first is None:
        raise NotFoundError(f"No file of this version lies below {folder!r} here." if folder else "This version has no files here.")

    def all_members() -> Iterator[ZipMember]:
        yield first
        yield from members

    name = f"{version.type_name}-v{version.version_index}{f'-{PurePosixPath(folder).name}' if folder else ''}"
    headers = {"content-disposition": attachment(f"{name}.zip")} | STILL_HEADERS
    return StreamingResponse(zip_of(services.blobs, all_members()), media_type="application/zip", headers=headers)


def _members(tracking: TrackingServices, version: ArtifactVersion, folder: str) -> Iterator[ZipMember]:
    """Yield the files whose bytes are here, by their path below the folder; paths that would lead out of it are left out."""
    prefix = f"{folder}/" if folder else ""
    for entry in tracking.artifacts.listing(version).all():
        if not entry.path.startswith(prefix):
            continue
        path = PurePosixPath(entry.path[len(prefix) :])
        if path.is_absolute() or ".." in path.parts or not path.parts:
            continue
        digest, _ = stored_content(tracking, version, entry)
        if digest is not None:
            yield ZipMember(str(path), digest)
