"""`TaskStore` on SQL: tasks and attempts as the journal projected them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.domain.ids import RunId, TaskId
from penstock.domain.states import RuntimeState, TaskType
from penstock.interfaces.listing import ListQuery, Page
from penstock.interfaces.run_store import AttemptView, TaskView
from penstock.stores.sql.database import Database, Row
from penstock.stores.sql.json_columns import decode
from penstock.stores.sql.listing import Column, Listing, Statement, read_page

_ID, _NAME, _CREATED = Column("task.task_id"), Column("task.display_name"), Column("task.created_at", is_number=True)
_LISTING = Listing(
    source="task",
    select="task.*",
    id_sql="task.task_id",
    columns={
        "task_id": _ID,
        "id": _ID,
        "run_id": Column("task.run_id"),
        "name": Column("task.task_key"),
        "display_name": _NAME,
        "state": Column("task.state"),
        "type": Column("task.type"),
        "component": Column("task.component"),
        "parent_task_id": Column("task.parent_task_id", is_nullable=True),
        "create_time": _CREATED,
        "created_at": _CREATED,
        "start_time": Column("task.started_at", is_number=True, is_nullable=True),
        "end_time": Column("task.finished_at", is_number=True, is_nullable=True),
    },
)


class SqlTaskStore:
    """`interfaces.run_store.TaskStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_run(self, run_id: RunId) -> Sequence[TaskView]:
        """Return every task of the run in order of creation."""
        sql = "SELECT * FROM task WHERE run_id = ? ORDER BY position"
        # Decoded on the reader's thread: a run may have tens of thousands of tasks.
        return await self._database.read(lambda tx: [_task(row) for row in tx.all(sql, (run_id,))])

    async def get(self, task_id: TaskId) -> TaskView | None:
        """Return the task, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM task WHERE task_id = ?", (task_id,)))
        return None if row is None else _task(row)

    async def list(self, query: ListQuery, *, run_id: RunId | None, parent_task_id: TaskId | None) -> Page[TaskView]:
        """Return a page."""

        def scope(statement: Statement) -> None:
            if run_id is not None:
                statement.equals("task.run_id", run_id)
            if parent_task_id is not None:
                statement.equals("task.parent_task_id", parent_task_id)

        return await self._database.read(lambda tx: read_page(tx, _LISTING, query, scope=scope, to_item=_task))

    async def attempts(self, task_id: TaskId) -> Sequence[AttemptView]:
        """Return the attempts, oldest first."""
        rows = await self._database.read(lambda tx: tx.all("SELECT * FROM attempt WHERE task_id = ? ORDER BY attempt", (task_id,)))
        return [_attempt(row) for row in rows]

    async def children(self, task_ids: Sequence[TaskId]) -> Mapping[TaskId, Sequence[TaskId]]:
        """Return the children of each task in one query."""
        if not task_ids:
            return {}
        sql = f"SELECT task_id, parent_task_id FROM task WHERE parent_task_id IN ({', '.join('?' for _ in task_ids)}) ORDER BY position"
        found: dict[TaskId, list[TaskId]] = {}
        for row in await self._database.read(lambda tx: tx.all(sql, list(task_ids))):
            found.setdefault(TaskId(row["parent_task_id"]), []).append(TaskId(row["task_id"]))
        return found


def _task(row: Row) -> TaskView:
    return TaskView(
        task_id=TaskId(row["task_id"]),
        run_id=RunId(row["run_id"]),
        execution_id=row["execution_id"],
        parent_task_id=None if row["parent_task_id"] is None else TaskId(row["parent_task_id"]),
        path=row["path"],
        task_key=row["task_key"],
        display_name=row["display_name"],
        type=TaskType(row["type"]),
        component=row["component"],
        iteration_index=row["iteration_index"],
        iteration_count=row["iteration_count"],
        position=row["position"],
        state=RuntimeState(row["state"]),
        reason=row["reason"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        attempts=row["attempts"],
        is_cached=bool(row["is_cached"]),
        cached_task_id=None if row["cached_task_id"] is None else TaskId(row["cached_task_id"]),
        cache_fingerprint=row["cache_fingerprint"],
        cache_reason=row["cache_reason"],
        error=decode(row["error"]),
        inputs=decode(row["inputs"]) or {},
        outputs=decode(row["outputs"]) or {},
        detail=decode(row["detail"]) or {},
    )


def _attempt(row: Row) -> AttemptView:
    return AttemptView(
        task_id=TaskId(row["task_id"]),
        attempt=row["attempt"],
        run_id=RunId(row["run_id"]),
        state=RuntimeState(row["state"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        exit_code=row["exit_code"],
        error=decode(row["error"]),
        detail=decode(row["detail"]) or {},
    )
