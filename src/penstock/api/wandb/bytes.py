"""Bytes over HTTP: uploads streamed into the blob store, downloads with ranges."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from penstock.domain.ids import Digest
from penstock.interfaces.blobs import StoredBlob, UploadStore

_LUMP = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD, PUT, OPTIONS",
    "access-control-allow-headers": "*",
    "access-control-expose-headers": "ETag, Content-Length, Content-Range, Accept-Ranges",
}
_DOWNLOAD_HEADERS = {
    **CORS,
    # Files come from anybody: shown in a browser, HTML and SVG run without this server's origin.
    "content-security-policy": "sandbox allow-scripts",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "cross-origin",
}


async def receive(request: Request, blobs: UploadStore) -> StoredBlob:
    """Stream the request's body into the blob store; nothing is stored when the client goes away in the middle.

    Raises:
        UnavailableError: the disk is full.
    """
    sink = await run_in_threadpool(blobs.open_upload)
    try:
        async for lump in _lumps(request):
            await run_in_threadpool(sink.write, lump)
        return await run_in_threadpool(sink.finish)
    except BaseException:
        sink.abort()
        raise


async def _lumps(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces of about a mebibyte, so that there is one thread hop per piece and not per packet."""
    pieces: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        pieces.append(chunk)
        size += len(chunk)
        if size >= _LUMP:
            yield b"".join(pieces)
            pieces, size = [], 0
    if pieces:
        yield b"".join(pieces)


async def send(request: Request, blobs: UploadStore, digest: Digest, *, name: str, media_type: str | None = None) -> Response:
    """Return the bytes of a blob, or the range asked for.

    Raises:
        NotFoundError: the blob is gone.
    """
    base_name = name.rpartition("/")[2]
    kind = media_type or mimetypes.guess_type(base_name)[0] or "application/octet-stream"
    headers = {**_DOWNLOAD_HEADERS, "content-disposition": f"inline; filename*=UTF-8''{quote(base_name)}"}
    path = await run_in_threadpool(blobs.path_of, digest)
    if path is not None:
        return FileResponse(path, media_type=kind, headers={**headers, "etag": f'"{digest}"'})
    size = await run_in_threadpool(blobs.size, digest)
    start, end = _range_of(request, size)
    if start >= size > 0:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}", **CORS})
    is_part = "range" in request.headers and (start, end) != (0, size)
    headers |= {"accept-ranges": "bytes", "content-length": str(end - start), "etag": f'"{digest}"'}
    if is_part:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    chunks: Iterator[bytes] = iter(()) if request.method == "HEAD" else blobs.read(digest, offset=start, length=end - start)
    return StreamingResponse(iterate_in_threadpool(chunks), status_code=206 if is_part else 200, media_type=kind, headers=headers)


def _range_of(request: Request, size: int) -> tuple[int, int]:
    """Return start and end of the bytes to send; forms other than one simple range mean the whole."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or not (match.group(1) or match.group(2)):
        return 0, size
    if not match.group(1):
        return max(size - int(match.group(2)), 0), size
    end = int(match.group(2)) + 1 if match.group(2) else size
    return int(match.group(1)), min(end, size)

