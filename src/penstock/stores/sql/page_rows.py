"""Rows of the core tables to the read models of the pages, and the column lists that the conversions need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from penstock.interfaces.pages import ArtifactItem, ArtifactUse, AttemptItem, NoteItem, RunItem, ScalarMetric, TaskItem
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.json_columns import decode, decode_object
from penstock.stores.sql.pipeline_titles import TITLE

RUN_COLUMNS = (
    "run.*, experiment.name AS experiment_name, pipeline_version.display_name AS version_name, "
    f"recurring_run.display_name AS recurring_name, {TITLE} AS pipeline_title"
)
RUN_JOINS = (
    "LEFT JOIN experiment ON experiment.experiment_id = run.experiment_id "
    "LEFT JOIN pipeline_version ON pipeline_version.pipeline_version_id = run.pipeline_version_id "
    "LEFT JOIN recurring_run ON recurring_run.recurring_run_id = run.recurring_run_id"
)
TASK_COLUMNS = f"task.*, run.name AS run_name, {TITLE} AS pipeline_name"
ARTIFACT_COLUMNS = (
    f"artifact.*, run.name AS run_name, run.pipeline_name AS pipeline_name, {TITLE} AS pipeline_title, task.display_name AS task_name, "
    "task.path AS task_path"
)
ARTIFACT_JOINS = "LEFT JOIN run ON run.run_id = artifact.run_id LEFT JOIN task ON task.task_id = artifact.task_id"


def named_places(values: Iterable[Any], prefix: str = "v") -> tuple[str, dict[str, Any]]:
    """Return `:v0, :v1, ...` and the values by those names; `NULL` for no values."""
    params = {f"{prefix}{index}": value for index, value in enumerate(values)}
    return ", ".join(f":{name}" for name in params) or "NULL", params


def run_from_row(row: Row, metrics: Mapping[str, list[ScalarMetric]] | None = None) -> RunItem:
    """Convert a row of `RUN_COLUMNS`."""
    return RunItem(
        run_id=row["run_id"],
        kind=row["kind"],
        name=row["name"],
        description=row["description"],
        state=row["state"],
        storage_state=row["storage_state"],
        created_at=row["created_at"],
        scheduled_at=row["scheduled_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        experiment_id=row["experiment_id"],
        experiment_name=row["experiment_name"] or "",
        pipeline_name=row["pipeline_name"],
        pipeline_id=row["pipeline_id"],
        pipeline_version_id=row["pipeline_version_id"],
        version_name=row["version_name"] or "",
        pipeline_title=row["pipeline_title"],
        recurring_run_id=row["recurring_run_id"],
        recurring_name=row["recurring_name"] or "",
        spec_digest=row["spec_digest"],
        task_count=row["task_count"],
        done_count=row["done_count"],
        failed_count=row["failed_count"],
        cached_count=row["cached_count"],
        version=row["version"],
        error=decode(row["error"]) if row["error"] else None,
        parameters=decode_object(row["parameters"]),
        tags=decode_object(row["tags"]),
        options=decode_object(row["options"]),
        pipeline_root=row["pipeline_root"],
        service_account=row["service_account"],
        state_history=decode(row["state_history"]) or (),
        metrics=tuple((metrics or {}).get(row["run_id"], ())),
    )


def task_from_row(row: Row) -> TaskItem:
    """Convert a row of `TASK_COLUMNS`."""
    return TaskItem(
        task_id=row["task_id"],
        run_id=row["run_id"],
        execution_id=row["execution_id"],
        parent_task_id=row["parent_task_id"],
        path=row["path"],
        task_key=row["task_key"],
        display_name=row["display_name"],
        type=row["type"],
        component=row["component"],
        iteration_index=row["iteration_index"],
        iteration_count=row["iteration_count"],
        position=row["position"],
        state=row["state"],
        reason=row["reason"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        attempts=row["attempts"],
        is_cached=bool(row["is_cached"]),
        cached_task_id=row["cached_task_id"],
        cache_fingerprint=row["cache_fingerprint"],
        cache_reason=row["cache_reason"],
        error=decode(row["error"]) if row["error"] else None,
        inputs=decode_object(row["inputs"]),
        outputs=decode_object(row["outputs"]),
        detail=decode_object(row["detail"]),
        run_name=row["run_name"] or "",
        pipeline_name=row["pipeline_name"] or "",
        worker=row["worker"],
        code_digest=row["code_digest"],
    )


def attempt_from_row(row: Row) -> AttemptItem:
    """Convert a row of `attempt`."""
    return AttemptItem(
        attempt=row["attempt"],
        state=row["state"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        exit_code=row["exit_code"],
        error=decode(row["error"]) if row["error"] else None,
        detail=decode_object(row["detail"]),
    )


def note_from_row(row: Row) -> NoteItem:
    """Convert a row of `task_note`."""
    return NoteItem(seq=row["seq"], attempt=row["attempt"], at=row["at"], kind=row["kind"], text=row["text"])


def metric_from_row(row: Row) -> ScalarMetric:
    """Convert a row of `run_metric`."""
    return ScalarMetric(name=row["name"], number=row["number"], text=row["text"], format=row["format"], task_id=row["task_id"])


def artifact_from_row(row: Row) -> ArtifactItem:
    """Convert a row of `ARTIFACT_COLUMNS`."""
    return ArtifactItem(
        artifact_id=row["artifact_id"],
        name=row["name"],
        output_key=row["output_key"],
        type=row["type"],
        uri=row["uri"],
        digest=row["digest"],
        size_bytes=row["size_bytes"],
        is_directory=bool(row["is_directory"]),
        metadata=decode_object(row["metadata"]),
        created_at=row["created_at"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        run_name=row["run_name"] or "",
        task_name=row["task_name"] or "",
        task_path=row["task_path"] or "",
        pipeline_name=row["pipeline_name"] or "",
        pipeline_title=row["pipeline_title"] or "",
    )


def use_from_row(row: Row) -> ArtifactUse:
    """Convert a row of `ARTIFACT_COLUMNS` joined with `artifact_use` and its task (`use_*` columns)."""
    return ArtifactUse(
        direction=row["use_direction"],
        key=row["use_key"],
        position=row["use_position"],
        artifact=artifact_from_row(row),
        task_id=row["use_task_id"],
        task_name=row["use_task_name"] or "",
        task_path=row["use_task_path"] or "",
        run_id=row["use_run_id"],
        run_name=row["use_run_name"] or "",
        task_state=row["use_task_state"] or "",
    )


USE_COLUMNS = (
    f"{ARTIFACT_COLUMNS}, artifact_use.direction AS use_direction, artifact_use.key AS use_key, artifact_use.position AS use_position, "
    "artifact_use.task_id AS use_task_id, artifact_use.run_id AS use_run_id, user_run.name AS use_run_name, "
    "user_task.display_name AS use_task_name, user_task.path AS use_task_path, user_task.state AS use_task_state"
)
USE_SOURCE = (
    f"artifact_use JOIN artifact ON artifact.artifact_id = artifact_use.artifact_id {ARTIFACT_JOINS} "
    "LEFT JOIN task AS user_task ON user_task.task_id = artifact_use.task_id "
    "LEFT JOIN run AS user_run ON user_run.run_id = artifact_use.run_id"
)


def metrics_by_name(tx: Transaction, run_ids: Iterable[str], *, per_run: int = 40) -> dict[str, list[ScalarMetric]]:
    """One scalar metric of each name of the given runs, as `by_name` chooses it, in one query; at most `per_run` names of each run."""
    places, params = named_places(run_ids)
    ranked = (
        "SELECT run_metric.*, COUNT(*) OVER (PARTITION BY run_id, name) AS count, ROW_NUMBER() OVER (PARTITION BY run_id, name "
        f"ORDER BY COALESCE(number, -1.7e308) DESC, task_id DESC) AS place FROM run_metric WHERE run_id IN ({places})"
    )
    found: dict[str, list[ScalarMetric]] = {}
    for row in tx.all(f"SELECT * FROM ({ranked}) AS ranked WHERE place = 1 ORDER BY run_id, name LIMIT 20000", params):
        metrics = found.setdefault(row["run_id"], [])
        if len(metrics) < per_run:
            metrics.append(replace(metric_from_row(row), count=row["count"]))
    return found


def metrics_of(tx: Transaction, run_ids: Iterable[str], *, per_run: int) -> dict[str, list[ScalarMetric]]:
    """Scalar metrics of the given runs in one query; at most `per_run` of each are kept."""
    places, params = named_places(run_ids)
    found: dict[str, list[ScalarMetric]] = {}
    for row in tx.all(f"SELECT * FROM run_metric WHERE run_id IN ({places}) ORDER BY run_id, name LIMIT 20000", params):
        metrics = found.setdefault(row["run_id"], [])
        if len(metrics) < per_run:
            metrics.append(metric_from_row(row))
    return found


def task_metrics(tx: Transaction, task_ids: Iterable[str], *, per_task: int = 40) -> dict[str, list[ScalarMetric]]:
    """Scalar metrics of the given tasks in one query, found by their runs; at most `per_task` of each are kept."""
    places, params = named_places(task_ids)
    found: dict[str, list[ScalarMetric]] = {}
    for row in tx.all(
        f"SELECT run_metric.* FROM task JOIN run_metric ON run_metric.run_id = task.run_id AND run_metric.task_id = task.task_id "
        f"WHERE task.task_id IN ({places}) ORDER BY run_metric.task_id, run_metric.name LIMIT 20000",
        params,
    ):
        metrics = found.setdefault(row["task_id"], [])
        if len(metrics) < per_task:
            metrics.append(metric_from_row(row))
    return found
