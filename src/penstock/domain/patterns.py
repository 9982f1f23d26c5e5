"""Regular expressions that strangers write and that are looked for here, in short texts, such that none of them holds the process for long.

Python's engine backtracks: it may go through every way in which the parts of an expression share out a text, and no other thread runs
meanwhile. So those ways are counted before: exponentially many, as of `(a+)+` or `(a|ab)*`, are refused; as many as the length of the text
to some power, as of `.*a.*b`, are looked for in as much of it as takes some million steps.
Logs are long and searched by a process of its own: `interfaces.line_finder`.
"""

from __future__ import annotations

import math
import re
import re._parser as sre_parser  # type: ignore[import-not-found]  # the one parser of these expressions in the standard library
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from penstock.domain.errors import InvalidArgumentError

MOST_CHARACTERS = 10_000
"""What is looked at of a text at most."""
_STEPS = 5e6
_MOST_WAYS = 2**16
_LONG = 100
"""Repetitions that count as any number."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """In how many ways a part may match a text of n characters at one place: at most `factor` times n to the power of `power`."""

    power: int = 0
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression that may be looked for."""

    compiled: re.Pattern[str]
    reach: int
    """Characters of a text that are looked at."""
    longest: int
    """Characters that a text may have to be looked at as a whole in a moment."""

    def is_in(self, text: str) -> bool:
        """Whether it matches anywhere in the first `reach` characters."""
        return self.compiled.search(text[: self.reach]) is not None


@lru_cache(maxsize=256)
def compile_pattern(expression: str) -> Pattern:
    """Return an expression of Python's `re`, ready to be looked for.

    Raises:
        InvalidArgumentError: it is none, or could take for ever.
    """
    try:
        ways = _ways_of(sre_parser.parse(expression))
        compiled = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidArgumentError(f"{expression!r} is not a regular expression: {error}") from error
    places = ways.power + 1
    reach = (_STEPS * math.factorial(places) / ways.factor) ** (1 / places)
    return Pattern(compiled, min(MOST_CHARACTERS, int(reach)), int(reach))


def _ways_of(tree: Iterable[Any]) -> _Ways:
    """Count the ways of a sequence of parsed parts."""
    power, factor = 0, 1.0
    for operation, argument in tree:
        part = _ways_of_part(str(operation), argument)
        power, factor = power + part.power, factor * part.factor
        if factor > _MOST_WAYS:
            raise InvalidArgumentError("a regular expression with so many alternatives could take for ever")
    return _Ways(power, factor)


def _ways_of_part(name: str, argument: Any) -> _Ways:
    if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        least, most, inner = argument
        return _repeated(_ways_of(inner), least, most)
    if name == "BRANCH":
        return _either([_ways_of(branch) for branch in argument[1]])
    if name == "GROUPREF_EXISTS":
        return _either([_ways_of(branch or ()) for branch in argument[1:]])
    if name in {"SUBPATTERN", "ASSERT", "ASSERT_NOT"}:
        return _ways_of(argument[-1])
    return _ways_of(argument) if name == "ATOMIC_GROUP" else _Ways()


def _repeated(inner: _Ways, least: int, most: int) -> _Ways:
    has_choice = inner.power > 0 or inner.factor > 1
    if most > _LONG:
        if has_choice:
            raise InvalidArgumentError("a regular expression that repeats a repetition or alternatives could take for ever")
        return _Ways(power=1)
    counts = most - least + 1
    if has_choice and most * math.log2(inner.factor) > math.log2(_MOST_WAYS):
        raise InvalidArgumentError("a regular expression that repeats a repetition or alternatives could take for ever")
    return _Ways(inner.power * most, counts * inner.factor**most)


def _either(branches: list[_Ways]) -> _Ways:
    return _Ways(max(branch.power for branch in branches), sum(branch.factor for branch in branches))
