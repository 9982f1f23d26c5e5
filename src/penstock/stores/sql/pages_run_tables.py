"""Queries behind the tools of tables of runs and executions (`interfaces.run_tables`): a fixed number each, over so many rows at most."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.pages import LOOKED_AT, ListQuery
from penstock.interfaces.run_tables import (
    ARTIFACT_GROUPINGS,
    MOST_GROUPS,
    MOST_POINTS,
    TASK_GROUPINGS,
    RowGroup,
    RowGroups,
    RunPoint,
    Span,
)
from penstock.stores.sql.catalog_groups import catalog_groups
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.page_filters import Where, count_up_to, judged
from penstock.stores.sql.page_rows import named_places
from penstock.stores.sql.pages_artifacts import artifacts_where
from penstock.stores.sql.pages_runs import TASK_SOURCE, runs_where, tasks_where
from penstock.stores.sql.pipeline_titles import TITLE

T = TypeVar("T")

_DURATION = "(run.finished_at - COALESCE(run.started_at, run.created_at))"
_COLUMNS: Mapping[str, str] = {
    "pipeline": TITLE,
    "state": "run.state",
    "experiment": "(SELECT name FROM experiment WHERE experiment.experiment_id = run.experiment_id)",
    "version": "(SELECT display_name FROM pipeline_version WHERE pipeline_version.pipeline_version_id = run.pipeline_version_id)",
    "recurring": "(SELECT display_name FROM recurring_run WHERE recurring_run.recurring_run_id = run.recurring_run_id)",
}
"""What runs are grouped by, beside tags and parameters."""

_TASK_DURATION = "(task.finished_at - COALESCE(task.started_at, task.created_at))"
_TASK_COLUMNS: Mapping[str, str] = {
    "component": "task.component",
    "state": "task.state",
    "worker": "task.worker",
    "code": "task.code_digest",
    "name": "task.display_name",
    "pipeline": TITLE,
    "run": "run.name",
    "cached": "CASE WHEN task.is_cached = 1 THEN 'yes' ELSE 'no' END",
}
"""SQL of what executions are grouped by."""
_ARTIFACT_COLUMNS: Mapping[str, str] = {
    "type": "artifact.type",
    "name": "artifact.name",
    "pipeline": TITLE,
    "run": "run.name",
}
"""SQL of what artifacts are grouped by."""
_RECENT = "FROM run WHERE storage_state = 'AVAILABLE' ORDER BY created_at DESC LIMIT 2000"
_RECENT_TASKS = (
    "SELECT display_name, component, worker, code_digest FROM task WHERE type IN ('RUNTIME', 'IMPORTER') "
    "ORDER BY created_at DESC, task_id DESC LIMIT 2000"
)
_RECENT_ARTIFACTS = "SELECT name, type FROM artifact WHERE name <> '' ORDER BY created_at DESC, artifact_id DESC LIMIT 2000"
_VALUES: Mapping[str, str] = {
    "pipeline": "SELECT DISTINCT display_name AS value FROM pipeline WHERE {match} ORDER BY display_name LIMIT :limit",
    "experiment": "SELECT DISTINCT name AS value FROM experiment WHERE {match} ORDER BY name LIMIT :limit",
    "version": "SELECT DISTINCT display_name AS value FROM pipeline_version WHERE {match} ORDER BY display_name LIMIT :limit",
    "recurring": "SELECT DISTINCT display_name AS value FROM recurring_run WHERE {match} ORDER BY display_name LIMIT :limit",
    "task": f"SELECT DISTINCT display_name AS value FROM ({_RECENT_TASKS}) AS task WHERE {{match}} LIMIT :limit",
    "component": f"SELECT DISTINCT component AS value FROM ({_RECENT_TASKS}) AS task WHERE {{match}} LIMIT :limit",
    "worker": f"SELECT DISTINCT worker AS value FROM ({_RECENT_TASKS}) AS task WHERE worker <> '' AND {{match}} LIMIT :limit",
    "code": f"SELECT DISTINCT code_digest AS value FROM ({_RECENT_TASKS}) AS task WHERE code_digest <> '' AND {{match}} LIMIT :limit",
    "artifact": f"SELECT DISTINCT name AS value FROM ({_RECENT_ARTIFACTS}) AS artifact WHERE {{match}} LIMIT :limit",
    "type": f"SELECT DISTINCT type AS value FROM ({_RECENT_ARTIFACTS}) AS artifact WHERE {{match}} LIMIT :limit",
    "name": f"SELECT DISTINCT name AS value FROM (SELECT name {_RECENT}) AS run WHERE {{match}} LIMIT :limit",
    "tag": f"SELECT DISTINCT tags AS value FROM (SELECT tags {_RECENT}) AS run WHERE {{match}} LIMIT 200",
}
_MATCHED = {
    "pipeline": "display_name", "version": "display_name", "recurring": "display_name", "tag": "tags", "task": "display_name",
    "component": "component", "type": "type", "worker": "worker", "code": "code_digest",
}  # fmt: skip


class SqlRunTables:
    """`RunTables` over the core tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def groups(self, query: ListQuery, by: str, columns: Sequence[str]) -> RowGroups:
        """See `RunTables`."""
        if not by:
            raise InvalidArgumentError("group: the name of a column is needed")
        return await self._database.read(lambda tx: _groups(tx, query, by, columns))

    async def task_groups(self, query: ListQuery, by: str) -> RowGroups:
        """See `RunTables`."""
        if by not in TASK_GROUPINGS:
            raise InvalidArgumentError(f"group: {by[:40]!r} is no column of executions; {', '.join(TASK_GROUPINGS)} are")
        return await self._database.read(lambda tx: _task_groups(tx, query, by))

    async def artifact_groups(self, query: ListQuery, by: str) -> RowGroups:
        """See `RunTables`."""
        if by not in ARTIFACT_GROUPINGS:
            raise InvalidArgumentError(f"group: {by[:40]!r} is no column of artifacts; {', '.join(ARTIFACT_GROUPINGS)} are")
        return await self._database.read(lambda tx: _artifact_groups(tx, query, by))

    async def catalog_groups(self, table: str, query: ListQuery, by: str) -> RowGroups:
        """See `RunTables`."""
        return await self._database.read(lambda tx: catalog_groups(tx, table, query, by))

    async def points(self, query: ListQuery) -> Sequence[RunPoint]:
        """See `RunTables`."""
        return await self._database.read(lambda tx: _newest(tx, query, MOST_POINTS, _point))

    async def ids(self, query: ListQuery, *, limit: int) -> Sequence[str]:
        """See `RunTables`."""
        return await self._database.read(lambda tx: _newest(tx, query, limit, lambda row: str(row["run_id"])))

    async def task_runs(self, query: ListQuery, *, limit: int) -> Sequence[str]:
        """See `RunTables`."""
        return await self._database.read(lambda tx: _task_runs(tx, query, limit))

    async def values(self, column: str, prefix: str, *, limit: int) -> Sequence[str]:
        """See `RunTables`."""
        if column not in _VALUES:
            return ()
        return await self._database.read(lambda tx: _values(tx, column, prefix, limit))


def _newest(tx: Transaction, query: ListQuery, limit: int, convert: Callable[[Row], T]) -> list[T]:
    where = runs_where(tx, query)
    rows = tx.all(
        "SELECT run.run_id, run.name, run.state, run.created_at, run.started_at, run.finished_at "
        f"FROM run {where.sql()} ORDER BY run.created_at DESC, run.run_id DESC LIMIT {int(limit)}",
        where.params,
    )
    return [convert(row) for row in rows]


def _task_runs(tx: Transaction, query: ListQuery, limit: int) -> list[str]:
    source, where = judged(tasks_where(tx, query), TASK_SOURCE, identity="task.task_id", newest="task.created_at")
    rows = tx.all(
        f"SELECT run.run_id, MAX(run.created_at) AS newest FROM {source} {where.sql()} "
        f"GROUP BY run.run_id ORDER BY newest DESC, run.run_id DESC LIMIT {int(limit)}",
        where.params,
    )
    return [str(row["run_id"]) for row in rows]


def _point(row: Row) -> RunPoint:
    end, start = row["finished_at"], row["started_at"] or row["created_at"]
    return RunPoint(row["run_id"], row["name"], row["state"], row["created_at"], None if end is None else max(0.0, end - start))


def _value_expression(where: Where, by: str) -> str:
    """SQL for the text that a run is grouped by; names of tags and parameters are bound, never part of the statement."""
    if by in _COLUMNS:
        return _COLUMNS[by]
    kind, _, name = by.partition(".")
    if kind == "tag" and name:
        return where.dialect.json_member("run.tags", where.bind, name)
    name = name if kind in {"param", "parameter"} and name else by
    return (
        "(SELECT COALESCE(run_parameter.text, CAST(run_parameter.number AS TEXT)) FROM run_parameter "
        f"WHERE run_parameter.run_id = run.run_id AND run_parameter.name = {where.bind(name)})"
    )


def _groups(tx: Transaction, query: ListQuery, by: str, columns: Sequence[str]) -> RowGroups:
    where = runs_where(tx, query)
    value = _value_expression(where, by)
    chosen = (
        f"WITH chosen AS (SELECT run.run_id, run.state, run.created_at, {_DURATION} AS seconds, {value} AS value "
        f"FROM run {where.sql()} ORDER BY run.created_at DESC LIMIT {LOOKED_AT}) "
    )
    return gathered(tx, chosen, where.params, _column_spans(tx, chosen, where.params, columns))


def _task_groups(tx: Transaction, query: ListQuery, by: str) -> RowGroups:
    every = tasks_where(tx, query)
    source, where = judged(every, TASK_SOURCE, identity="task.task_id", newest="task.created_at")
    chosen = (
        f"WITH chosen AS (SELECT task.state, task.created_at, {_TASK_DURATION} AS seconds, NULLIF({_TASK_COLUMNS[by]}, '') AS value "
        f"FROM {source} {where.sql()} ORDER BY task.created_at DESC LIMIT {LOOKED_AT}) "
    )
    return of_judged(tx, every, TASK_SOURCE, gathered(tx, chosen, where.params, {}))


def _artifact_groups(tx: Transaction, query: ListQuery, by: str) -> RowGroups:
    every = artifacts_where(tx, query)
    source, where = judged(every, "artifact", identity="artifact.artifact_id", newest="artifact.created_at")
    rows = tx.all(
        "SELECT value, COUNT(*) AS n, MAX(created_at) AS newest, COUNT(size_bytes) AS sized, MIN(size_bytes) AS low, "
        "AVG(size_bytes) AS middle, MAX(size_bytes) AS high FROM ("
        f"SELECT artifact.created_at, artifact.size_bytes, NULLIF({_ARTIFACT_COLUMNS[by]}, '') AS value "
        f"FROM {source} LEFT JOIN run ON run.run_id = artifact.run_id {where.sql()} "
        f"ORDER BY artifact.created_at DESC, artifact.artifact_id DESC LIMIT {LOOKED_AT}) AS chosen GROUP BY value ORDER BY newest DESC",
        where.params,
    )
    groups = [
        RowGroup(
            row["value"], row["n"], row["newest"], {}, None,
            {"size": Span(row["sized"], float(row["low"]), float(row["middle"]), float(row["high"]))} if row["sized"] else {},
        )
        for row in rows
    ]  # fmt: skip
    looked_at = sum(group.count for group in groups)
    found = RowGroups(groups[:MOST_GROUPS], is_complete=looked_at < LOOKED_AT and len(groups) <= MOST_GROUPS)
    return of_judged(tx, every, "artifact", found)


def of_judged(tx: Transaction, where: Where, source: str, found: RowGroups) -> RowGroups:
    """Return groups that are complete only if all that match were judged."""
    is_whole = not where.late or not found.is_complete or count_up_to(tx, where, source, LOOKED_AT) <= LOOKED_AT
    return found if is_whole else replace(found, is_complete=False)


def gathered(
    tx: Transaction, chosen: str, params: Mapping[str, Any] | Sequence[Any], spans: Mapping[str | None, Mapping[str, Span]]
) -> RowGroups:
    """Sum up the rows that the clause `chosen` names with their value, state, time and seconds."""
    rows = tx.all(
        f"{chosen} SELECT value, state, COUNT(*) AS n, MAX(created_at) AS newest, COUNT(seconds) AS ended, "
        "MIN(seconds) AS low, SUM(seconds) AS total, MAX(seconds) AS high FROM chosen GROUP BY value, state",
        params,
    )
    by_value: dict[str | None, list[Row]] = {}
    for row in rows:
        by_value.setdefault(row["value"], []).append(row)
    groups = [_group(value, parts, spans.get(value, {})) for value, parts in by_value.items()]
    groups.sort(key=lambda group: -group.newest_at)
    looked_at = sum(group.count for group in groups)
    return RowGroups(groups[:MOST_GROUPS], is_complete=looked_at < LOOKED_AT and len(groups) <= MOST_GROUPS)


def _group(value: str | None, parts: Sequence[Row], columns: Mapping[str, Span]) -> RowGroup:
    ended = [row for row in parts if row["ended"]]
    count = sum(row["ended"] for row in ended)
    duration = None
    if count:
        mean = sum(row["total"] for row in ended) / count
        duration = Span(count, min(row["low"] for row in ended), mean, max(row["high"] for row in ended))
    return RowGroup(
        value=value,
        count=sum(row["n"] for row in parts),
        newest_at=max(row["newest"] for row in parts),
        states={row["state"]: row["n"] for row in parts},
        duration=duration,
        columns=columns,
    )


def _column_spans(
    tx: Transaction, chosen: str, params: Mapping[str, Any], columns: Sequence[str]
) -> Mapping[str | None, Mapping[str, Span]]:
    if not columns:
        return {}
    places, names = named_places(columns, prefix="column")
    # Run by run: SQLite would join all values of that name with all chosen runs. Hence the order, and the name disguised.
    numbers = " UNION ALL ".join(
        f"SELECT chosen.value, {table}.name, {table}.number FROM chosen CROSS JOIN {table} WHERE {table}.run_id = chosen.run_id "
        f"AND {table}.name || '' IN ({places}) AND {table}.number IS NOT NULL"
        for table in ("run_metric", "run_parameter")
    )
    rows = tx.all(
        f"{chosen} SELECT value, name, COUNT(*) AS n, MIN(number) AS low, AVG(number) AS middle, MAX(number) AS high "
        f"FROM ({numbers}) AS scalar GROUP BY value, name",
        {**params, **names},
    )
    spans: dict[str | None, dict[str, Span]] = {}
    for row in rows:
        spans.setdefault(row["value"], {})[row["name"]] = Span(row["n"], row["low"], row["middle"], row["high"])
    return spans


def _values(tx: Transaction, column: str, prefix: str, limit: int) -> list[str]:
    where = Where(tx, now=0.0)
    match = where.contains(_MATCHED.get(column, "name"), prefix.partition("=")[0] if column == "tag" else prefix)
    rows = tx.all(_VALUES[column].format(match=match), {**where.params, "limit": limit})
    if column != "tag":
        return [str(row["value"]) for row in rows]
    pairs = {f"{key}={value}" for row in rows for key, value in json.loads(row["value"]).items()}
    return sorted(pair for pair in pairs if prefix.lower() in pair.lower())[:limit]
