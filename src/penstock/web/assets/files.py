"""Serves `static/` below a version digest, so that browsers may keep files for ever; an old digest still gets the current file.

From memory, compressed once for clients that take it. The modules of a page come as one file (`static_modules`).
"""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from functools import cache, lru_cache

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.web.assets.modules import joined, scripts_of
from penstock.web.assets.urls import BUNDLES, STATIC, static_version

_HEADERS = {"x-content-type-options": "nosniff", "vary": "Accept-Encoding"}
_FOR_EVER = "public, max-age=31536000, immutable"
_SMALL = 500
"""Bytes below which compressing gains nothing."""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    compressed: bytes | None
    media_type: str


def static_app() -> ASGIApp:
    """Return the application behind `/static`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(Request(scope))(scope, receive, send)

    return app


def _answer(request: Request) -> Response:
    path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
    version, _, name = path.lstrip("/").partition("/")
    file = _file(name) if len(version) == len(static_version()) else None
    if file is None:
        return PlainTextResponse("Not found", status_code=404)
    if request.method not in {"GET", "HEAD"}:
        return PlainTextResponse("Method not allowed", status_code=405, headers={"allow": "GET, HEAD"})
    headers = {**_HEADERS, "cache-control": _FOR_EVER if version == static_version() else "no-cache"}
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, headers={**headers, "content-encoding": "gzip"}, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _file(name: str) -> _File | None:
    """Return a file by its name below `static/`; names that are not in the listing do not exist, however they are written."""
    if name in _names():
        return _load(name)
    return _page_script(scripts) if (scripts := scripts_of(name)) else None


@cache
def _names() -> frozenset[str]:
    return frozenset(BUNDLES).union(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())


@cache
def _load(name: str) -> _File:
    content = b"\n".join((STATIC / part).read_bytes() for part in BUNDLES.get(name, (name,)))
    return _packed(content, mimetypes.guess_type(name)[0] or "application/octet-stream")


@lru_cache(maxsize=64)  # pages have some thirty; names that strangers make up do not fill the memory
def _page_script(scripts: tuple[str, ...]) -> _File:
    return _packed(joined(scripts).encode(), "text/javascript")


def _packed(content: bytes, media_type: str) -> _File:
    packed = gzip.compress(content, mtime=0) if len(content) >= _SMALL else content
    return _File(content, packed if len(packed) < len(content) else None, media_type)
