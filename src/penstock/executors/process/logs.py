"""Reading an attempt's log: by range, from the end, and while it grows.

A log is bytes as the task wrote them. Text is UTF-8 with every undecodable byte replaced by U+FFFD; a character cut by a range boundary
counts as undecodable, so callers that page through text should cut at line ends.
"""

from __future__ import annotations

import asyncio
import mmap
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from penstock.domain.masking import blanked, reach_of

CHUNK_BYTES = 256 * 1024
_POLL_SECONDS = 0.2
_SEARCHED_BYTES = 64 << 20
_KEPT_BYTES = 1 << 20


def size_of(path: Path) -> int:
    """Bytes written so far; 0 if there is no log yet."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def read_range(path: Path, offset: int, length: int) -> bytes:
    """Return up to `length` bytes from `offset`; empty at the end or without a log."""
    try:
        with open(path, "rb") as file:
            return os.pread(file.fileno(), length, offset)
    except OSError:
        return b""


def read_tail(path: Path, length: int) -> bytes:
    """Return the last bytes, at most `length`, beginning with a whole line where there is one."""
    size = size_of(path)
    data = read_range(path, max(0, size - length), length)
    if size > length:
        _, newline, rest = data.partition(b"\n")
        return rest if newline and rest else data
    return data


def read_from_last(path: Path, mark: bytes, length: int) -> bytes:
    """Return up to `length` bytes from the last line that has `mark` in it, in the last 64 MiB; empty without one. Takes no memory."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            earliest = max(0, len(content) - _SEARCHED_BYTES)
            found = content.rfind(mark, earliest)
            start = content.rfind(b"\n", earliest, max(found, earliest)) + 1
            return content[max(start, earliest) : start + length] if found >= 0 else b""
    except (OSError, ValueError):  # an empty file cannot be mapped
        return b""


def cut_middle(path: Path) -> None:
    """Leave the first and the last MiB of a longer log, with a line between them that says what is gone. Needs no room on the disk.

    Something may still write to the end of the log; what it writes during the cut may be lost.

    Raises:
        OSError: the log cannot be opened or written.
    """
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        gone = size - 2 * _KEPT_BYTES
        if gone > 0:
            note = f"\n[{gone} bytes of this log were removed: the disk was full]\n".encode()
            end = note + os.pread(file.fileno(), _KEPT_BYTES, size - _KEPT_BYTES)
            os.ftruncate(file.fileno(), _KEPT_BYTES + os.pwrite(file.fileno(), end, _KEPT_BYTES))


def blank(path: Path, parts: Sequence[bytes]) -> None:
    """Turn each of `parts` into asterisks, in the file itself. Call once nothing writes to it any more; without a log nothing happens."""
    reach = reach_of(parts)
    try:
        with open(path, "r+b") as file:
            place, before = 0, b""
            while piece := file.read(CHUNK_BYTES):
                data = before + piece
                masked = blanked(data, parts)
                if masked != data:
                    os.pwrite(file.fileno(), masked, place - len(before))
                place += len(piece)
                before = masked[-reach:] if reach else b""
    except FileNotFoundError:
        return


def decode(data: bytes) -> str:
    """Return bytes of a log as text; carriage-return progress bars keep their last state only."""
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return "\n".join(line.rsplit("\r", 1)[-1] if "\r" in line.rstrip("\r") else line.rstrip("\r") for line in text.split("\n"))


async def follow(path: Path, *, is_final: Callable[[], bool], offset: int = 0) -> AsyncIterator[bytes]:
    """Yield the log from `offset` as it grows; ends when the attempt is final and everything was yielded.

    Args:
        path: the log; it may not exist yet.
        is_final: whether the attempt is over; asked whenever there is nothing new.
        offset: where to begin.
    """
    while True:
        over = is_final()  # asked before the read: what is written between the two is still yielded
        data = await asyncio.to_thread(read_range, path, offset, CHUNK_BYTES)
        if data:
            offset += len(data)
            yield data
        elif over:
            return
        else:
            await asyncio.sleep(_POLL_SECONDS)
