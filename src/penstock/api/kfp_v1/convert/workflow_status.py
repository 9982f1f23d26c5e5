"""The Argo status document of a run, built from its tasks (kfp 1.8 protocol notes, section 3.5).

Ids of nodes are our task ids (the root's is the workflow name), so that log and artifact routes find them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api.kfp_v1.convert.values import compact, text_value, time_to_wire
from penstock.domain.ids import ArtifactId
from penstock.domain.states import RuntimeState, TaskType
from penstock.interfaces.run_store import ArtifactView, RunView, TaskView

_PHASE = {
    RuntimeState.PENDING: "Pending",
    RuntimeState.RUNNING: "Running",
    RuntimeState.SUCCEEDED: "Succeeded",
    RuntimeState.SKIPPED: "Skipped",
    RuntimeState.FAILED: "Failed",
    RuntimeState.CANCELING: "Running",
    RuntimeState.CANCELED: "Failed",
    RuntimeState.PAUSED: "Pending",
}


def workflow_status(run: RunView, tasks: Sequence[TaskView], artifacts: Mapping[ArtifactId, ArtifactView]) -> dict[str, Any]:
    """Return `status` of the workflow.

    Args:
        run: the run.
        tasks: all its tasks.
        artifacts: artifacts that the tasks read or wrote, by id.
    """
    tasks = _without_unstarted(tasks)
    names: dict[str, str] = {}
    children: dict[str, list[str]] = {}
    for task in tasks:
        node_id = _node_id(run, task)
        names[task.task_id] = run.resource_name + "".join(f".{part}" for part in task.path.split("/")[1:])
        if task.parent_task_id is not None:
            children.setdefault(task.parent_task_id, []).append(node_id)
    nodes = {
        _node_id(run, task): compact(
            {
                "id": _node_id(run, task),
                "name": names[task.task_id],
                "displayName": run.resource_name if task.type is TaskType.ROOT else task.display_name,
                "type": _node_type(task),
                "templateName": task.component,
                "phase": _PHASE[task.state],
                "message": (task.error or {}).get("message") or (task.reason if task.state is RuntimeState.SKIPPED else ""),
                "boundaryID": _boundary(run, task),
                "startedAt": time_to_wire(task.started_at) if task.started_at else None,
                "finishedAt": time_to_wire(task.finished_at) if task.finished_at else None,
                "children": children.get(task.task_id, []),
                "inputs": _side(task.inputs, artifacts),
                "outputs": compact({**_side(task.outputs, artifacts), "exitCode": _exit_code(task)}),
            }
        )
        for task in tasks
    }
    done = sum(task.state.is_final for task in tasks if task.type is TaskType.RUNTIME)
    total = sum(1 for task in tasks if task.type is TaskType.RUNTIME)
    return compact(
        {
            "phase": _PHASE[run.state],
            "startedAt": time_to_wire(run.started_at) if run.started_at else None,
            "finishedAt": time_to_wire(run.finished_at) if run.finished_at else None,
            "message": run.error_message,
            "progress": f"{done}/{total}",
            "nodes": nodes,
        }
    )


def _without_unstarted(tasks: Sequence[TaskView]) -> list[TaskView]:
    """Argo shows a skipped group without what is in it."""
    skipped = {task.task_id for task in tasks if task.state is RuntimeState.SKIPPED}
    return [task for task in tasks if task.parent_task_id not in skipped]


def _node_id(run: RunView, task: TaskView) -> str:
    return run.resource_name if task.type is TaskType.ROOT else task.task_id


def _boundary(run: RunView, task: TaskView) -> str | None:
    if task.type is TaskType.ROOT or task.parent_task_id is None:
        return None
    return run.resource_name if task.path.count("/") == 1 else task.parent_task_id


def _node_type(task: TaskView) -> str:
    if task.state is RuntimeState.SKIPPED:
        return "Skipped"
    if task.type is TaskType.LOOP:
        return "TaskGroup"
    if task.type is TaskType.RUNTIME:
        return "Retry" if task.attempts > 1 else "Pod"
    return "DAG"


def _exit_code(task: TaskView) -> str | None:
    if task.type is not TaskType.RUNTIME or not task.state.is_final or task.state is RuntimeState.SKIPPED:
        return None
    code = (task.error or {}).get("exit_code")
    return str(code) if code is not None else "0" if task.state is RuntimeState.SUCCEEDED else None


def _side(side: Mapping[str, Any], artifacts: Mapping[ArtifactId, ArtifactView]) -> dict[str, Any]:
    parameters = [{"name": name, "value": text_value(value)} for name, value in (side.get("parameters") or {}).items()]
    found = []
    for name, ids in (side.get("artifacts") or {}).items():
        for artifact_id in ids:
            view = artifacts.get(artifact_id)
            if view is not None:
                found.append({"name": name, "s3": _location(view.artifact.uri)})
    return compact({"parameters": parameters, "artifacts": found})


def _location(uri: str) -> dict[str, str]:
    _, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    return {"bucket": bucket, "key": key, "endpoint": "minio-service.kubeflow:9000"}
