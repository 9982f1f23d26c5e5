"""URLs of the object endpoint: `/s3/<bucket>/<key>`, path style only; the query string selects the operation.

Semantics: Amazon S3 REST API. Served: ListBuckets, HeadBucket, CreateBucket, GetBucketLocation, ListObjects (both versions), Head, Get
(with Range), Put, Copy and DeleteObject(s), and multipart uploads. Anything else answers NotImplemented.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from penstock.api.policy import SAFE_METHODS
from penstock.api.s3.handlers import BucketHandlers, ObjectHandlers
from penstock.api.s3.signature import SignedRequest, task_of, user_of, verify
from penstock.api.s3.xml import error_document
from penstock.domain.accounts import Caller, Role
from penstock.domain.errors import (
    InvalidArgumentError,
    NotFoundError,
    PenstockError,
    PermissionDeniedError,
    RoleNeededError,
    UnauthenticatedError,
    UnavailableError,
)
from penstock.interfaces.clock import Clock
from penstock.objects.service import ObjectService

PREFIX = "/s3"

_ERRORS: list[tuple[type[PenstockError], int, str]] = [
    (NotFoundError, 404, "NoSuchKey"),
    (RoleNeededError, 403, "AccessDenied"),
    (UnauthenticatedError, 403, "InvalidAccessKeyId"),
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
    standing: Callable[[str], Role] = lambda user_name: Role.MEMBER
    """Role of a user; raises UnauthenticatedError for one whose keys are refused. Blocks for a read of the database at most."""


def routes(services: S3Services) -> list[BaseRoute]:
    """Return the routes, below `PREFIX`."""
    on_buckets, on_objects = BucketHandlers(services.objects), ObjectHandlers(services.objects)

    def guarded(pick: Callable[[Request], Operation | None]) -> Operation:
        async def wrapped(request: Request) -> Response:
            try:
                access_key = verify(_signed(request), server_secret=services.secret, now=services.clock.now())
                await _check_role(services, request, access_key)
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


async def _check_role(services: S3Services, request: Request, access_key: str) -> None:
    """Make sure that an access key's user may do this; keys that belong to no user are those of tasks and of the machine's owner.

    Raises:
        UnauthenticatedError: the user is disabled.
        RoleNeededError: the user may only read.
    """
    user_name = user_of(access_key)
    if user_name is not None:
        role = await run_in_threadpool(services.standing, user_name)
        Caller(user_name, role=role).need(Role.VIEWER if request.method in SAFE_METHODS else Role.MEMBER)


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
