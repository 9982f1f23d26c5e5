"""Notes which bytes of an attempt's log went through `sys.stderr`, beside the log, so that both streams keep their order in one file.

Each write to `sys.stderr` adds one record to `log.stderr`: begin and end in the log, two little-endian 64-bit numbers. What other programs
and C libraries write to descriptor 2 is in the log without a record, unless it came through `command_streams`. The file is opened for every
record: a descriptor that is kept could be closed by the program, and its number be given to a file of the program's own; and a full disk
takes the file away.
"""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.executors.process.inside.late_streams import LatePipe

NAME = "log.stderr"
RECORD = struct.Struct("<QQ")
# The task owns the folder and may have put anything there: no link is followed, and no pipe is waited for.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def note(log: str, begin: int, end: int) -> None:
    """Note that these bytes of `log` came through stderr.

    Raises:
        OSError: it cannot be noted.
    """
    marks = os.open(f"{os.path.dirname(log)}/{NAME}", _FLAGS, 0o644)
    try:
        os.write(marks, RECORD.pack(begin, end))
    finally:
        os.close(marks)


class MarkedErrors(io.FileIO):
    """Descriptor 2, with a record for every write. Without a log behind the descriptor it only writes."""

    def __init__(self, log: str, pipe: LatePipe | None = None) -> None:
        """Write to descriptor 2. Args: log: path of the attempt's log, records go beside it; pipe: what may take its place."""
        super().__init__(2, "wb", closefd=False)
        self._log = log
        self._pipe = pipe
        try:
            mine, theirs = os.fstat(2), os.stat(log)
            self._is_marking = (mine.st_dev, mine.st_ino) == (theirs.st_dev, theirs.st_ino)
        except OSError:
            self._is_marking = False

    def write(self, data: Any) -> int:
        """Write and record; a record that cannot be written is left out.

        Nothing is locked, since a fork in another thread would take a held lock along: records of threads that write at the same moment
        may overlap.
        """
        if self._pipe is not None and self._pipe.write_error(data):
            return memoryview(data).nbytes
        count: int = super().write(data)
        if self._is_marking and count:
            try:
                end = os.lseek(2, 0, os.SEEK_CUR)
                note(self._log, end - count, end)
            except OSError:  # the program put something else on descriptor 2, or the disk is full: its output goes on
                pass
        return count
