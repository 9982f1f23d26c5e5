"""`ArtifactStore` on SQL: artifacts of tasks and their lineage edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.domain.ids import ArtifactId, RunId, TaskId
from penstock.interfaces.listing import ListQuery, Page
from penstock.interfaces.run_store import ArtifactUse, ArtifactView
from penstock.stores.sql.database import Database, Row
from penstock.stores.sql.journal_rows import artifact_from_row
from penstock.stores.sql.listing import Column, Listing, Statement, read_page

_ID_TEXT = "CAST(artifact.artifact_id AS TEXT)"
_LISTING = Listing(
    source="artifact",
    select="artifact.*",
    id_sql=_ID_TEXT,
    columns={
        "artifact_id": Column(_ID_TEXT),
        "id": Column(_ID_TEXT),
        "name": Column("artifact.name"),
        "type": Column("artifact.type"),
        "uri": Column("artifact.uri"),
        "run_id": Column("artifact.run_id", is_nullable=True),
        "task_id": Column("artifact.task_id", is_nullable=True),
        "created_at": Column("artifact.created_at", is_number=True),
    },
)
_USE_ID = "(artifact_use.task_id || '/' || artifact_use.direction || '/' || artifact_use.key || '/' || CAST(artifact_use.position AS TEXT))"
_USES = Listing(
    source="artifact_use",
    select="artifact_use.*",
    id_sql=_USE_ID,
    columns={"created_at": Column("artifact_use.at", is_number=True)},
)


class SqlArtifactStore:
    """`interfaces.run_store.ArtifactStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, artifact_id: ArtifactId) -> ArtifactView | None:
        """Return the artifact, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM artifact WHERE artifact_id = ?", (artifact_id,)))
        return None if row is None else _artifact(row)

    async def get_many(self, artifact_ids: Sequence[ArtifactId]) -> Mapping[ArtifactId, ArtifactView]:
        """Return those that exist, in one query."""
        if not artifact_ids:
            return {}
        wanted = sorted(set(artifact_ids))
        sql = f"SELECT * FROM artifact WHERE artifact_id IN ({', '.join('?' for _ in wanted)})"
        rows = await self._database.read(lambda tx: tx.all(sql, wanted))
        return {view.artifact.artifact_id: view for view in map(_artifact, rows)}

    async def output_of(self, run_id: RunId, task_id: TaskId, key: str) -> ArtifactView | None:
        """Return the first artifact that the task has under the output key, or None."""
        sql = (
            "SELECT artifact.* FROM artifact_use u JOIN artifact ON artifact.artifact_id = u.artifact_id"
            " WHERE u.task_id = ? AND u.run_id = ? AND u.direction = 'output' AND u.key = ? ORDER BY u.position LIMIT 1"
        )
        row = await self._database.read(lambda tx: tx.one(sql, (task_id, run_id, key)))
        return None if row is None else _artifact(row)

    async def find_uri(self, uri: str) -> ArtifactView | None:
        """Return the newest artifact at the URI, or None."""
        sql = "SELECT * FROM artifact WHERE uri = ? ORDER BY created_at DESC, artifact_id DESC LIMIT 1"
        row = await self._database.read(lambda tx: tx.one(sql, (uri,)))
        return None if row is None else _artifact(row)

    async def list(self, query: ListQuery, *, run_id: RunId | None, task_id: TaskId | None) -> Page[ArtifactView]:
        """Return a page."""

        def scope(statement: Statement) -> None:
            for column, value in (("run_id", run_id), ("task_id", task_id)):
                if value is not None:
                    place = statement.bind(value)
                    used = f"SELECT u.artifact_id FROM artifact_use u WHERE u.{column} = {place}"
                    statement.clauses.append(f"artifact.artifact_id IN ({used})")

        return await self._database.read(lambda tx: read_page(tx, _LISTING, query, scope=scope, to_item=_artifact))

    async def uses(
        self,
        query: ListQuery,
        *,
        run_ids: Sequence[RunId],
        task_ids: Sequence[TaskId],
        artifact_ids: Sequence[ArtifactId],
        direction: str | None,
    ) -> Page[ArtifactUse]:
        """Return a page of lineage edges."""

        def scope(statement: Statement) -> None:
            for column, values in (("run_id", run_ids), ("task_id", task_ids), ("artifact_id", artifact_ids)):
                if values:
                    statement.one_of(f"artifact_use.{column}", list(values))
            if direction is not None:
                statement.equals("artifact_use.direction", direction)

        return await self._database.read(lambda tx: read_page(tx, _USES, query, scope=scope, to_item=_use))


def _artifact(row: Row) -> ArtifactView:
    return ArtifactView(
        artifact=artifact_from_row(row),
        run_id=None if row["run_id"] is None else RunId(row["run_id"]),
        task_id=None if row["task_id"] is None else TaskId(row["task_id"]),
        output_key=row["output_key"],
        created_at=row["created_at"],
    )


def _use(row: Row) -> ArtifactUse:
    return ArtifactUse(
        task_id=TaskId(row["task_id"]),
        run_id=RunId(row["run_id"]),
        artifact_id=ArtifactId(row["artifact_id"]),
        direction=row["direction"],
        key=row["key"],
        position=row["position"],
        at=row["at"],
    )
