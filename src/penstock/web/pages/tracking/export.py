"""Runs of a project as a file or for programs: what the address of their table shows, all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.tracking import TrackedProject
from penstock.web.lists.export_order import in_order
from penstock.web.lists.exporting import MOST_ROWS, Export, Field, limited, send
from penstock.web.lists.group_exports import group_export
from penstock.web.lists.parquet_writing import Kind
from penstock.web.pages.lists.strict import check_tracked
from penstock.web.pages.tracking.workspace import ListedRun, column_name, listed_run, store_column, wanted_groups
from penstock.web.services.tracking import TrackingServices, project_of
from penstock.web.services.web import WebServices
from penstock.web.texts.zones import reading_zone
from penstock.web.tracking.documents import plain
from penstock.web.tracking.filters import run_filters, run_order

_PAGE = 200
_MOST_COLUMNS = 200
_FIELDS = (
    Field("id"), Field("name"), Field("state"), Field("created_at", Kind.MOMENT), Field("finished_at", Kind.MOMENT),
    Field("duration_seconds", Kind.NUMBER), Field("group"), Field("job_type"), Field("sweep"), Field("user"), Field("host"), Field("notes"),
    Field("tags", is_document=True), Field("config", is_document=True), Field("summary", is_document=True),
)  # fmt: skip


async def export(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Send the runs that `q` matches in the order of `sort`; each `column` (`c.lr`, `s.loss`) is a column of tables.

    With `group`, the groups are sent.

    Raises:
        InvalidArgumentError: another format, or, with `strict=1`, a field that its runs do not have.
        NotFoundError: there is no such project, or it is not the reader's to see.
    """
    project = await project_of(tracking, request)
    await check_tracked(tracking, project, request)
    wanted = request.query_params
    chosen = [key for key in dict.fromkeys(wanted.getlist("column")) if key[:2] in {"c.", "s."}][:_MOST_COLUMNS]
    if by := next(iter(wanted_groups(wanted)), ""):
        filters = run_filters(wanted.get("q", ""), now=services.clock.now(), zone=reading_zone(wanted, request.cookies))
        spreads = {"duration_seconds": "", **{f"value.{column_name(key)}": key for key in chosen}}
        groups = group_export(project.name, by, await tracking.runs.groups(project, filters, store_column(by), chosen), spreads)
        return send(limited(groups, wanted.get("limit")), wanted.get("format", "csv"))
    first = await _page(services, tracking, request, project, None)
    columns = [
        Field(f"{'config' if key[0] == 'c' else 'summary'}.{key[2:]}", _kind(first[0], key), left_out_of=frozenset({"json"}))
        for key in chosen
    ]

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        listed, after, left = *first, MOST_ROWS
        while True:
            for row in listed[:left]:
                values = {field.name: plain(row.cell(key)) for field, key in zip(columns, chosen, strict=True)}
                yield {**_row(row), **values}
            left -= len(listed)
            if after is None or left <= 0:
                return
            listed, after = await _page(services, tracking, request, project, after)

    found = Export(project.name, [*_FIELDS[:-3], *columns, *_FIELDS[-3:]], rows())
    found = in_order(found, "tracked", wanted.getlist("order"))
    return send(limited(found, wanted.get("limit")), wanted.get("format", "csv"))


async def _page(
    services: WebServices, tracking: TrackingServices, request: Request, project: TrackedProject, after: str | None
) -> tuple[list[ListedRun], str | None]:
    wanted = request.query_params
    filters = run_filters(wanted.get("q", ""), now=services.clock.now(), zone=reading_zone(wanted, request.cookies))
    order = run_order(wanted.get("sort", "-created"), "")
    found = await tracking.runs.list(project, filters=filters, order=order, after=after, limit=_PAGE)
    rows = [listed_run(entry.run) for entry in found.entries]
    return rows, found.entries[-1].cursor if found.has_next and found.entries else None


def _kind(rows: list[ListedRun], key: str) -> Kind:
    """A column is one of numbers when the first page has nothing else in it."""
    values = [value for row in rows if (value := row.cell(key)) is not None]
    is_number = bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return Kind.NUMBER if is_number else Kind.TEXT


def _row(row: ListedRun) -> dict[str, Any]:
    run = row.run
    values = (
        run.name, run.display_name, run.state.value, run.created_at, run.finished_at, run.duration_seconds, run.group, run.job_type,
        run.sweep, run.user_name, run.host, run.notes, list(run.tags), plain(row.config), plain(row.summary),
    )  # fmt: skip
    return {field.name: value for field, value in zip(_FIELDS, values, strict=True)}
