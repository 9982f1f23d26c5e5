"""Whole numbers as addresses and forms have them."""

from __future__ import annotations

_MOST_DIGITS = 15


def whole_number(text: str) -> int | None:
    """Return the number from 0 on that a text spells in at most 15 digits of ASCII; None: it is none, so that it stands for nothing."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
