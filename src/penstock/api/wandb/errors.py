"""Domain errors as HTTP answers outside GraphQL. Only an unreachable store is a 5xx: clients repeat those for days."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from penstock.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
    PenstockError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)

_STATUS: tuple[tuple[type[PenstockError], int], ...] = (
    (UnauthenticatedError, 401),
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (AlreadyExistsError, 422),
    (ConflictError, 422),
    (PayloadTooLargeError, 413),
    (UnavailableError, 503),
)
"""409 is not used: clients repeat it."""


def status_of(error: PenstockError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def answer_error(error: PenstockError) -> Response:
    """Return the JSON answer that clients show to their users."""
    text = str(error)
    return JSONResponse({"error": text, "errors": [{"message": text}]}, status_code=status_of(error))
