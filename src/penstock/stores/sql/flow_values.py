"""`interfaces.flow_values.FlowValueStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.flows import FOREACH_SPLITS
from penstock.interfaces.flow_values import UnreadTask
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.flow_fan_out import NOTHING, put_fan_out
from penstock.stores.sql.flow_projection import PARAMETERS_STEP
from penstock.stores.sql.flows import run_from_row, task_from_row
from penstock.stores.sql.tracking_flow_tasks import put_parameters, put_values

_OWN = (
    "SELECT a.name FROM flow_artifact a WHERE a.task_number = ? AND a.attempt_id = ? AND a.name NOT LIKE '\\_%' ESCAPE '\\'"
    " AND NOT EXISTS (SELECT 1 FROM flow_artifact e WHERE e.sha = a.sha AND e.run_number = a.run_number AND e.task_number < a.task_number"
    " AND e.name = a.name AND e.step_name <> a.step_name) ORDER BY a.name"
)


class SqlFlowValues:
    """The queue and its results."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unread(self, *, limit: int, again: bool) -> Sequence[UnreadTask]:
        """See `FlowValueStore.unread`."""

        def work(tx: Transaction) -> list[UnreadTask]:
            rows = tx.all(
                f"SELECT * FROM flow_unread {'' if again else 'WHERE tries = 0'} ORDER BY tries, task_number LIMIT ?", (limit,)
            )
            return [found for row in rows if (found := _unread(tx, row)) is not None]

        return await self._database.read(work)

    async def keep(self, item: UnreadTask, values: Mapping[str, Any]) -> None:
        """See `FlowValueStore.keep`."""

        def work(tx: Transaction) -> None:
            if item.task.step_name == PARAMETERS_STEP:
                put_parameters(tx, item.task.run, values)
            else:
                put_values(tx, item.task, values)
            _forget(tx, item)

        await self._database.write(work)

    async def keep_fan_out(self, item: UnreadTask, step_name: str, count: int) -> None:
        """See `FlowValueStore.keep_fan_out`."""
        await self._database.write(lambda tx: put_fan_out(tx, item.task, step_name, count))

    async def put_off(self, item: UnreadTask, *, for_good: bool) -> None:
        """See `FlowValueStore.put_off`."""

        def work(tx: Transaction) -> None:
            if for_good:
                _forget(tx, item)
            else:
                tx.execute("UPDATE flow_unread SET tries = tries + 1 WHERE task_number = ?", (item.task.task_number,))

        await self._database.write(work)


def _unread(tx: Transaction, row: Row) -> UnreadTask | None:
    run = tx.one("SELECT * FROM flow_run WHERE run_number = ?", (row["run_number"],))
    task = tx.one("SELECT * FROM flow_task WHERE task_number = ?", (row["task_number"],))
    if run is None or task is None:
        return None
    own = tx.all(_OWN, (row["task_number"], row["attempt"]))
    names = [item["name"] for item in own]
    return UnreadTask(task_from_row(run_from_row(run), task), row["attempt"], row["tries"], names, _fans_out(tx, row))


def _fans_out(tx: Transaction, row: Row) -> bool:
    told = "SELECT sha FROM flow_artifact WHERE task_number = ? AND attempt_id = ? AND name = ?"
    found = tx.one(told, (row["task_number"], row["attempt"], FOREACH_SPLITS))
    return found is not None and found["sha"] not in NOTHING


def _forget(tx: Transaction, item: UnreadTask) -> None:
    """Take this attempt from the queue; a newer one that came in between stays."""
    tx.execute("DELETE FROM flow_unread WHERE task_number = ? AND attempt = ?", (item.task.task_number, item.attempt))
