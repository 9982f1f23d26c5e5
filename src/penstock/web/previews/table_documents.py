"""Tables of tracked runs as their client writes them, one JSON document, read row by row: `{"columns": [...], "data": [[...], ...]}`.

What stands before the rows is held (`MAX_BEGIN` bytes at most), of the rows a window that holds one of them (`MAX_ROW`). A row that cannot
be read costs itself: where brackets still close the next one begins behind it, else where the next pair of rows meets.

Semantics: `Table.to_json` and `Table.bind_to_run` of wandb 0.31 put `columns` (and `column_types`) before `data`, and `nrows` after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.web.previews.tables import TableHead, shown_of, table_of, told_type, types_of

MAX_BEGIN = 1 << 20
"""Bytes in which the rows have to begin."""
MAX_ROW = 1 << 20
TAIL = 4096
"""Bytes at the end of a file in which the client says how many rows there are."""
_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n,]*")
_MEETS = re.compile(r"\][ \t\r\n]*,[ \t\r\n]*(?=\[)")
_SIGNS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{}]', re.DOTALL)
_PLAIN = re.compile(r'[^,\[\]{}"]+')
_COUNT = re.compile(rb'"nrows"\s*:\s*(\d{1,15})\s*[,}]')
_SCAN = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class TableStart:
    """What a document says before its rows."""

    columns: Sequence[str]
    told: Sequence[str]
    """Types of the columns in our words, empty where the client wrote none."""
    position: int
    """Bytes before the first row."""


def start_of(data: bytes) -> TableStart | None:
    """Return what the beginning of a file says before the rows, None when it is no such table."""
    text = data.decode("latin-1")  # a byte is a character, so that places in one are places in the other
    at = _SPACE.match(text).end()  # type: ignore[union-attr]
    if text[at : at + 1] != "{":
        return None
    held: dict[str, Any] = {}
    try:
        while True:
            key, at = _SCAN.raw_decode(text, _BETWEEN.match(text, at + (not held)).end())  # type: ignore[union-attr]
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
            if not isinstance(key, str) or text[at : at + 1] != ":":
                return None
            at = _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
            if key == "data":
                break
            _, end = _SCAN.raw_decode(text, at)
            held[key] = json.loads(data[at:end].decode("utf-8", "replace")) if key in {"columns", "column_types"} else None
            at = end
    except (ValueError, RecursionError):
        return None
    columns = held.get("columns")
    if text[at : at + 1] != "[" or not isinstance(columns, list):
        return None
    return TableStart([str(name) for name in columns], [told_type(held.get("column_types"), name) for name in columns], at + 1)


def count_in(tail: bytes) -> int | None:
    """Return how many rows the end of a file says there are."""
    match = _COUNT.search(tail, tail.rfind(b"]") + 1)
    return int(match[1]) if match else None


def head_table(data: bytes, limit: int, total: int | None) -> TableHead | None:
    """Return the first rows of a table by the beginning of its file, None when it is none."""
    if (start := start_of(data)) is None:
        return None
    rows: list[Sequence[Any]] = []
    for row, _ in rows_of(iter((data[start.position :],)), start.position):
        if row is not None:
            rows.append(shown_row(row, start.told))
        if len(rows) == limit:
            break
    return table_of(start.columns, rows, types=types_of(start.told, rows), total=total, limit=limit)


def shown_row(row: Sequence[Any], told: Sequence[str]) -> list[Any]:
    """Return a row as it is shown, by the types of its columns."""
    return [shown_of(value, told[at] if at < len(told) else "") for at, value in enumerate(row)]


def rows_of(pieces: Iterator[bytes], position: int) -> Iterator[tuple[list[Any] | None, int]]:
    """Cut the bytes from `position` on into rows with the place behind each; None stands for one that cannot be read."""
    window, at, is_over = "", 0, False
    while True:
        at = _BETWEEN.match(window, at).end()  # type: ignore[union-attr]
        if window[at : at + 1] == "]":
            return
        found = _row(window, at)
        if found is None and not is_over and len(window) - at < MAX_ROW:
            position, window, at = position + at, window[at:], 0
            added = _taken(pieces, max(1, len(window)))
            window, is_over = window + added, not added
            continue
        if at >= len(window):
            return
        row, end = found or (None, _next_row(window, at))
        at = end
        yield row, position + at


def _taken(pieces: Iterator[bytes], least: int) -> str:
    """Return the next bytes, at least so many where there are as many."""
    parts, length = [], 0
    while length < least and (piece := next(pieces, None)) is not None:
        parts.append(piece)
        length += len(piece)
    return b"".join(parts).decode("latin-1")


def _row(window: str, at: int) -> tuple[list[Any] | None, int] | None:
    """Return the row that begins there and where it ends; None when its end is not in the window."""
    try:
        row, end = _SCAN.raw_decode(window, at)
        if isinstance(row, list) and not window.isascii() and not (text := window[at:end]).isascii():
            row = json.loads(text.encode("latin-1").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        close = _end_of(window, at)
        return None if close is None else (None, close)
    if isinstance(row, list):
        return row, end
    return (None, end) if end < len(window) else None


def _end_of(window: str, at: int) -> int | None:
    """Return where the brackets that begin there are closed, or a word ends."""
    if (word := _PLAIN.match(window, at)) is not None:
        return word.end() if word.end() < len(window) else None
    depth = 0
    for match in _SIGNS.finditer(window, at):
        sign = match[0]
        if sign == '"':
            return None
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(sign, 0)
        if depth <= 0:
            return match.end()
    return None


def _next_row(window: str, at: int) -> int:
    """Return where reading goes on behind a row that does not end in the window."""
    meeting = _MEETS.search(window, at + 1)
    return meeting.end() if meeting else max(at + 1, len(window) - 64)
