"""Which experiments, pipelines and schedules a list shows, and what they are sorted and grouped by beside the columns of their tables."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.domain.catalog import DEMO_TAG
from penstock.interfaces.pages import LOOKED_AT, Condition, ListQuery
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.page_filters import Where

STORED = {"experiment": "= experiment.storage_state", "pipeline": "= 'AVAILABLE'", "recurring_run": "<> 'TRASHED'"}
"""Which runs count, in the words that an index of each knows. Of an experiment that is not archived those that are not archived either."""


def of_last_run(table: str, column: str) -> str:
    """SQL: a column of the newest run of an experiment, pipeline or schedule; NULL without a run. One probe of an index."""
    return (
        f"(SELECT run.{column} FROM run WHERE run.{table}_id = {table}.{table}_id AND run.storage_state {STORED[table]} "
        "ORDER BY run.created_at DESC LIMIT 1)"
    )


def count_of(other: str, table: str) -> str:
    """SQL: how many rows of another table belong to a row of `table`."""
    alive = f" AND run.storage_state {STORED[table]}" if other == "run" else ""
    return f"(SELECT COUNT(*) FROM {other} WHERE {other}.{table}_id = {table}.{table}_id{alive})"


ACTIVITY = "COALESCE(experiment.last_run_created_at, experiment.created_at)"
EXPERIMENT_SORTS: Mapping[str, str] = {"activity": ACTIVITY, "created": "experiment.created_at", "name": "experiment.name"}
LATEST_VERSION = (
    "(SELECT display_name FROM pipeline_version WHERE pipeline_version.pipeline_id = pipeline.pipeline_id "
    "ORDER BY created_at DESC, pipeline_version_id DESC LIMIT 1)"
)
_NEWEST_RUNS = (
    "SELECT run.state, run.finished_at - COALESCE(run.started_at, run.created_at) AS seconds FROM run "
    f"WHERE run.pipeline_id = pipeline.pipeline_id AND run.storage_state {STORED['pipeline']} ORDER BY run.created_at DESC LIMIT 20"
)
MEDIAN = (
    "COALESCE((SELECT AVG(seconds) FROM (SELECT seconds, ROW_NUMBER() OVER (ORDER BY seconds) AS place, COUNT(*) OVER () AS n "
    f"FROM ({_NEWEST_RUNS}) AS newest WHERE state = 'SUCCEEDED' AND seconds IS NOT NULL) AS ranked "
    "WHERE place IN ((n + 1) / 2, (n + 2) / 2)), -1)"
)
"""SQL of the median of the runs that succeeded among a pipeline's newest twenty, as its line in the list has it; -1 without one."""
KIND = "CASE WHEN recurring_run.event_kind IS NULL THEN 'schedule' ELSE 'event' END"
SWITCH = "CASE WHEN recurring_run.is_enabled = 1 THEN 'enabled' ELSE 'disabled' END"
OF_PIPELINE = "(SELECT display_name FROM pipeline WHERE pipeline.pipeline_id = recurring_run.pipeline_id)"
OF_EXPERIMENT = "(SELECT name FROM experiment WHERE experiment.experiment_id = recurring_run.experiment_id)"


def experiments_where(tx: Transaction, query: ListQuery) -> Where:
    """Return the clauses of a list of experiments."""
    where = Where(tx, now=query.now, zone=query.zone)
    where.equals("experiment.storage_state", "ARCHIVED" if query.is_archived else "AVAILABLE")
    where.namespace("experiment", query)
    for word in query.words:
        where.word(word, "experiment.name", "experiment.description", id_column="experiment.experiment_id")
    for condition in query.conditions:
        match condition.field:
            case "activity":
                where.time(ACTIVITY, condition)
            case "runs":
                with where.judged():
                    where.number(count_of("run", "experiment"), condition)
            case _:
                _common(where, condition, "experiment", "name")
    return where


def experiment_source(tx: Transaction, where: Where, sort: str) -> tuple[str, Mapping[str, str], int]:
    """Return the FROM clause and the sorts of a list, and of how many values it is if not of all.

    `best.NAME` and `least.NAME` walk the index of that metric from its best end, so that they cost the same however many runs there are;
    experiments without it are not in such a list.
    """
    kind, _, name = sort.partition(".")
    if kind not in {"best", "least"} or not name:
        return "experiment", EXPERIMENT_SORTS, 0
    values = f"FROM run_metric WHERE name = {where.bind(name)} AND number IS NOT NULL"
    direction, best = ("ASC", "MIN") if kind == "least" else ("DESC", "MAX")
    ranked = (
        f"SELECT run.experiment_id AS id, {best}(found.number) AS number "
        f"FROM (SELECT run_id, number {values} ORDER BY number {direction} LIMIT {LOOKED_AT}) AS found "
        "JOIN run ON run.run_id = found.run_id WHERE run.storage_state = 'AVAILABLE' GROUP BY run.experiment_id"
    )
    counted = tx.one(f"SELECT COUNT(*) AS n FROM (SELECT 1 {values} LIMIT {LOOKED_AT + 1}) AS matching", where.params)
    where.ties.append("experiment.experiment_id = ranked.id")
    looked_at = LOOKED_AT if counted is not None and int(counted["n"]) > LOOKED_AT else 0
    return f"({ranked}) AS ranked CROSS JOIN experiment", {sort: "ranked.number"}, looked_at


def pipelines_where(tx: Transaction, query: ListQuery) -> Where:
    """Return the clauses of a list of pipelines."""
    where = Where(tx, now=query.now, zone=query.zone)
    where.namespace("pipeline", query)
    if query.scope.get("demos") == "hide":
        where.lacks_tag("pipeline.tags", *DEMO_TAG)
    for word in query.words:
        where.word(word, "pipeline.display_name", "pipeline.name", "pipeline.description", id_column="pipeline.pipeline_id")
    counted: Mapping[str, str] = {"versions": "pipeline_version", "schedules": "recurring_run"}
    for condition in query.conditions:
        match condition.field:
            case "tag":
                where.tag("pipeline.tags", condition.value)
            case "version":
                with where.judged():
                    where.text(LATEST_VERSION, condition)
            case "versions" | "schedules":
                with where.judged():
                    where.number(count_of(counted[condition.field], "pipeline"), condition)
            case _:
                _common(where, condition, "pipeline", "display_name")
    return where


def recurring_where(tx: Transaction, query: ListQuery) -> Where:
    """Return the clauses of a list of schedules and triggers."""
    where = Where(tx, now=query.now, zone=query.zone)
    where.namespace("recurring_run", query)
    for column in ("experiment_id", "pipeline_id"):
        if column in query.scope:
            where.equals(f"recurring_run.{column}", query.scope[column])
    for word in query.words:
        where.word(word, "recurring_run.display_name", id_column="recurring_run.recurring_run_id")
    for condition in query.conditions:
        match condition.field:
            case "status" | "enabled":
                where.add(f"recurring_run.is_enabled = {0 if condition.value.lower() in {'disabled', 'no', 'false', '0'} else 1}")
            case "kind":
                where.add(f"recurring_run.event_kind IS {'NULL' if condition.value.lower() == 'schedule' else 'NOT NULL'}")
            case "pipeline":
                where.text(OF_PIPELINE, condition)
            case "experiment":
                where.text(OF_EXPERIMENT, condition)
            case "concurrency":
                where.number("recurring_run.max_concurrency", condition)
            case _:
                _common(where, condition, "recurring_run", "display_name")
    return where


def _common(where: Where, condition: Condition, table: str, name: str) -> None:
    match condition.field:
        case "name":
            where.text(f"{table}.{name}", condition)
        case "description":
            where.text(f"{table}.description", condition)
        case "created" | "started":
            where.time(f"{table}.created_at", condition)
        case "last":
            with where.judged():
                where.states(of_last_run(table, "state"), condition)
        case _:
            pass
