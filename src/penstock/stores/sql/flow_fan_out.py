"""How many tasks the steps of a run are known to get: a foreach says so when the task that fans out has ended.

`run.task_count` counts tasks that began and those that are known to come; `flow_expected.ahead` is how many of a step have not begun,
below zero where more began than are known of.
"""

from __future__ import annotations

import hashlib
import pickle

from penstock.domain.flows import FlowTask
from penstock.stores.sql.database import Transaction

NOTHING = tuple(hashlib.sha1(pickle.dumps(None, protocol=number), usedforsecurity=False).hexdigest() for number in range(2, 6))
"""SHAs of None, as Metaflow writes it."""


def put_fan_out(tx: Transaction, task: FlowTask, step_name: str, count: int) -> None:
    """Note that a task fans out to `count` tasks of a step; what it said before, in an earlier attempt, holds no longer."""
    number, run = task.task_number, task.run.run_number
    before = tx.one("SELECT step_name, tasks FROM flow_fan_out WHERE task_number = ?", (number,))
    if before is not None and (before["step_name"], before["tasks"]) == (step_name, count):
        return
    tx.execute(
        "INSERT INTO flow_fan_out (task_number, run_number, step_name, tasks) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (task_number) DO UPDATE SET step_name = excluded.step_name, tasks = excluded.tasks",
        (number, run, step_name, count),
    )
    if before is not None:
        _expect(tx, task, before["step_name"], -int(before["tasks"]))
    _expect(tx, task, step_name, count)


def begin_expected(tx: Transaction, task: FlowTask) -> bool:
    """Note that a task began; return whether it was known to come, and is counted already."""
    step = (task.run.run_number, task.step_name)
    known = tx.one("SELECT ahead FROM flow_expected WHERE run_number = ? AND step_name = ?", step)
    if known is not None:
        tx.execute("UPDATE flow_expected SET ahead = ahead - 1 WHERE run_number = ? AND step_name = ?", step)
    return known is not None and int(known["ahead"]) > 0


def expected_of(tx: Transaction, run_number: int) -> dict[str, int]:
    """Return how many tasks steps are known to get, by their names."""
    rows = tx.all("SELECT step_name, tasks FROM flow_expected WHERE run_number = ? AND tasks > 0", (run_number,))
    return {row["step_name"]: int(row["tasks"]) for row in rows}


def _expect(tx: Transaction, task: FlowTask, step_name: str, more: int) -> None:
    step = (task.run.run_number, step_name)
    known = tx.one("SELECT tasks, ahead FROM flow_expected WHERE run_number = ? AND step_name = ?", step)
    if known is None:  # once for each step: tasks of a large loop are not counted for each that fans out
        begun = tx.one("SELECT COUNT(*) AS n FROM flow_task WHERE run_number = ? AND step_name = ?", step)
        tasks, ahead = 0, -int(begun["n"]) if begun is not None else 0
    else:
        tasks, ahead = int(known["tasks"]), int(known["ahead"])
    tx.execute(
        "INSERT INTO flow_expected (run_number, step_name, tasks, ahead) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (run_number, step_name) DO UPDATE SET tasks = excluded.tasks, ahead = excluded.ahead",
        (*step, tasks + more, ahead + more),
    )
    further = max(ahead + more, 0) - max(ahead, 0)
    if further:
        sql = "UPDATE run SET task_count = task_count + ?, version = version + 1 WHERE run_id = ?"
        tx.execute(sql, (further, f"{task.run.flow_id}/{task.run.shown_id}"))
