"""Bodies of requests, read up to a limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.requests import Request

from penstock.domain.errors import InvalidArgumentError, PayloadTooLargeError

MOST_LEVELS = 200
"""Of objects and lists in a body. What is kept has to be answered, inside of other objects, by an encoder that takes 254."""


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
    if is_deeper(value, MOST_LEVELS):
        raise InvalidArgumentError(f"the request body is nested more than {MOST_LEVELS} levels")
    return value


def is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and lists in `value` lie in one another more than `levels` deep."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True
