"""Rows of the run journal's tables: the statements that write them, and their values from records and back.

Rows of `task` and `attempt` are written whole by upsert; their `detail` only when there is news.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import Failure, TaskOutputs
from penstock.domain.ids import ArtifactId, Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.domain.numbers import finite_number
from penstock.domain.runs import NewRun
from penstock.domain.states import RuntimeState
from penstock.domain.storable import storable_text
from penstock.interfaces.journal import (
    ArtifactRecord,
    ArtifactUseRecord,
    AttemptRecord,
    CacheEntryRecord,
    EventRecord,
    MetricRecord,
    NoteRecord,
    TaskRecord,
)
from penstock.stores.sql.database import Row, Transaction

_LONG_TEXT, _KEPT_TEXTS = 4096, 8
# ASCII only: text that is not valid Unicode (lone surrogates) can be stored as an escape and in no other way.
exact_json = json.JSONEncoder(separators=(",", ":")).encode
_strict = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


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
    return exact_json(msgspec.to_builtins(outputs))


def outputs_from_text(text: str) -> TaskOutputs:
    """Inverse of `outputs_text`."""
    return msgspec.convert(json.loads(text), TaskOutputs)


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


def merging(tx: Transaction, sql: str) -> str:
    """Fill in how this database merges the news of `detail` into what it has."""
    for table in ("task", "attempt"):
        merge = f"json_patch({table}.detail, excluded.detail)"
        if tx.dialect.name == "postgresql":
            merge = f"({table}.detail::jsonb || excluded.detail::jsonb)::text"
        sql = sql.replace(f"{{merge_{table}}}", merge)
    return sql


INSERT_RUN = """
INSERT INTO run (run_id, kind, name, description, namespace, experiment_id, resource_name, pipeline_name, pipeline_id,
    pipeline_version_id, spec_digest, recurring_run_id, parameters, pipeline_root, service_account, options, tags, state,
    state_history, created_at, scheduled_at)
VALUES (:run_id, :kind, :name, :description, :namespace, :experiment_id, :resource_name, :pipeline_name, :pipeline_id,
    :pipeline_version_id, :spec_digest, :recurring_run_id, :parameters, :pipeline_root, :service_account, :options, :tags, 'PENDING',
    :state_history, :created_at, :scheduled_at)
"""

INSERT_PARAMETER = "INSERT INTO run_parameter (run_id, name, number, text) VALUES (?, ?, ?, ?)"

INSERT_EVENT = "INSERT INTO run_event (run_id, seq, at, type, payload) VALUES (?, ?, ?, ?, ?)"

UPSERT_TASK = """
INSERT INTO task (task_id, run_id, execution_id, parent_task_id, path, task_key, display_name, type, component, iteration_index,
    iteration_count, position, state, reason, created_at, started_at, finished_at, attempts, is_cached, cached_task_id,
    cache_fingerprint, cache_reason, error, inputs, outputs, detail, worker, code_digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id) DO UPDATE SET iteration_count = excluded.iteration_count, state = excluded.state, reason = excluded.reason,
    started_at = excluded.started_at, finished_at = excluded.finished_at, attempts = excluded.attempts,
    is_cached = excluded.is_cached, cached_task_id = excluded.cached_task_id, cache_fingerprint = excluded.cache_fingerprint,
    cache_reason = excluded.cache_reason, error = excluded.error, inputs = excluded.inputs, outputs = excluded.outputs,
    detail = CASE WHEN excluded.detail = '{}' THEN task.detail ELSE {merge_task} END,
    worker = CASE WHEN excluded.worker = '' THEN task.worker ELSE excluded.worker END
"""

UPSERT_ATTEMPT = """
INSERT INTO attempt (task_id, attempt, run_id, state, created_at, started_at, finished_at, exit_code, error, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id, attempt) DO UPDATE SET state = excluded.state, started_at = excluded.started_at,
    finished_at = excluded.finished_at, exit_code = excluded.exit_code, error = excluded.error,
    detail = CASE WHEN excluded.detail = '{}' THEN attempt.detail ELSE {merge_attempt} END
"""

INSERT_NOTE = """
INSERT INTO task_note (task_id, run_id, seq, attempt, at, kind, text)
VALUES (:task_id, :run_id, (SELECT COALESCE(MAX(seq) + 1, 0) FROM task_note WHERE task_id = :task_id), :attempt, :at, :kind, :text)
"""

INSERT_ARTIFACT = """
INSERT INTO artifact (artifact_id, run_id, task_id, name, output_key, type, type_version, uri, digest, size_bytes, is_directory,
    metadata, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (artifact_id) DO NOTHING
"""

UPSERT_USE = """
INSERT INTO artifact_use (task_id, run_id, artifact_id, direction, key, position, at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id, direction, key, position) DO UPDATE SET artifact_id = excluded.artifact_id, at = excluded.at
"""

UPSERT_METRIC = """
INSERT INTO run_metric (run_id, task_id, name, number, text, format) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, task_id, name) DO UPDATE SET number = excluded.number, text = excluded.text, format = excluded.format
"""

INSERT_CACHE_ENTRY = """
INSERT INTO cache_entry (fingerprint, task_id, run_id, scope, component, parts, outputs, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (fingerprint, task_id) DO UPDATE SET outputs = excluded.outputs, created_at = excluded.created_at
"""

UPDATE_RUN = """
UPDATE run SET state = :state, state_history = :state_history, error = :error, started_at = :started_at, finished_at = :finished_at,
    task_count = :task_count, done_count = :done_count, failed_count = :failed_count, cached_count = :cached_count, version = :version
WHERE run_id = :run_id
"""


def run_row(run: NewRun) -> dict[str, Any]:
    """Values of `INSERT_RUN`."""
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
        "parameters": exact_json(dict(run.parameters)),
        "pipeline_root": run.pipeline_root,
        "service_account": run.service_account,
        "options": exact_json(dict(run.options)),
        "tags": exact_json(dict(run.tags)),
        "state_history": exact_json([history_entry(run.created_at, RuntimeState.PENDING, None)]),
        "created_at": run.created_at,
        "scheduled_at": run.scheduled_at,
    }


def run_from_row(row: Row) -> NewRun:
    """Return the run that a row of table `run` holds, as it was when it was created."""
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


def parameter_rows(run: NewRun) -> list[tuple[Any, ...]]:
    """Values of `INSERT_PARAMETER`, one row per parameter."""
    rows: list[tuple[Any, ...]] = []
    for name, value in run.parameters.items():
        text = value if isinstance(value, str) else json_column(value)
        rows.append((run.run_id, storable_text(name), finite_number(value), storable_text(text)))
    return rows


def event_row(record: EventRecord) -> tuple[Any, ...]:
    """Values of `INSERT_EVENT`."""
    return (record.run_id, record.seq, record.at, record.type, record.payload)


def task_row(record: TaskRecord, texts: ParameterTexts) -> tuple[Any, ...]:
    """Values of `UPSERT_TASK`."""
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
        storable_text(record.reason),
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
        "" if record.detail is None else str(record.detail.get("host") or ""),
        record.code_digest,
    )


def _io_text(texts: ParameterTexts, parameters: Mapping[str, Any], artifacts: Mapping[str, Sequence[ArtifactRef]], producers: Any) -> str:
    if not parameters and not artifacts and not producers:
        return "{}"
    ids = {key: [ref.artifact_id for ref in refs] for key, refs in artifacts.items()}
    parts = [f'"parameters":{texts.of(parameters)}', f'"artifacts":{json_column(ids)}']
    if producers:
        parts.append(f'"producers":{json_column(producers)}')
    return f"{{{','.join(parts)}}}"


class ParameterTexts:
    """JSON texts of parameters; long values are remembered: each iteration of a large loop is given the same list of all items."""

    def __init__(self) -> None:
        # By the identity of the value, which never changes its content and is kept so that its identity stays its own.
        self._known: OrderedDict[int, tuple[Any, str]] = OrderedDict()

    def of(self, parameters: Mapping[str, Any]) -> str:
        """Return the JSON object of all parameters."""
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
    return None if error is None else exact_json({"kind": error.kind.value, "message": error.message, "exit_code": error.exit_code})


def attempt_row(record: AttemptRecord) -> tuple[Any, ...]:
    """Values of `UPSERT_ATTEMPT`."""
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


def note_row(record: NoteRecord) -> dict[str, Any]:
    """Values of `INSERT_NOTE`."""
    return {
        "task_id": record.task_id,
        "run_id": record.run_id,
        "attempt": record.attempt,
        "at": record.at,
        "kind": record.kind,
        "text": storable_text(record.text),
    }


def artifact_row(record: ArtifactRecord) -> tuple[Any, ...]:
    """Values of `INSERT_ARTIFACT`."""
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


def use_row(record: ArtifactUseRecord) -> tuple[Any, ...]:
    """Values of `UPSERT_USE`."""
    return (record.task_id, record.run_id, record.artifact_id, record.direction, record.key, record.position, record.at)


def metric_row(record: MetricRecord) -> tuple[Any, ...]:
    """Values of `UPSERT_METRIC`."""
    text = None if record.text is None else storable_text(record.text)
    return (record.run_id, record.task_id, storable_text(record.name), record.number, text, storable_text(record.format))


def cache_row(record: CacheEntryRecord) -> tuple[Any, ...]:
    """Values of `INSERT_CACHE_ENTRY`."""
    return (
        record.fingerprint,
        record.task_id,
        record.run_id,
        record.scope,
        record.component,
        exact_json(dict(record.parts)),
        outputs_text(record.outputs),
        record.created_at,
    )


def history_entry(at: float, state: RuntimeState, message: str | None) -> dict[str, Any]:
    """An element of `run.state_history`."""
    return {"at": at, "state": state.value, "error": message}
