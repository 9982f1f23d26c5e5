"""Tags of flows in fields of forms: words, or phrases in quotes, since tags of Metaflow may hold blanks and commas. Pure."""

from __future__ import annotations

import re

_WORD = re.compile(r'"([^"]+)"|([^,\s]+)')


def tags_in(text: str) -> list[str]:
    """Return the tags of a field: `nightly, "needs review"` are two."""
    return [phrase or word for phrase, word in _WORD.findall(text)]


def as_word(tag: str) -> str:
    """Return a tag as it stands in such a field."""
    return f'"{tag}"' if re.search(r"[,\s]", tag) else tag
