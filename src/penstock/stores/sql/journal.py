"""`RunJournal` on SQL: appends events and writes the projections people read, all in one transaction per turn of the driver.

One `executemany` per table and turn (`journal_rows`). What the other stores read from these tables is documented in the schema
(migrations/0001_core.sql).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import AlreadyExistsError, NotFoundError, UnavailableError
from penstock.domain.ids import ArtifactId, Digest, RunId
from penstock.domain.runs import NewRun
from penstock.domain.states import RuntimeState
from penstock.interfaces.journal import (
    EventRecord,
    Hook,
    JournalBatch,
    Projection,
    RunRecord,
    StoredRun,
    TaskRecord,
)
from penstock.stores.sql import journal_rows as rows
from penstock.stores.sql.database import Database, Transaction

_log = logging.getLogger(__name__)

_OPEN_STATES = (RuntimeState.PENDING, RuntimeState.RUNNING, RuntimeState.CANCELING, RuntimeState.PAUSED)


def _is_trouble_of_the_store(error: BaseException) -> bool:
    """Whether the database itself is in trouble (full disk, lost connection): both drivers name that class alike."""
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


class SqlRunJournal:
    """`interfaces.journal.RunJournal` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._projections: list[Projection] = []
        self._texts = rows.ParameterTexts()

    def add_projection(self, projection: Projection) -> None:
        """Let `projection` run in every later `append`."""
        self._projections.append(projection)

    async def create(self, new_run: NewRun, first: EventRecord, hook: Hook | None = None) -> None:
        """Store a new run and its first event."""

        def work(tx: Transaction) -> None:
            if tx.one("SELECT 1 AS found FROM run WHERE run_id = ?", (new_run.run_id,)) is not None:
                raise AlreadyExistsError(f"run {new_run.run_id} exists")
            tx.execute(rows.INSERT_RUN, rows.run_row(new_run))
            tx.many(rows.INSERT_PARAMETER, rows.parameter_rows(new_run))
            tx.many(rows.INSERT_EVENT, [rows.event_row(first)])
            if hook is not None:
                hook(tx)

        try:
            await self._database.write(work)
        except Exception as error:
            if _is_trouble_of_the_store(error):
                raise UnavailableError(f"the run could not be stored: {error}") from error
            raise

    async def append(self, batch: JournalBatch) -> Mapping[RunId, int]:
        """Store everything in `batch` in one transaction."""
        try:
            return await self._database.write(lambda tx: self._append(tx, batch))
        except Exception as error:
            if _is_trouble_of_the_store(error):
                raise UnavailableError(f"the journal could not be written: {error}") from error
            raise

    def _append(self, tx: Transaction, batch: JournalBatch) -> dict[RunId, int]:
        for sql, values in (
            (rows.INSERT_EVENT, [rows.event_row(record) for record in batch.events]),
            (rows.merging(tx, rows.UPSERT_TASK), [rows.task_row(record, self._texts) for record in batch.tasks]),
            (rows.merging(tx, rows.UPSERT_ATTEMPT), [rows.attempt_row(record) for record in batch.attempts]),
            (rows.INSERT_ARTIFACT, [rows.artifact_row(record) for record in batch.artifacts]),
            (rows.UPSERT_USE, [rows.use_row(record) for record in batch.uses]),
            (rows.UPSERT_METRIC, [rows.metric_row(record) for record in batch.metrics]),
            (rows.INSERT_CACHE_ENTRY, [rows.cache_row(record) for record in batch.cache_entries]),
            (rows.INSERT_NOTE, [rows.note_row(record) for record in batch.notes]),
        ):
            if values:
                tx.many(sql, values)
        versions = {record.run_id: _update_run(tx, record) for record in batch.runs}
        if batch.tasks:
            self._project(tx, batch.tasks)
        return versions

    def _project(self, tx: Transaction, records: Sequence[TaskRecord]) -> None:
        for projection in self._projections:
            tx.execute("SAVEPOINT projection")
            try:
                projection(tx, records)
            except Exception:
                # A reader's table must never stop the engine: its change is undone, the run goes on.
                tx.execute("ROLLBACK TO SAVEPOINT projection")
                _log.exception("a projection of the run journal failed; its change was left out")
            tx.execute("RELEASE SAVEPOINT projection")

    async def open_runs(self) -> list[RunId]:
        """Ids of engine runs that are not final, oldest first."""
        marks = ", ".join("?" for _ in _OPEN_STATES)
        sql = f"SELECT run_id FROM run WHERE state IN ({marks}) AND kind <> 'flow' ORDER BY created_at, run_id"
        found = await self._database.read(lambda tx: tx.all(sql, [str(state) for state in _OPEN_STATES]))
        return [RunId(row["run_id"]) for row in found]

    async def load(self, run_id: RunId) -> StoredRun:
        """Everything needed to rebuild a run."""

        def work(tx: Transaction) -> StoredRun:
            row = tx.one(
                "SELECT run.*, spec.content AS content FROM run JOIN spec ON spec.digest = run.spec_digest WHERE run_id = ?", (run_id,)
            )
            if row is None:
                raise NotFoundError(f"run {run_id} does not exist")
            events = tx.all("SELECT seq, at, type, payload FROM run_event WHERE run_id = ? ORDER BY seq", (run_id,))
            return StoredRun(
                new_run=rows.run_from_row(row),
                content=json.loads(row["content"]),
                events=[EventRecord(run_id, event["seq"], event["at"], event["type"], event["payload"]) for event in events],
                version=row["version"],
            )

        return await self._database.read(work)

    async def load_content(self, spec_digest: str) -> Mapping[str, Any] | None:
        """The stored definition with this digest, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT content FROM spec WHERE digest = ?", (spec_digest,)))
        return None if row is None else json.loads(row["content"])

    async def find_identical_artifact(self, wanted: ArtifactRef) -> ArtifactRef | None:
        """Newest stored artifact with the same uri, type and metadata."""
        text = rows.json_column(dict(wanted.metadata))
        sql = "SELECT * FROM artifact WHERE uri = ? AND type = ? AND type_version = ? ORDER BY created_at DESC, artifact_id DESC"
        found = await self._database.read(lambda tx: tx.all(sql, (wanted.uri, wanted.type.schema_title, wanted.type.schema_version)))
        same = json.loads(text)
        return next((rows.artifact_from_row(row) for row in found if json.loads(row["metadata"]) == same), None)

    async def find_content(self, uri: str) -> ArtifactRef | None:
        """See `RunJournal.find_content`."""
        sql = "SELECT * FROM artifact WHERE uri = ? AND digest IS NOT NULL ORDER BY created_at DESC, artifact_id DESC LIMIT 1"
        row = await self._database.read(lambda tx: tx.one(sql, (uri,)))
        if row is not None:
            return rows.artifact_from_row(row)
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not key:
            return None
        sql = "SELECT digest, size_bytes FROM object_entry WHERE bucket = ? AND object_key = ?"
        row = await self._database.read(lambda tx: tx.one(sql, (bucket, key)))
        return None if row is None else ArtifactRef(ArtifactId(0), "", ArtifactType(), uri, {}, Digest(row["digest"]), row["size_bytes"])


def _update_run(tx: Transaction, record: RunRecord) -> int:
    row = tx.one("SELECT version, state_history FROM run WHERE run_id = ?", (record.run_id,))
    if row is None:
        return 0  # deleted meanwhile
    history = row["state_history"]
    if record.history:
        history = rows.exact_json([*json.loads(history), *(rows.history_entry(*entry) for entry in record.history)])
    version = int(row["version"]) + 1
    error = None if record.error_message is None else rows.exact_json({"code": record.error_code, "message": record.error_message})
    tx.execute(
        rows.UPDATE_RUN,
        {
            "run_id": record.run_id,
            "state": record.state.value,
            "state_history": history,
            "error": error,
            "started_at": record.started_at,
            "finished_at": record.finished_at,
            "task_count": record.task_count,
            "done_count": record.done_count,
            "failed_count": record.failed_count,
            "cached_count": record.cached_count,
            "version": version,
        },
    )
    return version
