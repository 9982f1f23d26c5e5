"""Queries behind the experiment, pipeline and recurring-run pages."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from penstock.interfaces.page_catalog import (
    LISTED_VERSIONS,
    BestMetric,
    ComponentStatistics,
    ExperimentChoice,
    ExperimentItem,
    MetricPoint,
    PipelineItem,
    PipelineView,
    RecurringItem,
    RunDot,
    TaskDot,
    TickItem,
    VersionItem,
)
from penstock.interfaces.pages import ListQuery, Page
from penstock.stores.sql.catalog_filters import (
    LATEST_VERSION,
    MEDIAN,
    count_of,
    experiment_source,
    experiments_where,
    of_last_run,
    pipelines_where,
)  # fmt: skip
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.json_columns import decode_object
from penstock.stores.sql.last_runs import last_runs
from penstock.stores.sql.page_filters import LateSorts, Where, select_page
from penstock.stores.sql.page_rows import named_places
from penstock.stores.sql.pages_recurring import RECURRING_COLUMNS, RECURRING_JOINS, find_recurring, list_recurring, recurring_from_row


class SqlCatalogPages:
    """`CatalogPages` over the core tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_experiments(self, query: ListQuery) -> Page[ExperimentItem]:
        """See `CatalogPages`."""
        return await self._database.read(lambda tx: _list_experiments(tx, query))

    async def experiment(self, experiment_id: str) -> ExperimentItem | None:
        """See `CatalogPages`."""
        return await self._database.read(lambda tx: _experiment(tx, experiment_id))

    async def best_metrics(self, experiment_ids: Sequence[str], name: str, *, is_least: bool) -> Mapping[str, BestMetric]:
        """See `CatalogPages`."""
        if not experiment_ids:
            return {}
        places, params = named_places(experiment_ids)
        inner = (
            "SELECT run.experiment_id, run.run_id, run.name, run_metric.number, run_metric.format, ROW_NUMBER() OVER (PARTITION BY"
            f" run.experiment_id ORDER BY run_metric.number {'ASC' if is_least else 'DESC'}, run.created_at, run.run_id) AS place"
            " FROM run_metric JOIN run ON run.run_id = run_metric.run_id WHERE run_metric.name = :name AND run_metric.number IS NOT NULL"
            f" AND run.storage_state = 'AVAILABLE' AND run.experiment_id IN ({places})"
        )
        sql = f"SELECT * FROM ({inner}) AS ranked WHERE place = 1"
        rows = await self._database.read(lambda tx: tx.all(sql, {**params, "name": name}))
        return {row["experiment_id"]: BestMetric(row["number"], row["format"], row["run_id"], row["name"]) for row in rows}

    async def metric_points(self, experiment_id: str, *, limit: int = 200) -> Sequence[MetricPoint]:
        """See `CatalogPages`."""
        newest = (
            "SELECT run_id, name, state, created_at FROM run WHERE experiment_id = :id AND storage_state = 'AVAILABLE'"
            " ORDER BY created_at DESC, run_id DESC LIMIT :limit"
        )
        sql = (
            "SELECT run_metric.name AS metric, MAX(run_metric.number) AS number, MAX(run_metric.format) AS format, newest.run_id,"
            f" newest.name, newest.state, newest.created_at FROM ({newest}) AS newest JOIN run_metric ON run_metric.run_id = newest.run_id"
            " WHERE run_metric.number IS NOT NULL"
            " GROUP BY run_metric.name, newest.run_id, newest.name, newest.state, newest.created_at"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, {"id": experiment_id, "limit": limit}))
        return [
            MetricPoint(row["metric"], row["number"], row["format"], row["run_id"], row["name"], row["state"], row["created_at"])
            for row in rows
        ]

    async def experiment_names(self, *, limit: int = 200) -> Sequence[tuple[str, str]]:
        """See `CatalogPages`."""
        sql = (
            "SELECT experiment_id, name FROM experiment WHERE storage_state = 'AVAILABLE' "
            "ORDER BY COALESCE(last_run_created_at, created_at) DESC LIMIT :limit"
        )
        return await self._database.read(lambda tx: [(row["experiment_id"], row["name"]) for row in tx.all(sql, {"limit": limit})])

    async def find_experiments(self, text: str, *, limit: int = 20) -> Sequence[ExperimentChoice]:
        """See `CatalogPages`."""

        def work(tx: Transaction) -> list[ExperimentChoice]:
            where = Where(tx, now=0.0)
            exact = where.bind(text)
            where.add(f"({where.contains('name', text)} OR experiment_id = {exact})")
            rows = tx.all(
                f"SELECT experiment_id, name, namespace FROM experiment {where.sql()} AND storage_state = 'AVAILABLE' "
                f"ORDER BY CASE WHEN {exact} IN (name, experiment_id) THEN 0 ELSE 1 END, COALESCE(last_run_created_at, created_at) DESC, "
                f"experiment_id LIMIT {int(limit)}",
                where.params,
            )
            return [ExperimentChoice(row["experiment_id"], row["name"], row["namespace"]) for row in rows]

        return await self._database.read(work)

    async def list_pipelines(self, query: ListQuery) -> Page[PipelineItem]:
        """See `CatalogPages`."""
        return await self._database.read(lambda tx: _list_pipelines(tx, query))

    async def pipeline(self, pipeline_id: str, *, version_id: str = "", before: float | None = None) -> PipelineView | None:
        """See `CatalogPages`."""
        return await self._database.read(lambda tx: _pipeline_view(tx, pipeline_id, version_id, before))

    async def version(self, pipeline_version_id: str) -> VersionItem | None:
        """See `CatalogPages`."""
        sql = "SELECT *, 0 AS run_count FROM pipeline_version WHERE pipeline_version_id = :id"
        row = await self._database.read(lambda tx: tx.one(sql, {"id": pipeline_version_id}))
        return None if row is None else _version_from_row(row)

    async def list_recurring(self, query: ListQuery) -> Page[RecurringItem]:
        """See `CatalogPages`."""
        return await self._database.read(lambda tx: list_recurring(tx, query))

    async def recurring(self, recurring_run_id: str, *, before: float | None = None) -> tuple[RecurringItem, Sequence[TickItem]] | None:
        """See `CatalogPages`."""
        return await self._database.read(lambda tx: find_recurring(tx, recurring_run_id, before))


def _experiment_from_row(row: Row, dots: Sequence[RunDot] = ()) -> ExperimentItem:
    return ExperimentItem(
        experiment_id=row["experiment_id"],
        name=row["name"],
        description=row["description"],
        storage_state=row["storage_state"],
        created_at=row["created_at"],
        last_run_created_at=row["last_run_created_at"],
        run_count=row["run_count"],
        last_runs=dots,
        notes=row["notes"],
    )


_EXPERIMENT_COLUMNS = f"experiment.*, {count_of('run', 'experiment')} AS run_count"


_LATE_EXPERIMENTS = LateSorts(
    "experiment.created_at",
    {
        "description": "experiment.description",
        "runs": count_of("run", "experiment"),
        "last": f"COALESCE({of_last_run('experiment', 'state')}, '')",
    },
)


def _list_experiments(tx: Transaction, query: ListQuery) -> Page[ExperimentItem]:
    where = experiments_where(tx, query)
    source, sorts, looked_at = experiment_source(tx, where, query.sort)
    page = select_page(
        tx,
        query,
        where,
        select=_EXPERIMENT_COLUMNS,
        source=source,
        sorts=sorts,
        identity="experiment.experiment_id",
        convert=_experiment_from_row,
        late=_LATE_EXPERIMENTS,
    )
    page = replace(page, looked_at=page.looked_at or looked_at)
    dots = last_runs(tx, "experiment_id", [item.experiment_id for item in page.items], 5)
    return replace(page, items=[replace(item, last_runs=dots.get(item.experiment_id, ())) for item in page.items])


def _experiment(tx: Transaction, experiment_id: str) -> ExperimentItem | None:
    row = tx.one(f"SELECT {_EXPERIMENT_COLUMNS} FROM experiment WHERE experiment_id = :id", {"id": experiment_id})
    if row is None:
        return None
    return _experiment_from_row(row, last_runs(tx, "experiment_id", [experiment_id], 20).get(experiment_id, ()))


def _version_from_row(row: Row) -> VersionItem:
    return VersionItem(
        pipeline_version_id=row["pipeline_version_id"],
        pipeline_id=row["pipeline_id"],
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        spec_digest=row["spec_digest"],
        created_at=row["created_at"],
        package_url=row["package_url"],
        code_source_url=row["code_source_url"],
        run_count=row["run_count"],
    )


def _pipeline_from_row(
    row: Row, latest: VersionItem | None, dots: Sequence[RunDot], *, version_count: int, schedule_count: int
) -> PipelineItem:
    good = [dot.duration_seconds for dot in dots if dot.state == "SUCCEEDED" and dot.duration_seconds is not None]
    return PipelineItem(
        pipeline_id=row["pipeline_id"],
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        tags=decode_object(row["tags"]),
        created_at=row["created_at"],
        version_count=version_count,
        latest=latest,
        schedule_count=schedule_count,
        last_runs=dots,
        median_seconds=statistics.median(good) if good else None,
    )


_LATE_PIPELINES = LateSorts(
    "pipeline.created_at",
    {
        "version": f"COALESCE({LATEST_VERSION}, '')",
        "last": f"COALESCE({of_last_run('pipeline', 'created_at')}, 0)",
        "state": f"COALESCE({of_last_run('pipeline', 'state')}, '')",
        "median": MEDIAN,
        "schedules": count_of("recurring_run", "pipeline"),
        "tags": "pipeline.tags",
    },
)


def _list_pipelines(tx: Transaction, query: ListQuery) -> Page[PipelineItem]:
    page = select_page(
        tx,
        query,
        pipelines_where(tx, query),
        select="pipeline.*",
        source="pipeline",
        sorts={"created": "pipeline.created_at", "name": "pipeline.display_name"},
        identity="pipeline.pipeline_id",
        convert=lambda row: row,
        late=_LATE_PIPELINES,
    )
    ids = [row["pipeline_id"] for row in page.items]
    dots = last_runs(tx, "pipeline_id", ids, 20)
    latest = _latest_versions(tx, ids)
    versions, schedules = _counts(tx, "pipeline_version", ids), _counts(tx, "recurring_run", ids)
    items = [
        _pipeline_from_row(
            row,
            latest.get(row["pipeline_id"]),
            dots.get(row["pipeline_id"], ()),
            version_count=versions.get(row["pipeline_id"], 0),
            schedule_count=schedules.get(row["pipeline_id"], 0),
        )
        for row in page.items
    ]
    return Page(items, page.next_cursor, page.total, page.is_total_exact, page.looked_at)


def _counts(tx: Transaction, table: str, pipeline_ids: Sequence[str]) -> dict[str, int]:
    """How many rows of a table each pipeline has. For the pipelines of a page only: as a column it is counted for all that are sorted."""
    places, params = named_places(pipeline_ids)
    rows = tx.all(f"SELECT pipeline_id, COUNT(*) AS n FROM {table} WHERE pipeline_id IN ({places}) GROUP BY pipeline_id", params)
    return {row["pipeline_id"]: row["n"] for row in rows}


def _latest_versions(tx: Transaction, pipeline_ids: Sequence[str]) -> dict[str, VersionItem]:
    places, params = named_places(pipeline_ids)
    rows = tx.all(
        "SELECT v.*, 0 AS run_count FROM pipeline_version v WHERE v.pipeline_version_id IN (SELECT (SELECT n.pipeline_version_id "
        "FROM pipeline_version n WHERE n.pipeline_id = p.pipeline_id ORDER BY n.created_at DESC, n.pipeline_version_id DESC LIMIT 1) "
        f"FROM pipeline p WHERE p.pipeline_id IN ({places}))",
        params,
    )
    return {row["pipeline_id"]: _version_from_row(row) for row in rows}


def _pipeline_view(tx: Transaction, pipeline_id: str, version_id: str, before: float | None) -> PipelineView | None:
    here = {"id": pipeline_id}
    row = tx.one("SELECT * FROM pipeline WHERE pipeline_id = :id", here)
    if row is None:
        return None
    versions = _versions(tx, pipeline_id, version_id, before)
    latest = versions[0] if versions and before is None else _latest_versions(tx, [pipeline_id]).get(pipeline_id)
    dots = last_runs(tx, "pipeline_id", [pipeline_id], 20).get(pipeline_id, [])
    schedules = tx.all(
        f"SELECT {RECURRING_COLUMNS} FROM recurring_run {RECURRING_JOINS} WHERE recurring_run.pipeline_id = :id LIMIT 100", here
    )
    return PipelineView(
        pipeline=_pipeline_from_row(
            row,
            latest,
            dots,
            version_count=_counts(tx, "pipeline_version", [pipeline_id]).get(pipeline_id, 0),
            schedule_count=_counts(tx, "recurring_run", [pipeline_id]).get(pipeline_id, 0),
        ),
        versions=versions,
        statistics=_statistics(tx, [dot.run_id for dot in dots]),
        schedules=[recurring_from_row(item) for item in schedules],
    )


def _versions(tx: Transaction, pipeline_id: str, version_id: str, before: float | None) -> list[VersionItem]:
    select = (
        "SELECT v.*, (SELECT COUNT(*) FROM run WHERE run.pipeline_id = v.pipeline_id "
        "AND run.pipeline_version_id = v.pipeline_version_id) AS run_count FROM pipeline_version v WHERE v.pipeline_id = :id AND "
    )
    params = {"id": pipeline_id, "before": math.inf if before is None else before, "limit": LISTED_VERSIONS}
    listed = "v.created_at < :before ORDER BY v.created_at DESC, v.pipeline_version_id DESC LIMIT :limit"
    rows = tx.all(select + listed, params)
    if version_id and not any(row["pipeline_version_id"] == version_id for row in rows):
        rows += tx.all(select + "v.pipeline_version_id = :version", {"id": pipeline_id, "version": version_id})
    return [_version_from_row(row) for row in rows]


def _statistics(tx: Transaction, run_ids: Sequence[str]) -> list[ComponentStatistics]:
    places, params = named_places(run_ids)
    rows = tx.all(
        "SELECT display_name, component, COUNT(*) AS n, SUM(CASE WHEN state = 'FAILED' THEN 1 ELSE 0 END) AS failed, "
        "SUM(is_cached) AS cached, "
        "AVG(CASE WHEN is_cached = 0 THEN finished_at - started_at END) AS mean_seconds, "
        "MAX(CASE WHEN is_cached = 0 THEN finished_at - started_at END) AS max_seconds, MIN(position) AS first_position "
        f"FROM task WHERE run_id IN ({places}) AND type IN ('RUNTIME', 'IMPORTER') "
        "GROUP BY display_name, component ORDER BY first_position LIMIT 200",
        params,
    )
    history = _task_history(tx, run_ids)
    return [
        ComponentStatistics(
            row["display_name"],
            row["component"],
            row["n"],
            row["failed"] or 0,
            row["cached"] or 0,
            row["mean_seconds"],
            row["max_seconds"],
            history.get((row["display_name"], row["component"]), ()),
        )
        for row in rows
    ]


def _task_history(tx: Transaction, run_ids: Sequence[str]) -> dict[tuple[str, str], list[TaskDot]]:
    places, params = named_places(run_ids)
    rows = tx.all(
        "SELECT task.display_name, task.component, task.run_id, run.name, COUNT(*) AS n, SUM(task.is_cached) AS cached,"
        " SUM(CASE WHEN task.state = 'FAILED' THEN 1 ELSE 0 END) AS failed, MIN(task.state) AS first_state, MAX(task.state) AS last_state,"
        " AVG(CASE WHEN task.is_cached = 0 THEN task.finished_at - task.started_at END) AS seconds"
        f" FROM task JOIN run ON run.run_id = task.run_id WHERE task.run_id IN ({places}) AND task.type IN ('RUNTIME', 'IMPORTER')"
        " GROUP BY task.display_name, task.component, task.run_id, run.name, run.created_at ORDER BY run.created_at, task.run_id",
        params,
    )
    places_of = {run_id: place for place, run_id in enumerate(run_ids)}
    found: dict[tuple[str, str], list[TaskDot]] = {}
    for row in rows:
        common = row["first_state"] if row["first_state"] == row["last_state"] else "RUNNING"
        state = "FAILED" if row["failed"] else common
        dot = TaskDot(row["run_id"], row["name"], state, row["cached"] == row["n"], row["seconds"], places_of[row["run_id"]])
        found.setdefault((row["display_name"], row["component"]), []).append(dot)
    return found
