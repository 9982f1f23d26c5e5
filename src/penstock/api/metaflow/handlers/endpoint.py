"""What all handlers share: bodies, answers and errors of the metadata service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.bodies import limited_body
from penstock.api.metaflow.convert.requests import encode_cursor
from penstock.api.metaflow.errors import status_of
from penstock.domain.errors import NotFoundError, PayloadTooLargeError, PenstockError
from penstock.domain.flows import Page, SortKey
from penstock.flows.recording import SERVICE_VERSION

MAX_BODY_BYTES = 64 * 1024 * 1024
HEARTBEAT_SECONDS = 10
VERSION_HEADER = "METADATA_SERVICE_VERSION"

Row = TypeVar("Row")
Handler = Callable[[Request], Awaitable[Response]]


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; every one names the service's version, as upstream's do."""
    told = {VERSION_HEADER: SERVICE_VERSION, **(headers or {})}
    return Response(orjson.dumps(value), status_code=status, media_type="application/json", headers=told)


def heartbeat_answer() -> Response:
    """The doubly encoded answer that clients of every version parse: a JSON string that contains JSON."""
    return answer(orjson.dumps({"wait_time_in_seconds": HEARTBEAT_SECONDS}).decode())


def page_answer(rows: Sequence[Row], page: Page, to_wire: Callable[[Row], dict[str, Any]], key: Callable[[Row], SortKey]) -> Response:
    """A list with the paging headers of service 2.5; `key` tells by what the rows are sorted."""
    headers = {}
    if page.limit is not None:
        headers["X-Limit"] = str(page.limit)
        if len(rows) == page.limit:
            headers["X-Next-Cursor"] = encode_cursor(key(rows[-1]))
    return answer([to_wire(row) for row in rows], headers=headers)


async def read_body(request: Request) -> bytes:
    """The whole body.

    Raises:
        PayloadTooLargeError: more than `MAX_BODY_BYTES`.
    """
    return await limited_body(request.stream(), MAX_BODY_BYTES)


def guarded(handler: Handler, *, missing_parent: int = 404, is_list: bool = False) -> Handler:
    """Answer domain errors in the service's shape.

    Args:
        handler: the handler to guard.
        missing_parent: status for an object in the path that does not exist (400 for metadata and artifact posts).
        is_list: nothing lies below an object that does not exist: upstream answers an empty list.
    """

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except NotFoundError as error:
            if is_list:
                return answer([])
            return answer({} if request.method == "GET" else str(error), status=missing_parent)
        except PayloadTooLargeError as error:
            return answer(str(error), status=413)
        except PenstockError as error:
            return answer(str(error), status=status_of(error))

    return wrapped
