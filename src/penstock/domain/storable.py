"""Texts of clients in a form that every database holds: PostgreSQL knows no NUL, and none knows lone surrogates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def without_surrogates(text: str) -> str:
    """Return text without lone surrogates, halves of characters; a sign stands for each."""
    return text.encode("utf-8", "replace").decode()


def storable_text(text: str) -> str:
    """Return text without NUL and lone surrogates; a sign stands for each."""
    return without_surrogates(text).replace("\x00", "\N{REPLACEMENT CHARACTER}")


def storable_params(params: Mapping[str, Any] | Sequence[Any]) -> Mapping[str, Any] | Sequence[Any]:
    """Return parameters of a statement, their texts in that form."""
    if isinstance(params, Mapping):
        return {name: storable_text(value) if isinstance(value, str) else value for name, value in params.items()}
    return tuple(storable_text(value) if isinstance(value, str) else value for value in params)
