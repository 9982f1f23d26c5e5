"""JSON documents that people stored, read whole only where that costs little: the server does nothing else while one is read."""

from __future__ import annotations

import json
from typing import Any

MOST_PARTS = 400_000
"""Lists and objects of a document; many small ones take far more time and memory than their text."""


def read_json(text: str | bytes) -> Any:
    """Return a document.

    Raises:
        ValueError: it is no JSON, nested too deeply, or of more parts than are read.
    """
    parts = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if parts > MOST_PARTS:
        raise ValueError("too many parts")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
