"""The series store (`interfaces.tracking_store.SeriesStore`): streams of all runs over one log, compacted in the background.

Layout of the folder: `log/<sequence>.log`, `runs/<2 hex>/<run id>.<stream>`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from penstock.domain.errors import UnavailableError
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import SeriesInfo
from penstock.interfaces.tracking_store import ChartSeries, SampleSpec, SeriesAppend
from penstock.stores.series import reading
from penstock.stores.series.blockfile import BlockFile, ColumnCache
from penstock.stores.series.columns import Batch
from penstock.stores.series.log import SeriesLog
from penstock.stores.series.parsing import check_lines, parse_lines
from penstock.stores.series.streams import PENDING_LINES, Stream, UnsavedBytes

T = TypeVar("T")
_logger = logging.getLogger(__name__)

HISTORY = "history"
EVENTS = "events"
_STREAMS = (HISTORY, EVENTS)
_INLINE_CHARACTERS = 64 * 1024
"""Requests up to this size are parsed on the event loop; larger ones would hold up the others."""
_COMPACT_BYTES = 6 * 1024 * 1024
"""A stream with this much in memory is compacted."""
_MEMORY_BYTES = 64 * 1024 * 1024
"""All heads together; beyond, the largest are compacted."""
_BACKPRESSURE_BYTES = 128 * 1024 * 1024
"""Beyond, requests wait for a compaction."""
_LOG_BYTES = 128 * 1024 * 1024
"""A longer log is shortened by compacting the streams that hold its oldest records."""
_REPLAY_BYTES = 192 * 1024 * 1024
"""At a start the heads may hold what the log holds: compaction costs many times the reading, and the server is not ready before it."""
_CACHE_BYTES = 48 * 1024 * 1024
_MAX_STREAMS = 400
_TICK_SECONDS = 0.5


class _Part(msgspec.Struct, array_like=True):
    """Lines of one stream in a log record."""

    run_id: int
    stream: str
    offset: int
    writer: str
    text: bytes


class _Record(msgspec.Struct, array_like=True):
    """A log record: lines to append, or a truncation (`last_step`), or a deletion."""

    kind: str
    parts: list[_Part] = []
    run_id: int = 0
    last_step: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(_Record)


class ColumnSeriesStore:
    """History and system metrics of all runs. `start` before use, `close` at the end."""

    def __init__(self, folder: Path) -> None:
        self._runs = folder / "runs"
        self._log = SeriesLog(folder / "log")
        self._cache = ColumnCache(_CACHE_BYTES)
        self._streams: OrderedDict[tuple[int, str], Stream] = OrderedDict()
        self._unsaved = UnsavedBytes()
        """Of all streams: those that are forgotten have none."""
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(max_workers=3, thread_name_prefix="penstock-series")
        self._wake = threading.Event()
        self._closing = False
        self._compactor: threading.Thread | None = None

    @property
    def streams(self) -> list[Stream]:
        """What is open."""
        with self._lock:
            return list(self._streams.values())

    @property
    def unsaved_bytes(self) -> int:
        """Rough memory of what is not part of a block yet, over all streams; costs nothing."""
        return self._unsaved.value

    def start(self) -> None:
        """Read the log back and begin to work. Blocks for as long as the log is long."""
        self._runs.mkdir(parents=True, exist_ok=True)
        for sequence, body in self._log.replay():
            try:
                self._replay(sequence, _decoder.decode(body))
            except Exception:  # one record must not keep the server from starting; it stays in the log
                _logger.exception("record %d of the series log cannot be applied", sequence)
        self._log.start()
        self._compactor = threading.Thread(target=self._compact_forever, name="penstock-series-compact", daemon=True)
        self._compactor.start()

    def close(self) -> None:
        """Make everything durable and stop. What is not compacted stays in the log."""
        self._closing = True
        self._wake.set()
        if self._compactor is not None:
            self._compactor.join()
        self._pool.shutdown(wait=True)
        self._log.close()

    async def append(self, appends: Sequence[SeriesAppend]) -> None:
        """Make the lines durable and visible; all or none (see `SeriesStore.append`).

        Raises:
            InvalidArgumentError: a line is not a JSON object; nothing was stored.
            UnavailableError: the disk did not take it; nothing is acknowledged.
        """
        appends = [append for append in appends if append.lines]
        if not appends:
            return
        if self._closing:
            raise UnavailableError("the series store is closing")
        size = sum(sum(map(len, append.lines)) for append in appends)
        if size <= _INLINE_CHARACTERS:
            body, receive = self._prepare(appends)
        else:
            body, receive = await self._in_thread(lambda: self._prepare(appends))
        if self.unsaved_bytes > _BACKPRESSURE_BYTES:
            await self._in_thread(self._compact_largest)
        await asyncio.wrap_future(self._log.append(body, receive))

    async def info(self, run_id: TrackedRunId) -> SeriesInfo:
        """Return counts, tails and keys."""
        return await self._in_thread(lambda: self._info(run_id))

    async def kinds(self, run_ids: Sequence[TrackedRunId]) -> Sequence[Mapping[str, Mapping[str, int]]]:
        """Return keys and types of values of each history."""
        return await self._in_thread(lambda: [self._stream(run_id, HISTORY).kinds() for run_id in run_ids])

    async def rows(
        self, run_id: TrackedRunId, stream: str, *, min_step: int | None, max_step: int | None, samples: int | None
    ) -> Sequence[str]:
        """Return rows as JSON texts by ascending step (see `SeriesStore.rows`)."""
        return await self._in_thread(
            lambda: reading.read_rows(self._stream(run_id, stream).segments(), min_step=min_step, max_step=max_step, samples=samples)
        )

    async def sample(self, run_id: TrackedRunId, spec: SampleSpec) -> Sequence[Mapping[str, Any]]:
        """Return projected rows by ascending step (see `SeriesStore.sample`)."""
        return await self._in_thread(lambda: reading.sample(self._stream(run_id, HISTORY).segments(), spec))

    async def chart(
        self, run_id: TrackedRunId, stream: str, *, key: str, x_key: str, points: int, min_step: int | None, max_step: int | None
    ) -> ChartSeries:
        """Return the drawing of `key` over `x_key` in at most `points` buckets."""
        return await self._in_thread(
            lambda: reading.chart(
                self._stream(run_id, stream).segments(), key=key, x_key=x_key, points=points, min_step=min_step, max_step=max_step
            )
        )

    async def truncate(self, run_id: TrackedRunId, last_step: int) -> None:
        """Remove history rows after `last_step`; the line count becomes the number of rows kept."""
        record = _encode(_Record("truncate", run_id=run_id, last_step=last_step))
        await asyncio.wrap_future(self._log.append(record, lambda sequence: self._truncate(sequence, run_id, last_step)))

    async def fork(self, source: TrackedRunId, target: TrackedRunId, last_step: int) -> None:
        """Copy history up to and including `last_step` into the empty run `target`."""

        def work() -> None:
            segments = self._stream(source, HISTORY).segments()
            self._stream(target, HISTORY).fill(segments, last_step, self._log.next_sequence - 1)

        await self._in_thread(work)

    async def delete(self, run_id: TrackedRunId) -> None:
        """Remove all series of a run; repeating is fine."""
        record = _encode(_Record("delete", run_id=run_id))
        await asyncio.wrap_future(self._log.append(record, lambda sequence: self._delete(sequence, run_id)))

    async def settle(self, run_id: TrackedRunId) -> None:
        """Compact a run's streams now; for runs that ended."""

        def work() -> None:
            for name in _STREAMS:
                self._stream(run_id, name).compact()

        await self._in_thread(work)

    def _prepare(self, appends: Sequence[SeriesAppend]) -> tuple[bytes, Callable[[int], None]]:
        """Parse and check the lines; return the log record and what is to happen once it is durable."""
        parts: list[_Part] = []
        taken: list[tuple[SeriesAppend, Batch | None]] = []
        for append in appends:
            batch = None
            if len(append.lines) >= PENDING_LINES // 4:
                batch = parse_lines(append.lines, append.offset, keyed_by_step=append.stream == HISTORY)
            else:
                check_lines(append.lines, append.offset)
            text = "\n".join(append.lines)
            if text.count("\n") != len(append.lines) - 1:  # line breaks between tokens mean nothing in JSON
                text = "\n".join(line.replace("\n", " ") for line in append.lines)
            parts.append(_Part(append.run_id, append.stream, append.offset, append.writer, text.encode("utf-8", "surrogatepass")))
            taken.append((append, batch))

        def receive(sequence: int) -> None:
            for append, batch in taken:
                with self._lock:  # or the stream could be evicted before it has something to keep
                    stream = self._stream(append.run_id, append.stream)
                    stream.apply(sequence, append.lines, append.offset, batch, append.writer)
                if stream.unsaved_bytes > _COMPACT_BYTES:
                    self._wake.set()

        return _encode(_Record("append", parts)), receive

    def _replay(self, sequence: int, record: _Record) -> None:
        if record.kind == "append":
            for part in record.parts:
                lines = part.text.decode("utf-8", "surrogatepass").split("\n")
                self._stream(TrackedRunId(part.run_id), part.stream).apply(sequence, lines, part.offset, None, part.writer)
            if self.unsaved_bytes > _REPLAY_BYTES:
                self._compact_largest()
        elif record.kind == "truncate":
            self._truncate(sequence, TrackedRunId(record.run_id), record.last_step)
        elif record.kind == "delete":
            self._delete(sequence, TrackedRunId(record.run_id))

    def _truncate(self, sequence: int, run_id: TrackedRunId, last_step: int) -> None:
        with self._lock:
            self._stream(run_id, HISTORY).truncate(sequence, last_step)

    def _delete(self, sequence: int, run_id: TrackedRunId) -> None:
        for name in _STREAMS:
            self._stream(run_id, name).delete(sequence)

    def _info(self, run_id: TrackedRunId) -> SeriesInfo:
        history = self._stream(run_id, HISTORY).info(with_keys=True)
        events = self._stream(run_id, EVENTS).info(with_keys=False)
        return SeriesInfo(
            history_lines=history.lines,
            history_rows=history.rows,
            events_lines=events.lines,
            first_step=history.first_step,
            last_step=history.last_step,
            history_tail=history.tail,
            events_tail=events.tail,
            keys=history.keys,
        )

    def _stream(self, run_id: TrackedRunId, name: str) -> Stream:
        """Return a stream, opened when it is not in memory; idle ones make room."""
        key = (int(run_id), name)
        with self._lock:
            stream = self._streams.get(key)
            if stream is not None:
                self._streams.move_to_end(key)
                return stream
            folder = self._runs / f"{int(run_id) & 0xFF:02x}"
            folder.mkdir(exist_ok=True)
            file = BlockFile(folder / f"{int(run_id)}.{name}", self._cache)
            stream = self._streams[key] = Stream(file, keyed_by_step=name == HISTORY, total=self._unsaved)
            if len(self._streams) > _MAX_STREAMS:
                self._evict()
            return stream

    def _evict(self) -> None:
        """Forget the streams used longest ago that have nothing in memory."""
        surplus = len(self._streams) - _MAX_STREAMS
        idle = (key for key, stream in list(self._streams.items())[:-8] if stream.is_idle)
        for key in list(islice(idle, max(surplus, 16))):
            del self._streams[key]

    def _compact_forever(self) -> None:
        while not self._closing:
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()
            try:
                self._compact_some()
            except OSError:
                _logger.exception("series could not be compacted; they stay in the log")

    def _compact_some(self) -> None:
        """Compact full streams, then the largest while memory is short, then the oldest while the log is long."""
        with self._lock:
            full = [stream for stream in self._streams.values() if stream.unsaved_bytes > _COMPACT_BYTES]
        for stream in full:
            stream.compact()
        while self.unsaved_bytes > _MEMORY_BYTES and not self._closing:
            self._compact_largest()
        if self._log.size_bytes() > _LOG_BYTES:
            segments = self._log.segments
            boundary = segments[len(segments) // 2][0]
            with self._lock:
                old = [stream for stream in self._streams.values() if stream.first_unsaved is not None and stream.first_unsaved < boundary]
            for stream in old:
                stream.compact()
        self._shorten_log()

    def _compact_largest(self) -> None:
        with self._lock:
            streams = sorted(self._streams.values(), key=lambda stream: stream.unsaved_bytes, reverse=True)
        for stream in streams[:4]:
            stream.compact()

    def _shorten_log(self) -> None:
        boundary = self._log.next_sequence
        with self._lock:
            for stream in self._streams.values():
                if (first := stream.first_unsaved) is not None:
                    boundary = min(boundary, first)
        self._log.drop_before(boundary)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._closing:
            raise UnavailableError("the series store is closing")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
