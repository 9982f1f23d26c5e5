"""The table of runs as a file or for a program: every matching run with its columns, as CSV or JSON, streamed page by page."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.pages import ListQuery, RunItem
from penstock.web.filters import list_query
from penstock.web.formats import iso
from penstock.web.services import WebServices

MOST_ROWS = 100_000
"""Rows of one export; a longer list is exported in parts, by time."""
_PAGE = 200
_FIELDS = (
    "run_id", "name", "state", "created_at", "started_at", "finished_at", "duration_seconds", "experiment", "pipeline", "version",
    "schedule", "tasks", "cached", "failed", "error",
)  # fmt: skip


async def export(services: WebServices, request: Request) -> Response:
    """Send the list that the query describes, `format=csv` or `format=json`; the first row of a CSV names the columns.

    Raises:
        InvalidArgumentError: another format.
    """
    wanted = request.query_params
    query = list_query(wanted, now=services.clock.now())
    kind = wanted.get("format", "csv")
    if kind == "json":
        body, media_type = _json(services, query), "application/json"
    elif kind == "csv":
        columns = wanted.getlist("column") or sorted(await services.runs.metric_names())
        body, media_type = _csv(services, query, columns), "text/csv; charset=utf-8"
    else:
        raise InvalidArgumentError(f"format: {kind!r} is not known; csv and json are")
    headers = {"content-disposition": f'attachment; filename="runs.{kind}"', "cache-control": "no-store"}
    return StreamingResponse(body, media_type=media_type, headers=headers)


async def _runs(services: WebServices, query: ListQuery) -> AsyncIterator[RunItem]:
    left = MOST_ROWS
    query = dataclasses.replace(query, limit=_PAGE, cursor=None)
    while left > 0:
        page = await services.runs.list_runs(query)
        for run in page.items[:left]:
            yield run
        left -= len(page.items)
        if page.next_cursor is None:
            return
        query = dataclasses.replace(query, cursor=page.next_cursor)


def _facts(run: RunItem) -> dict[str, Any]:
    start, end = run.started_at or run.created_at, run.finished_at
    values = (
        run.run_id, run.name, run.state, iso(run.created_at), iso(run.started_at), iso(end), None if end is None else max(0.0, end - start),
        run.experiment_name, run.pipeline_name, run.version_name, run.recurring_name, run.task_count, run.cached_count, run.failed_count,
        run.error_message,
    )  # fmt: skip
    return dict(zip(_FIELDS, values, strict=True))


def _metrics(run: RunItem) -> dict[str, Any]:
    return {metric.name: metric.text if metric.number is None else metric.number for metric in run.metrics}


async def _json(services: WebServices, query: ListQuery) -> AsyncIterator[bytes]:
    separator = b"["
    async for run in _runs(services, query):
        yield separator + orjson.dumps({**_facts(run), "parameters": run.parameters, "metrics": _metrics(run), "tags": run.tags})
        separator = b",\n"
    yield b"]\n" if separator != b"[" else b"[]\n"


async def _csv(services: WebServices, query: ListQuery, columns: Sequence[str]) -> AsyncIterator[bytes]:
    yield _line([*_FIELDS, *columns, "parameters", "tags"])
    async for run in _runs(services, query):
        scalars = {**run.parameters, **_metrics(run)}
        values = [*_facts(run).values(), *(scalars.get(name, run.tags.get(name.removeprefix("tag."))) for name in columns)]
        yield _line([*values, orjson.dumps(run.parameters).decode(), orjson.dumps(run.tags).decode()])


def _line(values: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([_cell(value) for value in values])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front: names come from strangers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
