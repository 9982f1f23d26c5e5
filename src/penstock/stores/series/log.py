"""Append-only log shared by all streams: what is in it survives a kill at any byte.

A file (segment) is a row of records `<length u32><crc32 u32><payload>`; a payload is `<sequence u64><body>`. One thread writes whatever
waits, calls fdatasync once, hands each record to its receiver in order of sequence, and only then completes the callers. On start the
segments are read back up to the first record that is torn, and a torn tail is cut off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

from penstock.domain.errors import UnavailableError
from penstock.stores.write_queue import WriteQueue, answer, refuse

_log = logging.getLogger(__name__)
_RECORD = struct.Struct("<II")
_SEQUENCE = struct.Struct("<Q")
_SEGMENT_BYTES = 32 * 1024 * 1024
_MAX_RECORD = 1 << 30
_GROUP_BYTES = 64 * 1024 * 1024

Receiver = Callable[[int], None]
"""Called with the sequence number once the record is durable, in order, on the log's thread."""


_Record = tuple[bytes, Receiver]


def _bytes_of(record: _Record) -> int:
    return len(record[0])


class SeriesLog:
    """The log. `replay` once, then `append`; `close` at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._queue: WriteQueue[_Record] = WriteQueue()
        self._segments: list[tuple[int, Path]] = sorted((int(path.stem), path) for path in folder.glob("*.log"))
        self._file = -1
        self._size = 0
        self._next = max([1, *(first for first, _ in self._segments)])
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def next_sequence(self) -> int:
        """Number that the next record gets."""
        return self._next

    @property
    def segments(self) -> list[tuple[int, Path]]:
        """Return (first sequence, path) of the files, oldest first."""
        with self._lock:
            return list(self._segments)

    def replay(self) -> Iterator[tuple[int, bytes]]:
        """Yield (sequence, body) of every whole record, oldest first; cut off a torn tail. Call once, before `start`.

        Sequence numbers go on where they ended, also when every record is gone: the newest segment is named by its first.
        """
        for index, (_, path) in enumerate(self._segments):
            good = 0
            data = path.read_bytes()
            for sequence, body, end in _records(data):
                good = end
                self._next = max(self._next, sequence + 1)
                yield sequence, body
            if good < len(data):
                place = "the newest" if index == len(self._segments) - 1 else "an older"
                _log.warning("cut %d torn bytes off %s segment of the series log", len(data) - good, place)
                with path.open("r+b") as file:
                    file.truncate(good)
                    os.fsync(file.fileno())

    def start(self) -> None:
        """Begin to take records."""
        self._open_segment()
        self._thread = threading.Thread(target=self._run, name="penstock-series-log", daemon=True)
        self._thread.start()

    def append(self, body: bytes, receiver: Receiver) -> Future[None]:
        """Queue a record. The future completes after the record is durable and `receiver` has seen it.

        It fails with `UnavailableError` when the disk did not take it; then `receiver` is not called.
        """
        return self._queue.put((body, receiver))

    def drop_before(self, sequence: int) -> None:
        """Delete segments in which every record is below `sequence`; never the one being written."""
        with self._lock:
            while len(self._segments) > 1 and self._segments[1][0] <= sequence:
                _, path = self._segments.pop(0)
                path.unlink(missing_ok=True)

    def size_bytes(self) -> int:
        """Return the size of all segments."""
        total = 0
        for _, path in self.segments:
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def close(self) -> None:
        """Write what waits and stop."""
        if self._thread is not None:
            self._queue.close()
            self._thread.join()
            self._thread = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open_segment(self) -> None:
        path = self._folder / f"{self._next:020d}.log"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file = file
        self._size = os.fstat(self._file).st_size
        with self._lock:
            if not self._segments or self._segments[-1][1] != path:
                self._segments.append((self._next, path))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._queue.take(most=_GROUP_BYTES, size_of=_bytes_of)
            if group:
                self._write(group)

    def _write(self, group: list[tuple[_Record, Future[None]]]) -> None:
        first = self._next
        pieces: list[bytes] = []
        for index, ((body, _), _) in enumerate(group):
            head = _SEQUENCE.pack(first + index)
            pieces += [_RECORD.pack(len(head) + len(body), zlib.crc32(body, zlib.crc32(head))), head, body]
        try:
            data = b"".join(pieces)
            _write_all(self._file, data)
            os.fdatasync(self._file)
        except OSError as error:
            self._undo()
            for _, future in group:
                refuse(future, UnavailableError(f"the series log could not be written: {error.strerror}"))
            return
        self._next = first + len(group)
        self._size += len(data)
        for index, ((_, receiver), future) in enumerate(group):
            try:
                receiver(first + index)
            except Exception as error:
                refuse(future, error)
            else:
                answer(future, None)
        if self._size >= _SEGMENT_BYTES:
            try:
                self._open_segment()
            except OSError:
                _log.exception("the series log could not begin a new segment; the last one grows on")

    def _undo(self) -> None:
        """Remove what a failed write left, so that later records do not follow torn ones."""
        try:
            os.ftruncate(self._file, self._size)
            os.fdatasync(self._file)
        except OSError:
            _log.exception("the series log could not be cut back after a failed write")


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _records(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield (sequence, body, end offset) of whole records."""
    at = 0
    while at + _RECORD.size + _SEQUENCE.size <= len(data):
        length, checksum = _RECORD.unpack_from(data, at)
        start, end = at + _RECORD.size, at + _RECORD.size + length
        if length < _SEQUENCE.size or length > _MAX_RECORD or end > len(data) or zlib.crc32(data[start:end]) != checksum:
            return
        (sequence,) = _SEQUENCE.unpack_from(data, start)
        yield sequence, data[start + _SEQUENCE.size : end], end
        at = end
