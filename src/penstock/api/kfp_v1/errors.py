"""Domain errors in the envelope of v1beta1 (kfp 1.8 protocol notes, section 2.4)."""

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

_CODES: dict[type[PenstockError], tuple[int, int]] = {
    InvalidArgumentError: (400, 3),
    NotFoundError: (404, 5),
    AlreadyExistsError: (409, 6),
    PermissionDeniedError: (403, 7),
    PreconditionError: (400, 9),
    ConflictError: (409, 10),
    PayloadTooLargeError: (413, 3),
    UnavailableError: (503, 14),
    UnauthenticatedError: (401, 16),
}
INTERNAL = (500, 13)
UNIMPLEMENTED = (501, 12)


def codes_of(error: PenstockError) -> tuple[int, int]:
    """HTTP status and gRPC code; the nearest ancestor in the table decides."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), INTERNAL)


def envelope(message: str, code: int) -> dict[str, Any]:
    """The error body that the 1.8 client shows."""
    detail = {"@type": "type.googleapis.com/api.Error", "error_message": message, "error_details": message}
    return {"error": message, "message": message, "code": code, "details": [detail]}
