"""The series store (`interfaces.tracking_store.SeriesStore`): what comes in is a record of the log, what is asked is read from streams.

Layout of the folder: `log/<sequence>.log`, `runs/<2 hex>/<run id>.<stream>`. Which streams are in memory: `open_streams`; how they leave it
for the disk: `compactor`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from penstock.domain.errors import UnavailableError
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import SeriesInfo
from penstock.interfaces.tracking_store import ChartSeries, SampleSpec, SeriesAppend
from penstock.stores.series import reading
from penstock.stores.series.columns import Batch
from penstock.stores.series.compactor import Compactor
from penstock.stores.series.log import SeriesLog
from penstock.stores.series.open_streams import EVENTS, HISTORY, STREAMS, OpenStreams
from penstock.stores.series.parsing import check_lines, parse_lines
from penstock.stores.series.streams import PENDING_LINES, Stream

T = TypeVar("T")
_logger = logging.getLogger(__name__)

_INLINE_CHARACTERS = 64 * 1024
"""Requests up to this size are parsed on the event loop; larger ones would hold up the others."""
_BACKPRESSURE_BYTES = 128 * 1024 * 1024
"""Beyond, requests wait for a compaction."""
_REPLAY_BYTES = 192 * 1024 * 1024
"""At a start the heads may hold what the log holds: compaction costs many times the reading, and the server is not ready before it."""


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
        self._log = SeriesLog(folder / "log")
        self._open = OpenStreams(folder / "runs")
        self._compactor = Compactor(self._open, self._log)
        self._pool = ThreadPoolExecutor(max_workers=3, thread_name_prefix="penstock-series")
        self._closing = False

    @property
    def streams(self) -> list[Stream]:
        """What is open."""
        return self._open.select()

    @property
    def unsaved_bytes(self) -> int:
        """Rough memory of what is not part of a block yet, over all streams; costs nothing."""
        return self._open.unsaved_bytes

    def start(self) -> None:
        """Read the log back and begin to work. Blocks for as long as the log is long."""
        self._open.start()
        for sequence, body in self._log.replay():
            try:
                self._replay(sequence, _decoder.decode(body))
            except Exception:  # one record must not keep the server from starting; it stays in the log
                _logger.exception("record %d of the series log cannot be applied", sequence)
        self._log.start()
        self._compactor.start()

    def close(self) -> None:
        """Make everything durable and stop. What is not compacted stays in the log."""
        self._closing = True
        self._compactor.close()
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
            await self._in_thread(self._compactor.compact_largest)
        await asyncio.wrap_future(self._log.append(body, receive))

    async def info(self, run_id: TrackedRunId) -> SeriesInfo:
        """Return counts, tails and keys."""
        return await self._in_thread(lambda: self._info(run_id))

    async def kinds(self, run_ids: Sequence[TrackedRunId]) -> Sequence[Mapping[str, Mapping[str, int]]]:
        """Return keys and types of values of each history."""
        return await self._in_thread(lambda: [self._open.get(run_id, HISTORY).kinds() for run_id in run_ids])

    async def rows(
        self, run_id: TrackedRunId, stream: str, *, min_step: int | None, max_step: int | None, samples: int | None
    ) -> Sequence[str]:
        """Return rows as JSON texts by ascending step (see `SeriesStore.rows`)."""
        return await self._in_thread(
            lambda: reading.read_rows(self._open.get(run_id, stream).segments(), min_step=min_step, max_step=max_step, samples=samples)
        )

    async def sample(self, run_id: TrackedRunId, spec: SampleSpec) -> Sequence[Mapping[str, Any]]:
        """Return projected rows by ascending step (see `SeriesStore.sample`)."""
        return await self._in_thread(lambda: reading.sample(self._open.get(run_id, HISTORY).segments(), spec))

    async def chart(
        self, run_id: TrackedRunId, stream: str, *, key: str, x_key: str, points: int, min_step: int | None, max_step: int | None
    ) -> ChartSeries:
        """Return the drawing of `key` over `x_key` in at most `points` buckets."""
        return await self._in_thread(
            lambda: reading.chart(
                self._open.get(run_id, stream).segments(), key=key, x_key=x_key, points=points, min_step=min_step, max_step=max_step
            )
        )

    async def truncate(self, run_id: TrackedRunId, last_step: int) -> None:
        """Remove history rows after `last_step`; the line count becomes the number of rows kept."""
        record = _encode(_Record("truncate", run_id=run_id, last_step=last_step))
        await asyncio.wrap_future(self._log.append(record, lambda sequence: self._truncate(sequence, run_id, last_step)))

    async def fork(self, source: TrackedRunId, target: TrackedRunId, last_step: int) -> None:
        """Copy history up to and including `last_step` into the empty run `target`."""

        def work() -> None:
            segments = self._open.get(source, HISTORY).segments()
            self._open.get(target, HISTORY).fill(segments, last_step, self._log.next_sequence - 1)

        await self._in_thread(work)

    async def delete(self, run_id: TrackedRunId) -> None:
        """Remove all series of a run; repeating is fine."""
        record = _encode(_Record("delete", run_id=run_id))
        await asyncio.wrap_future(self._log.append(record, lambda sequence: self._delete(sequence, run_id)))

    async def settle(self, run_id: TrackedRunId) -> None:
        """Compact a run's streams now; for runs that ended."""

        def work() -> None:
            for name in STREAMS:
                self._open.get(run_id, name).compact()

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
                with self._open.held(append.run_id, append.stream) as stream:  # or it could be evicted before it has something to keep
                    stream.apply(sequence, append.lines, append.offset, batch, append.writer)
                self._compactor.look_at(stream)

        return _encode(_Record("append", parts)), receive

    def _replay(self, sequence: int, record: _Record) -> None:
        if record.kind == "append":
            for part in record.parts:
                lines = part.text.decode("utf-8", "surrogatepass").split("\n")
                self._open.get(TrackedRunId(part.run_id), part.stream).apply(sequence, lines, part.offset, None, part.writer)
            if self.unsaved_bytes > _REPLAY_BYTES:
                self._compactor.compact_largest()
        elif record.kind == "truncate":
            self._truncate(sequence, TrackedRunId(record.run_id), record.last_step)
        elif record.kind == "delete":
            self._delete(sequence, TrackedRunId(record.run_id))

    def _truncate(self, sequence: int, run_id: TrackedRunId, last_step: int) -> None:
        with self._open.held(run_id, HISTORY) as stream:
            stream.truncate(sequence, last_step)

    def _delete(self, sequence: int, run_id: TrackedRunId) -> None:
        for name in STREAMS:
            self._open.get(run_id, name).delete(sequence)

    def _info(self, run_id: TrackedRunId) -> SeriesInfo:
        history = self._open.get(run_id, HISTORY).info(with_keys=True)
        events = self._open.get(run_id, EVENTS).info(with_keys=False)
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

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._closing:
            raise UnavailableError("the series store is closing")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
