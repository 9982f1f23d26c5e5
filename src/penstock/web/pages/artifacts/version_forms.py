"""The form that edits a version or a stored artifact, read: names, texts, time to live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData

from penstock.domain.errors import InvalidArgumentError

_DAY_SECONDS = 86_400
_MAX_TTL = 100 * 366 * _DAY_SECONDS


@dataclass(frozen=True, slots=True)
class VersionForm:
    """What the reader wants it to be."""

    aliases: Sequence[str]
    """In the order in which they were written, each once."""
    tags: Sequence[str]
    """Likewise."""
    description: str
    """As it was written."""
    ttl_seconds: int | None
    """None: kept until somebody deletes it."""


def words_of(text: str) -> list[str]:
    """Return what stands between commas, each once."""
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def read_version_form(form: FormData) -> VersionForm:
    """Read the form.

    Raises:
        InvalidArgumentError: the time to live is no number of days above 0.
    """
    return VersionForm(
        words_of(str(form.get("aliases", ""))),
        words_of(str(form.get("tags", ""))),
        str(form.get("description", "")),
        ttl_of(str(form.get("ttl_days", "")).strip()),
    )


def ttl_of(days: str) -> int | None:
    """Return a time to live in seconds; empty means that it stays.

    Raises:
        InvalidArgumentError: it is no number of days above 0.
    """
    if not days:
        return None
    try:
        seconds = round(float(days) * _DAY_SECONDS)
    except (ValueError, OverflowError):
        seconds = 0
    if not 0 < seconds <= _MAX_TTL:
        raise InvalidArgumentError(f"{days[:40]!r} is no number of days above 0")
    return seconds
