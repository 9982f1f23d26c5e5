"""Regular expressions of run filters: RE2 syntax (what the original server takes), matched unanchored.

Python's engine can take exponential time on patterns such as `(a+)+$`, so only what RE2 and it have in common is accepted, and a
repeated group may not itself hold an unbounded repetition; that shape is what makes backtracking explode.
"""

from __future__ import annotations

import re
import re._parser as sre_parser  # type: ignore[import-not-found]  # the one parser of these patterns in the standard library
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from penstock.domain.errors import InvalidArgumentError

_MAX_SUBJECT = 10_000
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
_FORBIDDEN = {"ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS", "ATOMIC_GROUP", "POSSESSIVE_REPEAT"}
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT"}


def plain_text(pattern: str) -> str | None:
    """Return the text that `pattern` looks for when it is nothing but text, perhaps between `.*`; else None."""
    body = pattern.removeprefix("^.*").removeprefix(".*").removesuffix(".*$").removesuffix(".*")
    body = re.sub(r"\\([^A-Za-z0-9])", lambda match: "\x00" if match.group(1) in "\\.^$*+?{}[]|()" else match.group(1), body)
    if "\x00" in body or _SPECIAL.search(body):
        return None
    return body


def required_text(pattern: str) -> str:
    """Return the longest text that every match of a case-sensitive `pattern` contains; empty when nothing is known."""
    if "(?" in pattern:
        return ""
    best = run = ""
    try:
        tree = sre_parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return ""
    for operation, argument in tree:
        run = run + chr(argument) if str(operation) == "LITERAL" else ""
        best = max(best, run, key=len)
    return best


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return the predicate "contains a match of `pattern`".

    Raises:
        InvalidArgumentError: not a regular expression, or one that RE2 would not take or that could take for ever here.
    """
    text = pattern.replace("(?P<", "(?P<").replace(r"\z", r"\Z")
    try:
        _check(sre_parser.parse(text), inside_repeat=False)
        compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidArgumentError(f"{pattern!r} is not a regular expression: {error}") from error
    return lambda subject: compiled.search(subject[:_MAX_SUBJECT]) is not None


def _check(tree: Any, *, inside_repeat: bool) -> None:
    """Walk a parsed pattern and refuse what is not linear."""
    for operation, argument in tree:
        name = str(operation)
        if name in _FORBIDDEN:
            raise InvalidArgumentError("regular expressions of run filters have no look-around and no back-references")
        if name in _REPEATS:
            _, most, inner = argument
            is_unbounded = most is sre_parser.MAXREPEAT or most > 100
            if is_unbounded and inside_repeat:
                raise InvalidArgumentError("a regular expression of a run filter may not repeat a repetition")
            _check(inner, inside_repeat=inside_repeat or is_unbounded)
        elif name == "SUBPATTERN":
            _check(argument[-1], inside_repeat=inside_repeat)
        elif name == "BRANCH":
            if inside_repeat and len(argument[1]) > 1:
                raise InvalidArgumentError("a regular expression of a run filter may not repeat alternatives")
            for branch in argument[1]:
                _check(branch, inside_repeat=inside_repeat)
