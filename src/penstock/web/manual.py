"""The documents of this program as pages: Markdown files that come with it, rendered with anchors and with links to each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_HERE = Path(__file__).parent
_PLACES = (_HERE / "documents", _HERE.parents[2] / "docs")
"""In an installed package, and in a checkout."""
_RENDERER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_LINK = re.compile(r"([a-z0-9-]+)\.md(#.*)?")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]+")

DOCUMENTS: tuple[tuple[str, str], ...] = (
    ("web", "The web UI"),
    ("kfp-api", "Pipelines of kfp 2"),
    ("kfp-v1", "Pipelines of kfp 1.8"),
    ("wandb", "Tracking with wandb"),
    ("metaflow", "Flows of Metaflow"),
    ("lineage", "Lineage"),
    ("configuration", "Settings"),
    ("architecture", "How it is made"),
    ("engine", "How runs are driven"),
)
"""File name without ending, and what it is about; others in the folder are for developers."""


@dataclass(frozen=True, slots=True)
class Document:
    """One rendered document."""

    name: str
    title: str
    body: Markup
    parts: Sequence[tuple[str, str]]
    """(anchor, heading) of its second-level headings."""


def names() -> list[tuple[str, str]]:
    """Return (name, title) of the documents that are there."""
    return [(name, title) for name, title in DOCUMENTS if document(name) is not None]


@cache
def document(name: str) -> Document | None:
    """Return a document by its name, None when there is none of that name."""
    title = dict(DOCUMENTS).get(name)
    place = next((folder / f"{name}.md" for folder in _PLACES if title and (folder / f"{name}.md").is_file()), None)
    if title is None or place is None:
        return None
    tokens = _RENDERER.parse(_COMMENT.sub("", place.read_text(encoding="utf-8")))
    parts = _anchor(tokens)
    for token in tokens:
        for child in token.children or ():
            _lead(child)
    # Wide tables scroll, so the keyboard has to reach them.
    body = Markup(_RENDERER.renderer.render(tokens, _RENDERER.options, {}).replace("<table>", '<table tabindex="0">'))  # noqa: S704 - our own files, and HTML in them is off
    return Document(name, title, body, parts)


def _anchor(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Give headings the anchors that links between the documents use; return those of the second level."""
    parts = []
    for token, text in pairwise(tokens):
        if token.type == "heading_open":
            words = "".join(child.content for child in text.children or ())
            anchor = _NOT_IN_ANCHOR.sub("", words.lower()).replace(" ", "-")
            token.attrSet("id", anchor)
            if token.tag == "h2":
                parts.append((anchor, words))
    return parts


def _lead(token: Token) -> None:
    """Point a link to another document at its page; one to a document that is not shown loses its target."""
    if token.type != "link_open":
        return
    match = _LINK.fullmatch(str(token.attrGet("href") or ""))
    if match:
        known = match[1] in dict(DOCUMENTS)
        token.attrSet("href", f"/ui/help/{match[1]}{match[2] or ''}" if known else "/ui/help")
