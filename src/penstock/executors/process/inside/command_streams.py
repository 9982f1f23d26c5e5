"""stdout and stderr of one command: pipes whose content the supervisor appends to the attempt's log, stderr with a record of the place.

Order between the two is that of arrival here; what is written while nobody looks stays in the pipe. A program that opens `/dev/stdout`
opens the pipe once more, where the log itself would be cut to nothing. Both streams may share the pipe of stdout, in exact order.
The supervisor keeps the pipes open until the attempt's whole tree has gone, so no writer ever hears that nobody reads.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Mapping
from typing import Any

from penstock.executors.process.inside import late_streams, stderr_marks

_PIECE_BYTES = 1 << 16
_MOST_BYTES = 1 << 18
"""Moved in one go; then others have their turn."""
_LAST_MOVES = 8
"""More than a pipe holds."""
_SPARE_DESCRIPTORS = 64
"""So many stay free for everything else: a supervisor with thousands of tasks gives further ones no stream of their own."""
# The task owns the folder and may have put anything there: no link is followed, and no pipe is waited for.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class CommandStream:
    """Read end of a pipe; `log` is where its content goes, to be set before the first `move`."""

    def __init__(self, descriptor: int, name: str) -> None:
        """Args: name: `stdout` or `stderr`, of which the places are noted."""
        self.descriptor = descriptor
        self.name = name
        self.log = ""
        self.secret = b""
        """What begins the frames in it, if it has some (`late_streams`)."""
        self.writer: int | None = None
        """The other end, where it is kept here, too."""
        self.is_holding = False
        """Whether there was more than goes at once: to be called again soon, even if nothing comes, for a line that waits for its end."""
        self._held = b""
        self._lost_bytes = 0

    def move(self) -> bool:
        """Append what is in the pipe to the log; False once nobody can write to it any more."""
        data, is_open, has_more = self._read()
        self.is_holding = has_more
        if self.secret:
            pieces, self._held = late_streams.unframed(self.secret, data, is_cut=has_more)
            for piece, is_framed in pieces:
                self._append(piece, is_error=is_framed)
            return is_open
        cut = data.rfind(b"\n") + 1 if has_more else 0  # a line in two pieces could get one of stdout between them
        self._held = data[cut:] if cut else b""
        if data:
            self._append(data[:cut] if cut else data, is_error=self.name == "stderr")
        return is_open

    def end(self) -> None:
        """Move all that is there now, and close: whoever still writes is none of the attempt's."""
        for _ in range(_LAST_MOVES):
            if not self.move() or not self.is_holding:
                break
        if self._held or self._lost_bytes:
            self._append(self._held, is_error=self.name == "stderr")
        self.close()

    def close(self) -> None:
        """Let go of it, whatever is in it."""
        os.close(self.descriptor)
        if self.writer is not None:
            os.close(self.writer)

    def _read(self) -> tuple[bytes, bool, bool]:
        pieces, size = [self._held], 0
        while size < _MOST_BYTES:
            try:
                piece = os.read(self.descriptor, _PIECE_BYTES)
            except BlockingIOError:
                return b"".join(pieces), True, False
            if not piece:
                return b"".join(pieces), False, False
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces), True, True

    def _append(self, data: bytes, *, is_error: bool) -> None:
        """Write all of it; what cannot be written, as on a full disk, is counted, and the count written when there is room again."""
        note = f"\n[{self._lost_bytes} bytes of {self.name} are missing here: they could not be written]\n" if self._lost_bytes else ""
        rest = memoryview(note.encode() + data)
        with contextlib.suppress(OSError):
            log = os.open(self.log, _FLAGS)
            try:
                while rest:
                    count = os.write(log, rest)
                    rest = rest[count:]
                    if is_error:
                        end = os.lseek(log, 0, os.SEEK_CUR)
                        with contextlib.suppress(OSError):
                            stderr_marks.note(self.log, end - count, end)
            finally:
                os.close(log)
        self._lost_bytes = len(rest) if len(rest) <= len(data) else self._lost_bytes + len(data)


class StreamPair:
    """What a child that waits for its task may get for its streams; `writers` are for the child alone."""

    def __init__(self, output: CommandStream, errors: CommandStream, writers: tuple[int, int]) -> None:
        self.output = output
        self.errors = errors
        self.writers = writers

    def chosen(self, task: Mapping[str, Any]) -> list[CommandStream]:
        """Return the streams that the task of this message writes to, ready to be moved; the others are closed."""
        wanted = [self.output, self.errors][: task.get("streams", 0)]
        for stream in (self.output, self.errors):
            if stream in wanted:
                stream.log = task["log"]
            else:
                stream.close()
        return wanted

    def close_writers(self) -> None:
        """Leave the writing to the child."""
        for writer in self.writers:
            os.close(writer)

    def close(self) -> None:
        """Let go of both, unread."""
        self.output.close()
        self.errors.close()


def open_late(secret: str, log: str) -> CommandStream | None:
    """Return the stream of a Python component (`late_streams`), None where the process has hardly any descriptors left."""
    ends = _open_pipes(1)
    if not ends:
        return None
    stream = CommandStream(ends[0], "stdout")
    stream.writer, stream.secret, stream.log = ends[1], bytes.fromhex(secret), log
    return stream


def open_pair() -> StreamPair | None:
    """Return new streams, None where the process has hardly any descriptors left."""
    ends = _open_pipes(2)
    return StreamPair(CommandStream(ends[0], "stdout"), CommandStream(ends[2], "stderr"), (ends[1], ends[3])) if ends else None


def _open_pipes(count: int) -> list[int]:
    """Return reading and writing ends by turns, reading ones without waiting; nothing where descriptors are short."""
    ends: list[int] = []
    try:
        for _ in range(count):
            ends += os.pipe()
    except OSError:
        is_short = True
    else:
        is_short = max(ends) >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_DESCRIPTORS
    if is_short:
        for end in ends:
            os.close(end)
        return []
    for reader in ends[::2]:
        os.set_blocking(reader, False)
    return ends
