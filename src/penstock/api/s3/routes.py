"""URLs of the object endpoint: `/s3/<bucket>/<key>`, path style only; the query string selects the operation.

Semantics: Amazon S3 REST API. Served: ListBuckets, HeadBucket, CreateBucket, GetBucketLocation, ListObjects (both versions), Head, Get
(with Range), Put, Copy and DeleteObject(s), and multipart uploads. Anything else answers NotImplemented.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from penstock.api.s3.handlers import BucketHandlers, ObjectHandlers
from penstock.api.s3.signature import SignedRequest, task_of, verify
from penstock.api.s3.xml import error_document
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError, PermissionDeniedError, UnavailableError
from penstock.interfaces.clock import Clock
from penstock.objects.service import ObjectService

PREFIX = "/s3"

_ERRORS: list[tuple[type[PenstockError], int, str]] = [
    (NotFoundError, 404, "NoSuchKey"),
    (PermissionDeniedError, 403, "SignatureDoesNotMatch"),
    (InvalidArgumentError, 400, "InvalidRequest"),
    (UnavailableError, 503, "ServiceUnavailable"),
]

Operation = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class S3Services:
    """What the adapter needs."""

    objects: ObjectService
    clock: Clock
    secret: bytes
    """The server's secret, from which access keys get theirs."""


def routes(services: S3Services) -> list[BaseRoute]:
    """Return the routes, below `PREFIX`."""
    on_buckets, on_objects = BucketHandlers(services.objects), ObjectHandlers(services.objects)

    def guarded(pick: Callable[[Request], Operation | None]) -> Operation:
        async def wrapped(request: Request) -> Response:
            try:
                access_key = verify(_signed(request), server_secret=services.secret, now=services.clock.now())
                operation = pick(request)
                if operation is None:
                    return _error(request, 501, "NotImplemented", "this endpoint does not have that operation")
                answer = await operation(request)
                reader = task_of(access_key)
                if reader is not None and operation == on_objects.read and request.method == "GET":
                    await services.objects.note_read(reader, request.path_params["bucket"], request.path_params["key"])
                return answer
            except PenstockError as error:
                status, code = next(((status, code) for kind, status, code in _ERRORS if isinstance(error, kind)), (500, "InternalError"))
                return _error(request, status, code, str(error))

        return wrapped

    methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    return [
        Route(PREFIX, guarded(lambda request: on_buckets.list_all if request.method == "GET" else None), methods=methods),
        Route(PREFIX + "/", guarded(lambda request: on_buckets.list_all if request.method == "GET" else None), methods=methods),
        Route(PREFIX + "/{bucket}", guarded(on_buckets.pick), methods=methods),
        Route(PREFIX + "/{bucket}/", guarded(on_buckets.pick), methods=methods),
        Route(PREFIX + "/{bucket}/{key:path}", guarded(on_objects.pick), methods=methods),
    ]


def _signed(request: Request) -> SignedRequest:
    raw = request.scope.get("raw_path") or request.url.path.encode()
    return SignedRequest(
        request.method,
        raw.partition(b"?")[0].decode("latin-1"),
        tuple(request.query_params.multi_items()),
        dict(request.headers.items()),
    )


def _error(request: Request, status: int, code: str, message: str) -> Response:
    body = "" if request.method == "HEAD" else error_document(code, message, request.url.path)
    return Response(body, status_code=status, media_type="application/xml")
