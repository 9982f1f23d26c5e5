"""Texts of clients in a form that every database holds: PostgreSQL knows no NUL, and none knows lone surrogates."""

from __future__ import annotations


def storable_text(text: str) -> str:
    """Return text without NUL and lone surrogates; a sign stands for each."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
