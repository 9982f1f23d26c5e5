"""JSON columns: written, and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson


def decode(text: str | None) -> Any:
    """Decode a JSON column; users' values may hold NaN and infinities, which only the slower reader takes."""
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def decode_object(text: str | None) -> Mapping[str, Any]:
    """Decode a JSON column that holds an object; anything else becomes an empty one."""
    value = decode(text)
    return value if isinstance(value, dict) else {}


def compact_json(value: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> str:
    """Return JSON text without blanks; NaN and infinities become bare tokens."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
