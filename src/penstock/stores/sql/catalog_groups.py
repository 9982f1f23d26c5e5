"""Groups of pipelines, experiments and schedules: of their newest rows, each with the state and the length of its last run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.periods import zone_named
from penstock.interfaces.pages import LOOKED_AT, ListQuery
from penstock.interfaces.row_groups import GroupedRow, day_of, gather
from penstock.interfaces.run_tables import RowGroups
from penstock.stores.sql.catalog_filters import (
    ACTIVITY,
    KIND,
    LATEST_VERSION,
    OF_EXPERIMENT,
    OF_PIPELINE,
    SWITCH,
    count_of,
    experiments_where,
    of_last_run,
    pipelines_where,
    recurring_where,
)  # fmt: skip
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.json_columns import decode_object
from penstock.stores.sql.page_filters import Where

_TAG = "tag."


@dataclass(frozen=True, slots=True)
class _Table:
    """What a list may be grouped by."""

    name: str
    where: Callable[[Transaction, ListQuery], Where]
    texts: Mapping[str, str]
    """SQL of the columns whose values are groups."""
    days: Mapping[str, str]
    """SQL of the times whose days are groups."""
    numbers: Mapping[str, str]
    """SQL of the numbers that are summed up."""


_TABLES: Mapping[str, _Table] = {
    "pipelines": _Table(
        "pipeline",
        pipelines_where,
        {"version": LATEST_VERSION, "schedules": f"CAST({count_of('recurring_run', 'pipeline')} AS TEXT)"},
        {"created": "pipeline.created_at"},
        {"versions": count_of("pipeline_version", "pipeline"), "schedules": count_of("recurring_run", "pipeline")},
    ),
    "experiments": _Table(
        "experiment",
        experiments_where,
        {"description": "experiment.description"},
        {"activity": ACTIVITY, "created": "experiment.created_at"},
        {"runs": count_of("run", "experiment")},
    ),
    "recurring": _Table(
        "recurring_run",
        recurring_where,
        {
            "status": SWITCH,
            "kind": KIND,
            "pipeline": OF_PIPELINE,
            "experiment": OF_EXPERIMENT,
            "concurrency": "CAST(recurring_run.max_concurrency AS TEXT)",
        },
        {"created": "recurring_run.created_at"},
        {"concurrency": "recurring_run.max_concurrency"},
    ),
}


def catalog_groups(tx: Transaction, table: str, query: ListQuery, by: str) -> RowGroups:
    """See `RunTables.catalog_groups`."""
    of = _TABLES[table]
    value = _value(of, by)
    where = of.where(tx, query)
    rows = tx.all(
        f"SELECT {value} AS value, {of.name}.created_at AS at, last.state AS last_state, last.finished_at AS last_end, "
        f"COALESCE(last.started_at, last.created_at) AS last_start{''.join(f', {sql} AS n_{name}' for name, sql in of.numbers.items())} "
        f"FROM (SELECT * FROM {of.name} {where.sql()} ORDER BY created_at DESC LIMIT {LOOKED_AT + 1}) AS {of.name} "
        f"LEFT JOIN run AS last ON last.run_id = {of_last_run(of.name, 'run_id')}"
        f"{' WHERE ' + ' AND '.join(where.late) if where.late else ''} ORDER BY {of.name}.created_at DESC LIMIT {LOOKED_AT + 1}",
        where.params,
    )
    zone = zone_named(query.zone) or zone_named("UTC")

    def grouped(row: Row) -> GroupedRow:
        text = row["value"]
        if by in of.days and zone is not None:
            text = day_of(text, zone)
        elif by.startswith(_TAG):
            text = decode_object(text).get(by.removeprefix(_TAG))
        seconds = None if row["last_end"] is None else max(0.0, row["last_end"] - row["last_start"])
        return GroupedRow([text], row["at"], row["last_state"], seconds, {name: row[f"n_{name}"] for name in of.numbers})

    return gather((grouped(row) for row in rows[:LOOKED_AT]), is_whole=len(rows) <= LOOKED_AT)


def _value(of: _Table, by: str) -> str:
    """SQL of what is grouped by.

    Raises:
        InvalidArgumentError: no such column.
    """
    if by == "last":
        return "last.state"
    if by.startswith(_TAG) and of.name == "pipeline":
        return "pipeline.tags"
    found = of.texts.get(by) or of.days.get(by)
    if found is None:
        raise InvalidArgumentError(f"group: {by[:40]!r} is no column that groups; {', '.join(('last', *of.texts, *of.days))} are")
    return found
