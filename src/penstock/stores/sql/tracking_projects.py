"""Projects of tracked runs in SQL (`interfaces.tracking_store.ProjectStore`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.errors import AlreadyExistsError, NotFoundError
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.domain.versions import CollectionKind
from penstock.stores.sql.collections import delete_collection_rows
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.json_columns import compact_json
from penstock.stores.sql.tracking_rows import project_from_row

_SELECT = "SELECT p.*, (SELECT COUNT(*) FROM tracked_run r WHERE r.project_id = p.project_id) AS run_count FROM tracked_project p "
_RUN_TABLES = ("tracked_document", "tracked_value", "tracked_tag", "tracked_file", "tracked_console", "tracked_loss")
_PROJECT_TABLES = (
    "tracked_run", "tracked_key", "sweep", "report", "collection_type", "protected_alias", "project_member", "registry", "tracked_project",
)  # fmt: skip


class SqlProjectStore:
    """Projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, entity: str, name: str) -> TrackedProject | None:
        """Return the project, or None."""
        row = await self._database.read(lambda tx: tx.one(_SELECT + "WHERE p.entity = ? AND p.name = ?", (entity, name)))
        return project_from_row(row) if row is not None else None

    async def get_by_id(self, project_id: TrackedProjectId) -> TrackedProject | None:
        """Return the project, or None."""
        row = await self._database.read(lambda tx: tx.one(_SELECT + "WHERE p.project_id = ?", (project_id,)))
        return project_from_row(row) if row is not None else None

    async def list(self, entity: str, *, after: str | None, limit: int) -> tuple[Sequence[TrackedProject], bool]:
        """Return projects by name, those after the name `after`, and whether more follow."""
        sql = _SELECT + "WHERE p.entity = ? AND p.name > ? ORDER BY p.name LIMIT ?"
        rows = await self._database.read(lambda tx: tx.all(sql, (entity, after or "", limit + 1)))
        return [project_from_row(row) for row in rows[:limit]], len(rows) > limit

    async def entities(self) -> Sequence[str]:
        """Return entities that own projects, by name."""
        rows = await self._database.read(lambda tx: tx.all("SELECT DISTINCT entity FROM tracked_project ORDER BY entity"))
        return [row["entity"] for row in rows]

    async def upsert(
        self,
        entity: str,
        name: str,
        *,
        project_id: TrackedProjectId,
        at: float,
        user_name: str,
        description: str | None,
        settings: Mapping[str, Any],
    ) -> tuple[TrackedProject, bool]:
        """Create the project under `project_id`, or change the existing one; the flag tells which."""

        def work(tx: Transaction) -> tuple[TrackedProject, bool]:
            found, is_new = ensure_project(tx, entity, name, project_id=project_id, at=at, user_name=user_name)
            if description is not None:
                tx.execute(
                    "UPDATE tracked_project SET description = ?, is_described = 1, updated_at = ? WHERE project_id = ?",
                    (description, at, found),
                )
            if settings:
                row = tx.one("SELECT settings FROM tracked_project WHERE project_id = ?", (found,))
                merged = {**(json.loads(row["settings"]) if row else {}), **settings}
                tx.execute("UPDATE tracked_project SET settings = ? WHERE project_id = ?", (compact_json(merged), found))
            row = tx.one(_SELECT + "WHERE p.project_id = ?", (found,))
            assert row is not None
            return project_from_row(row), is_new

        return await self._database.write(work)

    async def rename(self, project_id: TrackedProjectId, name: str) -> None:
        """Give the project another name.

        Raises:
            NotFoundError: no such project.
            AlreadyExistsError: the entity has a project of that name.
        """

        def work(tx: Transaction) -> None:
            row = tx.one("SELECT entity FROM tracked_project WHERE project_id = ?", (project_id,))
            if row is None:
                raise NotFoundError(f"no project with id {project_id}")
            sql = "SELECT 1 FROM tracked_project WHERE entity = ? AND name = ? AND project_id <> ?"
            if tx.one(sql, (row["entity"], name, project_id)) is not None:
                raise AlreadyExistsError(f"{row['entity']} has a project {name!r} already")
            tx.execute("UPDATE tracked_project SET name = ? WHERE project_id = ?", (name, project_id))

        await self._database.write(work)

    async def delete(self, project_id: TrackedProjectId, *, at: float) -> Sequence[TrackedRunId]:
        """See `ProjectStore.delete`."""

        def work(tx: Transaction) -> Sequence[TrackedRunId]:
            run_ids = [TrackedRunId(row["run_id"]) for row in tx.all("SELECT run_id FROM tracked_run WHERE project_id = ?", (project_id,))]
            for table in _RUN_TABLES:
                tx.execute(f"DELETE FROM {table} WHERE run_id IN (SELECT run_id FROM tracked_run WHERE project_id = ?)", (project_id,))
            for row in tx.all("SELECT collection_id, kind FROM collection WHERE project_id = ?", (project_id,)):
                delete_collection_rows(tx, row["collection_id"], CollectionKind(row["kind"]), at)
            for table in ("sweep_trial", "sweep_agent"):
                tx.execute(f"DELETE FROM {table} WHERE sweep_id IN (SELECT sweep_id FROM sweep WHERE project_id = ?)", (project_id,))
            for table in _PROJECT_TABLES:
                tx.execute(f"DELETE FROM {table} WHERE project_id = ?", (project_id,))
            return run_ids

        return await self._database.write(work)


def ensure_project(
    tx: Transaction, entity: str, name: str, *, project_id: TrackedProjectId, at: float, user_name: str
) -> tuple[TrackedProjectId, bool]:
    """Return the id of the project, created when missing; the flag says whether it was."""
    row = tx.one("SELECT project_id FROM tracked_project WHERE entity = ? AND name = ?", (entity, name))
    if row is not None:
        return TrackedProjectId(row["project_id"]), False
    tx.execute(
        "INSERT INTO tracked_project (project_id, entity, name, user_name, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        (project_id, entity, name, user_name, at, at),
    )
    return project_id, True


def delete_run_rows(tx: Transaction, run_id: TrackedRunId) -> bool:
    """Remove a run from every table; return whether it existed."""
    for table in _RUN_TABLES:
        tx.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
    return tx.execute("DELETE FROM tracked_run WHERE run_id = ?", (run_id,)) > 0
