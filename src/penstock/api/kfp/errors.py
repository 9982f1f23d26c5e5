"""Domain errors in the words of the KFP API: grpc codes, HTTP statuses, the envelope of grpc-gateway, the body of upload endpoints.

Semantics: kfp protocol notes, section 2.3. The SDK raises `ApiException` for every status that is not 2xx and does not read the body;
people do.
"""

from __future__ import annotations

from typing import Any

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

INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, INTERNAL = 3, 5, 12, 13
_STATUSES: tuple[tuple[type[PenstockError], int, int], ...] = (
    (InvalidArgumentError, INVALID_ARGUMENT, 400),
    (NotFoundError, NOT_FOUND, 404),
    (AlreadyExistsError, 6, 409),
    (PermissionDeniedError, 7, 403),
    (PreconditionError, 9, 400),
    (ConflictError, 10, 409),
    (PayloadTooLargeError, INVALID_ARGUMENT, 400),
    (UnavailableError, 14, 503),
    (UnauthenticatedError, 16, 401),
)


def status_of(error: Exception) -> tuple[int, int]:
    """Return grpc code and HTTP status of an error; what nobody expected is INTERNAL."""
    for kind, code, status in _STATUSES:
        if isinstance(error, kind):
            return code, status
    return INTERNAL, 500


def envelope(code: int, message: str) -> dict[str, Any]:
    """Return the error body of every endpoint but the upload ones."""
    return {
        "error": message,
        "code": code,
        "message": message,
        "details": [{"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": message}],
    }


def upload_body(message: str) -> dict[str, Any]:
    """Return the error body of the two upload endpoints."""
    return {"error_message": message, "error_details": message}
