"""`TaskVersionStore` on SQL: pipeline artifacts that need versions, and the versions they have (`interfaces.task_versions`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from penstock.domain.ids import Digest, TaskId, TrackedRunId
from penstock.domain.versions import UseDirection
from penstock.interfaces.task_versions import EndedTask, TaskArtifact
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.journal_rows import artifact_from_row
from penstock.stores.sql.version_rows import batches, marks

_PENDING = "SELECT run_id, task_id, project_id FROM tracked_run WHERE artifacts_pending = 1 AND task_id IS NOT NULL AND "
# A task may have several tracked runs; the oldest is its record.
_ARTIFACTS = """
SELECT a.*, u.direction, u.key, p.run_id AS producer_run_id, p.project_id AS producer_project_id, p.job_type AS producer_component,
       p.user_name AS producer_user, t.type AS producer_type, v.version_id, EXISTS (
           SELECT 1 FROM version_use x WHERE x.tracked_run_id = p.run_id AND x.direction = 'output'
           AND NOT EXISTS (SELECT 1 FROM task_version y WHERE y.version_id = x.version_id)) AS producer_told
FROM artifact_use u JOIN artifact a ON a.artifact_id = u.artifact_id
LEFT JOIN task t ON t.task_id = a.task_id
LEFT JOIN tracked_run p ON p.run_id = (
    SELECT q.run_id FROM tracked_run q WHERE q.task_id = a.task_id ORDER BY q.created_at, q.run_id LIMIT 1)
LEFT JOIN task_version v ON v.artifact_id = a.artifact_id
WHERE u.task_id = ? ORDER BY u.direction, u.key, u.position
"""
_TOLD = """
SELECT DISTINCT x.direction FROM version_use x WHERE x.tracked_run_id = ?
AND NOT EXISTS (SELECT 1 FROM task_version y WHERE y.version_id = x.version_id)
"""


class SqlTaskVersionStore:
    """See `TaskVersionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, project_id: int, *, limit: int) -> Sequence[EndedTask]:
        """See `TaskVersionStore.pending`."""
        sql = f"{_PENDING} project_id = ? ORDER BY finished_at, run_id LIMIT ?"
        return [_ended(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (project_id, limit)))]

    def pending_run(self, run_id: TrackedRunId) -> EndedTask | None:
        """See `TaskVersionStore.pending_run`."""
        row = self._database.read_sync(lambda tx: tx.one(f"{_PENDING} run_id = ?", (run_id,)))
        return None if row is None else _ended(row)

    def artifacts(self, task: EndedTask) -> Sequence[TaskArtifact]:
        """See `TaskVersionStore.artifacts`."""
        return self._database.read_sync(lambda tx: _artifacts(tx, task))

    def known_md5(self, digests: Sequence[Digest]) -> Mapping[Digest, str]:
        """See `TaskVersionStore.known_md5`."""

        def work(tx: Transaction) -> dict[Digest, str]:
            found: dict[Digest, str] = {}
            for part in batches(digests):
                rows = tx.all(f"SELECT blob_digest, md5 FROM project_content WHERE blob_digest IN ({marks(len(part))})", part)
                found.update((Digest(row["blob_digest"]), row["md5"]) for row in rows)
            return found

        return self._database.read_sync(work)

    def remember(self, artifact_id: int, version_id: int) -> None:
        """See `TaskVersionStore.remember`."""
        sql = "INSERT INTO task_version (artifact_id, version_id) VALUES (?, ?) ON CONFLICT (artifact_id) DO NOTHING"
        # Lineage reads the contents again: now it knows which folder they are.
        again = (
            "DELETE FROM version_content WHERE version_id IN (SELECT b.version_id FROM artifact_version v JOIN artifact_version b"
            " ON b.digest = v.digest WHERE v.version_id = ? AND EXISTS (SELECT 1 FROM artifact WHERE artifact_id = ? AND is_directory = 1))"
        )

        def work(tx: Transaction) -> None:
            tx.execute(sql, (artifact_id, version_id))
            tx.execute(again, (version_id, artifact_id))

        self._database.write_sync(work)

    def finish(self, task: EndedTask, uses: Sequence[tuple[UseDirection, int, str, float]]) -> None:
        """See `TaskVersionStore.finish`."""

        def work(tx: Transaction) -> None:
            tx.many(
                "INSERT INTO version_use (tracked_run_id, version_id, direction, used_as, created_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (tracked_run_id, direction, version_id) DO UPDATE SET used_as = excluded.used_as",
                [(task.run_id, version_id, direction.value, key, at) for direction, version_id, key, at in uses],
            )
            tx.execute("UPDATE tracked_run SET artifacts_pending = 0 WHERE run_id = ?", (task.run_id,))

        self._database.write_sync(work)


def _ended(row: Row) -> EndedTask:
    return EndedTask(TrackedRunId(row["run_id"]), TaskId(row["task_id"]), row["project_id"])


def _artifacts(tx: Transaction, task: EndedTask) -> list[TaskArtifact]:
    told = {row["direction"] for row in tx.all(_TOLD, (task.run_id,))}
    row = tx.one("SELECT outputs FROM task WHERE task_id = ?", (task.task_id,))
    values = set() if row is None else json.loads(row["outputs"]).get("parameters", {}).keys()
    return [
        _artifact(row)
        for row in tx.all(_ARTIFACTS, (task.task_id,))
        if row["direction"] not in told and not (row["direction"] == UseDirection.OUTPUT and row["key"] in values)
    ]


def _artifact(row: Row) -> TaskArtifact:
    run_id = row["producer_run_id"]
    return TaskArtifact(
        artifact=artifact_from_row(row),
        direction=UseDirection(row["direction"]),
        key=row["key"],
        made_at=row["created_at"],
        producer_run_id=None if run_id is None else TrackedRunId(run_id),
        producer_project_id=row["producer_project_id"],
        producer_component=row["producer_component"] or "",
        producer_user=row["producer_user"] or "",
        producer_told=bool(row["producer_told"]),
        output_key=row["output_key"] or row["key"],
        is_imported=row["producer_type"] == "IMPORTER",
        version_id=row["version_id"],
    )
