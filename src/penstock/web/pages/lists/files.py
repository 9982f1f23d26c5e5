"""Lists of files beside their pages: as an export, and values for the filter bar. `run`, `version` or `artifact` of an address says whose
files they are, `path` the folder; the rest is that of the page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest
from penstock.web.lists.exporting import MOST_ROWS, Export, Field
from penstock.web.lists.file_rows import FILES, MOST_FILES, files_found
from penstock.web.lists.group_exports import group_export
from penstock.web.lists.parquet_writing import Kind
from penstock.web.pages.artifacts.stored import artifact_with_bytes
from penstock.web.pages.tracking.artifacts import version_by_id, version_entries
from penstock.web.pages.tracking.run import run_entries
from penstock.web.previews.file_levels import FileEntry
from penstock.web.services.tracking import run_by_id
from penstock.web.services.web import WebServices

_FILE = (
    Field("path"), Field("kind"), Field("size_bytes", Kind.INTEGER), Field("files", Kind.INTEGER), Field("changed_at", Kind.MOMENT),
)  # fmt: skip


async def exported(services: WebServices, request: Request) -> Export:
    """What the list of an address shows, all of it."""
    entries, folder = await _asked(services, request, MOST_ROWS)
    shown = files_found(request, entries, folder, now=services.clock.now()).found
    if shown.by:
        return group_export("files", shown.by, shown.groups(), {"size_bytes": "size"}, has_states=False)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        for row in shown.rows:
            values = (row.path, row.kind or None, row.size_bytes, row.count, row.updated_at)
            yield {field.name: value for field, value in zip(_FILE, values, strict=True)}

    return Export("files", _FILE, rows())


async def values(services: WebServices, request: Request) -> Response:
    """Values that the filter bar offers for `field`, those that contain `text`."""
    wanted = request.query_params
    entries, folder = await _asked(services, request, MOST_FILES)
    below = files_found(request, entries, folder, now=services.clock.now()).found.rows
    offered = FILES.columns.offered(below, wanted.get("field", ""), wanted.get("text", "")[:100])
    return JSONResponse(offered, headers={"cache-control": "no-store"})


async def _asked(services: WebServices, request: Request, limit: int) -> tuple[Sequence[FileEntry], str]:
    """Return the first files below the folder that the address names, and the folder.

    Raises:
        InvalidArgumentError: nothing is named.
        NotFoundError: it is not there, or not the reader's to see.
    """
    wanted, tracking = request.query_params, services.tracking
    folder = wanted.get("path", "").strip("/")
    if "artifact" in wanted:
        artifact = await artifact_with_bytes(services, wanted["artifact"])
        if artifact.digest is None or not artifact.is_directory:
            raise NotFoundError("This artifact is no folder.")
        tree = await asyncio.to_thread(services.blobs.list_tree, Digest(artifact.digest))
        prefix = f"{folder}/" if folder else ""
        return [(entry.path, entry.size_bytes, None) for entry in tree if entry.path.startswith(prefix)][:limit], folder
    if tracking is not None and "run" in wanted:
        return (await run_entries(tracking, await run_by_id(tracking, request, wanted["run"]), folder, limit))[0], folder
    number = wanted.get("version", "")
    if tracking is not None and number.isdecimal() and len(number) < 17:
        version = await version_by_id(tracking, request, int(number))
        return (await asyncio.to_thread(version_entries, tracking, version, folder, limit))[0], folder
    raise InvalidArgumentError("run, version or artifact: whose files are asked for")
