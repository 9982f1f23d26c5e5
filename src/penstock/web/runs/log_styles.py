"""A line of a log as a terminal would show it: what the last carriage return left, in pieces with the styles of ANSI escapes. Pure.

The same as `static/js/logs.js` does for logs that the browser fetches by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ESCAPE = re.compile(
    r"\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1b\x1c-\x1f]"
)
_NAMED = {1: "ansi-bold", 2: "ansi-dim", 3: "ansi-italic", 4: "ansi-underline"}
_MOST_CODES = 16


def pieces_of(text: str) -> Sequence[tuple[str, str]]:
    """Return (classes, text) of each stretch of a line; one without classes for a plain line."""
    shown = text.removesuffix("\r").rpartition("\r")[2]
    found: list[tuple[str, str]] = []
    style: list[str] = []
    at = 0
    for match in _ESCAPE.finditer(shown):
        if match.start() > at:
            found.append((" ".join(style), shown[at : match.start()]))
        at = match.end()
        if match[1] is not None:
            style = _restyled(style, match[1])
    if at < len(shown) or not found:
        found.append((" ".join(style), shown[at:]))
    return found


def _restyled(style: Sequence[str], codes: str) -> list[str]:
    found = list(style)
    for text in (codes or "0").split(";")[:_MOST_CODES]:
        code = int(text) if text.isdecimal() and len(text) < 4 else 0
        if code in {38, 48}:  # colours of larger palettes, in numbers that follow
            break
        if code == 0:
            found = []
        elif code in _NAMED:
            found = [*(name for name in found if name != _NAMED[code]), _NAMED[code]]
        elif code == 22:
            found = [name for name in found if name not in {"ansi-bold", "ansi-dim"}]
        elif code == 39 or 30 <= code <= 37 or 90 <= code <= 97:
            found = [name for name in found if not name.startswith("ansi-fg")] + ([] if code == 39 else [f"ansi-fg-{code % 10}"])
    return found
