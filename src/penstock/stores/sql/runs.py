"""`RunStore` on SQL: pipeline runs as the journal projected them, and the changes that are not the engine's business.

The total of a list that is restricted by experiment, namespace and storage state only comes from table `run_count`, which triggers
keep (migration 0006), so a first page costs the same at a hundred runs and at a hundred thousand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.domain.states import RuntimeState, StorageState
from penstock.interfaces.listing import ListQuery, Op, Page
from penstock.interfaces.run_store import RunView, StateChange
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.json_columns import decode
from penstock.stores.sql.listing import Column, Listing, Statement, read_page, tag_column

_ID, _NAME, _STATE, _RECURRING = (
    Column("run.run_id"),
    Column("run.name"),
    Column("run.state"),
    Column("run.recurring_run_id", is_nullable=True),
)
_COUNTED = frozenset({"storage_state", "experiment_id", "namespace"})
_KINDS = ("kfp", "argo")


def _open_ended(key: str, statement: Statement) -> Column | None:
    if key.startswith("tags."):
        return tag_column("run.tags", key.removeprefix("tags."), statement)
    if key.startswith("metric:"):
        name = statement.bind(key.removeprefix("metric:"))
        sql = f"(SELECT MAX(m.number) FROM run_metric m WHERE m.run_id = run.run_id AND m.name = {name})"
        return Column(sql, is_number=True, is_nullable=True)
    if key.startswith("parameters."):
        name = statement.bind(key.removeprefix("parameters."))
        return Column(f"(SELECT p.text FROM run_parameter p WHERE p.run_id = run.run_id AND p.name = {name})", is_nullable=True)
    return None


_LISTING = Listing(
    source="run",
    select="run.*",
    id_sql="run.run_id",
    columns={
        "run_id": _ID,
        "id": _ID,
        "name": _NAME,
        "display_name": _NAME,
        "description": Column("run.description"),
        "storage_state": Column("run.storage_state"),
        "state": _STATE,
        "status": _STATE,
        "namespace": Column("run.namespace"),
        "experiment_id": Column("run.experiment_id", is_nullable=True),
        "recurring_run_id": _RECURRING,
        "job_id": _RECURRING,
        "pipeline_id": Column("run.pipeline_id", is_nullable=True),
        "pipeline_version_id": Column("run.pipeline_version_id", is_nullable=True),
        "pipeline_name": Column("run.pipeline_name"),
        "state_history": Column("run.state_history"),
        "runtime_details": Column("run.options"),
        "created_at": Column("run.created_at", is_number=True),
        "scheduled_at": Column("run.scheduled_at", is_number=True),
        "finished_at": Column("run.finished_at", is_number=True, is_nullable=True),
    },
    dynamic=_open_ended,
)


class SqlRunStore:
    """`interfaces.run_store.RunStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, run_id: RunId) -> RunView | None:
        """Return the run, or None."""
        sql = "SELECT * FROM run WHERE run_id = ? AND kind IN ('kfp', 'argo') AND storage_state <> 'TRASHED'"
        row = await self._database.read(lambda tx: tx.one(sql, (run_id,)))
        return None if row is None else _run(row)

    async def list(self, query: ListQuery, *, namespace: str, experiment_id: ExperimentId | None) -> Page[RunView]:
        """Return a page: one statement for rows, one for the total."""

        def scope(statement: Statement) -> None:
            if experiment_id is not None:
                statement.equals("run.experiment_id", experiment_id)
            if namespace:
                statement.in_namespace("run.namespace", namespace)
            statement.clauses.append("run.kind IN ('kfp', 'argo') AND run.storage_state <> 'TRASHED'")

        def count(tx: Transaction, statement: Statement) -> int:
            return _counted(tx, query, namespace=namespace, experiment_id=experiment_id)

        is_counted = all(
            predicate.key in _COUNTED and predicate.op in {Op.EQUALS, Op.NOT_EQUALS, Op.IN, Op.NOT_IN} for predicate in query.predicates
        )
        return await self._database.read(
            lambda tx: read_page(tx, _LISTING, query, scope=scope, to_item=_run, count=count if is_counted else None)
        )

    async def set_storage_state(self, run_id: RunId, state: StorageState) -> None:
        """Archive or restore the run."""
        await self._database.write(lambda tx: tx.execute("UPDATE run SET storage_state = ? WHERE run_id = ?", (state.value, run_id)))

    async def update(self, run_id: RunId, *, name: str, description: str, tags: Mapping[str, str]) -> None:
        """Change what people may edit."""
        values = (name, description, json.dumps(dict(tags)), run_id)
        await self._database.write(lambda tx: tx.execute("UPDATE run SET name = ?, description = ?, tags = ? WHERE run_id = ?", values))

    async def move(self, run_id: RunId, experiment_id: ExperimentId) -> bool:
        """See `RunStore.move`. Checked again as it is written: the experiment may be archived or deleted at the same moment."""

        def work(tx: Transaction) -> bool:
            moved = tx.one(
                "UPDATE run SET experiment_id = ? WHERE run_id = ? AND kind IN ('kfp', 'argo') AND storage_state <> 'TRASHED' AND EXISTS"
                " (SELECT 1 FROM experiment WHERE experiment_id = ? AND storage_state = 'AVAILABLE') RETURNING created_at",
                (experiment_id, run_id, experiment_id),
            )
            if moved is not None:
                tx.execute(
                    "UPDATE experiment SET last_run_created_at = ? WHERE experiment_id = ?"
                    " AND (last_run_created_at IS NULL OR last_run_created_at < ?)",
                    (moved["created_at"], experiment_id, moved["created_at"]),
                )
            return moved is not None

        return await self._database.write(work)

    async def ids_of_experiment(self, experiment_id: ExperimentId) -> Sequence[tuple[RunId, RuntimeState]]:
        """Return every run of the experiment with its state."""
        sql = "SELECT run_id, state FROM run WHERE experiment_id = ? ORDER BY created_at"
        rows = await self._database.read(lambda tx: tx.all(sql, (experiment_id,)))
        return [(RunId(row["run_id"]), RuntimeState(row["state"])) for row in rows]

    async def delete(self, run_id: RunId, *, with_artifacts: bool) -> Sequence[Digest]:
        """Remove the run with everything that hangs on it."""
        return await self._database.write(lambda tx: _delete(tx, run_id, with_artifacts=with_artifacts))


def _counted(tx: Transaction, query: ListQuery, *, namespace: str, experiment_id: ExperimentId | None) -> int:
    """Add up the counters that the restrictions leave."""
    statement = Statement(tx.dialect)
    statement.one_of("kind", _KINDS)
    statement.clauses.append("storage_state <> 'TRASHED'")
    if namespace:
        statement.in_namespace("namespace", namespace)
    if experiment_id is not None:
        statement.equals("experiment_id", experiment_id)
    for predicate in query.predicates:
        negated = predicate.op in {Op.NOT_EQUALS, Op.NOT_IN}
        places = ", ".join(statement.bind(str(value)) for value in predicate.values)
        if places:
            statement.clauses.append(f"{predicate.key} {'NOT IN' if negated else 'IN'} ({places})")
        elif not negated:
            statement.clauses.append("1 = 0")
    row = tx.one(f"SELECT COALESCE(SUM(runs), 0) AS n FROM run_count{statement.where}", statement.params)
    return int(row["n"]) if row else 0


_UNSHARED = (
    "artifact.run_id = :run_id AND NOT EXISTS"
    " (SELECT 1 FROM artifact_use u WHERE u.artifact_id = artifact.artifact_id AND u.run_id <> :run_id)"
)


def _delete(tx: Transaction, run_id: RunId, *, with_artifacts: bool) -> Sequence[Digest]:
    params = {"run_id": run_id}
    digests: list[Digest] = []
    if with_artifacts:
        rows = tx.all(f"SELECT DISTINCT digest FROM artifact WHERE digest IS NOT NULL AND {_UNSHARED}", params)
        digests = [Digest(row["digest"]) for row in rows]
        for table in ("artifact_note", "artifact_label", "artifact_change"):
            tx.execute(f"DELETE FROM {table} WHERE artifact_id IN (SELECT artifact_id FROM artifact WHERE {_UNSHARED})", params)
        tx.execute(f"DELETE FROM artifact WHERE {_UNSHARED}", params)
        # Entries of this run would promise artifacts that are gone; those of other runs keep theirs by their own use.
        tx.execute("DELETE FROM cache_entry WHERE run_id = :run_id", params)
    for table in ("artifact_use", "task_note", "attempt", "task", "run_event", "run_metric", "run_parameter", "run"):
        tx.execute(f"DELETE FROM {table} WHERE run_id = :run_id", params)
    return digests


def _run(row: Row) -> RunView:
    error = decode(row["error"]) if row["error"] else {}
    return RunView(
        run_id=RunId(row["run_id"]),
        kind=row["kind"],
        name=row["name"],
        description=row["description"],
        namespace=row["namespace"],
        experiment_id=None if row["experiment_id"] is None else ExperimentId(row["experiment_id"]),
        resource_name=row["resource_name"],
        pipeline_name=row["pipeline_name"],
        pipeline_id=None if row["pipeline_id"] is None else PipelineId(row["pipeline_id"]),
        pipeline_version_id=None if row["pipeline_version_id"] is None else PipelineVersionId(row["pipeline_version_id"]),
        spec_digest=None if row["spec_digest"] is None else Digest(row["spec_digest"]),
        recurring_run_id=None if row["recurring_run_id"] is None else RecurringRunId(row["recurring_run_id"]),
        parameters=decode(row["parameters"]),
        pipeline_root=row["pipeline_root"],
        service_account=row["service_account"],
        options=decode(row["options"]),
        tags=decode(row["tags"]),
        state=RuntimeState(row["state"]),
        storage_state=StorageState(row["storage_state"]),
        history=[StateChange(entry["at"], RuntimeState(entry["state"]), entry.get("error")) for entry in decode(row["state_history"])],
        error_code=error.get("code"),
        error_message=error.get("message"),
        created_at=row["created_at"],
        scheduled_at=row["scheduled_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        task_count=row["task_count"],
        done_count=row["done_count"],
        failed_count=row["failed_count"],
        cached_count=row["cached_count"],
    )
