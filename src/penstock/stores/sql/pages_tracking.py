"""Queries behind the tracking pages (`interfaces.tracking_pages`): lists with counts, lineage around a version."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.data_losses import DataLoss
from penstock.domain.ids import TaskId, TrackedRunId
from penstock.domain.tracking import TrackedProjectId, TrackedRun
from penstock.domain.versions import REGISTRY_PREFIX, VersionChange
from penstock.interfaces.tracking_pages import (
    CollectionItem,
    CollectionUse,
    ProjectItem,
    RunItem,
    RunRecord,
    RunTracking,
    RunVersion,
    TaskPlace,
    VersionItem,
)
from penstock.stores.sql.data_losses import losses_of
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.json_columns import decode_object
from penstock.stores.sql.page_filters import Where
from penstock.stores.sql.page_rows import named_places
from penstock.stores.sql.tracking_offers import run_values
from penstock.stores.sql.tracking_rows import SELECT_RUN, run_from_row
from penstock.stores.sql.tracking_values import refresh_stale

_BATCH = 400
_VERSION = (
    "SELECT m.version_id, m.version_index, p.entity, p.name AS project, c.name AS collection, c.type_name, c.collection_id, "
    "v.size_bytes, v.file_count, v.created_at, v.digest, v.creator_run_id, v.history_step FROM membership m "
    "JOIN collection c ON c.collection_id = m.collection_id JOIN tracked_project p ON p.project_id = c.project_id "
    "JOIN artifact_version v ON v.version_id = m.version_id AND v.state = 'COMMITTED' "
)

_RECORD = (
    "r.run_id, p.entity, p.name AS project, r.name, r.display_name, r.state, r.tags, r.group_name, r.job_type, r.user_name, r.sweep, "
    "r.host, r.created_at, r.finished_at, r.pipeline_run_id, r.is_automatic"
)


def _record(row: Row) -> RunRecord:
    return RunRecord(
        TrackedRunId(row["run_id"]), row["entity"], row["project"], row["name"], row["display_name"], row["state"],
        tuple(json.loads(row["tags"])), row["group_name"], row["job_type"], row["user_name"], row["sweep"], row["host"],
        row["created_at"], row["finished_at"], row["pipeline_run_id"] or "", bool(row["is_automatic"]),
    )  # fmt: skip


class SqlTrackingPages:
    """`TrackingPages` over the tracking and artifact tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tracking_of(self, run_ids: Sequence[str]) -> Sequence[RunTracking]:
        """See `TrackingPages`."""
        places, params = named_places(list(run_ids))
        sql = (
            "SELECT p.entity, p.name, r.pipeline_run_id, COUNT(*) AS n FROM tracked_run r "
            f"JOIN tracked_project p ON p.project_id = r.project_id WHERE r.pipeline_run_id IN ({places}) "
            "GROUP BY p.entity, p.name, r.pipeline_run_id ORDER BY n DESC, p.entity, p.name LIMIT 20"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, params))
        return [RunTracking(row["entity"], row["name"], row["pipeline_run_id"], row["n"]) for row in rows]

    async def logged_by_tasks_of(self, run_ids: Sequence[str], *, per_run: int) -> tuple[Sequence[TrackedRun], Mapping[str, int]]:
        """See `TrackingPages`."""
        if not run_ids:
            return (), {}
        places, params = named_places(list(run_ids)[:_BATCH])
        ranked = (
            "SELECT run_id, ROW_NUMBER() OVER (PARTITION BY pipeline_run_id ORDER BY created_at, run_id) AS nth, "
            "COUNT(*) OVER (PARTITION BY pipeline_run_id) AS held FROM tracked_run "
            f"WHERE pipeline_run_id IN ({places}) AND is_automatic = 0"
        )
        sql = (
            SELECT_RUN.replace("SELECT r.*,", "SELECT r.*, n.held AS held,")
            + f"JOIN ({ranked}) AS n ON n.run_id = r.run_id WHERE n.nth <= :per_run ORDER BY r.pipeline_run_id, n.nth"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, {**params, "per_run": per_run}))
        return [run_from_row(row) for row in rows], {row["pipeline_run_id"]: int(row["held"]) for row in rows}

    async def versions_of_runs(self, run_ids: Sequence[TrackedRunId], *, limit: int = 2000) -> Sequence[RunVersion]:
        """See `TrackingPages`."""
        if not run_ids:
            return ()
        places, params = named_places(list(run_ids)[:_BATCH])
        sql = (
            "SELECT u.tracked_run_id, u.direction, c.name, c.type_name, v.digest FROM version_use u "
            "JOIN artifact_version v ON v.version_id = u.version_id AND v.state = 'COMMITTED' "
            f"JOIN collection c ON c.collection_id = v.collection_id WHERE u.tracked_run_id IN ({places}) "
            "ORDER BY u.tracked_run_id, c.name, v.version_index LIMIT :limit"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, {**params, "limit": limit}))
        return [
            RunVersion(TrackedRunId(row["tracked_run_id"]), row["direction"], row["name"], row["type_name"], row["digest"]) for row in rows
        ]

    async def projects(self, *, registries: bool = False) -> Sequence[ProjectItem]:
        """See `TrackingPages`."""
        sql = (
            "SELECT p.project_id, p.entity, p.name, p.description, p.created_at, "
            "(SELECT MAX(r.updated_at) FROM tracked_run r WHERE r.project_id = p.project_id) AS active_at, "
            "(SELECT COUNT(*) FROM collection c WHERE c.project_id = p.project_id) AS collection_count "
            f"FROM tracked_project p WHERE p.name {'' if registries else 'NOT '}LIKE '{REGISTRY_PREFIX}%'"
        )

        def work(tx: Transaction) -> list[ProjectItem]:
            # From an index of both: reading the rows of a million runs takes a second.
            counts: dict[int, dict[str, int]] = {}
            for row in tx.all("SELECT project_id, state, COUNT(*) AS n FROM tracked_run GROUP BY project_id, state"):
                counts.setdefault(row["project_id"], {})[row["state"]] = row["n"]

            def counted(project: int, *states: str) -> int:
                return sum(number for state, number in counts.get(project, {}).items() if not states or state in states)

            found = [
                ProjectItem(
                    TrackedProjectId(row["project_id"]), row["entity"], row["name"], row["description"], counted(row["project_id"]),
                    counted(row["project_id"], "running", "preempting"), counted(row["project_id"], "failed", "crashed"),
                    row["active_at"] or row["created_at"], registries, row["collection_count"],
                )
                for row in tx.all(sql)
            ]  # fmt: skip
            return sorted(found, key=lambda item: -item.active_at)

        return await self._database.read(work)

    async def keys(self, project_id: TrackedProjectId, *, limit: int = 2000) -> Sequence[str]:
        """See `TrackingPages`."""
        sql = "SELECT name FROM tracked_key WHERE project_id = :project ORDER BY name LIMIT :limit"
        return await self._database.read(lambda tx: [row["name"] for row in tx.all(sql, {"project": project_id, "limit": limit})])

    async def runs(self, run_ids: Sequence[TrackedRunId]) -> Mapping[TrackedRunId, TrackedRun]:
        """See `TrackingPages`."""
        if not run_ids:
            return {}
        places, params = named_places(list(run_ids)[:_BATCH])
        sql = f"{SELECT_RUN} WHERE r.run_id IN ({places})"
        found = await self._database.read(lambda tx: [run_from_row(row) for row in tx.all(sql, params)])
        return {run.run_id: run for run in found}

    async def newest_runs(self, *, below: TrackedRunId | None, limit: int) -> Sequence[RunRecord]:
        """See `TrackingPages`. Ids of runs follow time."""
        sql = (
            f"SELECT {_RECORD} FROM (SELECT * FROM tracked_run {'' if below is None else 'WHERE run_id < :below '}"
            "ORDER BY run_id DESC LIMIT :limit) AS r JOIN tracked_project p ON p.project_id = r.project_id ORDER BY r.run_id DESC"
        )
        params = {"limit": limit} | ({} if below is None else {"below": below})
        return await self._database.read(lambda tx: [_record(row) for row in tx.all(sql, params)])

    async def run_values(self, project_id: TrackedProjectId, field: str, text: str, *, limit: int) -> Sequence[str]:
        """See `TrackingPages`. The index of values is brought up to date before, for some runs."""
        stale = "SELECT 1 FROM tracked_run WHERE project_id = ? AND values_stale = 1 LIMIT 1"
        if await self._database.read(lambda tx: tx.one(stale, (project_id,))) is not None:
            await self._database.write(lambda tx: refresh_stale(tx, project_id))
        return await self._database.read(lambda tx: run_values(tx, project_id, field, text, limit))

    async def sweep_runs(self, project_id: TrackedProjectId, sweep: str, *, limit: int = 1000) -> Sequence[TrackedRun]:
        """See `TrackingPages`."""
        sql = f"{SELECT_RUN} WHERE r.project_id = :project AND r.sweep = :sweep ORDER BY r.created_at, r.run_id LIMIT :limit"
        params = {"project": project_id, "sweep": sweep, "limit": limit}
        return await self._database.read(lambda tx: [run_from_row(row) for row in tx.all(sql, params)])

    async def losses(self, run_id: TrackedRunId) -> Sequence[DataLoss]:
        """See `TrackingPages`."""
        return await self._database.read(lambda tx: losses_of(tx, run_id))

    async def task_place(self, task_id: TaskId) -> TaskPlace | None:
        """See `TrackingPages`."""
        sql = (
            "SELECT task.task_id, task.display_name AS task_name, run.run_id, run.name AS run_name, run.kind FROM task "
            "JOIN run ON run.run_id = task.run_id WHERE task.task_id = :task"
        )

        def work(tx: Transaction) -> TaskPlace | None:
            row = tx.one(sql, {"task": task_id})
            return None if row is None else TaskPlace(TaskId(row["task_id"]), row["task_name"], row["run_id"], row["run_name"], row["kind"])

        return await self._database.read(work)

    async def collections(self, project_id: TrackedProjectId, *, words: Sequence[str] = (), limit: int = 500) -> Sequence[CollectionItem]:
        """See `TrackingPages`."""

        def work(tx: Transaction) -> list[CollectionItem]:
            where = Where(tx, now=0.0)
            where.equals("project_id", project_id)
            for word in words:
                where.add(where.contains("(name || ' ' || type_name || ' ' || COALESCE(description, ''))", word))
            chosen = f"SELECT * FROM collection {where.sql()} ORDER BY updated_at DESC, collection_id DESC LIMIT {where.bind(limit)}"
            sql = (
                "SELECT c.collection_id, p.entity, p.name AS project, c.name, c.kind, c.type_name, c.description, c.updated_at, "
                "COUNT(v.version_id) AS version_count, MAX(CASE WHEN v.version_id IS NULL THEN NULL ELSE m.version_index END) AS newest, "
                f"COALESCE(SUM(v.size_bytes), 0) AS size_bytes FROM ({chosen}) c JOIN tracked_project p ON p.project_id = c.project_id "
                "LEFT JOIN membership m ON m.collection_id = c.collection_id "
                "LEFT JOIN artifact_version v ON v.version_id = m.version_id AND v.state = 'COMMITTED' "
                "GROUP BY c.collection_id, p.entity, p.name, c.name, c.kind, c.type_name, c.description, c.updated_at "
                "ORDER BY c.type_name, c.name"
            )
            alias_sql = (
                f"SELECT a.collection_id, a.alias, m.version_index FROM ({chosen}) c "
                "JOIN membership_alias a ON a.collection_id = c.collection_id "
                "JOIN membership m ON m.collection_id = a.collection_id AND m.version_id = a.version_id "
                "ORDER BY m.version_index DESC, a.alias LIMIT 5000"
            )
            aliases: dict[int, list[tuple[str, int]]] = {}
            for row in tx.all(alias_sql, where.params):
                aliases.setdefault(row["collection_id"], []).append((row["alias"], row["version_index"]))
            return [
                CollectionItem(
                    row["collection_id"], row["entity"], row["project"], row["name"], row["kind"], row["type_name"], row["description"],
                    row["version_count"], row["newest"], int(row["size_bytes"]), row["updated_at"], aliases.get(row["collection_id"], ()),
                )
                for row in tx.all(sql, where.params)
            ]  # fmt: skip

        return await self._database.read(work)

    async def all_collections(self, *, entity: str = "", limit: int = 2000) -> Sequence[CollectionItem]:
        """See `TrackingPages`."""
        mine = "WHERE project_id IN (SELECT project_id FROM tracked_project WHERE entity = :entity) " if entity else ""
        sql = (
            "SELECT c.collection_id, p.entity, p.name AS project, c.name, c.kind, c.type_name, c.updated_at, "
            "COUNT(v.version_id) AS version_count, MAX(CASE WHEN v.version_id IS NULL THEN NULL ELSE m.version_index END) AS newest, "
            "COALESCE(SUM(v.size_bytes), 0) AS size_bytes, COUNT(t.version_id) AS of_tasks "
            f"FROM (SELECT * FROM collection {mine}ORDER BY updated_at DESC, collection_id DESC LIMIT :limit) c "
            "JOIN tracked_project p ON p.project_id = c.project_id LEFT JOIN membership m ON m.collection_id = c.collection_id "
            "LEFT JOIN artifact_version v ON v.version_id = m.version_id AND v.state = 'COMMITTED' "
            "LEFT JOIN task_version t ON t.version_id = v.version_id "
            "GROUP BY c.collection_id, p.entity, p.name, c.name, c.kind, c.type_name, c.updated_at ORDER BY c.updated_at DESC"
        )

        def work(tx: Transaction) -> list[CollectionItem]:
            return [
                CollectionItem(
                    row["collection_id"], row["entity"], row["project"], row["name"], row["kind"], row["type_name"], "",
                    row["version_count"], row["newest"], int(row["size_bytes"]), row["updated_at"],
                )
                for row in tx.all(sql, {"limit": limit, **({"entity": entity} if entity else {})})
                if not row["of_tasks"] or row["of_tasks"] < row["version_count"]
            ]  # fmt: skip

        return await self._database.read(work)

    async def collection_uses(self, collection_ids: Sequence[int]) -> Mapping[int, CollectionUse]:
        """See `TrackingPages`."""
        return await self._database.read(lambda tx: _collection_uses(tx, list(collection_ids)[:_BATCH]))

    async def collection_metadata(self, collection_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """See `TrackingPages`."""
        places, params = named_places(list(collection_ids)[:_BATCH])
        newest = (
            "SELECT m.version_id FROM membership m JOIN artifact_version v ON v.version_id = m.version_id AND v.state = 'COMMITTED' "
            "WHERE m.collection_id = c.collection_id ORDER BY m.version_index DESC LIMIT 1"
        )
        sql = (
            f"SELECT c.collection_id, v.metadata FROM collection c JOIN artifact_version v ON v.version_id = ({newest}) "
            f"WHERE c.collection_id IN ({places})"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, params))
        return {row["collection_id"]: decode_object(row["metadata"]) for row in rows}

    async def collection_aliases(self, collection_ids: Sequence[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
        """See `TrackingPages`."""
        places, params = named_places(list(collection_ids)[:_BATCH])
        sql = (
            "SELECT a.collection_id, a.alias, m.version_index FROM membership_alias a "
            "JOIN membership m ON m.collection_id = a.collection_id AND m.version_id = a.version_id "
            f"WHERE a.collection_id IN ({places}) ORDER BY m.version_index DESC, a.alias LIMIT 5000"
        )

        def work(tx: Transaction) -> dict[int, list[tuple[str, int]]]:
            found: dict[int, list[tuple[str, int]]] = {}
            for row in tx.all(sql, params):
                found.setdefault(row["collection_id"], []).append((row["alias"], row["version_index"]))
            return found

        return await self._database.read(work)

    async def versions(self, collection_id: int, *, limit: int = 500) -> Sequence[VersionItem]:
        """See `TrackingPages`."""
        sql = f"{_VERSION} WHERE m.collection_id = :collection ORDER BY m.version_index DESC LIMIT :limit"
        alias_sql = "SELECT alias, version_id FROM membership_alias WHERE collection_id = :collection ORDER BY alias"

        def work(tx: Transaction) -> list[VersionItem]:
            aliases: dict[int, list[str]] = {}
            for row in tx.all(alias_sql, {"collection": collection_id}):
                aliases.setdefault(row["version_id"], []).append(row["alias"])
            rows = tx.all(sql, {"collection": collection_id, "limit": limit})
            return [_version(row, aliases.get(row["version_id"], ())) for row in rows]

        return await self._database.read(work)

    async def changes(self, collection_id: int, version_id: int, *, limit: int = 200) -> Sequence[VersionChange]:
        """See `TrackingPages`."""
        sql = (
            "SELECT h.*, v.version_index FROM version_change h LEFT JOIN artifact_version v ON v.version_id = h.version_id "
            "WHERE h.collection_id = :collection OR h.version_id = :version ORDER BY h.change_id DESC LIMIT :limit"
        )
        params = {"collection": collection_id, "version": version_id, "limit": limit}

        def work(tx: Transaction) -> list[VersionChange]:
            return [
                VersionChange(
                    row["at"], row["user_name"], row["kind"], row["subject"], row["old_value"], row["new_value"], row["version_id"],
                    row["version_index"],
                )
                for row in tx.all(sql, params)
            ]  # fmt: skip

        return await self._database.read(work)


def _collection_uses(tx: Transaction, collection_ids: list[int]) -> dict[int, CollectionUse]:
    """Two statements for what is read and who logged, one for the names of the newest producers."""
    if not collection_ids:
        return {}
    places, params = named_places(collection_ids)
    used = {
        row["collection_id"]: row["at"]
        for row in tx.all(
            "SELECT m.collection_id, MAX(u.created_at) AS at FROM membership m JOIN version_use u ON u.version_id = m.version_id "
            f"AND u.direction = 'input' WHERE m.collection_id IN ({places}) GROUP BY m.collection_id",
            params,
        )
    }
    made = tx.all(
        "SELECT m.collection_id, COUNT(DISTINCT v.creator_run_id) AS n FROM membership m "
        f"JOIN artifact_version v ON v.version_id = m.version_id AND v.state = 'COMMITTED' WHERE m.collection_id IN ({places}) "
        "GROUP BY m.collection_id",
        params,
    )
    newest = {
        row["collection_id"]: row["creator_run_id"]
        for row in tx.all(
            "SELECT m.collection_id, v.creator_run_id FROM membership m JOIN artifact_version v ON v.version_id = m.version_id "
            f"WHERE m.collection_id IN ({places}) AND v.state = 'COMMITTED' AND v.creator_run_id IS NOT NULL AND m.version_index = "
            "(SELECT MAX(n.version_index) FROM membership n WHERE n.collection_id = m.collection_id)",
            params,
        )
    }
    runs = _named_runs(tx, {TrackedRunId(run_id) for run_id in newest.values()})
    return {
        row["collection_id"]: CollectionUse(
            used.get(row["collection_id"]), runs.get(TrackedRunId(newest.get(row["collection_id"], 0))), row["n"]
        )
        for row in made
    }


def _version(row: Row, aliases: Sequence[str]) -> VersionItem:
    return VersionItem(
        row["version_id"], row["entity"], row["project"], row["collection"], row["type_name"], row["version_index"], row["size_bytes"],
        row["file_count"], row["created_at"], row["digest"], row["creator_run_id"], aliases,
        row["history_step"],
    )  # fmt: skip


def _named_runs(tx: Transaction, ids: set[TrackedRunId]) -> dict[TrackedRunId, RunItem]:
    if not ids:
        return {}
    places, params = named_places(sorted(ids)[:_BATCH])
    sql = (
        "SELECT r.run_id, p.entity, p.name AS project, r.name, r.display_name, r.state, r.job_type FROM tracked_run r "
        f"JOIN tracked_project p ON p.project_id = r.project_id WHERE r.run_id IN ({places})"
    )
    return {
        TrackedRunId(row["run_id"]): RunItem(
            TrackedRunId(row["run_id"]), row["entity"], row["project"], row["name"], row["display_name"], row["state"], row["job_type"]
        )
        for row in tx.all(sql, params)
    }
