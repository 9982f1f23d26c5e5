"""Queries behind the pages about runs and tasks. A fixed number of statements per page, whatever it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.interfaces.pages import (
    COUNT_LIMIT,
    LOOKED_BACK,
    IterationItem,
    ListQuery,
    Page,
    RunItem,
    RunView,
    ScalarMetric,
    StateCount,
    TaskItem,
    TaskState,
    TaskTry,
    TaskView,
)
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.iterations import iterations_of
from penstock.stores.sql.json_columns import decode_object
from penstock.stores.sql.json_keys import with_keys
from penstock.stores.sql.page_filters import LateSorts, Sort, Where, select_page
from penstock.stores.sql.page_rows import (
    RUN_COLUMNS,
    RUN_JOINS,
    TASK_COLUMNS,
    USE_COLUMNS,
    USE_SOURCE,
    attempt_from_row,
    metric_from_row,
    metrics_by_name,
    metrics_of,
    named_places,
    note_from_row,
    run_from_row,
    task_from_row,
    task_metrics,
    use_from_row,
)
from penstock.stores.sql.pipeline_titles import TITLE
from penstock.stores.sql.run_conditions import TASK_KEYS, metric_of_task, run_condition, task_condition
from penstock.stores.sql.run_words import require_run_word, require_task_word

_ENDLESS = "9000000000000.0"
"""Stands for the end of what has not ended, so that sorting by it needs no NULL rules."""

RUN_SORTS = {
    "created": "run.created_at",
    "name": "run.name",
    "state": "run.state",
    "duration": f"(COALESCE(run.finished_at, {_ENDLESS}) - COALESCE(run.started_at, run.created_at))",
    "finished": f"COALESCE(run.finished_at, {_ENDLESS})",
}
_LATE_RUNS: Mapping[str, str] = {
    "tasks": "run.task_count",
    "cached": "run.cached_count",
    "pipeline": TITLE,
    "experiment": "COALESCE((SELECT name FROM experiment WHERE experiment.experiment_id = run.experiment_id), '')",
    "recurring": "COALESCE((SELECT display_name FROM recurring_run WHERE recurring_run.recurring_run_id = run.recurring_run_id), '')",
}
_LATE_TASKS = LateSorts(
    "task.created_at",
    {
        "name": "task.display_name",
        "state": "task.state",
        "component": "task.component",
        "code": "COALESCE(task.code_digest, '')",
        "worker": "COALESCE(task.worker, '')",
        "run": "run.name",
        "pipeline": TITLE,
        "id": "task.execution_id",
        "path": "task.path",
        "started": f"COALESCE(task.started_at, {_ENDLESS})",
        "attempts": "task.attempts",
        "why": "COALESCE(NULLIF(task.error, ''), NULLIF(task.reason, ''), task.cache_reason, '')",
    },
)
TASK_SOURCE = "task JOIN run ON run.run_id = task.run_id"
TASK_SORTS: Mapping[str, Sort] = {
    "created": "task.created_at",
    "position": "task.position",
    "duration": f"(COALESCE(task.finished_at, {_ENDLESS}) - COALESCE(task.started_at, task.created_at))",
}
_COUNTED_BY_RUN = 1_000
"""Executions are counted up to this many where each has to be judged by its run."""
_RUNS_BEFORE = 50
"""Earlier runs in which the same task is looked for."""
LEAF_TYPES = "('RUNTIME', 'IMPORTER')"


class SqlRunPages:
    """`RunPages` over the core tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_runs(self, query: ListQuery) -> Page[RunItem]:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _list_runs(tx, query))

    async def task_metrics(self, task_ids: Sequence[str]) -> Mapping[str, Sequence[ScalarMetric]]:
        """See `RunPages`."""
        wanted = list(task_ids)[:1000]
        return await self._database.read(lambda tx: task_metrics(tx, wanted)) if wanted else {}

    async def metric_names(self, *, limit: int = 200) -> Sequence[str]:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _distinct_metric_names(tx, limit))

    async def run(self, run_id: str) -> RunView | None:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _run_view(tx, run_id))

    async def runs(self, run_ids: Sequence[str]) -> Sequence[RunItem]:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _runs(tx, run_ids))

    async def last_good(self, run_ids: Sequence[str]) -> Mapping[str, RunItem]:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _last_good(tx, run_ids))

    async def children(self, run_id: str, parent_task_id: str, *, offset: int = 0, limit: int = 2000) -> Sequence[TaskItem]:
        """See `RunPages`."""
        sql = (
            f"SELECT {TASK_COLUMNS} FROM task JOIN run ON run.run_id = task.run_id "
            "WHERE task.parent_task_id = :parent AND task.run_id = :run "
            "ORDER BY task.iteration_index, task.position LIMIT :limit OFFSET :offset"
        )
        params = {"parent": parent_task_id, "run": run_id, "limit": limit, "offset": offset}
        return await self._database.read(lambda tx: [task_from_row(row) for row in tx.all(sql, params)])

    async def cells(self, run_id: str, parent_task_id: str, *, limit: int | None) -> Sequence[TaskState]:
        """See `RunPages`."""
        sql = (
            "SELECT task_id, task_key, iteration_index, state, is_cached FROM task WHERE parent_task_id = :parent AND run_id = :run"
            " ORDER BY iteration_index, position"
        )
        params: dict[str, Any] = {"parent": parent_task_id, "run": run_id}
        if limit is not None:
            sql, params = f"{sql} LIMIT :limit", params | {"limit": limit}
        rows = await self._database.read(lambda tx: tx.all(sql, params))
        return [
            TaskState(row["task_id"], row["task_key"], row["iteration_index"], row["state"], bool(row["is_cached"])) for row in rows
        ]

    async def component_states(self, run_id: str, parent_task_id: str) -> Sequence[tuple[str, str, bool, int]]:
        """See `RunPages`."""
        sql = (
            "SELECT component, state, is_cached, COUNT(*) AS n FROM task WHERE parent_task_id = :parent AND run_id = :run"
            " GROUP BY component, state, is_cached"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, {"parent": parent_task_id, "run": run_id}))
        return [(row["component"], row["state"], bool(row["is_cached"]), row["n"]) for row in rows]

    async def tasks_of(self, run_id: str, task_ids: Sequence[str]) -> Sequence[TaskItem]:
        """See `RunPages`."""
        if not task_ids:
            return []
        places, params = named_places(list(task_ids)[:1000])
        sql = (
            f"SELECT {TASK_COLUMNS} FROM task JOIN run ON run.run_id = task.run_id"
            f" WHERE task.run_id = :run AND task.task_id IN ({places}) ORDER BY task.position"
        )
        return await self._database.read(lambda tx: [task_from_row(row) for row in tx.all(sql, {**params, "run": run_id})])

    async def child_states(self, run_id: str, parent_task_ids: Sequence[str]) -> Sequence[StateCount]:
        """See `RunPages`."""
        places, params = named_places(parent_task_ids)
        sql = f"SELECT parent_task_id, state, COUNT(*) AS n FROM task WHERE parent_task_id IN ({places}) GROUP BY parent_task_id, state"
        return await self._database.read(
            lambda tx: [StateCount(row["parent_task_id"], row["state"], row["n"]) for row in tx.all(sql, params)]
        )

    async def list_tasks(self, query: ListQuery) -> Page[TaskItem]:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _list_tasks(tx, query))

    async def timeline(self, run_id: str, *, limit: int = 500) -> Sequence[TaskItem]:
        """See `RunPages`."""
        sql = (
            f"SELECT * FROM (SELECT {TASK_COLUMNS} FROM task JOIN run ON run.run_id = task.run_id WHERE task.run_id = :run "
            f"AND task.type IN {LEAF_TYPES} AND task.started_at IS NOT NULL "
            f"ORDER BY {TASK_SORTS['duration']} DESC LIMIT :limit) AS longest ORDER BY started_at, position"
        )
        return await self._database.read(lambda tx: [task_from_row(row) for row in tx.all(sql, {"run": run_id, "limit": limit})])

    async def timelines(self, run_ids: Sequence[str], *, limit: int = 200) -> Sequence[TaskItem]:
        """See `RunPages`."""
        places, params = named_places(run_ids)
        sql = f"SELECT * FROM ({_longest(TASK_COLUMNS, places)}) AS longest WHERE place <= :limit ORDER BY run_id, started_at, position"
        return await self._database.read(lambda tx: [task_from_row(row) for row in tx.all(sql, {**params, "limit": limit})])

    async def environments(self, run_ids: Sequence[str], *, limit: int = 200) -> Mapping[str, Mapping[str, Any]]:
        """See `RunPages`."""
        places, params = named_places(run_ids)
        inner = _longest("task.task_id, COALESCE(task.cached_task_id, task.task_id) AS source_id", places)
        sql = (
            f"SELECT longest.task_id AS task_id, attempt.detail AS detail FROM ({inner}) AS longest "
            "JOIN attempt ON attempt.task_id = longest.source_id WHERE longest.place <= :limit AND attempt.attempt = "
            "(SELECT MAX(other.attempt) FROM attempt AS other WHERE other.task_id = attempt.task_id)"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, {**params, "limit": limit}))
        return {row["task_id"]: decode_object(row["detail"]) for row in rows}

    async def task(self, run_id: str, task_id: str) -> TaskView | None:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _task_view(tx, run_id, task_id))

    async def previous_attempt(self, task: TaskItem) -> tuple[TaskItem, Mapping[str, Any]] | None:
        """See `RunPages`."""
        return await self._database.read(lambda tx: _previous_attempt(tx, task))

    async def iterations(self, run_id: str, path: str, *, limit: int = 10_000) -> Sequence[IterationItem]:
        """See `RunPages`."""
        return await self._database.read(lambda tx: iterations_of(tx, run_id, path, limit))

    async def tries(self, run_id: str, *, limit: int = 500) -> Sequence[TaskTry]:
        """See `RunPages`."""
        sql = (
            "SELECT attempt.task_id, task.display_name, attempt.attempt, attempt.state, attempt.created_at FROM attempt"
            " JOIN task ON task.task_id = attempt.task_id WHERE attempt.run_id = :run"
            " ORDER BY CASE WHEN attempt.state = 'FAILED' THEN 0 ELSE 1 END, attempt.created_at DESC LIMIT :limit"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, {"run": run_id, "limit": limit}))
        return [TaskTry(row["task_id"], row["display_name"], row["attempt"], row["state"], row["created_at"]) for row in rows]

    async def spec(self, digest: str) -> tuple[str, Mapping[str, Any], str | None] | None:
        """See `RunPages`."""
        row = await self._database.read(
            lambda tx: tx.one("SELECT kind, content, source FROM spec WHERE digest = :digest", {"digest": digest})
        )
        return None if row is None else (row["kind"], decode_object(row["content"]), row["source"])

    async def specs(self, digests: Sequence[str]) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        """See `RunPages`."""
        places, params = named_places(digests)
        sql = f"SELECT digest, kind, content FROM spec WHERE digest IN ({places})"
        rows = await self._database.read(lambda tx: tx.all(sql, params))
        return {row["digest"]: (row["kind"], decode_object(row["content"])) for row in rows}


def _longest(columns: str, places: str) -> str:
    """Return the started leaf tasks of runs with their `place` in their run, the unfinished and the longest first."""
    return (
        f"SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY task.run_id ORDER BY {TASK_SORTS['duration']} DESC, task.task_id) AS place "
        f"FROM task JOIN run ON run.run_id = task.run_id WHERE task.run_id IN ({places}) "
        f"AND task.type IN {LEAF_TYPES} AND task.started_at IS NOT NULL"
    )


def runs_where(tx: Transaction, query: ListQuery) -> Where:
    """Return the clauses that pick a list's runs; they need the table `run` only."""
    where = Where(tx, now=query.now, zone=query.zone)
    where.equals("run.storage_state", "ARCHIVED" if query.is_archived else "AVAILABLE")
    where.namespace("run", query)
    for column in ("experiment_id", "pipeline_id", "pipeline_version_id", "recurring_run_id", "pipeline_name"):
        if column in query.scope:
            where.equals(f"run.{column}", query.scope[column])
    for word in query.words:
        require_run_word(where, word)
    for condition in query.conditions:
        run_condition(where, condition)
    return where


def _order(where: Where, sort: str) -> tuple[str, Mapping[str, str]]:
    """Return the FROM clause and the sorts of a list. Sorting by `metric.NAME` or `param.NAME` walks the index of that number, so it
    costs what it shows; runs without the number are not in such a list, and a run that has several stands at its largest.
    """
    kind, _, name = sort.partition(".")
    table = {"metric": "run_metric", "param": "run_parameter"}.get(kind)
    if table is None or not name:
        return "run", RUN_SORTS
    where.equals("sorter.name", name)
    where.add("sorter.number IS NOT NULL")
    if table == "run_metric":
        # COALESCE hides name and number from the index of names, which would be read from end to end for every run.
        where.add(
            "NOT EXISTS (SELECT 1 FROM run_metric AS other WHERE other.run_id = sorter.run_id AND COALESCE(other.name, '') = sorter.name "
            "AND (COALESCE(other.number, -1.7e308), other.task_id) > (sorter.number, sorter.task_id))"
        )
    # CROSS JOIN keeps SQLite at reading the numbers in order and looking up each run, instead of sorting all runs.
    where.add("run.run_id = sorter.run_id")
    return f"{table} AS sorter CROSS JOIN run", {sort: "sorter.number"}


def _late_runs(where: Where, sort: str) -> LateSorts:
    """Return the orders of the newest runs: also `tag.KEY` and `text.NAME`, the text of a parameter."""
    kind, _, name = sort.partition(".")
    if kind == "tag" and name:
        return LateSorts("run.created_at", {sort: f"COALESCE({where.dialect.json_member('run.tags', where.bind, name)}, '')"})
    if kind == "text" and name:
        parameter = f"(SELECT text FROM run_parameter WHERE run_parameter.run_id = run.run_id AND run_parameter.name = {where.bind(name)})"
        return LateSorts("run.created_at", {sort: f"COALESCE({parameter}, '')"})
    return LateSorts("run.created_at", _LATE_RUNS)


def _list_runs(tx: Transaction, query: ListQuery) -> Page[RunItem]:
    where = runs_where(tx, query)
    late = _late_runs(where, query.sort)
    source, sorts = _order(where, query.sort)
    page = select_page(
        tx,
        query,
        where,
        select=RUN_COLUMNS,
        source=source,
        joins=RUN_JOINS,
        sorts=sorts,
        identity="run.run_id" if sorts is RUN_SORTS else "sorter.run_id",
        convert=lambda row: row,
        late=late,
    )
    metrics = metrics_by_name(tx, [row["run_id"] for row in page.items])
    items = [run_from_row(row, metrics) for row in page.items]
    return Page(items, page.next_cursor, page.total, page.is_total_exact, page.looked_at)


def _distinct_metric_names(tx: Transaction, limit: int) -> list[str]:
    """Skip from name to name along the index instead of reading every metric row."""
    sql = (
        "WITH RECURSIVE names(name) AS (SELECT MIN(name) FROM run_metric UNION ALL "
        "SELECT (SELECT MIN(m.name) FROM run_metric m WHERE m.name > names.name) FROM names WHERE names.name IS NOT NULL) "
        "SELECT name FROM names WHERE name IS NOT NULL LIMIT :limit"
    )
    return [str(row["name"]) for row in tx.all(sql, {"limit": limit})]


def _select_runs(tx: Transaction, tail: str, params: Mapping[str, Any]) -> list[Row]:
    return tx.all(f"SELECT {RUN_COLUMNS} FROM run {RUN_JOINS} {tail}", params)


def _runs(tx: Transaction, run_ids: Sequence[str]) -> list[RunItem]:
    places, params = named_places(run_ids)
    rows = {row["run_id"]: row for row in _select_runs(tx, f"WHERE run.run_id IN ({places})", params)}
    metrics = metrics_of(tx, rows, per_run=500)
    return [run_from_row(rows[run_id], metrics) for run_id in run_ids if run_id in rows]


def _last_good(tx: Transaction, run_ids: Sequence[str]) -> Mapping[str, RunItem]:
    places, params = named_places(run_ids)
    near = (
        "SELECT run_id, state, storage_state, created_at FROM run AS before WHERE before.pipeline_name = run.pipeline_name"
        " AND before.created_at < run.created_at ORDER BY before.created_at DESC LIMIT :most"
    )
    good = (
        f"SELECT near.run_id FROM ({near}) AS near WHERE near.state = 'SUCCEEDED' AND near.storage_state <> 'TRASHED'"
        " ORDER BY near.created_at DESC LIMIT 1"
    )
    sql = f"SELECT run.run_id, ({good}) AS good FROM run WHERE run.run_id IN ({places}) AND run.pipeline_name <> ''"
    rows = tx.all(sql, {**params, "most": LOOKED_BACK})
    found = {row["run_id"]: row["good"] for row in rows if row["good"] is not None}
    runs = {run.run_id: run for run in _runs(tx, sorted(set(found.values())))}
    return {run_id: runs[good_id] for run_id, good_id in found.items()}


def _one_task(tx: Transaction, tail: str, params: Mapping[str, Any]) -> TaskItem | None:
    row = tx.one(f"SELECT {TASK_COLUMNS} FROM task JOIN run ON run.run_id = task.run_id {tail}", params)
    return None if row is None else task_from_row(row)


def _run_view(tx: Transaction, run_id: str) -> RunView | None:
    found = _runs(tx, [run_id])
    if not found:
        return None
    run = found[0]
    here = {"run": run_id}
    pipeline = {"pipeline": run.pipeline_name, "created": run.created_at, "run": run_id}
    good = _select_runs(
        tx,
        "WHERE run.pipeline_name = :pipeline AND run.created_at < :created AND run.state = 'SUCCEEDED' AND run.run_id <> :run "
        "ORDER BY run.created_at DESC LIMIT 1",
        pipeline,
    )
    near = _select_runs(tx, "WHERE run.pipeline_name = :pipeline ORDER BY run.created_at DESC LIMIT 8", {"pipeline": run.pipeline_name})
    return RunView(
        run=run,
        root=_one_task(tx, "WHERE task.run_id = :run AND task.parent_task_id IS NULL ORDER BY task.position LIMIT 1", here),
        first_failure=_one_task(
            tx,
            f"WHERE task.run_id = :run AND task.state = 'FAILED' AND task.type IN {LEAF_TYPES} "
            "ORDER BY COALESCE(task.finished_at, task.created_at), task.position LIMIT 1",
            here,
        ),
        waiting=_one_task(
            tx,
            f"WHERE task.run_id = :run AND task.state = 'PENDING' AND task.reason <> '' AND task.type IN {LEAF_TYPES} "
            "ORDER BY task.position LIMIT 1",
            here,
        ),
        last_good=run_from_row(good[0]) if good else None,
        neighbours=[run_from_row(row) for row in near],
    )


def tasks_where(tx: Transaction, query: ListQuery) -> Where:
    """Return which executions a list shows, over `task JOIN run`."""
    where = Where(tx, now=query.now, zone=query.zone)
    where.add(f"task.type IN {LEAF_TYPES}")
    if "run_id" in query.scope:
        where.equals("task.run_id", query.scope["run_id"])
    else:
        where.add("run.storage_state <> 'TRASHED'")
    where.namespace("run", query)
    if "component" in query.scope:
        where.equals("task.component", query.scope["component"])
    for word in query.words:
        require_task_word(where, word)
    for condition in query.conditions:
        task_condition(where, condition)
    return where


def _task_order(tx: Transaction, where: Where, query: ListQuery) -> tuple[str, Mapping[str, Sort], LateSorts]:
    """Return the FROM clause and the orders of a list of executions: also by `in.NAME` and `out.NAME`, among the newest, and by
    `metric.NAME`, which walks the index of that number; in a list that is narrowed the newest alone are looked at, since the index may
    hold many others. Executions without the number are not in such a list; a metric that is text wherever it is logged sorts as text.
    """
    kind, _, name = query.sort.partition(".")
    if kind != "metric" or not name:
        return TASK_SOURCE, TASK_SORTS, with_keys(_LATE_TASKS, where, query.sort, TASK_KEYS)
    place, logged = where.bind(name), metric_of_task(where, name)
    is_text = tx.one(f"SELECT 1 FROM run_metric WHERE name = {place} AND number IS NOT NULL LIMIT 1", where.params) is None
    if is_text or query.words or query.conditions or query.scope:
        with where.judged():
            where.add(f"{logged.text if is_text else logged.number} IS NOT NULL")
        return TASK_SOURCE, TASK_SORTS, LateSorts(_LATE_TASKS.newest, {query.sort: logged.order})
    where.ties.append(f"sorter.name = {place} AND sorter.number IS NOT NULL AND task.task_id = sorter.task_id")
    return f"run_metric AS sorter CROSS JOIN {TASK_SOURCE}", {query.sort: ("sorter.number", "sorter.run_id")}, _LATE_TASKS


def _list_tasks(tx: Transaction, query: ListQuery) -> Page[TaskItem]:
    of_runs = query.words or "namespace" in query.scope or any(condition.field in {"run", "pipeline"} for condition in query.conditions)
    where = tasks_where(tx, query)
    source, sorts, late = _task_order(tx, where, query)
    return select_page(
        tx,
        query,
        where,
        select=TASK_COLUMNS,
        source=source,
        sorts=sorts,
        identity="task.task_id",
        convert=task_from_row,
        count_limit=_COUNTED_BY_RUN if of_runs else COUNT_LIMIT,
        late=late,
    )


def _previous_attempt(tx: Transaction, task: TaskItem) -> tuple[TaskItem, Mapping[str, Any]] | None:
    before = tx.all(
        "SELECT run.run_id FROM run JOIN run AS mine ON mine.run_id = :run WHERE run.pipeline_name = mine.pipeline_name"
        " AND run.created_at < mine.created_at ORDER BY run.created_at DESC LIMIT :limit",
        {"run": task.run_id, "limit": _RUNS_BEFORE},
    )
    places, params = named_places([task_id_for(RunId(row["run_id"]), TaskPath(task.path)) for row in before])
    row = tx.one(
        f"SELECT {TASK_COLUMNS}, attempt.detail AS recorded FROM task JOIN run ON run.run_id = task.run_id"
        f" JOIN attempt ON attempt.task_id = task.task_id WHERE task.task_id IN ({places}) AND task.type = 'RUNTIME'"
        " ORDER BY run.created_at DESC, attempt.attempt DESC LIMIT 1",
        params,
    )
    return None if row is None else (task_from_row(row), decode_object(row["recorded"]))


def _task_view(tx: Transaction, run_id: str, task_id: str) -> TaskView | None:
    task = _one_task(tx, "WHERE task.task_id = :task AND task.run_id = :run", {"task": task_id, "run": run_id})
    runs = _runs(tx, [run_id])
    if task is None or not runs:
        return None
    here = {"task": task_id}
    uses = tx.all(
        f"SELECT {USE_COLUMNS} FROM {USE_SOURCE} WHERE artifact_use.task_id = :task "
        "ORDER BY artifact_use.direction, artifact_use.key, artifact_use.position LIMIT 1000",
        here,
    )
    return TaskView(
        task=task,
        run=runs[0],
        attempts=[attempt_from_row(row) for row in tx.all("SELECT * FROM attempt WHERE task_id = :task ORDER BY attempt", here)],
        notes=[note_from_row(row) for row in tx.all("SELECT * FROM task_note WHERE task_id = :task ORDER BY seq LIMIT 2000", here)],
        uses=[use_from_row(row) for row in uses],
        metrics=[metric_from_row(row) for row in tx.all("SELECT * FROM run_metric WHERE task_id = :task ORDER BY name", here)],
        cached_from=_one_task(tx, "WHERE task.task_id = :task", {"task": task.cached_task_id}) if task.cached_task_id else None,
        parent=_one_task(tx, "WHERE task.task_id = :task", {"task": task.parent_task_id}) if task.parent_task_id else None,
        child_states={
            row["state"]: row["n"]
            for row in tx.all("SELECT state, COUNT(*) AS n FROM task WHERE parent_task_id = :task GROUP BY state", here)
        },
    )
