"""Tasks on the wire: `PipelineTaskDetail` of today's run details, and the richer `Task` of the coming upstream API.

One entry per task, per iteration and for the root, also for those that never ran. `pod_name` equals `task_id`, so that log addresses
built from either work. Semantics: kfp protocol notes, sections 2.5 and 2.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.api.kfp.convert.artifacts import artifact_to_wire
from penstock.api.kfp.convert.states import CANCELED_CODE, FAILED_CODE, history_entry, status
from penstock.api.kfp.wire import message, timestamp
from penstock.domain.ids import ArtifactId, TaskId
from penstock.domain.states import RuntimeState, TaskType
from penstock.interfaces.run_store import ArtifactView, AttemptView, TaskView

_LEAVES = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})
_TYPES = {TaskType.ITERATION: TaskType.DAG}
"""Upstream has no word for a round of a loop: it is a DAG with an iteration index."""


def details_to_wire(tasks: Sequence[TaskView]) -> list[dict[str, Any]]:
    """Return `run_details.task_details` of a whole run."""
    children = _children(tasks)
    return [_detail(task, children.get(task.task_id, [])) for task in tasks]


def tasks_to_wire(
    tasks: Sequence[TaskView],
    artifacts: Mapping[ArtifactId, ArtifactView],
    children: Mapping[TaskId, Sequence[TaskId]] | None = None,
    attempts: Mapping[TaskId, Sequence[AttemptView]] | None = None,
) -> list[dict[str, Any]]:
    """Return `Task` messages; `children` is worked out from the tasks when they are a whole run."""
    known = _children(tasks) if children is None else children
    return [_task(task, known.get(task.task_id, []), artifacts, (attempts or {}).get(task.task_id)) for task in tasks]


def artifact_ids(tasks: Iterable[TaskView]) -> list[ArtifactId]:
    """Return the ids of all artifacts that the tasks took or made."""
    sides = [side for task in tasks for side in (task.inputs, task.outputs)]
    return [ArtifactId(number) for side in sides for ids in side.get("artifacts", {}).values() for number in ids]


def _children(tasks: Sequence[TaskView]) -> dict[TaskId, list[TaskId]]:
    found: dict[TaskId, list[TaskId]] = {}
    for task in tasks:
        if task.parent_task_id is not None:
            found.setdefault(task.parent_task_id, []).append(task.task_id)
    return found


def _detail(task: TaskView, children: Sequence[TaskId]) -> dict[str, Any]:
    is_started_leaf = task.type in _LEAVES and task.attempts > 0
    return message(
        run_id=task.run_id,
        task_id=task.task_id,
        display_name=display_name(task),
        create_time=timestamp(task.created_at),
        start_time=timestamp(task.started_at),
        end_time=timestamp(task.finished_at),
        executor_detail=message(
            main_job=task.task_id,
            failed_main_jobs=[f"{task.task_id}:{number}" for number in range(task.attempts - (task.state is not RuntimeState.FAILED))],
        )
        if is_started_leaf
        else None,
        state=task.state.value,
        execution_id=str(task.execution_id),
        error=_error(task),
        inputs=_artifact_lists(task.inputs),
        outputs=_artifact_lists(task.outputs),
        parent_task_id=task.parent_task_id,
        state_history=_history(task),
        pod_name=task.task_id,
        child_tasks=[{"task_id": child, "pod_name": child} for child in children],
    )


def display_name(task: TaskView) -> str:
    """Return what people read; rounds of a loop carry their number."""
    if task.type is TaskType.ITERATION and task.iteration_index is not None:
        return f"{task.display_name}[{task.iteration_index}]"
    return task.display_name


def _error(task: TaskView) -> dict[str, Any] | None:
    if task.state not in {RuntimeState.FAILED, RuntimeState.CANCELED}:
        return None
    text = (task.error or {}).get("message") or task.reason
    return status(CANCELED_CODE if task.state is RuntimeState.CANCELED else FAILED_CODE, text)


def _artifact_lists(side: Mapping[str, Any]) -> dict[str, Any]:
    return {key: {"artifact_ids": [str(number) for number in ids]} for key, ids in side.get("artifacts", {}).items()}


def _history(task: TaskView) -> list[dict[str, Any]]:
    """Return the states that the stored times tell of: created, started, ended."""
    entries = [history_entry(task.created_at, RuntimeState.PENDING.value)]
    if task.started_at is not None:
        entries.append(history_entry(task.started_at, RuntimeState.RUNNING.value))
    if task.state.is_final:
        entries.append(history_entry(task.finished_at or task.created_at, task.state.value, _error(task)))
    return entries


def _task(
    task: TaskView, children: Sequence[TaskId], artifacts: Mapping[ArtifactId, ArtifactView], attempts: Sequence[AttemptView] | None
) -> dict[str, Any]:
    state = "CACHED" if task.is_cached and task.state is RuntimeState.SUCCEEDED else task.state.value
    body = message(
        name=task.task_key,
        display_name=display_name(task),
        task_id=task.task_id,
        run_id=task.run_id,
        pods=[{"name": task.task_id, "uid": task.task_id, "type": "EXECUTOR"}] if task.type in _LEAVES and task.attempts else None,
        cache_fingerprint=task.cache_fingerprint,
        create_time=timestamp(task.created_at),
        start_time=timestamp(task.started_at),
        end_time=timestamp(task.finished_at),
        state=state,
        status_metadata=message(message=(task.error or {}).get("message") or task.reason, custom_properties=_properties(task)),
        state_history=_history(task),
        type=_TYPES.get(task.type, task.type).value,
        type_attributes=message(iteration_count=task.iteration_count),
        parent_task_id=task.parent_task_id,
        child_tasks=[{"task_id": child} for child in children],
        inputs=_io(task, task.inputs, artifacts, is_input=True),
        outputs=_io(task, task.outputs, artifacts, is_input=False),
        scope_path=task.path.split("/"),
        path=task.path,
        component=task.component,
        attempts=task.attempts,
        error=_error(task),
        warnings=list(task.detail.get("warnings", [])),
        attempt_details=None if attempts is None else [_attempt(view) for view in attempts],
    )
    if task.iteration_index is not None:  # 0 says something here
        body.setdefault("type_attributes", {})["iteration_index"] = str(task.iteration_index)
    return body


def _properties(task: TaskView) -> dict[str, Any]:
    return message(cache_reason=task.cache_reason, cached_task_id=task.cached_task_id, reason=task.reason)


def _io(task: TaskView, side: Mapping[str, Any], artifacts: Mapping[ArtifactId, ArtifactView], *, is_input: bool) -> dict[str, Any]:
    producers = side.get("producers", {})
    parameters = []
    for key, value in side.get("parameters", {}).items():
        producer = producers.get(key)
        kind = ("TASK_OUTPUT_INPUT" if producer else "COMPONENT_INPUT") if is_input else "OUTPUT"
        entry = {"value": value, "type": kind, "parameter_key": key}
        if producer or not is_input:
            entry["producer"] = _producer(task, producer)
        parameters.append(entry)
    listed = []
    for key, ids in side.get("artifacts", {}).items():
        producer = producers.get(key)
        entry = {
            "artifacts": [
                artifact_to_wire(artifacts[number]) if number in artifacts else {"artifact_id": str(number)} for number in ids
            ],
            "type": ("TASK_OUTPUT_INPUT" if producer else "COMPONENT_INPUT") if is_input else "OUTPUT",
            "artifact_key": key,
        }
        if producer or not is_input:
            entry["producer"] = _producer(task, producer)
        listed.append(entry)
    return message(parameters=parameters, artifacts=listed)


def _producer(task: TaskView, producer: Mapping[str, str] | None) -> dict[str, Any]:
    if producer is not None:
        return message(task_name=producer.get("task"), key=producer.get("key"), scope_path=producer.get("path"))
    body = message(task_name=task.task_key)
    if task.iteration_index is not None:
        body["iteration"] = str(task.iteration_index)
    return body


def _attempt(view: AttemptView) -> dict[str, Any]:
    body = message(
        state=view.state.value,
        create_time=timestamp(view.created_at),
        start_time=timestamp(view.started_at),
        end_time=timestamp(view.finished_at),
        error=status(FAILED_CODE, (view.error or {}).get("message")),
        detail=dict(view.detail),
    )
    body["attempt"] = view.attempt
    if view.exit_code is not None:
        body["exit_code"] = view.exit_code
    return body
