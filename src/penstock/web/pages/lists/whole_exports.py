"""Exports of lists that are not read through a `ListQuery`: collections, projects, registries, runs of flows and
their tasks, the trash, sweeps and reports of a project, what a search in logs found, files.

They take the parameters of their pages and show what those would show the same reader.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import Request

from penstock.domain.errors import NotFoundError
from penstock.interfaces.page_flows import FlowRunItem, FlowTaskItem
from penstock.interfaces.tracking_pages import ProjectItem
from penstock.web.flows.task_table import task_query
from penstock.web.lists.exporting import MOST_ROWS, Export, Field
from penstock.web.lists.group_exports import group_export
from penstock.web.lists.key_columns import chosen_keys
from penstock.web.lists.parquet_writing import Kind
from penstock.web.pages.artifacts.collections import CollectionRow, collections_of, groups_of, in_full, values_of
from penstock.web.pages.flows.runs import GROUPINGS, flow_query, parameters_of
from penstock.web.pages.lists.files import exported as exported_files
from penstock.web.pages.runs.log_hits import exported as exported_hits
from penstock.web.pages.system.trash import trash_found
from penstock.web.pages.tracking.lists import project_asked
from penstock.web.pages.tracking.projects import projects_of
from penstock.web.pages.tracking.reports import REPORTS, reports_of
from penstock.web.pages.tracking.sweeps import SWEEPS, sweeps_of
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.web import WebServices
from penstock.web.texts.zones import reading_zone

_FLOW_PAGE = 5_000
_KEYED_AT_ONCE = 200
"""Rows whose keys are looked up at once."""
_COLLECTION = (
    Field("name"), Field("type"), Field("project"), Field("pipeline"), Field("versions", Kind.INTEGER), Field("size_bytes", Kind.INTEGER),
    Field("latest"), Field("aliases", is_document=True), Field("tags", is_document=True), Field("producer"),
    Field("updated_at", Kind.MOMENT), Field("last_used_at", Kind.MOMENT),
)  # fmt: skip
_PROJECT = (
    Field("entity"), Field("name"), Field("description"), Field("runs", Kind.INTEGER), Field("running", Kind.INTEGER),
    Field("failed", Kind.INTEGER), Field("collections", Kind.INTEGER), Field("active_at", Kind.MOMENT),
)  # fmt: skip
_FLOW = (
    Field("flow"), Field("run_id"), Field("state"), Field("user"), Field("started_at", Kind.MOMENT), Field("finished_at", Kind.MOMENT),
    Field("duration_seconds", Kind.NUMBER), Field("tasks", Kind.INTEGER), Field("done", Kind.INTEGER), Field("failed", Kind.INTEGER),
    Field("error"), Field("tags", is_document=True), Field("system_tags", is_document=True),
)  # fmt: skip
_FLOW_TASK = (
    Field("flow"), Field("run_id"), Field("step"), Field("task_id"), Field("state"), Field("foreach"), Field("attempts", Kind.INTEGER),
    Field("created_at", Kind.MOMENT), Field("started_at", Kind.MOMENT), Field("finished_at", Kind.MOMENT),
    Field("duration_seconds", Kind.NUMBER), Field("error"), Field("origin"), Field("tracked_runs", is_document=True),
)  # fmt: skip
_TRASH = (
    Field("item_id", Kind.INTEGER), Field("kind"), Field("id"), Field("name"), Field("from"), Field("by"),
    Field("size_bytes", Kind.INTEGER), Field("deleted_at", Kind.MOMENT), Field("removed_at", Kind.MOMENT),
)  # fmt: skip
_SWEEP = (
    Field("id"), Field("name"), Field("state"), Field("method"), Field("trials", Kind.INTEGER), Field("run_limit", Kind.INTEGER),
    Field("user"), Field("created_at", Kind.MOMENT),
)  # fmt: skip
_REPORT = (
    Field("report_id", Kind.INTEGER), Field("title"), Field("description"), Field("kind"), Field("user"), Field("created_at", Kind.MOMENT),
    Field("changed_at", Kind.MOMENT),
)  # fmt: skip


def _row(fields: Sequence[Field], values: Sequence[Any]) -> dict[str, Any]:
    return {field.name: value for field, value in zip(fields, values, strict=True)}


async def _collections(services: WebServices, request: Request) -> Export:
    project = await project_asked(_tracking(services), request) if "project" in request.query_params else None
    found = await collections_of(services, request, request.query_params, project)
    if found.by:
        spreads = {"size_bytes": "size", "versions": "versions"}
        return group_export("collections", found.by, groups_of(found), spreads, has_states=False)

    names = chosen_keys(request.query_params)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        full = await in_full(services, found.rows[:MOST_ROWS])
        for first in range(0, len(full), _KEYED_AT_ONCE):
            batch = full[first : first + _KEYED_AT_ONCE]
            values = await values_of(services, batch) if names else {}
            for row in batch:
                yield _collection(row) | {f"value.{key}": values.get(row.subject, {}).get(key) for key in names}

    return Export("collections", [*_COLLECTION, *(Field(f"value.{key}") for key in names)], rows())


def _collection(row: CollectionRow) -> dict[str, Any]:
    aliases = [alias for alias, _ in row.aliases]
    values = (
        row.name, row.type, row.project, row.pipeline, row.version_count, row.size_bytes, row.newest, aliases, list(row.tags), row.producer,
        row.updated_at, row.last_used_at,
    )  # fmt: skip
    return _row(_COLLECTION, values)


async def _projects(services: WebServices, request: Request, *, registries: bool) -> Export:
    name = "registry" if registries else "projects"
    found = await projects_of(services, request, request.query_params, registries=registries)
    if found.by:
        spreads = {column: column for column in ("runs", "failed", "collections")}
        return group_export(name, found.by, found.groups(), spreads, has_states=False)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        for item in found.rows[:MOST_ROWS]:
            yield _project(item)

    return Export(name, _PROJECT, rows())


def _project(item: ProjectItem) -> dict[str, Any]:
    values = (
        item.entity, item.name, item.description, item.run_count, item.live_count, item.failed_count, item.collection_count, item.active_at,
    )  # fmt: skip
    return _row(_PROJECT, values)


async def _flows(services: WebServices, request: Request) -> Export:
    zone = reading_zone(request.query_params, request.cookies)
    by = request.query_params.get("group", "")
    asked, flows = flow_query("", request.query_params, services.clock.now(), zone), services.flows
    if flows is not None and by in GROUPINGS:
        return group_export("flows", by, await flows.pages.groups(asked, by), {"duration_seconds": ""})

    names = chosen_keys(request.query_params)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        if flows is None:
            return
        for offset in range(0, MOST_ROWS, _FLOW_PAGE):
            found = await flows.pages.rows(replace(asked, offset=offset, limit=_FLOW_PAGE))
            for first in range(0, len(found), _KEYED_AT_ONCE):
                batch = found[first : first + _KEYED_AT_ONCE]
                values = await parameters_of(flows, batch) if names else {}
                for run in batch:
                    yield _flow(run) | {f"value.{key}": values.get(run.shared_id, {}).get(key) for key in names}
            if len(found) < _FLOW_PAGE:
                return

    return Export("flows", [*_FLOW, *(Field(f"value.{key}") for key in names)], rows())


def _flow(run: FlowRunItem) -> dict[str, Any]:
    seconds = None if run.finished_at is None else max(0.0, run.finished_at - run.started_at)
    values = (
        run.flow_id, run.run_id, run.state, run.user, run.started_at, run.finished_at, seconds, run.task_count, run.done_count,
        run.failed_count, run.error_message, list(run.tags), list(run.system_tags),
    )  # fmt: skip
    return _row(_FLOW, values)


async def _flow_tasks(services: WebServices, request: Request) -> Export:
    """The tasks of the run of a flow that `run` names."""
    wanted, flows = request.query_params, services.flows
    flow_id, _, run_id = wanted.get("run", "").partition("/")
    view = None if flows is None else await flows.pages.run(flow_id, run_id)
    if flows is None or view is None:
        raise NotFoundError(f"There is no run {wanted.get('run', '')[:80]}.")
    run, pages = view.run, flows.pages
    asked = task_query(view.steps, wanted.get("step", ""), wanted)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        for offset in range(0, MOST_ROWS, _FLOW_PAGE):
            found = (await pages.tasks(run.flow_id, run.run_id, replace(asked, offset=offset, limit=_FLOW_PAGE))).items
            for task in found:
                yield _flow_task(run, task)
            if len(found) < _FLOW_PAGE:
                return

    return Export("flow-tasks", _FLOW_TASK, rows())


def _flow_task(run: FlowRunItem, task: FlowTaskItem) -> dict[str, Any]:
    seconds = None if task.started_at is None or task.finished_at is None else max(0.0, task.finished_at - task.started_at)
    values = (
        run.flow_id, run.run_id, task.step_name, task.task_id, task.state, task.foreach, len(task.attempts), task.created_at,
        task.started_at, task.finished_at, seconds, task.error_message, task.origin, [link.url for link in task.tracked],
    )  # fmt: skip
    return _row(_FLOW_TASK, values)


async def _trash(services: WebServices, request: Request) -> Export:
    found = await trash_found(services, request, request.query_params)
    if found.by:
        return group_export("trash", found.by, found.groups(), {"size_bytes": "size"}, has_states=False)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        for item in found.rows:
            yield _row(_TRASH, (
                item.item_id, item.kind.value, item.subject, item.title, item.place, item.user_name, item.size_bytes, item.trashed_at,
                item.due_at,
            ))  # fmt: skip

    return Export("trash", _TRASH, rows())


async def _sweeps(services: WebServices, request: Request) -> Export:
    tracking = _tracking(services)
    project = await project_asked(tracking, request)
    found = SWEEPS.found(request, await sweeps_of(tracking, project), now=services.clock.now())
    if found.by:
        return group_export("sweeps", found.by, found.groups(), {"trials": "trials"}, has_states=False)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        for one in found.rows[:MOST_ROWS]:
            values = (
                one.name, one.display_name or one.name, one.state.value.lower(), one.method, one.next_trial, one.run_limit, one.user_name,
                one.created_at,
            )  # fmt: skip
            yield _row(_SWEEP, values)

    return Export("sweeps", _SWEEP, rows())


async def _reports(services: WebServices, request: Request) -> Export:
    tracking = _tracking(services)
    project = await project_asked(tracking, request)
    reports = await reports_of(tracking, project, request.query_params.get("q", ""))
    found = REPORTS.found(request, reports, now=services.clock.now())
    if found.by:
        return group_export("reports", found.by, found.groups(), {}, has_states=False)

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        for one in found.rows:
            kind = "draft" if one.kind.endswith("draft") else "report"
            values = (one.report_id, one.display_name or one.name, one.description, kind, one.user_name, one.created_at, one.updated_at)
            yield _row(_REPORT, values)

    return Export("reports", _REPORT, rows())


def _tracking(services: WebServices) -> TrackingServices:
    if services.tracking is None:
        raise NotFoundError("This server tracks no runs.")
    return services.tracking


WHOLE: Mapping[str, Callable[[WebServices, Request], Awaitable[Export]]] = {
    "collections": _collections,
    "projects": partial(_projects, registries=False),
    "registry": partial(_projects, registries=True),
    "flows": _flows,
    "flow-tasks": _flow_tasks,
    "trash": _trash,
    "sweeps": _sweeps,
    "reports": _reports,
    "log-hits": exported_hits,
    "files": exported_files,
}
"""Lists by the name in the address of their export."""
