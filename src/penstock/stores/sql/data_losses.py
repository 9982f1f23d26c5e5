"""Data that is missing from records: `domain.data_losses` in SQL, and the question of the start page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.domain.data_losses import TASK_NOTE, DataLoss
from penstock.domain.ids import TrackedRunId
from penstock.interfaces.page_catalog import LossItem
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.page_filters import in_namespace, seen_by


def put_losses(tx: Transaction, run_id: TrackedRunId, losses: Sequence[DataLoss], at: float) -> None:
    """Keep what a client said first of each kind; repeating it changes nothing."""
    tx.many(
        "INSERT INTO tracked_loss (run_id, kind, detail, at) VALUES (:run, :kind, :detail, :at) ON CONFLICT (run_id, kind) DO NOTHING",
        [{"run": run_id, "kind": loss.kind, "detail": loss.detail, "at": at} for loss in losses],
    )


def losses_of(tx: Transaction, run_id: TrackedRunId) -> list[DataLoss]:
    """Return what is missing from a tracked run."""
    rows = tx.all("SELECT kind, detail FROM tracked_loss WHERE run_id = ? ORDER BY at, kind", (run_id,))
    return [DataLoss(row["kind"], row["detail"]) for row in rows]


def newest_losses(tx: Transaction, since: float, namespace: str, limit: int, *, reader: str | None = None) -> list[LossItem]:
    """Return what was lost after `since` and `reader` may see, newest first, at most `limit` of tasks and of tracked runs each."""
    params: dict[str, Any] = {"since": since, "namespace": namespace, "limit": limit, "reader": reader}
    own = f"AND {in_namespace('run', ':namespace')} " if namespace else ""
    of_tasks = tx.all(
        "SELECT run.run_id, task.task_id, task.display_name AS task_name, run.name, note.text, note.at FROM task_note AS note "
        "JOIN run ON run.run_id = note.run_id JOIN task ON task.task_id = note.task_id "
        f"WHERE note.kind = '{TASK_NOTE}' AND note.at > :since AND run.storage_state = 'AVAILABLE' {own}"
        "ORDER BY note.at DESC LIMIT :limit",
        params,
    )
    of_entity = f"AND {seen_by(reader, 'p.entity')} " + ("AND p.entity = :namespace " if namespace else "")
    of_runs = tx.all(
        "SELECT p.entity, p.name AS project, r.name, r.display_name, MIN(loss.detail) AS detail, MAX(loss.at) AS at "
        "FROM tracked_loss AS loss JOIN tracked_run r ON r.run_id = loss.run_id JOIN tracked_project p ON p.project_id = r.project_id "
        f"WHERE loss.at > :since {of_entity}GROUP BY p.entity, p.name, r.name, r.display_name ORDER BY at DESC LIMIT :limit",
        params,
    )
    found = [
        LossItem(f"{row['task_name']} · {row['name']}", row["text"], row["at"], run_id=row["run_id"], task_id=row["task_id"])
        for row in of_tasks
    ]
    found += [
        LossItem(
            row["display_name"] or row["name"], row["detail"], row["at"], entity=row["entity"], project=row["project"], run=row["name"]
        )
        for row in of_runs
    ]
    return sorted(found, key=lambda item: -item.at)
