"""Regular expressions of run filters: RE2 syntax (what the original server takes), unanchored, by way of `domain.patterns`."""

from __future__ import annotations

import re
import re._parser as sre_parser  # type: ignore[import-not-found]  # the one parser of these patterns in the standard library
from collections.abc import Callable
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.patterns import compile_pattern

_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
_FORBIDDEN = {"ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS", "ATOMIC_GROUP", "POSSESSIVE_REPEAT"}
_CLASS = re.compile(r"\[:([a-z]+):\]")
_CLASSES = {
    "alpha": "A-Za-z", "digit": "0-9", "alnum": "0-9A-Za-z", "upper": "A-Z", "lower": "a-z", "space": "\\s", "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f", "punct": "!-/:-@\\[-`{-~", "blank": "\t ",
}  # fmt: skip
"""Names of classes within brackets, which Python's engine lacks."""


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


def compile_filter_pattern(pattern: str) -> Callable[[str], bool]:
    """Return the predicate "contains a match of `pattern`".

    Raises:
        InvalidArgumentError: not a regular expression, or one that RE2 would not take or that could take for ever here.
    """
    compiled = compile_pattern(_CLASS.sub(lambda match: _CLASSES.get(match[1], match[0]), pattern.replace(r"\z", r"\Z")))
    if _has_forbidden(sre_parser.parse(compiled.compiled.pattern)):
        raise InvalidArgumentError("regular expressions of run filters have no look-around and no back-references")
    return compiled.is_in


def _has_forbidden(tree: Any) -> bool:
    """Whether anything of a parsed pattern is nothing of RE2."""
    if isinstance(tree, list | tuple | sre_parser.SubPattern):
        return any(_has_forbidden(part) for part in tree)
    return str(tree) in _FORBIDDEN
