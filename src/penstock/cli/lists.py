"""`penstock ls`: any list of the web pages in a terminal, narrowed by the same filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Column, Table
from rich.text import Text

from penstock.cli.client import ApiError, connect
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
_WRONG_REQUEST = 400
_MOST_NAMED = 20
"""Keys that a refusal names."""


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
    columns: Annotated[str, typer.Option(metavar="A,B", help="Fields to show, of those of --json; metrics.loss is one of an object.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived runs or experiments.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many rows.")] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what the web pages list: runs, executions, artifacts, pipelines, projects, flows and more.

    A list, field or filter that there is not is told in one line, with exit code 2.
    """
    asked = {"q": " ".join(filters or ()), "sort": sort, "group": group, "tab": "archived" if archived else ""}
    params: dict[str, Any] = {**{key: value for key, value in asked.items() if value}, "limit": limit, "format": "json", "strict": "1"}
    try:
        if group and sort:
            raise InvalidArgumentError("--sort orders rows; with --group the groups come in the order of their newest rows")
        path = _path(name)
        with connect(resolve_data_dir(data_dir)) as client:
            rows = client.call("GET", path, params=params, api="")
        chosen = _chosen(columns, rows)
    except InvalidArgumentError as error:
        raise _misused(error) from error
    except ApiError as error:
        raise _misused(error) if error.status == _WRONG_REQUEST else error from error
    if as_json:
        print_json([{field: _value(row, field) for field in chosen} for row in rows] if chosen else rows)
        return
    if not rows:
        typer.echo(f"nothing in {name} fits {asked['q']!r}" if asked["q"] else f"no {'archived ' if archived else ''}{name} yet", err=True)
        return
    shown = chosen or (_GROUPS if group else _SHOWN.get(name, _TRACKED))
    table = Table(*(Column(field, no_wrap=field.endswith("id")) for field in shown), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_cell(field, _value(row, field))) for field in shown))
    print_table(table)


def _misused(error: Exception) -> typer.Exit:
    typer.echo(f"penstock: {error}", err=True)
    return typer.Exit(2)


def _chosen(columns: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fields that are asked for.

    Raises:
        InvalidArgumentError: no row has one of them.
    """
    chosen = [field.strip() for field in columns.split(",") if field.strip()]
    for field in chosen if rows else ():
        name, _, key = field.partition(".")
        inner = [row[name] for row in rows if isinstance(row.get(name), dict)]
        if name not in rows[0]:
            raise InvalidArgumentError(f"--columns: rows have no {field!r}; they have {', '.join(rows[0])}")
        known = list(dict.fromkeys(f"{name}.{one}" for row in inner for one in row))[:_MOST_NAMED]
        if key and known and all(_within(one, key) is None for one in inner):
            raise InvalidArgumentError(f"--columns: no row shown has {field!r}; there are {', '.join(known)}")
    return chosen


def _value(row: Mapping[str, Any], field: str) -> Any:
    """Return a field of a row, or a key of an object in it (`metrics.loss`)."""
    name, _, key = field.partition(".")
    return _within(row[name], key) if key and name in row else row.get(field)


def _within(value: Any, path: str) -> Any:
    """Return what an object has at a path whose names may hold dots themselves; None for nothing."""
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    for place, letter in enumerate(path):
        if letter == "." and (found := _within(value.get(path[:place]), path[place + 1 :])) is not None:
            return found
    return None


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
