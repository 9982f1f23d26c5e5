"""Markdown of users on pages: notes, descriptions, cards, blocks of reports, cells of notebooks."""

from __future__ import annotations

import re
from functools import lru_cache

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough").disable("image")
MOST = 60_000
"""Characters that are read as Markdown, a sign counting for `_SIGN`: reading takes tens of microseconds for each, and the server waits."""
_SIGN = 10
_SIGNS = re.compile(r"[\[\]*_!|~`]")
_MOST_PLAIN = 200_000


def prose(text: str) -> Markup:
    """Return Markdown as HTML that may stand in a page: raw HTML in it stays text, pictures and script addresses are left out.

    A text that would take long is read as Markdown up to the line where it does; the rest of it stands below as it is written.
    """
    end = _reach(text)
    if end == len(text):
        return _read(text)
    rest = text[end : end + _MOST_PLAIN] + ("…" if len(text) - end > _MOST_PLAIN else "")
    return _read(text[:end]) + Markup('<pre class="wrap">') + escape(rest) + Markup("</pre>")


@lru_cache(maxsize=32)
def _read(text: str) -> Markup:
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - the renderer escapes; html is off


def cost_of(text: str) -> int:
    """Return how much of `MOST` a text takes."""
    return len(text) + (_SIGN - 1) * len(_SIGNS.findall(text))


def _reach(text: str) -> int:
    """Return where reading ends: behind the last line that is not beyond `MOST`, in the line where already the first one is."""
    if len(text) * _SIGN <= MOST:
        return len(text)
    left, end = MOST, 0
    for line in text.splitlines(keepends=True):
        left -= cost_of(line)
        if left < 0:
            return end or min(len(line), MOST // _SIGN)
        end += len(line)
    return end
