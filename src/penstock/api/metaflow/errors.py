"""Domain errors as the metadata service answers them: the message as a JSON string, `{}` for unknown objects on GET."""

from __future__ import annotations

from penstock.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
    PenstockError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
    UnavailableError,
)

STATUS: dict[type[PenstockError], int] = {
    InvalidArgumentError: 400,
    UnauthenticatedError: 401,
    PermissionDeniedError: 403,
    NotFoundError: 404,
    AlreadyExistsError: 409,
    ConflictError: 409,
    PreconditionError: 422,
    UnavailableError: 503,
}


def status_of(error: PenstockError) -> int:
    """HTTP status of `error`; the nearest ancestor in `STATUS` decides."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
