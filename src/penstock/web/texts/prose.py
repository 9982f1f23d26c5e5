"""Markdown of users on pages: notes, descriptions, cards, blocks of reports, cells of notebooks."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough").disable("image")


def prose(text: str) -> Markup:
    """Return Markdown as HTML that may stand in a page: raw HTML in it stays text, pictures and script addresses are left out."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - the renderer escapes; html is off
