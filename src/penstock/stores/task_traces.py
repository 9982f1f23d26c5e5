"""Traces of tasks from the rows and log files that the engine keeps (`interfaces.task_traces`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

from penstock.domain.ids import TrackedRunId
from penstock.interfaces.blobs import UploadStore
from penstock.interfaces.task_traces import TaskUse
from penstock.interfaces.tracking_store import FileRegistration
from penstock.stores.files.attempt_logs import AttemptLogFiles
from penstock.stores.sql.database import Database, Row

FlowLog = Callable[[str, str, str, str, int], Awaitable[Sequence[str]]]
"""Lines of a recorded task's attempt: flow, run, step, task, attempt; none while nothing can be read."""

_FLOW_PIECES = 4
_MAX_LOG_BYTES = 8 << 20
_PIECE_BYTES = 1 << 20
_SELECT = (
    "SELECT t.run_id, t.task_id, t.attempts, t.detail, t.started_at, t.finished_at FROM tracked_run r JOIN task t ON t.task_id = r.task_id"
    " WHERE r.run_id = ? AND r.is_automatic = 1"
)


class StoredTaskTraces:
    """`TaskTraces` over table `task` and the attempts' log files."""

    def __init__(
        self, database: Database, logs: AttemptLogFiles, flow_log: FlowLog | None = None, *, blobs: UploadStore | None = None
    ) -> None:
        """Read the engine's log files in `logs`; those of flow tasks that run elsewhere come from `flow_log`. Files go into `blobs`."""
        self._database = database
        self._logs = logs
        self._flow_log = flow_log
        self._blobs = blobs

    async def log_lines(self, run_id: TrackedRunId) -> Sequence[tuple[str, bool]]:
        """See `TaskTraces.log_lines`."""
        row = await self._task(run_id)
        if row is None:
            return []
        pieces = row["task_id"].split("/")
        if len(pieces) == _FLOW_PIECES:
            flow, run, step, task = pieces
            lines = [] if self._flow_log is None else await self._flow_log(flow, run, step, task, max(row["attempts"] - 1, 0))
            return [(line, False) for line in lines]
        return await asyncio.to_thread(self._read, row)

    async def use(self, run_id: TrackedRunId) -> TaskUse | None:
        """See `TaskTraces.use`."""
        row = await self._task(run_id)
        usage = {} if row is None else json.loads(row["detail"]).get("usage")
        if row is None or not usage or row["finished_at"] is None:
            return None
        return TaskUse(row["started_at"] or row["finished_at"], row["finished_at"], usage)

    async def log_file(self, run_id: TrackedRunId) -> FileRegistration | None:
        """See `TaskTraces.log_file`."""
        row = await self._task(run_id)
        if row is None or row["finished_at"] is None or self._blobs is None:
            return None
        return await asyncio.to_thread(self._store_log, row, self._blobs)

    async def _task(self, run_id: TrackedRunId) -> Row | None:
        return await self._database.read(lambda tx: tx.one(_SELECT, (run_id,)))

    def _read(self, row: Row) -> list[tuple[str, bool]]:
        place = (row["run_id"], row["task_id"], max(row["attempts"] - 1, 0))
        size = self._logs.size(*place) or 0
        offset = max(0, size - _MAX_LOG_BYTES)
        pieces = self._logs.read(*place, offset=offset, length=size - offset).split(b"\n")
        if pieces[-1] == b"":
            pieces.pop()
        lines = marked(pieces, offset, self._logs.stderr_spans(*place, start=offset, end=size))
        return lines[1:] if offset else lines

    def _store_log(self, row: Row, blobs: UploadStore) -> FileRegistration | None:
        place = (row["run_id"], row["task_id"], max(row["attempts"] - 1, 0))
        size = self._logs.size(*place)
        if not size:
            return None
        sink = blobs.open_upload()
        try:
            for offset in range(0, size, _PIECE_BYTES):
                sink.write(self._logs.read(*place, offset=offset, length=min(_PIECE_BYTES, size - offset)))
            stored = sink.finish()
        except BaseException:
            sink.abort()
            raise
        return FileRegistration("output.log", stored.digest, stored.size_bytes, stored.md5 or "", "text/plain")


def marked(pieces: Sequence[bytes], offset: int, spans: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Return lines that stand at `offset`, each followed by a line end, with whether one of the spans, in order, reaches into them."""
    found: list[tuple[str, bool]] = []
    place = 0
    for piece in pieces:
        end = offset + len(piece) + 1
        while place < len(spans) and spans[place][1] <= offset:
            place += 1
        found.append((piece.decode("utf-8", "replace"), place < len(spans) and spans[place][0] < end))
        offset = end
    return found
