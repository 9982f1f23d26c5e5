"""Addresses of what lies in `static/`: below a version digest."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
_SHEETS = (
    "tokens", "base", "frame", "controls", "status", "table", "graph", "panel", "logs", "charts", "pages", "unscripted", "forced", "print",
)  # fmt: skip
BUNDLES = {
    "css/app.css": tuple(f"css/{name}.css" for name in _SHEETS),
    "vendor/page.js": ("vendor/htmx.min.js", "vendor/idiomorph-ext.min.js"),
}
"""Files that every page needs, put together when they are first asked for, so that a page waits for one answer instead of many."""


@cache
def static_version() -> str:
    """Digest over all static files; part of their address, so browsers may keep them for ever."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def static_url(name: str) -> str:
    """Address of a static file."""
    return f"/static/{static_version()}/{name}"
