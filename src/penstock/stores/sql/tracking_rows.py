"""Rows of the tracking tables as domain values, and the SELECT that every reader of runs shares."""

from __future__ import annotations

import json

from penstock.domain.ids import Digest, RunId, TaskId, TrackedRunId
from penstock.domain.tracking import RunFile, TrackedProject, TrackedProjectId, TrackedRun, TrackedState
from penstock.stores.sql.database import Row, Transaction

SELECT_RUN = (
    "SELECT r.*, p.entity AS entity, p.name AS project, d.config AS config, d.summary AS summary FROM tracked_run r "
    "JOIN tracked_project p ON p.project_id = r.project_id JOIN tracked_document d ON d.run_id = r.run_id "
)


def run_from_row(row: Row) -> TrackedRun:
    """Return the run of a `SELECT_RUN` row."""
    return TrackedRun(
        run_id=TrackedRunId(row["run_id"]),
        project_id=TrackedProjectId(row["project_id"]),
        entity=row["entity"],
        project=row["project"],
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        notes=row["notes"],
        tags=tuple(json.loads(row["tags"])),
        group=row["group_name"],
        job_type=row["job_type"],
        config=row["config"],
        summary=row["summary"],
        state=TrackedState(row["state"]),
        exit_code=row["exit_code"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        heartbeat_at=row["heartbeat_at"],
        finished_at=row["finished_at"],
        host=row["host"],
        program=row["program"],
        commit=row["commit_hash"],
        repo=row["repo"],
        user_name=row["user_name"],
        sweep=row["sweep"],
        is_stop_requested=bool(row["stop_requested"]),
        task_id=TaskId(row["task_id"]) if row["task_id"] else None,
        pipeline_run_id=RunId(row["pipeline_run_id"]) if row["pipeline_run_id"] else None,
        is_automatic=bool(row["is_automatic"]),
        is_shared=bool(row["is_shared"]),
        stop_asked_at=row["stop_asked_at"],
        stop_asked_by=row["stop_asked_by"],
        place=row["place"],
    )


def next_place(tx: Transaction, project_id: TrackedProjectId) -> int:
    """Return the place of the next run of a project."""
    row = tx.one("SELECT MAX(place) AS place FROM tracked_run WHERE project_id = ?", (project_id,))
    return ((row["place"] if row is not None else None) or 0) + 1


def project_from_row(row: Row) -> TrackedProject:
    """Return the project of a row of `tracked_project` with `run_count`."""
    return TrackedProject(
        project_id=TrackedProjectId(row["project_id"]),
        entity=row["entity"],
        name=row["name"],
        description=row["description"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        run_count=row["run_count"],
        user_name=row["user_name"],
        settings=json.loads(row["settings"]),
        is_described=bool(row["is_described"]),
    )


def file_from_row(row: Row) -> RunFile:
    """Return the file of a row of `tracked_file`."""
    return RunFile(
        file_id=row["file_id"],
        run_id=TrackedRunId(row["run_id"]),
        name=row["name"],
        digest=Digest(row["digest"]),
        size_bytes=row["size_bytes"],
        md5=row["md5"] or None,
        mimetype=row["mimetype"],
        updated_at=row["updated_at"],
    )
