"""Domain values to the JSON objects of the metadata service (Metaflow protocol notes, section 3.1).

A run's tags are canonical: steps, tasks and artifacts show the run's current tags; metadata rows keep their own.
"""

from __future__ import annotations

from typing import Any

from penstock.domain.flows import ArtifactRow, Flow, FlowRun, FlowStep, FlowTask, MetadataRow


def _shown_number(number: int, supplied: str | None) -> int | str:
    return supplied if supplied is not None else number


def _run_part(run: FlowRun) -> dict[str, Any]:
    return {"flow_id": run.flow_id, "run_number": _shown_number(run.run_number, run.run_id), "run_id": run.run_id}


def _run_tags(run: FlowRun) -> dict[str, Any]:
    return {"tags": list(run.by.tags), "system_tags": list(run.by.system_tags)}


def _id(shown: str) -> int | str:
    return int(shown) if shown.isdecimal() else shown


def flow_to_wire(flow: Flow) -> dict[str, Any]:
    """A Flow object."""
    return {
        "flow_id": flow.flow_id,
        "user_name": flow.by.user_name,
        "ts_epoch": flow.ts_epoch,
        "tags": list(flow.by.tags),
        "system_tags": list(flow.by.system_tags),
    }


def run_to_wire(run: FlowRun) -> dict[str, Any]:
    """A Run object."""
    return {
        **_run_part(run),
        "user_name": run.by.user_name,
        "ts_epoch": run.ts_epoch,
        "last_heartbeat_ts": run.last_heartbeat_ts,
        **_run_tags(run),
    }


def step_to_wire(step: FlowStep) -> dict[str, Any]:
    """A Step object."""
    return {
        **_run_part(step.run),
        "step_name": step.step_name,
        "user_name": step.user_name,
        "ts_epoch": step.ts_epoch,
        **_run_tags(step.run),
    }


def task_to_wire(task: FlowTask) -> dict[str, Any]:
    """A Task object."""
    return {
        **_run_part(task.run),
        "step_name": task.step_name,
        "task_id": _shown_number(task.task_number, task.task_name),
        "task_name": task.task_name,
        "user_name": task.user_name,
        "ts_epoch": task.ts_epoch,
        "last_heartbeat_ts": task.last_heartbeat_ts,
        **_run_tags(task.run),
    }


def metadata_to_wire(row: MetadataRow) -> dict[str, Any]:
    """A Metadata object."""
    return {
        "id": row.row_id,
        **_run_part(row.run),
        "step_name": row.step_name,
        "task_id": _id(row.task_id),
        "field_name": row.field_name,
        "value": row.value,
        "type": row.type,
        "user_name": row.by.user_name,
        "ts_epoch": row.ts_epoch,
        "tags": list(row.by.tags),
        "system_tags": list(row.by.system_tags),
    }


def artifact_to_wire(row: ArtifactRow) -> dict[str, Any]:
    """An Artifact object."""
    return {
        **_run_part(row.run),
        "step_name": row.step_name,
        "task_id": _id(row.task_id),
        "name": row.name,
        "location": row.location,
        "ds_type": row.ds_type,
        "sha": row.sha,
        "type": row.type,
        "content_type": row.content_type,
        "attempt_id": row.attempt_id,
        "user_name": row.user_name,
        "ts_epoch": row.ts_epoch,
        **_run_tags(row.run),
    }
