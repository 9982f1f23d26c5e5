"""Domain errors over HTTP, for every adapter that speaks in grpc codes, and for the pages: one table, one envelope.

A protocol with other words (`api.wandb` never answers 409, `api.metaflow` knows no codes) keeps its own table beside it.
Semantics: kfp protocol notes, section 2.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from penstock.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
    PayloadTooLargeError,
    PenstockError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
    UnavailableError,
)


class Status(NamedTuple):
    """How an error is answered."""

    code: int
    """grpc code."""
    http: int
    """HTTP status."""


INVALID_ARGUMENT = Status(3, 400)
NOT_FOUND = Status(5, 404)
UNIMPLEMENTED = Status(12, 501)
INTERNAL = Status(13, 500)
_STATUSES: dict[type[BaseException], Status] = {
    InvalidArgumentError: INVALID_ARGUMENT,
    NotFoundError: NOT_FOUND,
    AlreadyExistsError: Status(6, 409),
    PermissionDeniedError: Status(7, 403),
    PreconditionError: Status(9, 400),
    ConflictError: Status(10, 409),
    PayloadTooLargeError: Status(3, 413),
    UnavailableError: Status(14, 503),
    UnauthenticatedError: Status(16, 401),
}
INTERNAL_MESSAGE = "internal error; the server's log tells more"
"""What a client reads when the server made a mistake."""


def status_of(error: PenstockError) -> Status:
    """Return how `error` is answered; its nearest ancestor in the table decides, what nobody expected is INTERNAL."""
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), INTERNAL)


def envelope(code: int, message: str) -> dict[str, Any]:
    """Return the error body of grpc-gateway."""
    detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": message}
    return {"error": message, "code": code, "message": message, "details": [detail]}
