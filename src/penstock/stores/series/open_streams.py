"""The streams that are in memory: opened when they are asked for, forgotten when they are idle and others need the room."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from penstock.domain.ids import TrackedRunId
from penstock.stores.series.blockfile import BlockFile, ColumnCache
from penstock.stores.series.streams import Stream, UnsavedBytes

HISTORY = "history"
EVENTS = "events"
STREAMS = (HISTORY, EVENTS)
_CACHE_BYTES = 48 * 1024 * 1024
_MAX_STREAMS = 400


class OpenStreams:
    """Streams by run and name. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: of `<2 hex>/<run id>.<stream>`."""
        self._folder = folder
        self._cache = ColumnCache(_CACHE_BYTES)
        self._streams: OrderedDict[tuple[int, str], Stream] = OrderedDict()
        self._unsaved = UnsavedBytes()
        """Of all streams: those that are forgotten have none."""
        self._lock = threading.RLock()

    @property
    def unsaved_bytes(self) -> int:
        """Rough memory of what is not part of a block yet; costs nothing."""
        return self._unsaved.value

    def start(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, run_id: TrackedRunId, name: str) -> Stream:
        """Return a stream, opened when it is not in memory; idle ones make room."""
        key = (int(run_id), name)
        with self._lock:
            stream = self._streams.get(key)
            if stream is not None:
                self._streams.move_to_end(key)
                return stream
            folder = self._folder / f"{int(run_id) & 0xFF:02x}"
            folder.mkdir(exist_ok=True)
            file = BlockFile(folder / f"{int(run_id)}.{name}", self._cache)
            stream = self._streams[key] = Stream(file, keyed_by_step=name == HISTORY, total=self._unsaved)
            if len(self._streams) > _MAX_STREAMS:
                self._forget_idle()
            return stream

    @contextlib.contextmanager
    def held(self, run_id: TrackedRunId, name: str) -> Iterator[Stream]:
        """Give a stream that is not forgotten meanwhile, although nothing of it may be in memory yet."""
        with self._lock:
            yield self.get(run_id, name)

    def select(self, where: Callable[[Stream], bool] = lambda _: True) -> list[Stream]:
        """Return those of which `where` is true, the one that was used longest ago first."""
        with self._lock:
            return [stream for stream in self._streams.values() if where(stream)]

    def first_unsaved(self) -> int | None:
        """Return the number of the oldest log record that is in memory only; None: all are saved."""
        with self._lock:
            return min((first for stream in self._streams.values() if (first := stream.first_unsaved) is not None), default=None)

    def _forget_idle(self) -> None:
        """Forget the streams used longest ago that have nothing in memory."""
        surplus = len(self._streams) - _MAX_STREAMS
        idle = (key for key, stream in list(self._streams.items())[:-8] if stream.is_idle)
        for key in list(islice(idle, max(surplus, 16))):
            del self._streams[key]
