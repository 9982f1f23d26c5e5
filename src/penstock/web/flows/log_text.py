"""The log of an attempt of a flow's task as the log viewer reads logs: its two streams merged by time, as bytes with their places.

Metaflow keeps each stream by itself, with a time before every line, and the datastore has no windows; so an attempt's log is read whole (up
to `flows.reading.MAX_LOG_BYTES` of a file) and kept while it does not change. While a task runs, its streams come in pieces: a line that
arrives late is where its time says.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from penstock.domain.errors import NotFoundError
from penstock.flows.reading import FlowReader, LogLine

_KEPT = 4
_KEPT_BYTES = 128 * 1024 * 1024
"""Of all that are kept; the one that was asked for last is kept whatever its size."""
_kept: OrderedDict[tuple[object, ...], FlowLogText] = OrderedDict()


class FlowLogText:
    """`web.services.web.StreamFiles` of one attempt, whatever ids it is asked for."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        pieces = [f"{line.text}\n".encode() for line in lines]
        self._text = b"".join(pieces)
        self._ends: list[int] = []
        end = 0
        for piece in pieces:
            end += len(piece)
            self._ends.append(end)
        self._are_errors = [line.stream == "stderr" for line in lines]
        self._times = [_milliseconds(line.time) for line in lines]

    def __len__(self) -> int:
        """Bytes of all lines."""
        return len(self._text)

    def size(self, run_id: str, task_id: str, attempt: int) -> int | None:
        """See `LogFiles`."""
        return len(self._text)

    def read(self, run_id: str, task_id: str, attempt: int, *, offset: int, length: int) -> bytes:
        """See `LogFiles`."""
        return self._text[offset : offset + length]

    def stderr_spans(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int]]:
        """See `StreamFiles`."""
        return [(first, last) for first, last, place in self._lines(start, end) if self._are_errors[place]]

    def times(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int | None]] | None:
        """See `StreamFiles`: what the client noted for each line."""
        if not any(self._times):
            return None
        return [(last, self._times[place]) for _, last, place in self._lines(start, end)]

    def usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        """See `StreamFiles`: nothing is known of it."""
        return []

    def gpu_usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        """See `StreamFiles`: nothing is known of it."""
        return []

    def _lines(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """(begin, end, place) of the lines that have bytes from `start` to `end`."""
        found = []
        place = bisect_right(self._ends, max(0, start))
        while place < len(self._ends) and (first := self._ends[place - 1] if place else 0) < end:
            found.append((first, self._ends[place], place))
            place += 1
        return found


async def log_text_of(reader: FlowReader, names: tuple[str, str, str, str], attempt: int) -> tuple[FlowLogText, str]:
    """Return the log of an attempt (flow, run, step, task) and a text that differs when it has changed.

    A task that has not told where its data is has an empty log.

    Raises:
        UnavailableError: its datastore cannot be read from here.
    """
    try:
        sizes = await reader.log_sizes(*names, attempt)
        key = (id(reader), *names, attempt, *sorted(sizes.items()))
        if key not in _kept:
            lines = await reader.logs(*names, attempt)
            _kept[key] = await asyncio.to_thread(FlowLogText, lines)
        _kept.move_to_end(key)
        while len(_kept) > _KEPT or (len(_kept) > 1 and sum(len(log) for log in _kept.values()) > _KEPT_BYTES):
            _kept.popitem(last=False)
        return _kept[key], str(sum(sizes.values()))
    except NotFoundError:
        return FlowLogText(()), ""


def _milliseconds(time: str) -> int | None:
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
