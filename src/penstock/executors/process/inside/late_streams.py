"""A pipe instead of the log for a Python component, from the moment at which it starts a program.

A component writes straight to its log: that costs nothing. A program that opens `/dev/stdout` anew would find the log itself there and cut
it, so before one is started descriptors 1 and 2 become a pipe of `command_streams`. The supervisor holds both ends of it, and the component
opens it by way of `/proc`, so that it has no descriptor more than it would have elsewhere. It is one pipe for both streams, so everything
stays in exact order; what goes through `sys.stderr` is framed in it, by a secret of the component and its supervisor.

Only functions of the interpreter that start programs are looked at. A C library that forks by itself gives its programs the log.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import Any

_STARTING = ("system", "posix_spawn", "posix_spawnp", "execv", "execve")
"""Of `os`; what else starts programs forks, or calls one of these."""
_SIZE_BYTES = 2
_MOST_BYTES = 4000
"""In a frame: with its head no more than a pipe takes at once."""


class _Starter:
    """Stands for a function that starts a program. No function of its own, or it would become a method where a class holds it."""

    def __init__(self, original: Any, pipe: LatePipe) -> None:
        self._original = original
        self._pipe = pipe

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._pipe.take_over()
        return self._original(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class LatePipe:
    """Takes the place of the log, as often as the log is there. Takes no lock, which a fork would take along."""

    def __init__(self, secret: str, address: str, number: int) -> None:
        """Watch over the log that descriptor 1 is now, if it is not the pipe already.

        Args:
            secret: begins each frame; as hexadecimal digits.
            address: path by which the pipe is opened.
            number: of its inode; another pipe at that address is none of ours.
        """
        self._secret = bytes.fromhex(secret)
        self._address = address
        self._log = _identity(1)
        self._number = number
        is_pipe = stat.S_ISFIFO(os.fstat(1).st_mode) and self._log[1] == number
        self._pipe: tuple[int, int] | None = self._log if is_pipe else None

    def take_over(self) -> None:
        """Let descriptors 1 and 2 be the pipe, where they are the log."""
        for number in (1, 2):
            try:
                if _identity(number) == self._log:
                    self._put(number)
            except OSError:  # the program has closed it, or there is no way to the pipe
                continue

    def _put(self, number: int) -> None:
        pipe = os.open(self._address, os.O_WRONLY | os.O_CLOEXEC)
        found = _identity(pipe)
        if found[1] == self._number:
            self._pipe = found
            os.dup2(pipe, number)
        os.close(pipe)

    def write_error(self, data: Any) -> bool:
        """Write to descriptor 2, framed; False, and nothing was written, where it is not the pipe."""
        try:
            if self._pipe is None or _identity(2) != self._pipe:
                return False
            view = memoryview(data).cast("B")
            while view:
                piece = view[:_MOST_BYTES]
                os.write(2, self._secret + len(piece).to_bytes(_SIZE_BYTES, "big") + piece)
                view = view[_MOST_BYTES:]
        except BlockingIOError:  # a program has changed the pipe, and it is full
            return False
        return True


def unframed(secret: bytes, data: bytes, *, is_cut: bool) -> tuple[list[tuple[bytes, bool]], bytes]:
    """Take frames apart.

    Args:
        secret: begins each of them.
        data: what came out of the pipe.
        is_cut: whether more comes, so that the last frame may not be whole.

    Returns:
        Pieces in their order with whether they were framed, and what has to wait for more.
    """
    pieces: list[tuple[bytes, bool]] = []
    at = 0
    while (found := data.find(secret, at)) >= 0:
        head = found + len(secret) + _SIZE_BYTES
        end = head + int.from_bytes(data[head - _SIZE_BYTES : head], "big")
        if end > len(data) or head > len(data):
            break
        pieces += [(data[at:found], False), (data[head:end], True)]
        at = end
    if not is_cut:
        keep = len(data)
    elif found >= 0:
        keep = found
    else:
        keep = max(at, len(data) - len(secret) + 1)
    pieces.append((data[at:keep], False))
    return [piece for piece in pieces if piece[0]], data[keep:]


def _identity(number: int) -> tuple[int, int]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino


def watch(pipe: LatePipe) -> None:
    """Have the pipe take the place of the log before this process starts a program."""
    os.register_at_fork(before=pipe.take_over)
    for module, names in ((os, _STARTING), (sys.modules["_posixsubprocess"], ("fork_exec",)), (subprocess, ("_fork_exec",))):
        for name in names:
            original = getattr(module, name, None)
            if original is not None:
                setattr(module, name, _Starter(original, pipe))
