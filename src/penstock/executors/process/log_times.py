"""Notes when the server saw the bytes of the logs of running attempts, beside each log, so that its lines have times.

`log.times` is records of two little-endian 64-bit numbers, in order: an offset in the log, and the milliseconds (Unix time) at which the
bytes before it, and behind the offset of the record before, were first seen; 0: nobody knows. Logs are looked at once a second, and after
`_DENSE` records less often, so that the file of a task that writes for weeks stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

NAME = "log.times"
RECORD = struct.Struct("<QQ")
_CHECK_SECONDS = 1.0
_DENSE = 4096
_RARE_SECONDS = 60.0
# The task owns the folder and may have put anything there: no link is followed, and no pipe is waited for.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(slots=True)
class _Seen:
    size: int = 0
    records: int = 0
    at: float = 0.0


class LogTimes:
    """Knows how much of each running attempt's log was seen."""

    def __init__(self) -> None:
        self._seen: dict[Path, _Seen] = {}

    async def watch(self, running: Callable[[], Iterable[Path]], now: Callable[[], float]) -> None:
        """Until canceled: look at the logs that are `running`."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            logs = list(running())
            if logs or self._seen:
                await asyncio.to_thread(self.look, logs, now())

    def look(self, running: Iterable[Path], at: float) -> None:
        """Note what has grown until `at`, for the last time in those that run no more. What cannot be noted is left out."""
        logs = set(running)
        for log in logs | self._seen.keys():
            seen = self._seen.setdefault(log, _Seen())
            if log not in logs or seen.records < _DENSE or at - seen.at >= _RARE_SECONDS:
                with contextlib.suppress(OSError):  # the disk is full, or the folder is gone; the next look tries again
                    _note(log, seen, at)
        self._seen = {log: seen for log, seen in self._seen.items() if log in logs}


def _note(log: Path, seen: _Seen, at: float) -> None:
    size = os.stat(log).st_size
    if size == seen.size:
        return
    path, moment = log.with_name(NAME), round(at * 1000)
    try:
        if size < seen.size:
            path.unlink(missing_ok=True)
        file = os.open(path, _FLAGS | (os.O_CREAT if not seen.records else 0), 0o644)
    except FileNotFoundError:  # the log was cut, and its records with it: they told places in it
        moment = 0
        file = os.open(path, _FLAGS | os.O_CREAT, 0o644)
    try:
        os.write(file, RECORD.pack(size, moment))
        records = os.fstat(file).st_size // RECORD.size
    finally:
        os.close(file)
    seen.size, seen.records, seen.at = size, records, at
