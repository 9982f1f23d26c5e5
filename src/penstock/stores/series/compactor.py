"""Has streams written to disk in the background, and drops of the log what is there twice then."""

from __future__ import annotations

import logging
import threading

from penstock.stores.series.log import SeriesLog
from penstock.stores.series.open_streams import OpenStreams
from penstock.stores.series.streams import Stream

_logger = logging.getLogger(__name__)

_COMPACT_BYTES = 6 * 1024 * 1024
"""A stream with this much in memory is compacted."""
_MEMORY_BYTES = 64 * 1024 * 1024
"""All heads together; beyond, the largest are compacted."""
_LOG_BYTES = 128 * 1024 * 1024
"""A longer log is shortened by compacting the streams that hold its oldest records."""
_TICK_SECONDS = 0.5


class Compactor:
    """One thread over all open streams."""

    def __init__(self, streams: OpenStreams, log: SeriesLog) -> None:
        self._streams = streams
        self._log = log
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work."""
        self._thread = threading.Thread(target=self._work, name="penstock-series-compact", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the stream at hand."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def look_at(self, stream: Stream) -> None:
        """Begin at once if a stream that has grown is full."""
        if stream.unsaved_bytes > _COMPACT_BYTES:
            self._wake.set()

    def compact_largest(self) -> None:
        """Compact, on the caller's thread, the few streams that have most in memory."""
        streams = sorted(self._streams.select(), key=lambda stream: stream.unsaved_bytes, reverse=True)
        for stream in streams[:4]:
            stream.compact()

    def _work(self) -> None:
        while not self._closing:
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()
            try:
                self._compact_some()
            except OSError:
                _logger.exception("series could not be compacted; they stay in the log")

    def _compact_some(self) -> None:
        """Compact full streams, then the largest while memory is short, then the oldest while the log is long."""
        for stream in self._streams.select(lambda stream: stream.unsaved_bytes > _COMPACT_BYTES):
            stream.compact()
        while self._streams.unsaved_bytes > _MEMORY_BYTES and not self._closing:
            self.compact_largest()
        if self._log.size_bytes() > _LOG_BYTES:
            segments = self._log.segments
            boundary = segments[len(segments) // 2][0]
            for stream in self._streams.select(lambda stream: (first := stream.first_unsaved) is not None and first < boundary):
                stream.compact()
        self._shorten_log()

    def _shorten_log(self) -> None:
        boundary = self._log.next_sequence  # read first: what comes later is not dropped
        first = self._streams.first_unsaved()
        self._log.drop_before(boundary if first is None else min(boundary, first))
