"""Secrets in what people read: texts get `***`, bytes of a log as many asterisks as they had, so that places in it stay what they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MASK = "***"
_SHORTEST = 4
"""Shorter values are not masked: they would blank out half of every text."""


def parts_of(secrets: Iterable[str]) -> list[str]:
    """Return what to look for: longer values first, lines of a value with several lines one by one."""
    values = {part for value in secrets for part in (value, *value.splitlines()) if len(part) >= _SHORTEST}
    return sorted(values, key=len, reverse=True)


def mask(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret value in `text`."""
    return mask_parts(text, parts_of(secrets))


def mask_parts(text: str, parts: Iterable[str]) -> str:
    """Replace each of `parts` in `text`, for many texts with the same secrets."""
    for part in parts:
        text = text.replace(part, MASK)
    return text


def bytes_of(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """Return what to look for in a log, line by line: ends of lines stay where they are."""
    return tuple(part.encode("utf-8", "surrogateescape") for part in parts_of(line for value in secrets for line in value.splitlines()))


def blanked(data: bytes, parts: Iterable[bytes]) -> bytes:
    """Return `data`, as long as it was, with each of `parts` turned into asterisks."""
    for part in parts:
        if part in data:
            data = data.replace(part, b"*" * len(part))
    return data


def reach_of(parts: Sequence[bytes]) -> int:
    """How many bytes before and after a piece of a log have to be known to find every part that touches it."""
    return max((len(part) for part in parts), default=1) - 1


class Blanker:
    """Turns parts of a stream into asterisks, whatever the pieces in which it comes; the stream keeps its length."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        self._reach = reach_of(parts)
        self._seen = b""
        self._given = 0
        """How much of `_seen` was given back already: what went before has to be known to find parts that begin there."""

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece; return what of the stream is certain now."""
        self._seen += piece
        end = len(self._seen) - self._reach
        if end <= self._given:
            return b""
        found = blanked(self._seen, self._parts)[self._given : end]
        dropped = max(0, end - self._reach)
        self._seen, self._given = self._seen[dropped:], end - dropped
        return found

    def rest(self) -> bytes:
        """Return what is left at the end of the stream."""
        return blanked(self._seen, self._parts)[self._given :]
