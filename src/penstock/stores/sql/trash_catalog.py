"""The trash for what other things hang on: pipelines, versions of them, experiments, recurring runs, projects of tracked runs.

Their own row is taken out and written down, so that no list, name or client finds it and its name is free; what hangs on it stays where it
is and is not reached without it. Runs of an experiment are hidden like runs that were deleted one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.catalog import DEFAULT_EXPERIMENT
from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError, PreconditionError
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.recurring_runs import delete_schedule_rows
from penstock.stores.sql.trash_found import TRASHED, Found, put_rows, take_rows

_ACTIVE = "SELECT COUNT(*) AS n FROM run WHERE experiment_id = ? AND state IN ('PENDING', 'RUNNING', 'CANCELING', 'PAUSED')"


def put_pipeline(tx: Transaction, subject: str, by: str, at: float) -> Found:
    """Take a pipeline and its versions out; its runs and schedules stay."""
    row = _row(tx, "SELECT * FROM pipeline WHERE pipeline_id = ?", subject, f"pipeline {subject} not found")
    versions = take_rows(tx, "pipeline_version", "pipeline_id = ?", (subject,))
    taken = take_rows(tx, "pipeline", "pipeline_id = ?", (subject,))
    return Found(row["display_name"], "", "", None, {"pipeline": taken, "versions": versions})


def restore_pipeline(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    """Put a pipeline back with its versions."""
    row = detail["pipeline"][0]
    _check_free(tx, "pipeline", row, "another pipeline")
    put_rows(tx, "pipeline", detail["pipeline"])
    put_rows(tx, "pipeline_version", detail["versions"])


def put_pipeline_version(tx: Transaction, subject: str, by: str, at: float) -> Found:
    """Take one version of a pipeline out."""
    sql = (
        "SELECT v.display_name, p.display_name AS pipeline FROM pipeline_version v JOIN pipeline p ON p.pipeline_id = v.pipeline_id"
        " WHERE v.pipeline_version_id = ?"
    )
    row = _row(tx, sql, subject, f"pipeline version {subject} not found")
    taken = take_rows(tx, "pipeline_version", "pipeline_version_id = ?", (subject,))
    return Found(row["display_name"], row["pipeline"], "", None, {"versions": taken})


def restore_pipeline_version(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    """Put a version back into its pipeline."""
    row = detail["versions"][0]
    if tx.one("SELECT 1 FROM pipeline WHERE pipeline_id = ?", (row["pipeline_id"],)) is None:
        raise ConflictError("its pipeline was deleted; restore that first if it lies in the trash")
    sql = "SELECT 1 FROM pipeline_version WHERE pipeline_id = ? AND name = ?"
    if tx.one(sql, (row["pipeline_id"], row["name"])) is not None:
        raise ConflictError(f"the pipeline has another version {row['name']!r} now; delete that one first")
    put_rows(tx, "pipeline_version", detail["versions"])


def put_schedule(tx: Transaction, subject: str, by: str, at: float) -> Found:
    """Take a recurring run out, so that it starts nothing."""
    row = _row(tx, "SELECT display_name FROM recurring_run WHERE recurring_run_id = ?", subject, f"recurring run {subject} not found")
    taken = take_rows(tx, "recurring_run", "recurring_run_id = ?", (subject,))
    return Found(row["display_name"], "", "", None, {"schedules": taken})


def restore_schedule(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    """Put a recurring run back. Times that passed meanwhile are not caught up."""
    if _is_trashed(tx, detail["schedules"][0]["experiment_id"]):
        raise ConflictError("its experiment lies in the trash; restore that first")
    _put_schedules(tx, detail["schedules"], at)


def forget_schedules(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remove what hangs on recurring runs that are gone for good."""
    for row in rows:
        delete_schedule_rows(tx, row["recurring_run_id"])


def put_experiment(tx: Transaction, subject: str, by: str, at: float) -> Found:
    """Take an experiment and its recurring runs out and hide its runs.

    Raises:
        InvalidArgumentError: it is the default experiment.
        PreconditionError: runs of it are active.
    """
    row = _row(tx, "SELECT * FROM experiment WHERE experiment_id = ?", subject, f"experiment {subject} not found")
    if row["name"] == DEFAULT_EXPERIMENT and not row["namespace"]:
        raise InvalidArgumentError(f"the experiment {DEFAULT_EXPERIMENT!r} cannot be deleted")
    active = tx.one(_ACTIVE, (subject,))
    if active is not None and active["n"]:
        raise PreconditionError(f"experiment {row['name']!r} has {active['n']} active run(s); terminate or delete them first")
    was_archived = "SELECT run_id FROM run WHERE experiment_id = ? AND storage_state = 'ARCHIVED'"
    archived = [one["run_id"] for one in tx.all(was_archived, (subject,))]
    size = tx.one("SELECT SUM(a.size_bytes) AS n FROM artifact a JOIN run ON run.run_id = a.run_id WHERE run.experiment_id = ?", (subject,))
    tx.execute("UPDATE run SET storage_state = ? WHERE experiment_id = ? AND storage_state <> ?", (TRASHED, subject, TRASHED))
    detail = {
        "experiment": take_rows(tx, "experiment", "experiment_id = ?", (subject,)),
        "schedules": take_rows(tx, "recurring_run", "experiment_id = ?", (subject,)),
        "archived": archived,
    }
    return Found(row["name"], "", "", int(size["n"]) if size is not None and size["n"] is not None else None, detail)


def restore_experiment(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    """Put an experiment back with its recurring runs and all runs but those that were deleted one by one."""
    _check_free(tx, "experiment", detail["experiment"][0], "another experiment")
    put_rows(tx, "experiment", detail["experiment"])
    _put_schedules(tx, detail["schedules"], at)
    tx.execute(
        "UPDATE run SET storage_state = 'AVAILABLE' WHERE experiment_id = ? AND storage_state = ?"
        " AND run_id NOT IN (SELECT subject FROM trash_item WHERE kind = 'run')",
        (subject, TRASHED),
    )
    archive = "UPDATE run SET storage_state = 'ARCHIVED' WHERE run_id = ? AND storage_state = 'AVAILABLE'"
    tx.many(archive, [(run_id,) for run_id in detail["archived"]])


def check_experiment_there(tx: Transaction, run_id: str) -> None:
    """Refuse to restore a run alone whose experiment lies in the trash.

    Raises:
        ConflictError: it does.
    """
    row = tx.one("SELECT experiment_id FROM run WHERE run_id = ?", (run_id,))
    if row is not None and row["experiment_id"] and _is_trashed(tx, row["experiment_id"]):
        raise ConflictError("its experiment lies in the trash; restore that first")


def put_project(tx: Transaction, subject: str, by: str, at: float) -> Found:
    """Take a project out; its runs, artifacts, sweeps and reports are not reached without it."""
    number = int(subject)
    row = tx.one("SELECT * FROM tracked_project WHERE project_id = ?", (number,))
    if row is None:
        raise NotFoundError("There is no such project any more.")
    sql = "SELECT SUM(f.size_bytes) AS n FROM tracked_file f JOIN tracked_run r ON r.run_id = f.run_id WHERE r.project_id = ?"
    size = tx.one(sql, (number,))
    taken = take_rows(tx, "tracked_project", "project_id = ?", (number,))
    size_bytes = int(size["n"]) if size is not None and size["n"] is not None else None
    return Found(row["name"], f"{row['entity']}/{row['name']}", row["entity"], size_bytes, {"project": taken})


def restore_project(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    """Put a project back with everything in it."""
    row = detail["project"][0]
    if tx.one("SELECT 1 FROM tracked_project WHERE entity = ? AND name = ?", (row["entity"], row["name"])) is not None:
        raise ConflictError(f"{row['entity']} has another project {row['name']!r} now; rename or delete that one first")
    put_rows(tx, "tracked_project", detail["project"])


def _row(tx: Transaction, sql: str, subject: str, missing: str) -> Row:
    row = tx.one(sql, (subject,))
    if row is None:
        raise NotFoundError(missing)
    return row


def _check_free(tx: Transaction, table: str, row: Mapping[str, Any], what: str) -> None:
    if tx.one(f"SELECT 1 FROM {table} WHERE namespace = ? AND name = ?", (row["namespace"], row["name"])) is not None:
        raise ConflictError(f"there is {what} named {row['name']!r} now; delete that one first")


def _is_trashed(tx: Transaction, experiment_id: str) -> bool:
    return tx.one("SELECT 1 FROM trash_item WHERE kind = 'experiment' AND subject = ?", (experiment_id,)) is not None


def _put_schedules(tx: Transaction, rows: list[dict[str, Any]], at: float) -> None:
    """Put schedules back as if they had been switched on now."""
    put_rows(tx, "recurring_run", [{**row, "enabled_at": at if row["is_enabled"] else row["enabled_at"], "updated_at": at} for row in rows])
