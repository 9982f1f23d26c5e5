"""`interfaces.flow_failures.FlowFailureStore` in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.interfaces.flow_failures import UNEXPLAINED, UnexplainedAttempt
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.flow_projection import LOST, error_of, shared_run_id, shared_task_id
from penstock.stores.sql.flows import run_from_row, task_from_row


class SqlFlowFailures:
    """The queue and its results."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unexplained(self, *, limit: int, again: bool) -> Sequence[UnexplainedAttempt]:
        """See `FlowFailureStore.unexplained`."""

        def work(tx: Transaction) -> list[UnexplainedAttempt]:
            sql = f"SELECT * FROM flow_unexplained {'' if again else 'WHERE tries = 0'} ORDER BY tries, task_number, attempt LIMIT ?"
            return [found for row in tx.all(sql, (limit,)) if (found := _unexplained(tx, row)) is not None]

        return await self._database.read(work)

    async def explain(self, item: UnexplainedAttempt, message: str) -> None:
        """See `FlowFailureStore.explain`."""

        def work(tx: Transaction) -> None:
            names = {"task": shared_task_id(item.task), "run": shared_run_id(item.task.run), "attempt": item.attempt}
            if message:
                params = {**names, "new": error_of(message), "old": error_of(UNEXPLAINED), "lost": f"{LOST}%"}
                unknown = "(error = :old OR error LIKE :lost)"
                tx.execute(f"UPDATE attempt SET error = :new WHERE task_id = :task AND attempt = :attempt AND {unknown}", params)
                tx.execute(f"UPDATE task SET error = :new WHERE task_id = :task AND attempts = :attempt + 1 AND {unknown}", params)
                tx.execute("UPDATE run SET version = version + 1 WHERE run_id = :run", names)
            tx.execute("DELETE FROM flow_unexplained WHERE task_number = ? AND attempt = ?", (item.task.task_number, item.attempt))

        await self._database.write(work)

    async def put_off(self, item: UnexplainedAttempt) -> None:
        """See `FlowFailureStore.put_off`."""
        key = (item.task.task_number, item.attempt)
        sql = "UPDATE flow_unexplained SET tries = tries + 1 WHERE task_number = ? AND attempt = ?"
        await self._database.write(lambda tx: tx.execute(sql, key))


def _unexplained(tx: Transaction, row: Row) -> UnexplainedAttempt | None:
    run = tx.one("SELECT * FROM flow_run WHERE run_number = ?", (row["run_number"],))
    task = tx.one("SELECT * FROM flow_task WHERE task_number = ?", (row["task_number"],))
    if run is None or task is None:
        return None
    return UnexplainedAttempt(task_from_row(run_from_row(run), task), row["attempt"], row["tries"])
