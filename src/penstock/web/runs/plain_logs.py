"""Logs in parts that need no script: some lines, the end first, with the places where the parts before and behind begin.

A part is found by the byte that it ends before, or begins at; so a log of any size costs the same. Colours are left out, and lines that
rewrote themselves show their last form, as in the viewer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.terminal_text import without_escapes
from penstock.web.runs.logs import WINDOW, first_line_of
from penstock.web.services.web import StreamFiles

LINES = 200
LONGEST_LINE = 4_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class PlainLine:
    """One line."""

    text: str
    number: int | None = None
    """Counted from 1; None: not known."""
    is_error: bool = False
    """It went to stderr."""
    left_out: int = 0
    """Characters behind those that are shown."""


@dataclass(frozen=True, slots=True)
class PlainPart:
    """Some lines of a log, and where the others are."""

    lines: Sequence[PlainLine]
    earlier: int | None
    """What the part before this one ends before; None: this is the beginning."""
    later: int | None
    """Where the part behind this one begins; None: this is the end as it was now."""


async def part_of(
    logs: StreamFiles, run_id: str, task_id: str, attempt: int, *, before: int | None = None, since: int | None = None
) -> PlainPart:
    """Return the lines that end before a byte, or begin at one; without either the end of the log."""

    def work() -> PlainPart:
        size = logs.size(run_id, task_id, attempt) or 0
        if since is not None:
            start = min(max(0, since), size)
            data = _first_lines(logs.read(run_id, task_id, attempt, offset=start, length=WINDOW))
        else:
            end = size if before is None else min(max(0, before), size)
            start = max(0, end - WINDOW)
            data = _last_lines(logs.read(run_id, task_id, attempt, offset=start, length=end - start), is_whole=start == 0)
            start = end - len(data)
        end = start + len(data)
        first = first_line_of(logs, run_id, task_id, attempt, start)
        spans = logs.stderr_spans(run_id, task_id, attempt, start=start, end=end)
        return PlainPart(_lines(data, start, None if first < 0 else first + 1, spans), start or None, end if end < size else None)

    return await asyncio.to_thread(work)


def shown(text: str) -> tuple[str, int]:
    """Return a line as it is shown, and how many characters of it are left out."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", without_escapes(text.rstrip("\r").rpartition("\r")[2]))
    return text[:LONGEST_LINE], max(0, len(text) - LONGEST_LINE)


def _lines(data: bytes, start: int, number: int | None, spans: Sequence[tuple[int, int]]) -> list[PlainLine]:
    found = []
    for raw in re.findall(rb"[^\n]*\n|[^\n]+$", data):
        text, left_out = shown(raw.removesuffix(b"\n").decode("utf-8", "replace"))
        is_error = any(first < start + len(raw) and last > start for first, last in spans)
        found.append(PlainLine(text, number, is_error, left_out))
        start += len(raw)
        number = None if number is None else number + 1
    return found


def _first_lines(data: bytes) -> bytes:
    """At most `LINES` whole lines of the beginning of `data`, and no half one if there is a whole one."""
    end = -1
    for _ in range(LINES):
        following = data.find(b"\n", end + 1)
        if following < 0:
            return data if len(data) < WINDOW or end < 0 else data[: end + 1]
        end = following
    return data[: end + 1]


def _last_lines(data: bytes, *, is_whole: bool) -> bytes:
    """At most `LINES` lines of the end of `data`; one that may have begun before it, only if there is no other."""
    start = len(data) - 1 if data.endswith(b"\n") else len(data)
    for _ in range(LINES):
        previous = data.rfind(b"\n", 0, start)
        if previous < 0:
            return data if is_whole or start >= len(data) - 1 else data[start + 1 :]
        start = previous
    return data[start + 1 :]
