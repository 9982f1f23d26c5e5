"""Logs of attempts in the data folder: `<data>/runs/<run>/<task>/<attempt>/log`, raw bytes, read by range."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from penstock.domain.masking import blanked, reach_of

_NAME = re.compile(r"^[A-Za-z0-9][\w.-]{0,127}$")


_MARK = struct.Struct("<QQ")
"""A record of `log.stderr`, see `executors.process.inside.stderr_marks`, and of `log.times`, see `executors.process.log_times`."""
_MARKS_READ = 50_000
_USE = struct.Struct("<QQQ")
"""A record of `usage`, see `executors.process.usage_samples`."""
_USES_READ = 65_536
_LATEST = 1 << 46
"""Milliseconds that are a time; the task could have written to the file."""
_LARGEST = 1 << 50
"""Bytes that are memory of a machine."""


def _first_mark(marks: BinaryIO, count: int, offset: int) -> int:
    """Number of the first record that begins at `offset` or later; they are in order."""
    lower, upper = 0, count
    while lower < upper:
        middle = (lower + upper) // 2
        marks.seek(middle * _MARK.size)
        begin, _ = _MARK.unpack(marks.read(_MARK.size))
        lower, upper = (middle + 1, upper) if begin < offset else (lower, middle)
    return lower


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


class AttemptLogFiles:
    """Reads logs by ids; ids that could leave the folder name no log."""

    def __init__(self, data: Path, masks_of: Callable[[str, str, int], Sequence[bytes]] = lambda *_: ()) -> None:
        """Read below `data`, with what `masks_of` names for (run, task, attempt) turned into asterisks."""
        self._runs = data / "runs"
        self._masks_of = masks_of

    def size(self, run_id: str, task_id: str, attempt: int) -> int | None:
        """Return the log's length in bytes now, or None when there is none."""
        path = self._path(run_id, task_id, attempt)
        try:
            return path.stat().st_size if path is not None else None
        except OSError:
            return None

    def read(self, run_id: str, task_id: str, attempt: int, *, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset`; empty beyond the end or without a log."""
        path = self._path(run_id, task_id, attempt)
        try:
            if path is None or length <= 0:
                return b""
            masks = self._masks_of(run_id, task_id, attempt)
            ahead = min(offset, reach_of(masks))
            with path.open("rb") as log:
                log.seek(offset - ahead)
                data = log.read(ahead + length + reach_of(masks))
            return blanked(data, masks)[ahead : ahead + length]
        except OSError:
            return b""

    def stderr_spans(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int]]:
        """Return which bytes of the log from `start` to `end` went through the task's `sys.stderr`, as (begin, end) in order.

        Looks at the records of the last `_MARKS_READ` writes before `end`. What other programs wrote to descriptor 2 is not among them.
        """
        path = self._path(run_id, task_id, attempt)
        if path is None:
            return []
        try:
            with path.with_name("log.stderr").open("rb") as marks:
                count = os.fstat(marks.fileno()).st_size // _MARK.size
                upper = _first_mark(marks, count, end)
                marks.seek(max(0, upper - _MARKS_READ) * _MARK.size)
                data = marks.read(min(upper, _MARKS_READ) * _MARK.size)
        except OSError:
            return []
        return _joined((first, last) for first, last in _MARK.iter_unpack(data) if last > start)

    def times(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int | None]] | None:
        """Return when the bytes from `start` to `end` were seen, as far as it was noted; None when nothing was noted of this log.

        Each entry is an offset and the milliseconds (Unix time) of the bytes before it, behind the entry before; None: not known.
        """
        path = self._path(run_id, task_id, attempt)
        if path is None:
            return None
        try:
            with path.with_name("log.times").open("rb") as marks:
                count = os.fstat(marks.fileno()).st_size // _MARK.size
                lower, upper = _first_mark(marks, count, start + 1), min(count, _first_mark(marks, count, end) + 1)
                marks.seek(lower * _MARK.size)
                data = marks.read(min(max(0, upper - lower), _MARKS_READ) * _MARK.size)
        except OSError:
            return None
        return [(offset, moment if 0 < moment < _LATEST else None) for offset, moment in _MARK.iter_unpack(data)]

    def usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        """Return what the attempt used, as (Unix time, CPU time until then, bytes of memory) in order, times in milliseconds.

        Empty when nothing was noted. The task could have written to the file: what cannot follow the record before is left out.
        """
        found: list[tuple[int, int, int]] = []
        for moment, spent, memory in self._uses(run_id, task_id, attempt, "usage"):
            found.append((moment, max(found[-1][1], spent) if found else spent, memory))
        return found

    def gpu_usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        """Return what the attempt used of GPUs, as (Unix time in milliseconds, thousandths of one GPU, bytes of its memory) in order.

        Empty when nothing was noted; see `executors.process.gpu_samples`.
        """
        return self._uses(run_id, task_id, attempt, "usage.gpu")

    def _uses(self, run_id: str, task_id: str, attempt: int, name: str) -> list[tuple[int, int, int]]:
        path = self._path(run_id, task_id, attempt)
        try:
            if path is None or not path.with_name(name).is_file():  # a pipe would be waited for
                return []
            with path.with_name(name).open("rb") as records:
                data = records.read(_USES_READ * _USE.size)
        except OSError:
            return []
        found: list[tuple[int, int, int]] = []
        for moment, used, memory in _USE.iter_unpack(data[: len(data) // _USE.size * _USE.size]):
            if (found[-1][0] if found else 0) < moment < _LATEST and used < _LATEST and memory < _LARGEST:
                found.append((moment, used, memory))
        return found

    def _path(self, run_id: str, task_id: str, attempt: int) -> Path | None:
        if not _NAME.match(run_id) or not _NAME.match(task_id) or attempt < 0:
            return None
        return self._runs / run_id / task_id / str(attempt) / "log"
