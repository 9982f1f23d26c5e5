"""Addresses of what lies in `static/`: below a version digest, and which modules a page will need."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r"""(?:^import\s(?:[^;"]*?from\s+)?|\bimport\()"(\.[^"]+)"\)?""", re.MULTILINE)
BUNDLES = {
    "css/app.css": tuple(
        f"css/{name}.css"
        for name in ("tokens", "base", "frame", "controls", "status", "table", "graph", "panel", "logs", "charts", "pages")
    ),
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


def module_urls(scripts: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses of the modules that a page's scripts import, directly or not.

    A page names them in its head, so that a browser fetches all at once instead of finding one row of imports behind the other.

    Args:
        scripts: names of `Frame.scripts`; the frame's own comes with every page.
    """
    return _imported(("shell", *scripts))


@cache
def _imported(scripts: tuple[str, ...]) -> tuple[str, ...]:
    entries = [f"js/{script}.js" for script in scripts]
    found: dict[str, None] = {}
    for entry in entries:
        _add_imports(entry, found)
    return tuple(static_url(name) for name in found if name not in entries)


def _add_imports(name: str, found: dict[str, None]) -> None:
    folder = (STATIC / name).parent
    for target in _IMPORT.findall((STATIC / name).read_text(encoding="utf-8")):
        imported = (folder / target).resolve().relative_to(STATIC.resolve()).as_posix()
        if imported not in found:
            found[imported] = None
            _add_imports(imported, found)
