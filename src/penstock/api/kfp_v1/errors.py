"""Errors in the envelope of v1beta1 (kfp 1.8 protocol notes, section 2.4); codes and statuses are those of `api.http`."""

from __future__ import annotations

from typing import Any


def envelope(message: str, code: int) -> dict[str, Any]:
    """The error body that the 1.8 client shows."""
    detail = {"@type": "type.googleapis.com/api.Error", "error_message": message, "error_details": message}
    return {"error": message, "message": message, "code": code, "details": [detail]}
