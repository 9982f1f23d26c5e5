"""Bytes of what stands side by side, by the address that shows it: for what is kept with a report and for files that need no server."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote

from penstock.domain.errors import NotFoundError, PayloadTooLargeError
from penstock.domain.ids import TrackedRunId
from penstock.interfaces.pages import ArtifactItem
from penstock.web.previews.content import head_of, media_type_of
from penstock.web.previews.stored_folders import entry_of
from penstock.web.previews.ui_metadata import viewers_of
from penstock.web.previews.viewer_sources import artifact_with_sources
from penstock.web.services.web import WebServices
from penstock.web.texts.prose import prose

_ARTIFACT = re.compile(r"/ui/artifacts/(\d{1,16})/(view|content|viewers)(?:/(.+))?")
_TRACKED = re.compile(r"/ui/tracking/runs/(\d{1,16})/files/(.+)")
_CARD = re.compile(r"/flows/([^/]+)/([^/]+)/([^/]+)/([^/]+)/cards/([^/]+)")


async def content_of(services: WebServices, address: str, limit: int) -> tuple[str, bytes]:
    """Return media type and bytes; Markdown as HTML.

    Raises:
        NotFoundError: there is nothing (any more).
        PayloadTooLargeError: it is more than `limit` bytes.
    """
    if (match := _CARD.fullmatch(address)) and services.flows is not None:
        flow, run, step, task, name = map(unquote, match.groups())
        return "text/html", _checked(await services.flows.reader.card(flow, run, step, task, name), limit)
    if (match := _TRACKED.fullmatch(address)) and services.tracking is not None:
        file = await services.tracking.files.get(TrackedRunId(int(match[1])), unquote(match[2]))
        if file is None or file.digest is None:
            raise NotFoundError(f"There is nothing at {address}.")
        data = _checked(await asyncio.to_thread(head_of, services.blobs, str(file.digest), limit + 1), limit)
        return media_type_of(data[:1024], "system.HTML" if file.name.endswith(".html") else ""), data
    match = _ARTIFACT.fullmatch(address)
    view = await services.artifacts.artifact(int(match[1])) if match else None
    if match is None or view is None or view.artifact.digest is None:
        raise NotFoundError(f"There is nothing at {address}.")
    artifact, digest = view.artifact, view.artifact.digest
    if match[2] == "viewers":
        return await _viewer(services, view.artifact, match[3], limit)
    if match[2] == "content":
        entry = await asyncio.to_thread(entry_of, services.blobs, digest, unquote(match[3] or ""))
        if entry is None:
            raise NotFoundError(f"There is nothing at {address}.")
        digest = str(entry.digest)
    data = _checked(await asyncio.to_thread(head_of, services.blobs, digest, limit + 1), limit)
    media = media_type_of(data[:1024], artifact.type)
    return ("text/html", _html(data.decode("utf-8", "replace"))) if media == "text/markdown" else (media, data)


async def _viewer(services: WebServices, artifact: ArtifactItem, index: str, limit: int) -> tuple[str, bytes]:
    for item in viewers_of((await artifact_with_sources(services, artifact)).metadata):
        if str(item.index) == index and item.kind in {"html", "markdown"}:
            return "text/html", _checked(item.text.encode() if item.kind == "html" else _html(item.text), limit)
    raise NotFoundError("This artifact has no such viewer.")


def _html(text: str) -> bytes:
    return f"<!DOCTYPE html><meta charset=utf-8><style>body{{font:15px/1.6 system-ui,sans-serif}}</style>{prose(text)}".encode()


def _checked(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise PayloadTooLargeError(f"more than {limit} bytes")
    return data
