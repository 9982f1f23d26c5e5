"""Regular expressions that strangers write and that are looked for here, in short texts, such that none of them holds the process for long.

Python's engine backtracks: it may go through every way in which the parts of an expression share out a text, and no other thread runs
meanwhile. So those ways are counted before. Few enough for a text, and Python's engine looks, which is quick. Exponentially many, as of
`(a+)+` or `(a|ab)*`, or the length of the text to some power, as of `.*a.*b`, and `domain.automaton` looks, which reads a text once.
That cannot look around or refer back. Expressions that do are looked for in as much of a text as takes some million steps, and refused
where their ways are exponentially many.
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

from penstock.domain.automaton import Automaton, NotRegularError
from penstock.domain.errors import InvalidArgumentError

MOST_CHARACTERS = 100_000
"""What is looked at of a text at most."""
_STEPS = 5e6
_FEW_STEPS = 2e5
"""What Python's engine is given where the automaton would do as well: about as long as that takes for the same text."""
_AUTOMATON_STEPS = 1e6
"""Looks at a place, each far slower than a step of Python's engine; only texts made for it need so many."""
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
    automaton: Automaton | None = None
    """Looks at texts of more than `short` characters."""
    short: int = 0

    def is_in(self, text: str) -> bool:
        """Whether it matches anywhere in the first `reach` characters."""
        return self.is_in_all_of(text[: self.reach])

    def is_in_all_of(self, text: str) -> bool:
        """Whether it matches anywhere in a text of at most `longest` characters."""
        if self.automaton is not None and len(text) > self.short:
            return self.automaton.is_in(text)
        return self.compiled.search(text) is not None


def with_options(expression: str, options: Any) -> str:
    """Return the expression under MongoDB's `$options`: any of `i`, `m`, `s`, `x`.

    Raises:
        InvalidArgumentError: the options are others.
    """
    if not isinstance(options, str) or set(options) - set("imsx"):
        raise InvalidArgumentError(f"$options takes letters of 'imsx', not {options!r:.100}")
    return f"(?{options}){expression}" if options else expression


@lru_cache(maxsize=256)
def compile_pattern(expression: str) -> Pattern:
    """Return an expression of Python's `re`, ready to be looked for.

    Raises:
        InvalidArgumentError: it is none, or could take for ever.
    """
    try:
        tree = sre_parser.parse(expression)
        compiled = re.compile(expression)
        ways = _ways_of_all(tree)
        if isinstance(ways, _Ways) and _reach(ways, _FEW_STEPS) >= MOST_CHARACTERS:
            return Pattern(compiled, MOST_CHARACTERS, _reach(ways, _STEPS))
        try:
            automaton = Automaton(tree)
        except NotRegularError:
            if isinstance(ways, InvalidArgumentError):
                raise ways from None
            longest = _reach(ways, _STEPS)
            return Pattern(compiled, min(MOST_CHARACTERS, longest), longest)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidArgumentError(f"{expression!r} is not a regular expression: {error}") from error
    longest = int(_AUTOMATON_STEPS / max(automaton.size, 1))
    short = _reach(ways, _FEW_STEPS) if isinstance(ways, _Ways) else 0
    return Pattern(compiled, min(MOST_CHARACTERS, longest), longest, automaton, short)


def _reach(ways: _Ways, steps: float) -> int:
    """Return of how many characters Python's engine goes through all ways in so many steps."""
    places = ways.power + 1
    return int((steps * math.factorial(places) / ways.factor) ** (1 / places))


def _ways_of_all(tree: Iterable[Any]) -> _Ways | InvalidArgumentError:
    """Return the ways, or why they are not counted."""
    try:
        return _ways_of(tree)
    except InvalidArgumentError as error:
        return error


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
