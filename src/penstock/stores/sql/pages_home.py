"""Queries behind the overviews: home, search and system."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.tracking import TrackedState
from penstock.interfaces.page_catalog import HomeView, NewsItem, QueueItem, RecentTracked, SearchHit, SlowRead, StorageShare, TableSize
from penstock.interfaces.pages import ListQuery
from penstock.stores.sql.budgets import budget_news
from penstock.stores.sql.data_losses import newest_losses
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.dialects import escape_like
from penstock.stores.sql.json_columns import decode
from penstock.stores.sql.page_filters import Where, id_range, in_namespace, seen_by
from penstock.stores.sql.page_rows import RUN_COLUMNS, RUN_JOINS, TASK_COLUMNS, run_from_row, task_from_row
from penstock.stores.sql.pages_recurring import list_recurring
from penstock.stores.sql.pipeline_titles import TITLE
from penstock.stores.sql.run_words import require_run_word

_DAY = 86_400.0
_TAGGED_SEARCHED = 20_000
"""Newest runs whose tags the search reads; the filter of the list finds them all."""
_TRACKED_SEARCHED = 50_000
"""Newest tracked runs whose names and tags the search reads."""
_ARTIFACTS_SEARCHED = 100_000
"""Newest artifacts whose names and addresses the search reads."""
STATES_SECONDS = 15.0
SIZES_SECONDS = 60.0
"""How long the sizes of tables are good for: counting reads every table."""
_MOST_QUEUED = 1000
_QUEUES: Mapping[str, str] = {
    "events": "SELECT at FROM trigger_event WHERE outcome IS NULL",
    "deliveries": "SELECT due_at AS at FROM automation_delivery WHERE state = 'pending'",
}
_TABLES = (
    "run",
    "task",
    "attempt",
    "run_event",
    "task_note",
    "artifact",
    "artifact_use",
    "cache_entry",
    "experiment",
    "pipeline",
    "recurring_run",
)


class SqlHomePages:
    """`HomePages` over the core tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._storage: tuple[float, Sequence[StorageShare]] | None = None
        self._sizes: tuple[float, tuple[Sequence[TableSize], int, int]] | None = None
        self._run_states: tuple[float, Mapping[str, int]] | None = None

    async def home(self, now: float, *, namespace: str = "", reader: str | None = None) -> HomeView:
        """See `HomePages`."""
        return await self._database.read(lambda tx: _home(tx, now, namespace, reader))

    async def namespaces(self) -> Mapping[str, Sequence[str]]:
        """See `HomePages`."""
        return await self._database.read(_namespaces)

    async def news(self, since: float, *, limit: int = 20, reader: str | None = None) -> Sequence[NewsItem]:
        """See `HomePages`."""
        return await self._database.read(lambda tx: _news(tx, since, limit, reader))

    async def search(self, text: str, *, limit: int = 8, reader: str | None = None) -> Sequence[SearchHit]:
        """See `HomePages`."""
        return await self._database.read(lambda tx: _search(tx, text, limit, reader))

    async def storage(self, *, limit: int = 20) -> Sequence[StorageShare]:
        """See `HomePages`."""
        now = time.monotonic()
        if self._storage is None or now - self._storage[0] > SIZES_SECONDS:
            self._storage = (now, await self._database.read(lambda tx: _storage(tx, limit)))
        return self._storage[1]

    async def queues(self) -> Sequence[QueueItem]:
        """See `HomePages`."""
        return await self._database.read(_queues)

    def slow_reads(self) -> Sequence[SlowRead]:
        """See `HomePages`."""
        return self._database.slow_reads.list()

    async def run_states(self) -> Mapping[str, int]:
        """See `HomePages`."""
        now = time.monotonic()
        if self._run_states is None or now - self._run_states[0] > STATES_SECONDS:
            self._run_states = (now, await self._database.read(_run_states))
        return self._run_states[1]

    async def sizes(self) -> tuple[Sequence[TableSize], int, int]:
        """See `HomePages`."""
        now = time.monotonic()
        if self._sizes is None or now - self._sizes[0] > SIZES_SECONDS:
            self._sizes = (now, await self._database.read(_sizes))
        return self._sizes[1]


def _run_states(tx: Transaction) -> dict[str, int]:
    rows = tx.all("SELECT state, COUNT(*) AS n FROM run WHERE storage_state <> 'TRASHED' GROUP BY state")
    return {row["state"]: int(row["n"]) for row in rows}


def _news(tx: Transaction, since: float, limit: int, reader: str | None) -> list[NewsItem]:
    runs = tx.all(
        "SELECT run_id, name, error, finished_at FROM (SELECT * FROM run ORDER BY created_at DESC, run_id DESC LIMIT 500) AS newest"
        " WHERE state = 'FAILED' AND storage_state = 'AVAILABLE' AND finished_at > :since ORDER BY finished_at DESC LIMIT :limit",
        {"since": since, "limit": limit},
    )
    events = tx.all(
        "SELECT newest.outcome, newest.reason, newest.decided_at, recurring_run.recurring_run_id, recurring_run.display_name"
        " FROM (SELECT * FROM trigger_event ORDER BY event_id DESC LIMIT 200) AS newest"
        " JOIN recurring_run ON recurring_run.recurring_run_id = newest.recurring_run_id"
        " WHERE newest.outcome IN ('fired', 'error') AND newest.decided_at > :since ORDER BY newest.decided_at DESC LIMIT :limit",
        {"since": since, "limit": limit},
    )
    deliveries = tx.all(
        "SELECT newest.state, newest.subject, newest.detail, newest.ended_at, automation.name, automation.entity,"
        " tracked_project.name AS project"
        " FROM (SELECT * FROM automation_delivery ORDER BY delivery_id DESC LIMIT 200) AS newest"
        " JOIN automation ON automation.automation_id = newest.automation_id"
        " JOIN tracked_project ON tracked_project.project_id = automation.project_id"
        " WHERE newest.state IN ('done', 'failed', 'refused') AND newest.ended_at > :since"
        f" AND {seen_by(reader, 'automation.entity')} ORDER BY newest.ended_at DESC LIMIT :limit",
        {"since": since, "limit": limit, "reader": reader},
    )
    found = [
        NewsItem("failed", row["finished_at"], row["name"], str((decode(row["error"]) or {}).get("message", "")), row["run_id"])
        for row in runs
    ]
    found += [NewsItem(row["outcome"], row["decided_at"], row["display_name"], row["reason"], row["recurring_run_id"]) for row in events]
    found += [
        NewsItem(
            "delivered" if row["state"] == "done" else "undelivered",
            row["ended_at"],
            row["name"],
            " · ".join(filter(None, (row["subject"], row["detail"]))),
            f"{row['entity']}/{row['project']}",
            row["entity"],
        )
        for row in deliveries
    ]
    found += budget_news(tx, since, limit, reader)
    return sorted(found, key=lambda item: -item.at)[:limit]


def _namespaces(tx: Transaction) -> Mapping[str, Sequence[str]]:
    tables = ("pipeline", "experiment", "recurring_run", "run_count WHERE runs > 0 AND kind <> 'flow'")
    labels = " UNION ".join(f"SELECT namespace AS name FROM {table}" for table in tables)
    users = "SELECT DISTINCT user_name AS name FROM flow_run WHERE user_name IS NOT NULL"
    found = {"kfp": labels, "metaflow": users}
    return {client: sorted(row["name"] for row in tx.all(sql) if row["name"]) for client, sql in found.items()}


def _home(tx: Transaction, now: float, namespace: str, reader: str | None) -> HomeView:
    since: Mapping[str, Any] = {"since": now - _DAY, "old": now - 7 * _DAY, "namespace": namespace, "reader": reader}
    own = f"AND {in_namespace('run', ':namespace')} " if namespace else ""
    of_entity = f"AND {seen_by(reader, 'entity')} " + ("AND entity = :namespace " if namespace else "")
    recent = tx.all(
        f"SELECT {RUN_COLUMNS} FROM run {RUN_JOINS} WHERE run.storage_state = 'AVAILABLE' AND run.created_at > :since {own}"
        "ORDER BY run.created_at DESC LIMIT 300",
        since,
    )
    attention = tx.all(
        f"SELECT {RUN_COLUMNS} FROM run {RUN_JOINS} WHERE run.storage_state = 'AVAILABLE' "
        f"AND run.state = 'FAILED' AND run.created_at > :old {own}ORDER BY run.created_at DESC LIMIT 6",
        since,
    )
    stuck = tx.all(_STUCK.format(own=own), {**since, "quiet": now - _QUIET_SECONDS})
    running = tx.all(
        f"SELECT {TASK_COLUMNS} FROM run JOIN task ON task.run_id = run.run_id "
        "WHERE run.state IN ('RUNNING', 'PAUSED') AND task.state = 'RUNNING' "
        f"AND task.type = 'RUNTIME' {own}ORDER BY task.started_at LIMIT 12",
        since,
    )
    counts = tx.all(
        f"SELECT state, COUNT(*) AS n FROM run WHERE storage_state = 'AVAILABLE' AND created_at > :since {own}GROUP BY state", since
    )
    schedules = list_recurring(tx, ListQuery(limit=50, scope={"namespace": namespace} if namespace else {}))
    tracked_counts = tx.all(_TRACKED_COUNTS.format(of_entity=of_entity), since)
    tracked, crashed = tx.all(_TRACKED.format(of_entity=of_entity), since), tx.all(_CRASHED.format(of_entity=of_entity), since)
    return HomeView(
        recent=[run_from_row(row) for row in recent],
        attention=[run_from_row(row) for row in attention],
        counts={row["state"]: row["n"] for row in counts},
        tracked=[_tracked(row) for row in tracked],
        crashed=[_tracked(row) for row in crashed],
        schedules=[item for item in schedules.items if item.is_enabled],
        running_tasks=[task_from_row(row) for row in running],
        latest=_latest(tx, namespace, reader),
        stuck=[(run_from_row(row), row["waiting_for"] or "") for row in stuck],
        losses=newest_losses(tx, now - 7 * _DAY, namespace, 4, reader=reader),
        tracked_counts={row["state"]: row["n"] for row in tracked_counts},
    )


_QUIET_SECONDS = 600.0
_LEAF_OF_RUN = "FROM task WHERE task.run_id = run.run_id AND task.type IN ('RUNTIME', 'IMPORTER')"
_STUCK = (
    f"SELECT {RUN_COLUMNS}, "
    f"(SELECT reason {_LEAF_OF_RUN} AND task.state = 'PENDING' AND reason <> '' ORDER BY position LIMIT 1) AS waiting_for"
    f" FROM run {RUN_JOINS} WHERE run.storage_state = 'AVAILABLE' AND run.kind <> 'flow' AND run.state IN ('PAUSED', 'PENDING', 'RUNNING')"
    " AND (run.state = 'PAUSED' OR (run.created_at < :quiet"
    f" AND NOT EXISTS (SELECT 1 {_LEAF_OF_RUN} AND (task.state = 'RUNNING' OR task.finished_at > :quiet)))) {{own}}"
    "ORDER BY run.created_at + 0 DESC LIMIT 4"
)
"""The sum keeps SQLite from going through all runs in their order, when few are in these states."""


_TRACKED_COLUMNS = "p.entity, p.name AS project, r.name, r.display_name, r.state, r.created_at, r.finished_at, r.heartbeat_at, r.exit_code"
_TRACKED = (
    f"SELECT {_TRACKED_COLUMNS} FROM (SELECT project_id, entity, name FROM tracked_project WHERE updated_at > :since {{of_entity}}"
    "ORDER BY updated_at DESC LIMIT 8) AS p JOIN tracked_run r ON r.project_id = p.project_id "
    "WHERE r.created_at > :since AND r.is_automatic = 0 AND r.task_id IS NULL ORDER BY r.created_at DESC LIMIT 300"
)
_CRASHED = (
    f"SELECT {_TRACKED_COLUMNS} FROM tracked_run r JOIN tracked_project p ON p.project_id = r.project_id "
    "WHERE r.state IN ('failed', 'crashed') AND r.heartbeat_at > :old AND r.is_automatic = 0 AND r.task_id IS NULL {of_entity}"
    "AND r.stop_requested = 0 ORDER BY r.heartbeat_at DESC LIMIT 6"
)
"""Runs that somebody stopped are as they should be.

Runs of pipeline and flow tasks stand on the start page as the runs of their pipelines and flows."""
_TRACKED_COUNTED = 10_000
_TRACKED_COUNTS = (
    f"SELECT r.state, COUNT(*) AS n FROM (SELECT * FROM tracked_run ORDER BY run_id DESC LIMIT {_TRACKED_COUNTED}) AS r "
    "JOIN tracked_project p ON p.project_id = r.project_id "
    "WHERE r.created_at > :since AND r.is_automatic = 0 AND r.task_id IS NULL {of_entity}GROUP BY r.state"
)


def _tracked(row: Row) -> RecentTracked:
    state = TrackedState(row["state"])
    ended_at = None if state.is_live else (row["finished_at"] or row["heartbeat_at"])
    names = (row["entity"], row["project"], row["name"], row["display_name"] or row["name"])
    return RecentTracked(*names, state, row["created_at"], ended_at, row["exit_code"])


_LATEST = (
    (
        "SELECT CASE kind WHEN 'flow' THEN 'flow' ELSE 'run' END AS kind, run_id AS id, name AS title, pipeline_name AS detail, state, "
        "created_at AS at FROM run WHERE storage_state = 'AVAILABLE' {own}ORDER BY created_at DESC LIMIT 5"
    ),
    (
        "SELECT 'pipeline' AS kind, pipeline_id AS id, display_name AS title, '' AS detail, '' AS state, created_at AS at FROM pipeline "
        "WHERE 1 = 1 {of_pipelines}ORDER BY created_at DESC LIMIT 3"
    ),
    (
        "SELECT 'project' AS kind, entity || '/' || name AS id, name AS title, entity AS detail, '' AS state, updated_at AS at, entity "
        "FROM tracked_project WHERE {seen} {of_entity}ORDER BY updated_at DESC LIMIT 3"
    ),
    (
        "SELECT 'artifact' AS kind, CAST(artifact_id AS TEXT) AS id, name AS title, type AS detail, '' AS state, created_at AS at "
        "FROM artifact WHERE 1 = 1 {of_runs}ORDER BY created_at DESC, artifact_id DESC LIMIT 3"
    ),
)


def _latest(tx: Transaction, namespace: str, reader: str | None) -> list[SearchHit]:
    own = in_namespace("run", ":namespace")
    clauses = {
        "own": own,
        "of_pipelines": in_namespace("pipeline", ":namespace"),
        "of_entity": "entity = :namespace",
        "of_runs": f"EXISTS (SELECT 1 FROM run WHERE run.run_id = artifact.run_id AND {own})",
    }
    wanted = {name: f"AND {clause} " if namespace else "" for name, clause in clauses.items()}
    wanted["seen"] = seen_by(reader, "entity")
    rows = [row for sql in _LATEST for row in tx.all(sql.format(**wanted), {"namespace": namespace, "reader": reader})]
    hits = [_hit(row["kind"], row) for row in rows]
    return sorted(hits, key=lambda hit: -(hit.at or 0.0))[:8]


_PLACED = ("r.display_name", "r.name", "r.tags", "c.name", "s.name", "s.display_name", "v.display_name", "newest.tags")
_SEARCHES: tuple[tuple[str, str], ...] = (
    (
        "pipeline",
        (
            "SELECT pipeline_id AS id, display_name AS title, description AS detail, '' AS state, created_at AS at FROM pipeline "
            "WHERE ({display_name} OR {name} OR {tags} OR {begins_pipeline_id}) ORDER BY created_at DESC LIMIT :limit"
        ),
    ),
    (
        "experiment",
        (
            "SELECT experiment_id AS id, name AS title, description AS detail, '' AS state, created_at AS at FROM experiment "
            "WHERE ({name} OR {begins_experiment_id}) ORDER BY created_at DESC LIMIT :limit"
        ),
    ),
    (
        "recurring",
        (
            "SELECT recurring_run_id AS id, display_name AS title, status AS detail, '' AS state, created_at AS at FROM recurring_run "
            "WHERE ({display_name} OR {begins_recurring_run_id}) ORDER BY created_at DESC LIMIT :limit"
        ),
    ),
    (
        "execution",
        (
            "SELECT task.run_id || '/' || task.task_id AS id, task.display_name AS title, run.name AS detail, task.state AS state, "
            "task.created_at AS at FROM task JOIN run ON run.run_id = task.run_id WHERE {begins_task_id} LIMIT :limit"
        ),
    ),
    (
        "artifact",
        (
            "SELECT found.artifact_id AS id, found.name AS title, COALESCE(run.name, found.uri) AS detail, '' AS state, "
            "found.created_at AS at FROM (SELECT * FROM "
            f"(SELECT * FROM artifact ORDER BY artifact_id DESC LIMIT {_ARTIFACTS_SEARCHED}) AS newest "
            "WHERE ({name} OR {uri}) ORDER BY created_at DESC LIMIT :limit) AS found LEFT JOIN run ON run.run_id = found.run_id "
            "ORDER BY found.created_at DESC"
        ),
    ),
    (
        "project",
        (
            "SELECT entity || '/' || name AS id, name AS title, entity AS detail, '' AS state, updated_at AS at, entity "
            "FROM tracked_project AS p WHERE {name} AND {seen} ORDER BY updated_at DESC LIMIT :limit"
        ),
    ),
    (
        "tracked",
        (
            "SELECT p.entity || '/' || p.name || '/runs/' || r.name AS id, r.display_name AS title, p.entity || '/' || p.name AS detail, "
            f"r.state, r.created_at AS at, p.entity FROM (SELECT * FROM tracked_run ORDER BY run_id DESC LIMIT {_TRACKED_SEARCHED}) AS r "
            "JOIN tracked_project p ON p.project_id = r.project_id WHERE r.is_automatic = 0 AND ({r_display_name} OR {r_name} OR {r_tags}) "
            "AND {seen} ORDER BY r.run_id DESC LIMIT :limit"
        ),
    ),
    (
        "tagged",
        (
            "SELECT run_id AS id, name AS title, tags AS detail, state, created_at AS at FROM "
            f"(SELECT * FROM run WHERE storage_state = 'AVAILABLE' ORDER BY created_at DESC LIMIT {_TAGGED_SEARCHED}) AS newest "
            "WHERE newest.tags <> '{{}}' AND {newest_tags} ORDER BY created_at DESC LIMIT :limit"
        ),
    ),
    (
        "sweep",
        (
            "SELECT p.entity || '/' || p.name || '/sweeps/' || s.name AS id, COALESCE(s.display_name, s.name) AS title, "
            "p.entity || '/' || p.name AS detail, '' AS state, s.created_at AS at, p.entity FROM sweep s "
            "JOIN tracked_project p ON p.project_id = s.project_id WHERE ({s_name} OR {s_display_name}) AND {seen} "
            "ORDER BY s.sweep_id DESC LIMIT :limit"
        ),
    ),
    (
        "report",
        (
            "SELECT p.entity || '/' || p.name || '/reports/' || CAST(v.report_id AS TEXT) AS id, v.display_name AS title, "
            "p.entity || '/' || p.name AS detail, '' AS state, v.updated_at AS at, p.entity FROM report v "
            "JOIN tracked_project p ON p.project_id = v.project_id WHERE v.type IN ('runs', 'runs/draft') AND {v_display_name} "
            "AND {seen} ORDER BY v.updated_at DESC LIMIT :limit"
        ),
    ),
    (
        "collection",
        (
            "SELECT p.entity || '/' || p.name || '/artifacts/' || c.type_name || '/' || c.name AS id, c.name AS title, "
            "p.entity || '/' || p.name AS detail, '' AS state, c.updated_at AS at, p.entity FROM collection c "
            "JOIN tracked_project p ON p.project_id = c.project_id WHERE {c_name} AND {seen} ORDER BY c.updated_at DESC LIMIT :limit"
        ),
    ),
)


def _search(tx: Transaction, text: str, limit: int, reader: str | None) -> list[SearchHit]:
    start, end = id_range(text)
    prefix = f"{escape_like(start)}%" if start < end else ""
    params = {"text": f"%{escape_like(text)}%", "start": start, "end": end, "prefix": prefix, "limit": limit, "reader": reader}
    clauses = {name: tx.dialect.ilike(name, ":text") for name in ("name", "display_name", "uri", "tags")}
    # SQLite reads an index by range only; what comes last in PostgreSQL's order depends on its locale.
    begins = "{0} >= :start AND {0} < :end" if tx.dialect.name == "sqlite" else "{0} LIKE :prefix ESCAPE '\\'"
    clauses |= {name.replace(".", "_"): tx.dialect.ilike(name, ":text") for name in _PLACED}
    clauses |= {f"begins_{name}": begins.format(name) for name in ("task_id", "pipeline_id", "experiment_id", "recurring_run_id")}
    clauses["seen"] = seen_by(reader, "p.entity")
    found = [("run", _runs_with(tx, text, limit))]
    found += [(kind, tx.all(sql.format(**clauses), params)) for kind, sql in _SEARCHES]
    return [_hit(kind, row) for kind, rows in found for row in rows]


def _hit(kind: str, row: Row) -> SearchHit:
    return SearchHit(kind, str(row["id"]), row["title"], row["detail"] or "", row["state"], row["at"], dict(row).get("entity") or "")


def _runs_with(tx: Transaction, text: str, limit: int) -> list[Row]:
    where = Where(tx, now=0.0)
    where.add("run.storage_state <> 'TRASHED'")
    require_run_word(where, text)
    return tx.all(
        f"SELECT run_id AS id, name AS title, {TITLE} AS detail, state, created_at AS at FROM run "
        f"{where.sql()} ORDER BY created_at DESC LIMIT {int(limit)}",
        where.params,
    )


def _sizes(tx: Transaction) -> tuple[list[TableSize], int, int]:
    sizes = []
    for name in _TABLES:
        row = tx.one(f"SELECT COUNT(*) AS n FROM {name}")
        sizes.append(TableSize(name, int(row["n"]) if row else 0))
    if tx.dialect.name == "sqlite":
        pages, size = tx.one("PRAGMA page_count"), tx.one("PRAGMA page_size")
        database_bytes = int(pages["page_count"]) * int(size["page_size"]) if pages and size else 0
    else:
        row = tx.one("SELECT pg_database_size(current_database()) AS n")
        database_bytes = int(row["n"]) if row else 0
    stored = tx.one(
        "SELECT COALESCE(SUM(n), 0) AS n FROM (SELECT MAX(size_bytes) AS n FROM artifact WHERE digest IS NOT NULL GROUP BY digest) AS blobs"
    )
    return sizes, database_bytes, int(stored["n"]) if stored else 0


def _queues(tx: Transaction) -> list[QueueItem]:
    found = []
    for name, sql in _QUEUES.items():
        row = tx.one(f"SELECT COUNT(*) AS n, MIN(at) AS oldest FROM ({sql} LIMIT {_MOST_QUEUED}) AS waiting")
        found.append(QueueItem(name, int(row["n"]) if row else 0, row["oldest"] if row else None))
    return found


def _storage(tx: Transaction, limit: int) -> list[StorageShare]:
    pipelines = tx.all(
        "SELECT name, COUNT(*) AS contents, SUM(size_bytes) AS size FROM (SELECT run.pipeline_name AS name, artifact.digest,"
        " MAX(artifact.size_bytes) AS size_bytes FROM artifact JOIN run ON run.run_id = artifact.run_id WHERE artifact.digest IS NOT NULL"
        " GROUP BY run.pipeline_name, artifact.digest) AS held GROUP BY name ORDER BY size DESC, name LIMIT :limit",
        {"limit": limit},
    )
    projects = tx.all(
        "SELECT tracked_project.entity, tracked_project.name, COUNT(*) AS contents, SUM(held.size_bytes) AS size FROM (SELECT project_id,"
        " digest, MAX(size_bytes) AS size_bytes FROM (SELECT project_id, blob_digest AS digest, size_bytes FROM project_content UNION ALL"
        " SELECT tracked_run.project_id, tracked_file.digest, tracked_file.size_bytes FROM tracked_file"
        " JOIN tracked_run ON tracked_run.run_id = tracked_file.run_id) AS parts GROUP BY project_id, digest) AS held"
        " JOIN tracked_project ON tracked_project.project_id = held.project_id"
        " GROUP BY tracked_project.entity, tracked_project.name ORDER BY size DESC, tracked_project.name LIMIT :limit",
        {"limit": limit},
    )
    types = tx.all(
        "SELECT type AS name, COUNT(*) AS contents, SUM(size_bytes) AS size FROM (SELECT type, digest, MAX(size_bytes) AS size_bytes"
        " FROM artifact WHERE digest IS NOT NULL GROUP BY type, digest) AS held GROUP BY type ORDER BY size DESC, type LIMIT :limit",
        {"limit": limit},
    )
    versions = tx.all(
        "SELECT entity, name, COUNT(*) AS contents, SUM(size_bytes) AS size FROM"
        " (SELECT tracked_project.entity, collection.type_name AS name,"
        " artifact_version.digest, MAX(artifact_version.size_bytes) AS size_bytes FROM artifact_version"
        " JOIN collection ON collection.collection_id = artifact_version.collection_id"
        " JOIN tracked_project ON tracked_project.project_id = artifact_version.project_id WHERE artifact_version.state = 'COMMITTED'"
        " GROUP BY tracked_project.entity, collection.type_name, artifact_version.digest) AS held"
        " GROUP BY entity, name ORDER BY size DESC, name LIMIT :limit",
        {"limit": limit},
    )
    found = [StorageShare("type", row["name"], row["contents"], int(row["size"] or 0)) for row in types]
    found += [StorageShare("version_type", row["name"], row["contents"], int(row["size"] or 0), row["entity"]) for row in versions]
    found += [StorageShare("pipeline", row["name"], row["contents"], int(row["size"] or 0)) for row in pipelines]
    found += [
        StorageShare("project", f"{row['entity']}/{row['name']}", row["contents"], int(row["size"] or 0), row["entity"]) for row in projects
    ]
    return sorted(found, key=lambda share: -share.size_bytes)
