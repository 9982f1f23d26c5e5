"""What tables of runs, executions and artifacts show beside their rows: groups, points of the scatter, ids for bulk actions, values, views.

All take the `ListQuery` of the list itself. Reading is bounded: groups and points look at the newest matching runs only and say so.
Implemented by `stores.sql.pages_run_tables` and `stores.sql.saved_views`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from penstock.interfaces.pages import ListQuery

MOST_GROUPS = 200
MOST_POINTS = 500
TASK_GROUPINGS = ("component", "state", "worker", "code", "name", "pipeline", "run", "cached")
"""Columns that group executions."""
ARTIFACT_GROUPINGS = ("type", "name", "pipeline", "run")
"""Columns that group stored artifacts."""

CATALOG_GROUPINGS: Mapping[str, Sequence[str]] = {
    "pipelines": ("last", "version", "schedules", "created"),
    "experiments": ("last", "description", "activity", "created"),
    "recurring": ("status", "kind", "pipeline", "experiment", "concurrency", "last", "created"),
}
"""Columns that group pipelines, experiments and schedules."""


@dataclass(frozen=True, slots=True)
class Span:
    """How a number is spread over the rows of a group."""

    count: int
    """Rows that have it."""
    minimum: float
    mean: float
    maximum: float


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows that have the same value in the column that groups."""

    value: str | None
    """The value; None: the rows without one."""
    count: int
    newest_at: float
    """When its newest row was created."""
    states: Mapping[str, int]
    """Rows by state."""
    duration: Span | None
    """Seconds of the rows that ended; None when none has."""
    columns: Mapping[str, Span] = field(default_factory=dict)
    """Metrics and numeric parameters asked for, by name."""


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Groups, those with the newest rows first."""

    groups: Sequence[RowGroup]
    """At most `MOST_GROUPS`."""
    is_complete: bool
    """Whether every matching row was looked at and every group is there."""


@dataclass(frozen=True, slots=True)
class RunPoint:
    """One dot of the scatter of durations over time."""

    run_id: str
    name: str
    state: str
    created_at: float
    duration_seconds: float | None
    """None: it has not started."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A table's filter, sort, columns and grouping under a name, visible to everybody on this server."""

    view_id: int
    table_name: str
    """`runs`, `executions`, ..."""
    name: str
    query: str
    """Query string of the table's address."""
    user_name: str
    created_at: float


class RunTables(Protocol):
    """Reads over many runs."""

    async def groups(self, query: ListQuery, by: str, columns: Sequence[str]) -> RowGroups:
        """Group the matching runs by `pipeline`, `experiment`, `state`, `version`, `recurring`, `tag.KEY` or the name of a parameter.

        Raises:
            InvalidArgumentError: `by` is empty.
        """
        ...

    async def task_groups(self, query: ListQuery, by: str) -> RowGroups:
        """Group the matching executions by a column of `TASK_GROUPINGS`.

        Raises:
            InvalidArgumentError: another column.
        """
        ...

    async def artifact_groups(self, query: ListQuery, by: str) -> RowGroups:
        """Group the matching artifacts by a column of `ARTIFACT_GROUPINGS`; `columns` has the spread of their `size`, states and
        durations they have none.

        Raises:
            InvalidArgumentError: another column.
        """
        ...

    async def catalog_groups(self, table: str, query: ListQuery, by: str) -> RowGroups:
        """Group the matching rows of `pipelines`, `experiments` or `recurring` by a column of `CATALOG_GROUPINGS`, pipelines also by
        `tag.KEY`; days are those of the query's zone. States and durations are those of the last run of each row.

        Raises:
            InvalidArgumentError: another column.
        """
        ...

    async def points(self, query: ListQuery) -> Sequence[RunPoint]:
        """Return the newest `MOST_POINTS` matching runs, newest first."""
        ...

    async def ids(self, query: ListQuery, *, limit: int) -> Sequence[str]:
        """Return ids of at most `limit` matching runs, newest first."""
        ...

    async def task_runs(self, query: ListQuery, *, limit: int) -> Sequence[str]:
        """Return ids of at most `limit` runs that have a task which the list of executions would show for `query`, newest first."""
        ...

    async def values(self, column: str, prefix: str, *, limit: int) -> Sequence[str]:
        """Return values of a filter field that contain `prefix`, for completion; empty for fields without a list of values."""
        ...


class SavedViews(Protocol):
    """Named views of tables."""

    async def list(self, table_name: str) -> Sequence[SavedView]:
        """Return the views of a table by name."""
        ...

    async def save(self, view: SavedView) -> None:
        """Store a view; one of the same table and name is replaced. `view_id` is ignored."""
        ...

    async def delete(self, view_id: int) -> None:
        """Remove a view; one that is gone already is fine."""
        ...
