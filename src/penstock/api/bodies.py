"""Bodies of requests, read up to a limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.requests import Request

from penstock.domain.errors import InvalidArgumentError, PayloadTooLargeError


async def limited_body(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """Collect a body of at most `limit` bytes.

    Raises:
        PayloadTooLargeError: it is larger; the rest is not read.
    """
    parts: list[bytes] = []
    size = 0
    async for part in chunks:
        size += len(part)
        if size > limit:
            raise PayloadTooLargeError(f"the request body is larger than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


async def read_object(request: Request, limit: int) -> dict[str, Any]:
    """Read a body of at most `limit` bytes as a JSON object; an empty body is an empty object.

    Raises:
        InvalidArgumentError: not a JSON object.
        PayloadTooLargeError: larger than the limit.
    """
    return object_of(await limited_body(request.stream(), limit))


def object_of(body: bytes) -> dict[str, Any]:
    """Decode a JSON object; an empty body is an empty object.

    Raises:
        InvalidArgumentError: not a JSON object.
    """
    if not body.strip():
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"the request body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidArgumentError("the request body has to be a JSON object")
    return value
