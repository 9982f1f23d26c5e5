"""What happens when the disk is full: logs of attempts give way, because the server needs room to record how they end.

Long logs lose their middle, and a task that fills the disk by its log is stopped. Everything else on a full disk waits: a task's own files
are its own, and it hears of the full disk when it writes to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from penstock.domain.execution import LOG_FOLLOWS, Failure
from penstock.domain.sizes import size_words
from penstock.executors.process import log_times, logs
from penstock.executors.process.inside import stderr_marks

REASON = "its log filled the disk"
"""In `stop.json` of a task that was stopped for that."""
LONG_LOG_BYTES = 8 << 20
"""Shorter logs are left alone: cutting them would give little room."""
HUGE_LOG_BYTES = 64 << 20
"""What writes this much is stopped when the disk is full."""
_CHECK_SECONDS = 1.0


class FullDisk:
    """Knows when the disk of the data folder is full, and makes room in logs."""

    def __init__(self, data: Path, spare_bytes: int) -> None:
        """Args: spare_bytes: with less than this free, the disk is full."""
        self._data = data
        self._spare_bytes = spare_bytes
        self._cut: dict[Path, int] = {}

    def is_full(self) -> bool:
        """Whether it is now."""
        try:
            found = os.statvfs(self._data)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize < self._spare_bytes

    def cut(self, log: Path) -> bool:
        """Take the middle out of a long log; False when it is not long."""
        size = logs.size_of(log)
        if size < LONG_LOG_BYTES:
            return False
        self._cut[log] = max(size, self._cut.get(log, 0))
        for name in (stderr_marks.NAME, log_times.NAME):  # they tell places in the log
            with contextlib.suppress(OSError):
                log.with_name(name).unlink()
        with contextlib.suppress(OSError):
            logs.cut_middle(log)
        return True

    def size_before_cut(self, log: Path) -> int:
        """Return how long a log was before its middle was taken out; 0: it was not cut. Known until `explained` is asked."""
        return self._cut.get(log, 0)

    def explained(self, failure: Failure | None, log: Path) -> Failure | None:
        """Return the failure of an attempt that has ended, with its log in the first line if that had to be cut."""
        size = self._cut.pop(log, 0)
        if failure is None or not size or REASON in failure.message:
            return failure
        first, follows, rest = failure.message.partition(LOG_FOLLOWS)
        story = f"the disk was full, its log alone had {size_words(size)}"
        return replace(failure, message=f"{first} ({story}){follows}{rest}")

    async def watch(self, running: Callable[[], Iterable[Path]], stop: Callable[[Path], None]) -> None:
        """Until canceled: while the disk is full, cut the longest of the logs that are `running`, and have its task stopped for a huge one.

        A log that has to be cut for the second time is as bad as a huge one.
        """
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            longest = max(running(), key=logs.size_of, default=None) if self.is_full() else None
            if longest is not None:
                is_huge = logs.size_of(longest) >= HUGE_LOG_BYTES or longest in self._cut
                if await asyncio.to_thread(self.cut, longest) and is_huge:
                    stop(longest)
