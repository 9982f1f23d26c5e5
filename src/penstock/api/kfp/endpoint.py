"""Turns a handler into an endpoint: runs it and answers its errors in the protocol's words."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from penstock.api.http import INTERNAL, INTERNAL_MESSAGE, envelope
from penstock.api.kfp.errors import status_of, upload_body
from penstock.api.kfp.wire import JsonAnswer
from penstock.domain.errors import PenstockError

Handler = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)


def answering(handler: Handler) -> Handler:
    """Return `handler` with the error envelope of grpc-gateway."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except PenstockError as error:
            code, status = status_of(error)
            return JsonAnswer(envelope(code, str(error)), status_code=status)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            # The last line of defence: the client gets an answer in its own words, the log gets the story.
            _log.exception("%s %s failed", request.method, request.url.path)
            return JsonAnswer(envelope(INTERNAL.code, INTERNAL_MESSAGE), status_code=INTERNAL.http)

    return endpoint


def uploading(handler: Handler) -> Handler:
    """Return `handler` with the error body of the upload endpoints; they know 400, 409 and 500 only."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except PenstockError as error:
            _, status = status_of(error)
            return JsonAnswer(upload_body(str(error)), status_code=status)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            # As above.
            _log.exception("%s %s failed", request.method, request.url.path)
            return JsonAnswer(upload_body(INTERNAL_MESSAGE), status_code=INTERNAL.http)

    return endpoint
