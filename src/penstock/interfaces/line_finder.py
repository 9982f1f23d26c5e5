"""Looking for regular expressions that readers write, in lines that anybody wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.domain.errors import InvalidArgumentError


class ExpressionError(InvalidArgumentError):
    """A regular expression cannot be read, or takes too long."""


class LineFinder(Protocol):
    """Looks for expressions where one that never ends holds nobody else.

    Python's engine backtracks, for hours on some lines, and lets no other thread of its process run meanwhile.
    """

    async def find(self, expression: str, texts: Sequence[bytes], *, most: int) -> Sequence[Sequence[int]]:
        """Return of each text the numbers, from 0 and ascending, of lines that match anywhere, whatever the case; `most` of each at most.

        Raises:
            ExpressionError: it is no expression of Python's `re`, or takes too long on these lines.
        """
        ...
