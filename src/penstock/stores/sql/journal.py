"""`RunJournal` on SQL: appends events and writes the projections people read, all in one transaction per turn of the driver.

One `executemany` per table and turn. Rows of `task` and `attempt` are written whole by upsert; their `detail` only when there
is news. What the other stores read from these tables is documented in the schema (migrations/0001_core.sql).
"""

from __future__ import annotations

import json
import logging
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import AlreadyExistsError, NotFoundError, UnavailableError
from penstock.domain.execution import Failure, TaskOutputs
from penstock.domain.ids import ArtifactId, Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.domain.runs import NewRun
from penstock.domain.states import RuntimeState
from penstock.interfaces.journal import (
    ArtifactRecord,
    ArtifactUseRecord,
    AttemptRecord,
    CacheEntryRecord,
    EventRecord,
    Hook,
    JournalBatch,
    MetricRecord,
    NoteRecord,
    Projection,
    RunRecord,
    StoredRun,
    TaskRecord,
)
from penstock.stores.sql.database import Database, Row, Transaction

_log = logging.getLogger(__name__)

_LONG_TEXT, _KEPT_TEXTS = 4096, 8
_OPEN_STATES = (RuntimeState.PENDING, RuntimeState.RUNNING, RuntimeState.CANCELING, RuntimeState.PAUSED)
# ASCII only: text that is not valid Unicode (lone surrogates) can be stored as an escape and in no other way.
_exact = json.JSONEncoder(separators=(",", ":")).encode
_strict = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _is_trouble_of_the_store(error: BaseException) -> bool:
    """Whether the database itself is in trouble (full disk, lost connection): both drivers name that class alike."""
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def _plain_text(text: str) -> str:
    """Text that every database stores: no NUL, no lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def json_column(value: Any) -> str:
    """Compact JSON text for a column that anybody reads; numbers that are not finite become text."""
    try:
        return _strict(value)
    except ValueError:
        return _strict(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def outputs_text(outputs: TaskOutputs) -> str:
    """Exact stored form of outputs (cache entries)."""
    return _exact(msgspec.to_builtins(outputs))


def outputs_from_text(text: str) -> TaskOutputs:
    """Inverse of `outputs_text`."""
    return msgspec.convert(json.loads(text), TaskOutputs)


class SqlRunJournal:
    """`interfaces.journal.RunJournal` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._projections: list[Projection] = []
        self._texts = _Texts()

    def add_projection(self, projection: Projection) -> None:
        """Let `projection` run in every later `append`."""
        self._projections.append(projection)

    async def create(self, new_run: NewRun, first: EventRecord, hook: Hook | None = None) -> None:
        """Store a new run and its first event."""

        def work(tx: Transaction) -> None:
            if tx.one("SELECT 1 AS found FROM run WHERE run_id = ?", (new_run.run_id,)) is not None:
                raise AlreadyExistsError(f"run {new_run.run_id} exists")
            tx.execute(_INSERT_RUN, _run_row(new_run))
            tx.many(_INSERT_PARAMETER, _parameter_rows(new_run))
            tx.many(_INSERT_EVENT, [_event_row(first)])
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
        for sql, rows in (
            (_INSERT_EVENT, [_event_row(record) for record in batch.events]),
            (_merging(tx, _UPSERT_TASK), [_task_row(record, self._texts) for record in batch.tasks]),
            (_merging(tx, _UPSERT_ATTEMPT), [_attempt_row(record) for record in batch.attempts]),
            (_INSERT_ARTIFACT, [_artifact_row(record) for record in batch.artifacts]),
            (_UPSERT_USE, [_use_row(record) for record in batch.uses]),
            (_UPSERT_METRIC, [_metric_row(record) for record in batch.metrics]),
            (_INSERT_CACHE_ENTRY, [_cache_row(record) for record in batch.cache_entries]),
            (_INSERT_NOTE, [_note_row(record) for record in batch.notes]),
        ):
            if rows:
                tx.many(sql, rows)
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
        rows = await self._database.read(lambda tx: tx.all(sql, [str(state) for state in _OPEN_STATES]))
        return [RunId(row["run_id"]) for row in rows]

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
                new_run=_new_run(row),
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
        text = json_column(dict(wanted.metadata))
        sql = "SELECT * FROM artifact WHERE uri = ? AND type = ? AND type_version = ? ORDER BY created_at DESC, artifact_id DESC"
        rows = await self._database.read(lambda tx: tx.all(sql, (wanted.uri, wanted.type.schema_title, wanted.type.schema_version)))
        same = json.loads(text)
        return next((artifact_from_row(row) for row in rows if json.loads(row["metadata"]) == same), None)

    async def find_content(self, uri: str) -> ArtifactRef | None:
        """Newest stored artifact at `uri` that has a digest."""
        sql = "SELECT * FROM artifact WHERE uri = ? AND digest IS NOT NULL ORDER BY created_at DESC, artifact_id DESC LIMIT 1"
        row = await self._database.read(lambda tx: tx.one(sql, (uri,)))
        return None if row is None else artifact_from_row(row)


def artifact_from_row(row: Row) -> ArtifactRef:
    """Return the artifact that a row of table `artifact` holds."""
    return ArtifactRef(
        artifact_id=ArtifactId(row["artifact_id"]),
        name=row["name"],
        type=ArtifactType(row["type"], row["type_version"]),
        uri=row["uri"],
        metadata=json.loads(row["metadata"]),
        digest=None if row["digest"] is None else Digest(row["digest"]),
        size_bytes=row["size_bytes"],
        is_directory=bool(row["is_directory"]),
    )


def _merging(tx: Transaction, sql: str) -> str:
    """Fill in how this database merges the news of `detail` into what it has."""
    for table in ("task", "attempt"):
        merge = f"json_patch({table}.detail, excluded.detail)"
        if tx.dialect.name == "postgresql":
            merge = f"({table}.detail::jsonb || excluded.detail::jsonb)::text"
        sql = sql.replace(f"{{merge_{table}}}", merge)
    return sql


_INSERT_RUN = """
INSERT INTO run (run_id, kind, name, description, namespace, experiment_id, resource_name, pipeline_name, pipeline_id,
    pipeline_version_id, spec_digest, recurring_run_id, parameters, pipeline_root, service_account, options, tags, state,
    state_history, created_at, scheduled_at)
VALUES (:run_id, :kind, :name, :description, :namespace, :experiment_id, :resource_name, :pipeline_name, :pipeline_id,
    :pipeline_version_id, :spec_digest, :recurring_run_id, :parameters, :pipeline_root, :service_account, :options, :tags, 'PENDING',
    :state_history, :created_at, :scheduled_at)
"""

_INSERT_PARAMETER = "INSERT INTO run_parameter (run_id, name, number, text) VALUES (?, ?, ?, ?)"

_INSERT_EVENT = "INSERT INTO run_event (run_id, seq, at, type, payload) VALUES (?, ?, ?, ?, ?)"

_UPSERT_TASK = """
INSERT INTO task (task_id, run_id, execution_id, parent_task_id, path, task_key, display_name, type, component, iteration_index,
    iteration_count, position, state, reason, created_at, started_at, finished_at, attempts, is_cached, cached_task_id,
    cache_fingerprint, cache_reason, error, inputs, outputs, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id) DO UPDATE SET iteration_count = excluded.iteration_count, state = excluded.state, reason = excluded.reason,
    started_at = excluded.started_at, finished_at = excluded.finished_at, attempts = excluded.attempts,
    is_cached = excluded.is_cached, cached_task_id = excluded.cached_task_id, cache_fingerprint = excluded.cache_fingerprint,
    cache_reason = excluded.cache_reason, error = excluded.error, inputs = excluded.inputs, outputs = excluded.outputs,
    detail = CASE WHEN excluded.detail = '{}' THEN task.detail ELSE {merge_task} END
"""

_UPSERT_ATTEMPT = """
INSERT INTO attempt (task_id, attempt, run_id, state, created_at, started_at, finished_at, exit_code, error, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id, attempt) DO UPDATE SET state = excluded.state, started_at = excluded.started_at,
    finished_at = excluded.finished_at, exit_code = excluded.exit_code, error = excluded.error,
    detail = CASE WHEN excluded.detail = '{}' THEN attempt.detail ELSE {merge_attempt} END
"""

_INSERT_NOTE = """
INSERT INTO task_note (task_id, run_id, seq, attempt, at, kind, text)
VALUES (:task_id, :run_id, (SELECT COALESCE(MAX(seq) + 1, 0) FROM task_note WHERE task_id = :task_id), :attempt, :at, :kind, :text)
"""

_INSERT_ARTIFACT = """
INSERT INTO artifact (artifact_id, run_id, task_id, name, output_key, type, type_version, uri, digest, size_bytes, is_directory,
    metadata, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (artifact_id) DO NOTHING
"""

_UPSERT_USE = """
INSERT INTO artifact_use (task_id, run_id, artifact_id, direction, key, position, at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id, direction, key, position) DO UPDATE SET artifact_id = excluded.artifact_id, at = excluded.at
"""

_UPSERT_METRIC = """
INSERT INTO run_metric (run_id, task_id, name, number, text, format) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, task_id, name) DO UPDATE SET number = excluded.number, text = excluded.text, format = excluded.format
"""

_INSERT_CACHE_ENTRY = """
INSERT INTO cache_entry (fingerprint, task_id, run_id, scope, component, parts, outputs, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (fingerprint, task_id) DO UPDATE SET outputs = excluded.outputs, created_at = excluded.created_at
"""

_UPDATE_RUN = """
UPDATE run SET state = :state, state_history = :state_history, error = :error, started_at = :started_at, finished_at = :finished_at,
    task_count = :task_count, done_count = :done_count, failed_count = :failed_count, cached_count = :cached_count, version = :version
WHERE run_id = :run_id
"""


def _run_row(run: NewRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "name": run.name,
        "description": run.description,
        "namespace": run.namespace,
        "experiment_id": run.experiment_id,
        "resource_name": run.resource_name,
        "pipeline_name": run.pipeline_name,
        "pipeline_id": run.pipeline_id,
        "pipeline_version_id": run.pipeline_version_id,
        "spec_digest": run.spec_digest,
        "recurring_run_id": run.recurring_run_id,
        "parameters": _exact(dict(run.parameters)),
        "pipeline_root": run.pipeline_root,
        "service_account": run.service_account,
        "options": _exact(dict(run.options)),
        "tags": _exact(dict(run.tags)),
        "state_history": _exact([_history_entry(run.created_at, RuntimeState.PENDING, None)]),
        "created_at": run.created_at,
        "scheduled_at": run.scheduled_at,
    }


def _new_run(row: Row) -> NewRun:
    return NewRun(
        run_id=RunId(row["run_id"]),
        kind=row["kind"],
        name=row["name"],
        resource_name=row["resource_name"],
        pipeline_name=row["pipeline_name"],
        spec_digest=row["spec_digest"],
        created_at=row["created_at"],
        scheduled_at=row["scheduled_at"],
        experiment_id=ExperimentId(row["experiment_id"] or ""),
        description=row["description"],
        namespace=row["namespace"],
        pipeline_id=None if row["pipeline_id"] is None else PipelineId(row["pipeline_id"]),
        pipeline_version_id=None if row["pipeline_version_id"] is None else PipelineVersionId(row["pipeline_version_id"]),
        recurring_run_id=None if row["recurring_run_id"] is None else RecurringRunId(row["recurring_run_id"]),
        parameters=json.loads(row["parameters"]),
        pipeline_root=row["pipeline_root"],
        service_account=row["service_account"],
        options=json.loads(row["options"]),
        tags=json.loads(row["tags"]),
    )


def _parameter_rows(run: NewRun) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for name, value in run.parameters.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        text = value if isinstance(value, str) else json_column(value)
        rows.append((run.run_id, name, float(value) if is_number else None, text))
    return rows


def _event_row(record: EventRecord) -> tuple[Any, ...]:
    return (record.run_id, record.seq, record.at, record.type, record.payload)


def _task_row(record: TaskRecord, texts: _Texts) -> tuple[Any, ...]:
    return (
        record.task_id,
        record.run.run_id,
        record.execution_id,
        record.parent_task_id,
        record.path,
        record.task_key,
        record.display_name,
        record.type.value,
        record.component,
        record.iteration_index,
        record.iteration_count,
        record.position,
        record.state.value,
        _plain_text(record.reason),
        record.created_at,
        record.started_at,
        record.finished_at,
        record.attempts,
        int(record.is_cached),
        record.cached_task_id,
        record.cache_fingerprint,
        record.cache_reason,
        _error_text(record.error),
        _io_text(texts, record.parameters, record.input_artifacts, record.producers),
        _io_text(texts, record.outputs.parameters, record.outputs.artifacts, None),
        "{}" if record.detail is None else json_column(record.detail),
    )


def _io_text(texts: _Texts, parameters: Mapping[str, Any], artifacts: Mapping[str, Sequence[ArtifactRef]], producers: Any) -> str:
    if not parameters and not artifacts and not producers:
        return "{}"
    ids = {key: [ref.artifact_id for ref in refs] for key, refs in artifacts.items()}
    parts = [f'"parameters":{texts.of(parameters)}', f'"artifacts":{json_column(ids)}']
    if producers:
        parts.append(f'"producers":{json_column(producers)}')
    return f"{{{','.join(parts)}}}"


class _Texts:
    """JSON texts of parameters; long values are remembered: each iteration of a large loop is given the same list of all items."""

    def __init__(self) -> None:
        # By the identity of the value, which never changes its content and is kept so that its identity stays its own.
        self._known: OrderedDict[int, tuple[Any, str]] = OrderedDict()

    def of(self, parameters: Mapping[str, Any]) -> str:
        return f"{{{','.join(f'{json_column(name)}:{self._value(value)}' for name, value in parameters.items())}}}"

    def _value(self, value: Any) -> str:
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        text = json_column(value)
        if len(text) >= _LONG_TEXT:
            self._known[id(value)] = (value, text)
            if len(self._known) > _KEPT_TEXTS:
                self._known.popitem(last=False)
        return text


def _error_text(error: Failure | None) -> str | None:
    return None if error is None else _exact({"kind": error.kind.value, "message": error.message, "exit_code": error.exit_code})


def _attempt_row(record: AttemptRecord) -> tuple[Any, ...]:
    return (
        record.task_id,
        record.attempt,
        record.run_id,
        record.state.value,
        record.created_at,
        record.started_at,
        record.finished_at,
        record.exit_code,
        _error_text(record.error),
        "{}" if record.detail is None else json_column(record.detail),
    )


def _note_row(record: NoteRecord) -> dict[str, Any]:
    return {
        "task_id": record.task_id,
        "run_id": record.run_id,
        "attempt": record.attempt,
        "at": record.at,
        "kind": record.kind,
        "text": _plain_text(record.text),
    }


def _artifact_row(record: ArtifactRecord) -> tuple[Any, ...]:
    artifact = record.artifact
    return (
        artifact.artifact_id,
        record.run_id,
        record.task_id,
        artifact.name,
        record.output_key,
        artifact.type.schema_title,
        artifact.type.schema_version,
        artifact.uri,
        artifact.digest,
        artifact.size_bytes,
        int(artifact.is_directory),
        json_column(dict(artifact.metadata)),
        record.created_at,
    )


def _use_row(record: ArtifactUseRecord) -> tuple[Any, ...]:
    return (record.task_id, record.run_id, record.artifact_id, record.direction, record.key, record.position, record.at)


def _metric_row(record: MetricRecord) -> tuple[Any, ...]:
    return (record.run_id, record.task_id, record.name, record.number, record.text, record.format)


def _cache_row(record: CacheEntryRecord) -> tuple[Any, ...]:
    return (
        record.fingerprint,
        record.task_id,
        record.run_id,
        record.scope,
        record.component,
        _exact(dict(record.parts)),
        outputs_text(record.outputs),
        record.created_at,
    )


def _history_entry(at: float, state: RuntimeState, message: str | None) -> dict[str, Any]:
    return {"at": at, "state": state.value, "error": message}


def _update_run(tx: Transaction, record: RunRecord) -> int:
    row = tx.one("SELECT version, state_history FROM run WHERE run_id = ?", (record.run_id,))
    if row is None:
        return 0  # deleted meanwhile
    history = row["state_history"]
    if record.history:
        history = _exact([*json.loads(history), *(_history_entry(*entry) for entry in record.history)])
    version = int(row["version"]) + 1
    error = None if record.error_message is None else _exact({"code": record.error_code, "message": record.error_message})
    tx.execute(
        _UPDATE_RUN,
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
