"""What a search in logs looks for: words, lines that tell of errors, or an expression that its reader wrote.

Words are looked for here, in time linear in the text. An expression may take for ever on a line that somebody else wrote, so another
process looks for it (`interfaces.line_finder`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock.domain.terminal_text import without_escapes
from penstock.interfaces.line_finder import ExpressionError, LineFinder

ERRORS = r"\b(?:error|critical|fatal|exception)\b|(?-i:\b[A-Z]\w*(?:Error|Exception)\b)"
"""What lines look like that tell of an error; the headline of a traceback says nothing and is left out."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for in each line by itself, whatever the case."""

    expression: str
    finder: LineFinder | None = None
    """Looks for what a reader wrote; None: the expression was made here and needs no more than linear time."""

    async def numbers(self, texts: Sequence[bytes], shown: Callable[[bytes], bytes], *, most: int) -> Sequence[Sequence[int]]:
        """Return of each text the numbers, from 0 and ascending, of the lines that match; `most` of each at most.

        Args:
            texts: lines as they were written; nothing of what a terminal alone reads is looked at.
            shown: makes of a line what is looked at.
            most: how many of each text are of interest.

        Raises:
            ExpressionError: the expression takes too long on these lines.
        """
        if self.finder is None:
            pattern = re.compile(self.expression.encode(), re.IGNORECASE | re.MULTILINE)
            return await asyncio.to_thread(lambda: [_numbers(pattern, without_escapes(text), shown, most) for text in texts])
        plain = await asyncio.to_thread(lambda: [b"\n".join(map(shown, without_escapes(text).split(b"\n"))) for text in texts])
        return await self.finder.find(self.expression, plain, most=most)


def words_wanted(text: str) -> Wanted:
    """Return words as they are."""
    return Wanted(re.escape(text))


def expression_wanted(text: str, finder: LineFinder) -> Wanted:
    """Return an expression of Python's `re`.

    Raises:
        ExpressionError: it is none.
    """
    try:
        re.compile(text.encode(), re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ExpressionError(str(error)) from error
    return Wanted(text, finder)


def errors_wanted(wanted: Wanted | None) -> Wanted:
    """Return what is wanted, in lines that tell of an error."""
    if wanted is None:
        return Wanted(ERRORS)
    # Without the anchor a line without an error is gone through once from each of its places.
    return Wanted(f"^(?=.*(?:{ERRORS}))(?=.*(?:{wanted.expression}))", wanted.finder)


def _numbers(pattern: re.Pattern[bytes], text: bytes, shown: Callable[[bytes], bytes], most: int) -> list[int]:
    found: list[int] = []
    if not pattern.search(text):
        return found
    for number, raw in enumerate(text.split(b"\n")):
        if pattern.search(shown(raw)):
            found.append(number)
            if len(found) >= most:
                break
    return found
