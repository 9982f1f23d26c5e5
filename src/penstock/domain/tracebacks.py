"""The exception that ended a program of Python, found in the end of its log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from penstock.domain.log_lines import FRAME

TRACEBACK = "Traceback (most recent call last):"
"""End of the line before the frames of an exception."""
UNCAUGHT_EXIT = 1
"""Exit code of a Python that an exception ended."""
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?::|$)")
_SYNTAX = re.compile(r"^(?:SyntaxError|IndentationError|TabError): ")
_SYNTAX_PLACE = re.compile(r'^  File "(?:[^"]*/)?([^"]*)", line (\d+)$')


def exception_of(lines: Sequence[str], code: int | None) -> str:
    """Return the first line of the exception that ended the program, empty when it ended otherwise.

    Args:
        lines: end of the log.
        code: exit code; an uncaught exception gives 1.
    """
    starts = [index for index, line in enumerate(lines) if line.endswith(TRACEBACK)]  # after a prompt, say
    starts = starts or [index for index, line in enumerate(lines) if FRAME.match(line)]  # its line was too long for the end of the log
    if code != UNCAUGHT_EXIT or not starts:
        return ""
    at = next((index for index in range(starts[-1] + 1, len(lines)) if not lines[index].startswith(" ")), 0)
    exception = lines[at] if at else ""
    if _SYNTAX.match(exception) and (place := next(filter(None, map(_SYNTAX_PLACE.match, reversed(lines[:at]))), None)):
        return f"{exception} ({place.group(1)}, line {place.group(2)})"
    return exception if _EXCEPTION.match(exception) else ""
