"""Rows of a stored file one block after the other, from any place where a block began: delimited text, JSON lines, Parquet, arrays of NumPy
(also in an archive), tables of tracked runs.

A source holds one block of rows at a time, which is bounded in rows and in bytes. What is wrong in the middle of a file costs the rows that
it is in: they are counted as damaged, and reading goes on behind them.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore
from penstock.web.previews.archive_members import member_of
from penstock.web.previews.parquet import MAGIC, ParquetError, ParquetFile, open_file
from penstock.web.previews.table_documents import MAX_BEGIN, TAIL, TableStart, count_in, rows_of, shown_row, start_of
from penstock.web.previews.tables import DELIMITERS, header_of, item_size, numbers_in

BLOCK = 2000
"""Rows of a block."""
_MAX_COLUMNS = 60
_MAX_LINE = 1 << 20
_MAX_RECORD_LINES = 200
_MAX_BLOCK = 8 << 20
"""Bytes of a block."""
_LONG_PART = 64 << 20
"""Bytes of a line that is passed over, until the clock is looked at."""
_HEAD = 64 * 1024

Bounds = Callable[[int], tuple[Any, Any] | None]
"""Column -> least and largest value in what comes next, None where that is not known."""
Passes = Callable[[Bounds], bool]
"""Whether rows within these bounds may be among those that are looked for."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows that follow each other."""

    rows: Sequence[Sequence[Any]]
    """As the file has them; short ones lack their last columns."""
    position: str
    """Where the next block begins; empty behind the last one."""
    damaged: int = 0
    """Rows that could not be read."""
    passed_over: int = 0
    """Rows that cannot be among those that are looked for, by what the file says of them."""


@dataclass(frozen=True, slots=True)
class RowSource:
    """A file as rows."""

    columns: Sequence[str]
    total: int | None
    """Rows, where the file says so."""
    size: int
    """What positions count up to: bytes or rows."""
    blocks: Callable[[str, Passes], Iterator[Block]]
    """(position, which parts to read) -> blocks from there; the empty position is the beginning."""
    starts: Sequence[int] = ()
    """Rows before each part, where positions are `part:row`."""

    def progress(self, position: str) -> float:
        """Return how far into the file a position is, from 0 to 1; where nothing follows is 1."""
        if not position or not self.size:
            return 1.0
        part, _, row = position.partition(":")
        before = self.starts[int(part)] + int(row) if row and int(part) < len(self.starts) else int(part)
        return min(1.0, before / self.size)


def open_rows(blobs: BlobStore, digest: Digest, size: int, member: str = "") -> RowSource | None:
    """Return the rows of a file, None when it is no table that is known here.

    Args:
        member: name of an array in an archive of NumPy (`.npz`).

    Raises:
        NotFoundError: the bytes are gone.
    """

    def read(offset: int, length: int) -> bytes:
        return b"".join(blobs.read(digest, offset=offset, length=length))

    head = read(0, _HEAD)
    if head.startswith(MAGIC):
        return _parquet(read, size)
    if head.startswith(b"\x93NUMPY"):
        return _array(head, lambda offset: _pieces(blobs, digest, offset))
    if head[:2] == b"PK":
        return _member(blobs, digest, size, member)
    if b"\0" in head:
        return None
    if head.lstrip()[:1] == b"{" and (start := start_of(read(0, MAX_BEGIN))) is not None:
        return _tracked(blobs, digest, size, start)
    return _json_lines(blobs, digest, size, head) or _delimited(blobs, digest, size, head)


def _pieces(blobs: BlobStore, digest: Digest, offset: int) -> Iterator[bytes]:
    return blobs.read(digest, offset=offset)


class _Gap(bytes):
    """Takes the place of (a part of) a line that is too long to be held."""

    length = 0
    ends = False
    """The line ends with it."""


def _gap(length: int, *, ends: bool) -> _Gap:
    gap = _Gap()
    gap.length, gap.ends = length, ends
    return gap


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Cut a stream into lines with their ends; in the place of one longer than `_MAX_LINE` comes a gap, so that memory is bounded."""
    rest, passed, is_long = b"", 0, False
    for piece in pieces:
        found = (rest + piece).split(b"\n")
        rest = found.pop()
        for line in found:
            if is_long or len(line) >= _MAX_LINE:
                yield _gap(passed + len(line) + 1, ends=True)
                passed, is_long = 0, False
            else:
                yield line + b"\n"
        if is_long or len(rest) >= _MAX_LINE:
            passed, rest, is_long = passed + len(rest), b"", True
        if passed >= _LONG_PART:
            yield _gap(passed, ends=False)
            passed = 0
    if is_long:
        yield _gap(passed + len(rest), ends=True)
    elif rest:
        yield rest


def _json_lines(blobs: BlobStore, digest: Digest, size: int, head: bytes) -> RowSource | None:
    first = [line for line in head.splitlines()[:200] if line.strip()]
    if len(first) < 2 or not first[0].lstrip().startswith(b"{"):
        return None
    known: dict[str, None] = {}
    for line in first:
        row = _object(line)
        known |= dict.fromkeys(row or ())
    if _object(first[0]) is None:
        return None
    columns = list(known)[:_MAX_COLUMNS]

    def blocks(position: str, passes: Passes) -> Iterator[Block]:
        at = begun = int(position or 0)
        rows: list[Sequence[Any]] = []
        damaged = 0
        for line in _lines(_pieces(blobs, digest, at)):
            at += line.length if isinstance(line, _Gap) else len(line)
            if isinstance(line, _Gap):
                damaged += line.ends
            elif line.strip():
                row = _object(line)
                damaged += row is None
                if row is not None:
                    rows.append([row.get(name) for name in columns])
            if len(rows) + damaged >= BLOCK or at - begun >= _MAX_BLOCK:
                yield Block(rows, str(at), damaged)
                damaged, rows, begun = 0, [], at
        yield Block(rows, "", damaged)

    return RowSource(columns, None, size, blocks)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _delimited(blobs: BlobStore, digest: Digest, size: int, head: bytes) -> RowSource | None:
    lines = head.decode("utf-8", "replace").splitlines()
    if len(lines) < 2:
        return None
    width, delimiter = max((lines[0].count(sign), sign) for sign in DELIMITERS)
    if not width or any(line.count(delimiter) < width for line in lines[1:3] if line and '"' not in line):
        return None
    begun = next(_records(_lines(_pieces(blobs, digest, 0)), delimiter), None)
    if begun is None or not begun.rows:
        return None
    columns, start, fields = begun.rows[0][:_MAX_COLUMNS], begun.first_length, len(begun.rows[0])

    def blocks(position: str, passes: Passes) -> Iterator[Block]:
        at = begun = int(position or start)
        rows: list[Sequence[Any]] = []
        damaged = 0
        for found in _records(_lines(_pieces(blobs, digest, at)), delimiter, fields):
            at += found.length
            rows += found.rows
            damaged += found.damaged
            if len(rows) + damaged >= BLOCK or at - begun >= _MAX_BLOCK:
                yield Block(rows, str(at), damaged)
                damaged, rows, begun = 0, [], at
        yield Block(rows, "", damaged)

    return RowSource(columns, None, size, blocks)


@dataclass(frozen=True, slots=True)
class _Records:
    """Records of delimited text that follow each other."""

    rows: Sequence[list[str]]
    damaged: int
    length: int
    """Bytes of all of them, with empty lines."""
    first_length: int
    """Bytes of the first one."""


def _records(lines: Iterator[bytes], delimiter: str, width: int | None = None) -> Iterator[_Records]:
    """Cut lines into records: many at once where no field is in quotes.

    A field in quotes may hold ends of lines. A quote that is never closed would swallow the rest of the file: beyond `_MAX_RECORD_LINES`
    lines, or where the record does not have `width` fields, its line alone is given up, and what follows is read as lines of their own.
    """
    waiting: deque[bytes] = deque()
    plain: list[bytes] = []
    held = 0

    def following() -> bytes | None:
        return waiting.popleft() if waiting else next(lines, None)

    while (line := following()) is not None:
        is_gap = isinstance(line, _Gap)
        if b'"' not in line and not is_gap:
            plain.append(line)
            held += len(line)
            if len(plain) >= BLOCK or held >= _MAX_LINE:
                yield _plain_records(plain, delimiter)
                plain, held = [], 0
            continue
        if plain:
            yield _plain_records(plain, delimiter)
            plain, held = [], 0
        if isinstance(line, _Gap):
            yield _Records((), int(line.ends), line.length, line.length)
            continue
        taken = [line]
        quotes, length = line.count(b'"'), len(line)
        while quotes % 2 and len(taken) < _MAX_RECORD_LINES and length < _MAX_LINE:
            more = following()
            if more is None or isinstance(more, _Gap):
                waiting.extendleft(() if more is None else (more,))
                break
            taken.append(more)
            quotes, length = quotes + more.count(b'"'), length + len(more)
        found = _Records((), 1, length, length) if quotes % 2 or length >= _MAX_LINE else _one_record(b"".join(taken), delimiter)
        if found.damaged or (len(taken) > 1 and width is not None and [len(row) for row in found.rows] != [width]):
            waiting.extendleft(reversed(taken[1:]))
            yield _Records((), 1, len(line), len(line))
        else:
            yield found
    if plain:
        yield _plain_records(plain, delimiter)


def _plain_records(lines: Sequence[bytes], delimiter: str) -> _Records:
    data = b"".join(lines)
    texts = [text for text in data.decode("utf-8", "replace").replace("\r", "").split("\n") if text]
    try:
        return _Records(list(csv.reader(texts, delimiter=delimiter)), 0, len(data), len(lines[0]))
    except csv.Error:
        parts = [_one_record(line, delimiter) for line in lines]
        rows = [row for part in parts for row in part.rows]
        return _Records(rows, sum(part.damaged for part in parts), len(data), len(lines[0]))


def _one_record(data: bytes, delimiter: str) -> _Records:
    text = data.decode("utf-8", "replace")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) if text.strip() else []
    except csv.Error:
        return _Records((), 1, len(data), len(data))
    return _Records(rows, 0, len(data), len(data))


def _parquet(read: Callable[[int, int], bytes], size: int) -> RowSource | None:
    try:
        file = open_file(read, size)
    except ParquetError:
        return None

    def blocks(position: str, passes: Passes) -> Iterator[Block]:
        group, _, start = position.partition(":")
        first, skip = int(group or 0), int(start or 0)
        for number in range(first, len(file.groups)):
            following = f"{number + 1}:0" if number + 1 < len(file.groups) else ""
            if not passes(lambda column, number=number: file.bounds(number, column)):  # type: ignore[misc]
                yield Block((), following, passed_over=file.groups[number] - skip)
            else:
                yield from _group_blocks(file, number, skip, following)
            skip = 0

    starts = [sum(file.groups[:number]) for number in range(len(file.groups))]
    return RowSource(file.names, sum(file.groups), sum(file.groups), blocks, starts)


def _group_blocks(file: ParquetFile, group: int, skip: int, following: str) -> Iterator[Block]:
    columns = [_Column(file, group, index, skip) for index in range(len(file.names))]
    count, at = file.groups[group], skip
    while at < count:
        wanted = min(BLOCK, count - at)
        values = [column.take(wanted) for column in columns]
        if all(column.is_lost for column in columns):
            yield Block((), following, damaged=count - at)
            return
        at += wanted
        yield Block([list(row) for row in zip(*values, strict=True)], f"{group}:{at}" if at < count else following)


class _Column:
    """Values of a column of a row group in order; nothing in the place of those that cannot be read."""

    def __init__(self, file: ParquetFile, group: int, index: int, skip: int) -> None:
        self._pages = file.values(group, index, skip=skip)
        self._waiting: list[Any] = []
        self._is_over = False
        self.is_lost = False
        """Nothing could be read the last time."""

    def take(self, count: int) -> list[Any]:
        """Return the next `count` values."""
        while len(self._waiting) < count and not self._is_over:
            try:
                self._waiting += next(self._pages)
            except (StopIteration, ParquetError):
                self._is_over = True
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        self.is_lost = not taken
        return taken + [None] * (count - len(taken))


def _array(head: bytes, pieces: Callable[[int], Iterator[bytes]]) -> RowSource | None:
    described = header_of(head)
    if described is None:
        return None
    descr, is_fortran, shape, start = described
    one = item_size(descr)
    if one is None or not shape or (is_fortran and len(shape) > 1) or 0 in shape:
        return None
    width = math.prod(shape[1:])
    row = one * width
    if row > _MAX_LINE:
        return None

    def blocks(position: str, passes: Passes) -> Iterator[Block]:
        at, rest = int(position or 0), b""
        for piece in pieces(start + at * row):
            rest += piece
            count = min(len(rest) // row, shape[0] - at)
            for first in range(0, count, BLOCK):
                some = min(BLOCK, count - first)
                values = numbers_in(rest[first * row : (first + some) * row], descr, (some, width)) or []
                at += some
                yield Block([values[index * width : index * width + min(width, _MAX_COLUMNS)] for index in range(some)], str(at))
            rest = rest[count * row :]
            if at >= shape[0]:
                break
        yield Block((), "", damaged=shape[0] - at)

    return RowSource(_places(shape[1:], min(width, _MAX_COLUMNS)), shape[0], shape[0], blocks)


def _places(shape: Sequence[int], count: int) -> list[str]:
    """Return the names of the first values of a row: their indexes, one for each dimension."""
    names = []
    for place in range(count):
        rest, indexes = place, []
        for size in reversed(shape):
            rest, index = divmod(rest, size)
            indexes.append(str(index))
        names.append(",".join(reversed(indexes)) or "0")
    return names


def _member(blobs: BlobStore, digest: Digest, size: int, name: str) -> RowSource | None:
    """An array in an archive."""
    member = member_of(blobs, digest, size, name)
    if member is None:
        return None
    head = b""
    for piece in member.pieces(0):
        head += piece
        if len(head) >= _HEAD:
            break
    return _array(head, member.pieces)


def _tracked(blobs: BlobStore, digest: Digest, size: int, start: TableStart) -> RowSource:
    """A table of a tracked run."""
    total = count_in(b"".join(blobs.read(digest, offset=max(start.position, size - TAIL))))

    def blocks(position: str, passes: Passes) -> Iterator[Block]:
        at = begun = max(int(position or 0), start.position)
        rows: list[Sequence[Any]] = []
        damaged = 0
        for row, behind in rows_of(_pieces(blobs, digest, at), at):
            at = behind
            damaged += row is None
            if row is not None:
                rows.append(shown_row(row[:_MAX_COLUMNS], start.told))
            if len(rows) + damaged >= BLOCK or at - begun >= _MAX_BLOCK:
                yield Block(rows, str(at), damaged)
                damaged, rows, begun = 0, [], at
        yield Block(rows, "", damaged)

    return RowSource(start.columns[:_MAX_COLUMNS], total, size, blocks)
