"""Lists as files or for programs: what the address of a list shows, all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.interfaces.page_catalog import ExperimentItem, PipelineItem, RecurringItem
from penstock.interfaces.pages import ArtifactItem, ListQuery, RunItem, TaskItem
from penstock.interfaces.run_tables import ARTIFACT_GROUPINGS, CATALOG_GROUPINGS, TASK_GROUPINGS
from penstock.web.lists.catalog_groups import exported_groups, wanted_group
from penstock.web.lists.export_order import in_order
from penstock.web.lists.exporting import Export, Field, batches, limited, rows_of, send
from penstock.web.lists.filters import query_of
from penstock.web.lists.group_exports import group_export
from penstock.web.lists.key_columns import chosen_keys, named
from penstock.web.lists.parquet_writing import Kind
from penstock.web.pages.catalog.experiments import best_of, by_metric
from penstock.web.pages.lists.strict import check_list
from penstock.web.pages.lists.whole_exports import WHOLE
from penstock.web.pages.runs.executions import values_of
from penstock.web.services.web import WebServices

_KEYED_AT_ONCE = 200
"""Rows whose keys are looked up at once."""


def _moments(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Kind.MOMENT) for name in names)


def _integers(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Kind.INTEGER) for name in names)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


def _document(name: str) -> Field:
    return Field(name, is_document=True)


_SECONDS = Field("duration_seconds", Kind.NUMBER)
_RUN = (
    *_texts("run_id", "name", "state"), *_moments("created_at", "started_at", "finished_at"), _SECONDS,
    *_texts("experiment", "pipeline", "version", "schedule"), *_integers("tasks", "cached", "failed"), *_texts("error"),
)  # fmt: skip
_EXECUTION = (
    *_texts("task_id", "run_id", "run", "pipeline", "task", "component", "path", "state"), Field("is_cached", Kind.FLAG),
    *_integers("execution_id", "attempts"), *_moments("created_at", "started_at", "finished_at"), _SECONDS,
    *_texts("worker", "code_digest", "reason", "error"),
)  # fmt: skip
_ARTIFACT = (
    *_integers("artifact_id"), *_texts("name", "output_key", "type", "uri", "digest"), *_integers("size_bytes"),
    Field("is_directory", Kind.FLAG), *_texts("run_id", "run", "task_id", "task", "pipeline"), *_moments("created_at"),
    _document("metadata"),
)  # fmt: skip
_PIPELINE = (
    *_texts("pipeline_id", "name", "display_name", "description", "latest_version"), *_integers("versions", "schedules"),
    Field("median_seconds", Kind.NUMBER), *_moments("created_at"), _document("tags"),
)  # fmt: skip
_EXPERIMENT = (*_texts("experiment_id", "name", "description", "notes"), *_integers("runs"), *_moments("created_at", "last_run_created_at"))
_RECURRING = (
    *_texts("recurring_run_id", "name", "description", "experiment", "pipeline", "version"), _document("trigger"),
    *_integers("max_concurrency"), Field("is_catchup", Kind.FLAG), Field("is_enabled", Kind.FLAG), *_texts("error"),
    *_moments("created_at", "last_trigger_at"), _document("parameters"),
)  # fmt: skip


def _seconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


def _run(run: RunItem) -> dict[str, Any]:
    values = (
        run.run_id, run.name, run.state, run.created_at, run.started_at, run.finished_at,
        _seconds(run.started_at or run.created_at, run.finished_at), run.experiment_name, run.pipeline_title, run.version_name,
        run.recurring_name, run.task_count, run.cached_count, run.failed_count, run.error_message,
    )  # fmt: skip
    return _row(_RUN, values)


def _execution(task: TaskItem) -> dict[str, Any]:
    values = (
        task.task_id, task.run_id, task.run_name, task.pipeline_name, task.label, task.component, task.path, task.state, task.is_cached,
        task.execution_id, task.attempts, task.created_at, task.started_at, task.finished_at, _seconds(task.started_at, task.finished_at),
        task.worker, task.code_digest, task.reason, task.error_message,
    )  # fmt: skip
    return _row(_EXECUTION, values)


def _artifact(item: ArtifactItem) -> dict[str, Any]:
    values = (
        item.artifact_id, item.name, item.output_key, item.type, item.uri, item.digest, item.size_bytes, item.is_directory, item.run_id,
        item.run_name, item.task_id, item.task_name, item.pipeline_title, item.created_at, item.metadata,
    )  # fmt: skip
    return _row(_ARTIFACT, values)


def _pipeline(item: PipelineItem) -> dict[str, Any]:
    values = (
        item.pipeline_id, item.name, item.display_name, item.description, item.latest.display_name if item.latest else None,
        item.version_count, item.schedule_count, item.median_seconds, item.created_at, item.tags,
    )  # fmt: skip
    return _row(_PIPELINE, values)


def _experiment(item: ExperimentItem) -> dict[str, Any]:
    values = (item.experiment_id, item.name, item.description, item.notes, item.run_count, item.created_at, item.last_run_created_at)
    return _row(_EXPERIMENT, values)


def _recurring(item: RecurringItem) -> dict[str, Any]:
    values = (
        item.recurring_run_id, item.name, item.description, item.experiment_name, item.pipeline_name, item.version_name, item.trigger,
        item.max_concurrency, item.is_catchup, item.is_enabled, item.error, item.created_at, item.last_trigger_at,
        item.runtime_config.get("parameters", {}),
    )  # fmt: skip
    return _row(_RECURRING, values)


def _row(fields: Sequence[Field], values: Sequence[Any]) -> dict[str, Any]:
    return {field.name: value for field, value in zip(fields, values, strict=True)}


async def _runs(services: WebServices, query: ListQuery, wanted: QueryParams) -> Export:
    """Runs, with the chosen columns, or all metrics, as columns of tables; JSON has them as objects."""
    metrics = await services.runs.metric_names()
    names = list(dict.fromkeys(wanted.getlist("column") or sorted(metrics)))
    documents = (_document("parameters"), Field("metrics", is_document=True, left_out_of=frozenset({"csv"})), _document("tags"))
    taken = {field.name for field in (*_RUN, *documents)}
    columns = {name: f"value.{name}" if name in taken else name for name in names}

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        async for run in rows_of(services.runs.list_runs, query):
            logged = {metric.name: metric.text if metric.number is None else metric.number for metric in run.metrics}
            scalars = {**run.parameters, **logged}
            chosen = {columns[name]: scalars.get(name, run.tags.get(name.removeprefix("tag."))) for name in names}
            yield {**chosen, **_run(run), "parameters": run.parameters, "metrics": logged, "tags": run.tags}

    kinds = {name: Kind.NUMBER if name in metrics else Kind.TEXT for name in names}
    chosen = [Field(columns[name], kinds[name], left_out_of=frozenset({"json"})) for name in names]
    return Export("runs", [*_RUN, *chosen, *documents], rows())


async def _with_keys(services: WebServices, name: str, query: ListQuery, names: Sequence[str]) -> Export:
    """Executions or stored artifacts with the keys that the page shows as columns."""

    async def executions() -> AsyncIterator[Mapping[str, Any]]:
        async for batch in batches(rows_of(services.runs.list_tasks, query), _KEYED_AT_ONCE):
            values = await values_of(services, batch, names)
            for task in batch:
                yield _execution(task) | {f"value.{key}": values[task.task_id].get(key) for key in names}

    async def artifacts() -> AsyncIterator[Mapping[str, Any]]:
        async for item in rows_of(services.artifacts.list_artifacts, query):
            values = named("meta", item.metadata)
            yield _artifact(item) | {f"value.{key}": values.get(key) for key in names}

    fields, rows = LISTS[name][0], executions() if name == "executions" else artifacts()
    return Export(name, [*fields, *(Field(f"value.{key}") for key in names)], rows)


async def _tasks(services: WebServices, request: Request) -> Export:
    """The tasks of the run that `run` names, as its page lists them.

    Raises:
        NotFoundError: there is no such run.
    """
    run_id = request.query_params.get("run", "")
    if await services.runs.run(run_id) is None:
        raise NotFoundError(f"There is no run {run_id[:80]}.")
    query = query_of(request, now=services.clock.now(), sort="position", descending=False, scope={"run_id": run_id})
    fields, rows = LISTS["executions"]
    return Export("tasks", fields, rows(services, query))


async def _groups(services: WebServices, name: str, query: ListQuery, wanted: QueryParams) -> Export:
    """The groups that a list shows: what they are made of, counts by state, mean and range of durations and of the columns."""
    by, columns = wanted["group"][:200], list(dict.fromkeys(wanted.getlist("column")))
    tables = services.run_tables
    if name == "artifacts":
        found, spreads = await tables.artifact_groups(query, by), {"size_bytes": "size"}
    elif name == "executions":
        found, spreads = await tables.task_groups(query, by), {"duration_seconds": ""}
    else:
        found = await tables.groups(query, by, columns)
        spreads = {"duration_seconds": "", **{f"value.{column}": column for column in columns}}
    return group_export(name, by, found, spreads, has_states=name != "artifacts")


Listed = Callable[[WebServices, ListQuery], AsyncIterator[dict[str, Any]]]


def _listing(source: Callable[[WebServices], Callable[[ListQuery], Awaitable[Any]]], row: Callable[[Any], dict[str, Any]]) -> Listed:
    async def rows(services: WebServices, query: ListQuery) -> AsyncIterator[dict[str, Any]]:
        async for item in rows_of(source(services), query):
            yield row(item)

    return rows


LISTS: Mapping[str, tuple[Sequence[Field], Listed]] = {
    "executions": (_EXECUTION, _listing(lambda services: services.runs.list_tasks, _execution)),
    "artifacts": (_ARTIFACT, _listing(lambda services: services.artifacts.list_artifacts, _artifact)),
    "pipelines": (_PIPELINE, _listing(lambda services: services.catalog.list_pipelines, _pipeline)),
    "experiments": (_EXPERIMENT, _listing(lambda services: services.catalog.list_experiments, _experiment)),
    "recurring": (_RECURRING, _listing(lambda services: services.catalog.list_recurring, _recurring)),
}
"""Lists beside that of runs: their fields and rows."""


async def export(services: WebServices, request: Request) -> Response:
    """Send the list of this name that the query describes, `format=csv`, `json` or `parquet`; its groups where it shows groups.

    Each `order` names a column of the page, in the reader's order, which the fields follow; `limit` is the number of rows.

    Raises:
        InvalidArgumentError: another list or format, or, with `strict=1`, what the list cannot be asked for.
    """
    wanted, name = request.query_params, request.path_params.get("list", "runs")
    await check_list(services, name, request)
    found = in_order(await _export(services, request, name), name, wanted.getlist("order"))
    return send(limited(found, wanted.get("limit")), wanted.get("format", "csv"))


async def _export(services: WebServices, request: Request, name: str) -> Export:
    if name in WHOLE:
        return await WHOLE[name](services, request)
    if name == "tasks":
        return await _tasks(services, request)
    wanted = request.query_params
    query = query_of(request, now=services.clock.now(), sort="activity" if name == "experiments" else "created")
    if name == "experiments" and query.sort == "best":
        metric, is_least = best_of(wanted, await services.runs.metric_names())
        query = by_metric(query, metric, is_least=is_least)
    groupings = {"executions": TASK_GROUPINGS, "artifacts": ARTIFACT_GROUPINGS}.get(name, ())
    if (by := wanted.get("group")) and (name == "runs" or by in groupings):
        return await _groups(services, name, query, wanted)
    if name in CATALOG_GROUPINGS and (by := wanted_group(name, wanted)):
        return await exported_groups(services, name, query, by)
    if name == "runs":
        return await _runs(services, query, wanted)
    if name not in LISTS:
        raise InvalidArgumentError(f"{name[:40]!r} is no list; {', '.join(('runs', 'tasks', *LISTS, *WHOLE))} are")
    if name in {"executions", "artifacts"} and (names := chosen_keys(wanted)):
        return await _with_keys(services, name, query, names)
    fields, rows = LISTS[name]
    return Export(name, fields, rows(services, query))
