"""`penstock ls`: any list of the web pages in a terminal, narrowed by the same filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Column, Table
from rich.text import Text

from penstock.cli.client import connect
from penstock.cli.options import AsJson, DataDir, print_json, print_table, resolve_data_dir
from penstock.domain.errors import InvalidArgumentError

_SHOWN: Mapping[str, Sequence[str]] = {
    "runs": ("run_id", "name", "state", "created_at", "duration_seconds", "pipeline"),
    "executions": ("run_id", "task", "state", "duration_seconds", "component", "run"),
    "artifacts": ("artifact_id", "name", "type", "size_bytes", "created_at", "run"),
    "collections": ("name", "type", "versions", "latest", "size_bytes", "project", "pipeline"),
    "pipelines": ("pipeline_id", "name", "latest_version", "versions", "created_at"),
    "experiments": ("experiment_id", "name", "runs", "last_run_created_at"),
    "recurring": ("recurring_run_id", "name", "pipeline", "is_enabled", "last_trigger_at"),
    "projects": ("entity", "name", "runs", "running", "failed", "active_at"),
    "registry": ("entity", "name", "collections", "active_at"),
    "flows": ("flow", "run_id", "state", "started_at", "duration_seconds", "user"),
    "trash": ("kind", "name", "from", "by", "size_bytes", "deleted_at", "removed_at"),
}
_TRACKED = ("id", "name", "state", "created_at", "duration_seconds", "group")
_GROUPS = ("group", "count", "states", "duration_seconds_mean", "newest_at")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("ls", short_help="List runs, executions, artifacts, pipelines, flows, ...")(list_rows)


def list_rows(
    name: Annotated[str, typer.Argument(metavar="LIST", help=f"{', '.join(_SHOWN)}, or ENTITY/PROJECT for its tracked runs.")],
    filters: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILTER", help="As in the filter bar: words, status:failed, 'accuracy>0.9', 'started:<24h'."),
    ] = None,
    sort: Annotated[str, typer.Option(metavar="FIELD", help="Order by a column of the page; -FIELD for the largest first.")] = "",
    group: Annotated[str, typer.Option(metavar="FIELD", help="Groups instead of rows, where the page has them.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived runs.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many rows.")] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what the web pages list: runs, executions, artifacts, pipelines, projects, flows and more."""
    asked = {"q": " ".join(filters or ()), "sort": sort, "group": group, "tab": "archived" if archived else ""}
    params: dict[str, Any] = {**{key: value for key, value in asked.items() if value}, "limit": limit, "format": "json"}
    with connect(resolve_data_dir(data_dir)) as client:
        rows = client.call("GET", _path(name), params=params, api="")
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo(f"nothing in {name} fits {asked['q']!r}" if asked["q"] else f"no {name} yet", err=True)
        return
    shown = _GROUPS if group and rows and "group" in rows[0] and "count" in rows[0] else _SHOWN.get(name, _TRACKED)
    table = Table(*(Column(field, no_wrap=field.endswith("id")) for field in shown), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_cell(field, row.get(field))) for field in shown))
    print_table(table)


def _path(name: str) -> str:
    """Return the address of a list's export.

    Raises:
        InvalidArgumentError: there is no such list.
    """
    if name in _SHOWN:
        return f"/ui/export/{name}"
    entity, slash, project = name.partition("/")
    if not (entity and slash and project):
        raise InvalidArgumentError(f"{name!r} is no list; {', '.join(_SHOWN)} and ENTITY/PROJECT are")
    return f"/ui/tracking/export/{quote(entity, safe='')}/{quote(project, safe='')}"


def _cell(field: str, value: Any) -> str:
    if value is None:
        return ""
    if field.endswith("_at"):
        return f"{str(value)[:19]}Z"
    if isinstance(value, dict):
        return ", ".join(f"{count} {key}" for key, count in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)
