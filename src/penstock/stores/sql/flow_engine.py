"""Lets the recorded run of a deployed flow follow the engine run that executes it: both have the same id.

Metaflow's client tells only about tasks that run; how a run as a whole ends when a task fails for good, or is stopped, the engine knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from penstock.domain.states import RuntimeState, TaskType
from penstock.interfaces.journal import TaskRecord
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.flow_projection import finish_run

_UNDER_WAY = frozenset({RuntimeState.RUNNING, RuntimeState.PAUSED})


def follow_engine(tx: Any, records: Sequence[TaskRecord]) -> None:
    """Projection of the run journal: a run's end, its pause, and its going on after a retry or pause reach the recorded run."""
    for record in records:
        if record.type is not TaskType.ROOT or not (record.state.is_final or record.state in _UNDER_WAY):
            continue
        row = tx.one("SELECT flow_id FROM flow_run WHERE run_id = ?", (record.run.run_id,))
        if row is not None:
            _follow(tx, f"{row['flow_id']}/{record.run.run_id}", record)


def _follow(tx: Transaction, shared_id: str, record: TaskRecord) -> None:
    if not record.state.is_final:
        tx.execute("UPDATE run SET state = ?, finished_at = NULL, error = NULL WHERE run_id = ?", (record.state, shared_id))
        return
    at = record.finished_at if record.finished_at is not None else record.created_at
    message = None if record.state is RuntimeState.SUCCEEDED else (record.error.message if record.error is not None else record.reason)
    finish_run(tx, shared_id, record.state, message or None, at)
    error = orjson.dumps({"kind": "LOST", "message": message or "the run ended"}).decode()
    tx.execute(
        "UPDATE task SET state = :state, finished_at = :at, error = :error WHERE run_id = :run AND state IN ('RUNNING', 'PENDING')",
        {"state": record.state, "at": at, "error": error if message else None, "run": shared_id},
    )
