"""`POST /files/{entity}/{project}/{run}/file_stream`: decode, one use case, encode (wandb.md sections 3 and 7).

Large bodies are unpacked and decoded in a worker thread, so that they do not hold up the heartbeats of other runs. Lines stay text
here; the store parses them once.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock.api.wandb.auth import authenticate, refusal
from penstock.api.wandb.errors import answer_error
from penstock.api.wandb.services import WandbServices
from penstock.domain.accounts import Role
from penstock.domain.errors import InvalidArgumentError, PayloadTooLargeError, PenstockError, PermissionDeniedError, UnauthenticatedError
from penstock.tracking.filestream import Chunk, StreamMessage

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Of the body as sent and again when unpacked; clients aim at 10 MiB, one line alone may be 10 MiB before escaping."""
_INLINE_BYTES = 64 * 1024
_GO_ON = b'{"exitcode":null,"limits":{},"stopped":false}'
_STOP = b'{"exitcode":null,"limits":{},"stopped":true}'
_SHARED_WRITER = "x-wandb-async-client-id"
_LEGACY_AGENTS = ("python-requests", "W&B Internal Client")


class FileStreamEndpoint:
    """The endpoint for `/files/{entity}/{project}/{run}/file_stream`; an ASGI application, as each layer costs every request."""

    def __init__(self, services: WandbServices) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await file_stream(Request(scope, receive), self._services)
        await answer(scope, receive, send)


async def file_stream(request: Request, services: WandbServices) -> Response:
    """Answer one file-stream request."""
    try:
        caller = authenticate(request, services)
    except UnauthenticatedError as error:
        # the pure-Python uploader repeats a 401 for hours and gives up at a 403
        is_legacy = request.headers.get("user-agent", "").startswith(_LEGACY_AGENTS)
        return refusal(error, status=403 if is_legacy and "authorization" in request.headers else 401)
    names = request.path_params
    try:
        caller.need(Role.MEMBER)
        if names["entity"] != caller.user_name:
            await asyncio.to_thread(services.accounts.check_writable, caller, names["entity"])
        message = await _read_message(request)
        answer = await services.filestream.post(
            names["entity"], names["project"], names["run"], message, writer=request.headers.get(_SHARED_WRITER, "")
        )
    except PermissionDeniedError as error:
        return refusal(error, status=403)
    except PenstockError as error:
        return answer_error(error)
    except ClientDisconnect:
        return Response(status_code=400)
    return Response(_STOP if answer.is_stop_requested else _GO_ON, media_type="application/json")


async def _read_message(request: Request) -> StreamMessage:
    """Return the request's body, taken apart.

    Raises:
        PayloadTooLargeError: over the limit, packed or unpacked.
        InvalidArgumentError: not JSON of the expected shape, or packed in a way that is not understood.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise PayloadTooLargeError(f"a file-stream request may have {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    body = b"".join(chunks)
    if size <= _INLINE_BYTES and not encoding:
        return parse_message(body)
    return await asyncio.to_thread(lambda: parse_message(_unpacked(body, encoding)))


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise InvalidArgumentError(f"content encoding {encoding!r} is not understood; use gzip")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        data = unpacker.decompress(body, MAX_BODY_BYTES)
        if unpacker.unconsumed_tail or (not unpacker.eof and unpacker.decompress(unpacker.unconsumed_tail, 1)):
            raise PayloadTooLargeError(f"a file-stream request may have {MAX_BODY_BYTES} bytes when unpacked")
    except zlib.error as error:
        raise InvalidArgumentError(f"the body is not valid {encoding}: {error}") from error
    if not unpacker.eof:
        raise InvalidArgumentError(f"the body is not valid {encoding}: it ends too early")
    return data


def parse_message(body: bytes) -> StreamMessage:
    """Return the message in a decoded body; an empty one is a heartbeat.

    Raises:
        InvalidArgumentError: not JSON of the expected shape.
    """
    document = _load(body) if body.strip() else {}
    if not isinstance(document, dict):
        raise InvalidArgumentError("a file-stream request is a JSON object")
    files = document.get("files") or {}
    if not isinstance(files, dict):
        raise InvalidArgumentError("`files` is an object")
    summary = _chunk(files, "wandb-summary.json")
    exit_code = document.get("exitcode")
    if exit_code is not None and not isinstance(exit_code, int):
        raise InvalidArgumentError("`exitcode` is a number")
    uploaded = document.get("uploaded") or ()
    dropped = document.get("dropped")
    return StreamMessage(
        history=_chunk(files, "wandb-history.jsonl"),
        events=_chunk(files, "wandb-events.jsonl"),
        console=_chunk(files, "output.log"),
        summary=summary.lines[-1] if summary is not None else None,
        uploaded=[str(name) for name in uploaded] if isinstance(uploaded, list) else (),
        is_preempting=bool(document.get("preempting")),
        is_complete=bool(document.get("complete")),
        exit_code=exit_code,
        dropped_chunks=dropped if isinstance(dropped, int) else 0,
    )


def _chunk(files: dict[str, Any], name: str) -> Chunk | None:
    """Return the lines of one file, None when there are none."""
    entry = files.get(name)
    if entry is None:
        return None
    content = entry.get("content") if isinstance(entry, dict) else None
    offset = entry.get("offset", 0) if isinstance(entry, dict) else None
    if not isinstance(content, list) or not isinstance(offset, int) or isinstance(offset, bool):
        raise InvalidArgumentError(f"`files` entry {name!r} needs a number `offset` and a list `content`")
    if not 0 <= offset <= 2**53:
        raise InvalidArgumentError(f"{offset} is not a line number of {name!r}")
    if not set(map(type, content)) <= {str}:
        raise InvalidArgumentError(f"the content of {name!r} is a list of texts")
    return Chunk(offset, content) if content else None


def _load(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"the body of a file-stream request is not JSON: {error}") from error
