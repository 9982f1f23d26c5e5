"""What is particular to the errors of v2beta1; codes, statuses and the envelope are those of `api.http`.

Semantics: kfp protocol notes, section 2.3. The SDK raises `ApiException` for every status that is not 2xx and does not read the body;
people do.
"""

from __future__ import annotations

from typing import Any

from penstock.api import http
from penstock.domain.errors import PayloadTooLargeError, PenstockError


def status_of(error: PenstockError) -> http.Status:
    """Return grpc code and HTTP status of an error; upstream answers what is too large with 400."""
    return http.INVALID_ARGUMENT if isinstance(error, PayloadTooLargeError) else http.status_of(error)


def upload_body(message: str) -> dict[str, Any]:
    """Return the error body of the two upload endpoints."""
    return {"error_message": message, "error_details": message}
