"""Wire forms of times, digests and JSON values."""

from __future__ import annotations

import base64
import binascii
import math
from datetime import UTC, datetime
from typing import Any

from penstock.domain.errors import InvalidArgumentError


def time_to_wire(at: float | None) -> str | None:
    """Return an ISO 8601 time in UTC, cut to whole seconds and with `Z`; None stays None.

    The original sends no fractions, and programs read `run.created_at` with `strptime(..., "%Y-%m-%dT%H:%M:%SZ")`.
    """
    if at is None:
        return None
    return datetime.fromtimestamp(at // 1, tz=UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def md5_to_wire(hex_md5: str | None) -> str | None:
    """Return the base64 form of a hex MD5."""
    return None if hex_md5 is None else base64.b64encode(bytes.fromhex(hex_md5)).decode("ascii")


def md5_from_wire(base64_md5: str) -> str:
    """Return the hex form of a base64 MD5.

    Raises:
        InvalidArgumentError: it is not 16 bytes in base64.
    """
    try:
        raw = base64.b64decode(base64_md5, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgumentError(f"{base64_md5!r} is not a base64 MD5 digest") from error
    if len(raw) != 16:
        raise InvalidArgumentError(f"{base64_md5!r} is not a base64 MD5 digest")
    return raw.hex()


def json_safe(value: Any) -> Any:
    """Return `value` with NaN and infinities as the strings that wandb reads: `NaN`, `Infinity`, `-Infinity`."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: json_safe(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(entry) for entry in value]
    return value
