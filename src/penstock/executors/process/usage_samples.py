"""Notes what the processes of running attempts use, beside their logs, so that a task's use has a course and not only a sum.

`usage` is records of three little-endian 64-bit numbers, in order: milliseconds (Unix time), milliseconds of CPU time spent until then, and
bytes of resident memory, both of the attempt's whole process tree. Memory that processes share counts once for each. All trees are summed
up in one pass over `/proc`, once a second; after `_DENSE` records it is noted once a minute, and after `_MOST` no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.executors.process.inside import tree

NAME = "usage"
RECORD = struct.Struct("<QQQ")
_CHECK_SECONDS = 1.0
_DENSE = 4096
_RARE_SECONDS = 60.0
_MOST = 65_536
_REST = 50
"""Times as long as a look took is the least between two: where thousands of processes run, they are looked at less often."""
# The task owns the folder and may have put anything there: no link is followed, and no pipe is waited for.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Use:
    """What a process tree has used."""

    cpu_milliseconds: int
    memory_bytes: int


@dataclass(slots=True)
class Noted:
    """What was noted of one attempt."""

    records: int = 0
    at: float = 0.0


class UsageSamples:
    """Knows how much was noted of each running attempt."""

    def __init__(self) -> None:
        self._noted: dict[Path, Noted] = {}

    async def watch(self, running: Callable[[], Mapping[int, Path]], now: Callable[[], float]) -> None:
        """Until canceled: look at the processes that are `running`, by the pid of their first one, with the folder of each attempt."""
        pause = _CHECK_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = _CHECK_SECONDS
            if folders := running():
                pause = max(pause, _REST * await asyncio.to_thread(self.look, folders, now()))

    def look(self, running: Mapping[int, Path], at: float) -> float:
        """Note what is used `at` this time, and return the seconds that took. What cannot be noted is left out."""
        began = time.monotonic()
        noted = {folder: self._noted.get(folder, Noted()) for folder in running.values()}
        due = [pid for pid, folder in running.items() if is_due(noted[folder], at)]
        for pid, use in (used_by(due) if due else {}).items():
            with contextlib.suppress(OSError):  # the disk is full, or the folder is gone; the next look tries again
                note(running[pid] / NAME, noted[running[pid]], (use.cpu_milliseconds, use.memory_bytes), at)
        self._noted = noted
        return time.monotonic() - began


def used_by(roots: Iterable[int]) -> dict[int, Use]:
    """Sum up each of the process trees below `roots`; processes of the session that a root leads belong to it. Ended ones have no entry."""
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    fields = {pid: found for pid in tree.pids() if (found := tree.fields_of(pid)) is not None}
    owners: dict[int, int | None] = {root: root for root in roots if root in fields and fields[root][0] not in (b"Z", b"X")}
    sums: dict[int, list[int]] = {root: [0, 0] for root in owners}
    for pid, own in fields.items():
        owner = _owner(pid, fields, owners)
        if owner is not None:
            sums[owner][0] += sum(map(int, own[11:15]))  # user and system time, its own and that of children it has awaited
            sums[owner][1] += int(own[21])
    return {root: Use(spent * 1000 // ticks, pages * page) for root, (spent, pages) in sums.items()}


def _owner(pid: int, fields: Mapping[int, list[bytes]], owners: dict[int, int | None]) -> int | None:
    """Return which root `pid` belongs to; remembers it in `owners` for it and for all that were passed on the way up."""
    passed: list[int] = []
    owner: int | None = None
    while pid in fields and pid not in owners:
        owners[pid] = None  # parents were read one after the other: a pid that was used again could make a ring
        passed.append(pid)
        session = int(fields[pid][3])
        pid = session if owners.get(session) == session else int(fields[pid][1])
    owner = owners.get(pid)
    owners.update(dict.fromkeys(passed, owner))
    return owner


def is_due(noted: Noted, at: float) -> bool:
    """Whether another record belongs there at this time."""
    return noted.records < _DENSE or (noted.records < _MOST and at - noted.at >= _RARE_SECONDS)


def note(path: Path, noted: Noted, numbers: tuple[int, int], at: float) -> None:
    """Add a record, unless there are enough.

    Raises:
        OSError: it cannot be written.
    """
    file = os.open(path, _FLAGS, 0o644)
    try:
        size = os.fstat(file).st_size
        if size % RECORD.size:  # a full disk took a part of the last one
            os.ftruncate(file, size - size % RECORD.size)
        noted.records, noted.at = size // RECORD.size, at
        if noted.records < _MOST:
            os.write(file, RECORD.pack(round(at * 1000), *numbers))
    finally:
        os.close(file)
