"""What an image name says about the Python a component wants."""

from __future__ import annotations

import re

_PATTERNS = (
    re.compile(r"(?:^|[/:_-])python:?v?(3\.\d+)(?:[.\-_@]|$)"),
    re.compile(r"(?:^|/)(?:[\w.]+-)?python-?(3)(\d{1,2})(?:[:@\-_]|$)"),
    re.compile(r"[:\-_](?:py|python|cpython)-?(3)\.?(\d{1,2})(?:[:@\-_.]|$)"),
)


def wanted_python(image: str) -> str | None:
    """Return `X.Y` when the image names a Python (`python:3.11-slim`, `registry/ubi9/python-311:1`), else None."""
    name = image.partition("@")[0]
    for pattern in _PATTERNS:
        match = pattern.search(name)
        if match:
            return ".".join(match.groups())
    return None
