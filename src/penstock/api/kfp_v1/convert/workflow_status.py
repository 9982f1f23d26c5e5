"""The Argo status document of a run, built from its tasks (kfp 1.8 protocol notes, section 3.5).

Ids of nodes are our task ids (the root's is the workflow name), so that log and artifact routes find them; an attempt of a step with
retries is `<task id>-<number>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api.kfp_v1.convert.values import compact, text_value, time_to_wire
from penstock.domain.ids import ArtifactId, TaskId
from penstock.domain.states import CONDITION_IS_FALSE, LOOP_IS_EMPTY, RuntimeState, TaskType
from penstock.interfaces.run_store import ArtifactView, AttemptView, RunView, TaskView

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


_ERROR_KINDS = frozenset({"OUTPUT", "INPUT", "EXPRESSION", "SYSTEM", "ENVIRONMENT", "LOST"})
"""Failures that are not the program's: Argo calls a node `Error` when, say, a declared output is missing."""


def workflow_status(
    run: RunView,
    tasks: Sequence[TaskView],
    artifacts: Mapping[ArtifactId, ArtifactView],
    manifest: Mapping[str, Any],
    attempts: Mapping[TaskId, Sequence[AttemptView]],
) -> dict[str, Any]:
    """Return `status` of the workflow.

    Args:
        run: the run.
        tasks: all its tasks.
        artifacts: artifacts that the tasks read or wrote, by id.
        manifest: the submitted workflow; empty for runs of another kind.
        attempts: attempts of tasks that were tried more than once.
    """
    nodes = _Nodes(run, tasks, artifacts, manifest, attempts).build()
    leaves = [task for task in tasks if task.type is TaskType.RUNTIME]
    return compact(
        {
            "phase": _PHASE[run.state],
            "startedAt": time_to_wire(run.started_at) if run.started_at else None,
            "finishedAt": time_to_wire(run.finished_at) if run.finished_at else None,
            "message": run.error_message,
            "progress": f"{sum(task.state.is_final for task in leaves)}/{len(leaves)}",
            "nodes": nodes,
        }
    )


class _Nodes:
    """The nodes of one workflow.

    `children` are what runs next, as Argo has it: the first tasks of a group, the tasks that wait for a task, the rounds of a loop, the
    attempts of a retried step.
    """

    def __init__(
        self,
        run: RunView,
        tasks: Sequence[TaskView],
        artifacts: Mapping[ArtifactId, ArtifactView],
        manifest: Mapping[str, Any],
        attempts: Mapping[TaskId, Sequence[AttemptView]],
    ) -> None:
        spec = manifest.get("spec") or {}
        self._run = run
        self._artifacts = artifacts
        self._attempts = attempts
        self._templates = {str(item.get("name")): item for item in spec.get("templates") or ()}
        self._exit_name = str(spec.get("onExit") or "")
        root = next((task for task in tasks if task.type is TaskType.ROOT), None)
        wrapped = root is not None and bool(self._templates) and root.component not in self._templates
        self._steps: dict[str, dict[str, frozenset[str]]] = {}
        self._entry = next((task for task in tasks if wrapped and self._is_entry(task, str(spec.get("entrypoint")))), None)
        self._tasks = [task for task in _without_unstarted(tasks) if task is not self._entry]
        self._by_id = {task.task_id: task for task in self._tasks}
        self._needs = {task.task_id: self._dependencies(task) for task in self._tasks}
        self._by_parent: dict[TaskId | None, list[TaskView]] = {}
        self._waiting: dict[tuple[TaskId | None, str], list[TaskView]] = {}
        for task in self._tasks:
            self._by_parent.setdefault(self._parent(task), []).append(task)
            for name in self._needs[task.task_id]:
                self._waiting.setdefault((self._parent(task), name), []).append(task)

    def build(self) -> dict[str, Any]:
        """Return nodes by id."""
        nodes: dict[str, Any] = {}
        for task in self._tasks:
            node = self._node(task)
            nodes[node["id"]] = node
            for tried in self._attempt_nodes(task, node):
                nodes[tried["id"]] = tried
        return nodes

    @staticmethod
    def _is_entry(task: TaskView, entrypoint: str) -> bool:
        return task.path.count("/") == 1 and task.component == entrypoint and task.type is not TaskType.RUNTIME

    def _parent(self, task: TaskView) -> TaskId | None:
        """Parent without the graph that holds entrypoint and exit handler: Argo has no such node."""
        if self._entry is not None and task.parent_task_id == self._entry.task_id:
            return self._entry.parent_task_id
        return task.parent_task_id

    def _id(self, task: TaskView) -> str:
        return self._run.resource_name if task.type is TaskType.ROOT else task.task_id

    def _name(self, task: TaskView) -> str:
        parts = task.path.split("/")[1:]
        if self._is_exit(task):
            parts = ["onExit"]
        elif self._entry is not None and parts:
            parts = parts[1:]
        return self._run.resource_name + "".join(f".{part.replace('[', '(').replace(']', ')')}" for part in parts)

    def _is_exit(self, task: TaskView) -> bool:
        return bool(self._exit_name) and task.component == self._exit_name and task.path.count("/") == 1

    def _node(self, task: TaskView) -> dict[str, Any]:
        is_root = task.type is TaskType.ROOT
        template = self._templates.get(task.component, {})
        return compact(
            {
                "id": self._id(task),
                "name": self._name(task),
                "displayName": self._run.resource_name if is_root else f"{task.display_name}{_round(task)}",
                "type": self._type(task),
                "templateName": self._entry.component if is_root and self._entry is not None else task.component,
                "phase": _phase(task),
                "message": (task.error or {}).get("message") or (task.reason if task.state is RuntimeState.SKIPPED else ""),
                "boundaryID": self._boundary(task),
                "startedAt": time_to_wire(task.started_at) if task.started_at else None,
                "finishedAt": time_to_wire(task.finished_at) if task.finished_at else None,
                "children": self._children(task),
                "inputs": _side(_declared_inputs(task, template), self._artifacts, template.get("inputs") or {}),
                "outputs": compact({**_side(task.outputs, self._artifacts, template.get("outputs") or {}), "exitCode": _exit_code(task)}),
            }
        )

    def _type(self, task: TaskView) -> str:
        if task.state is RuntimeState.SKIPPED:
            return "Skipped"
        if task.type is TaskType.LOOP:
            return "TaskGroup"
        if task.type is TaskType.RUNTIME:
            return "Retry" if self._is_retried(task) else "Pod"
        return "DAG"

    def _is_retried(self, task: TaskView) -> bool:
        if task.type is not TaskType.RUNTIME or task.attempts == 0:
            return False
        return task.attempts > 1 if not self._templates else "retryStrategy" in self._templates.get(task.component, {})

    def _boundary(self, task: TaskView) -> str | None:
        parent = self._parent(task)
        if task.type is TaskType.ROOT or parent is None or self._is_exit(task):
            return None
        holder = self._by_id.get(parent)
        return self._id(holder) if holder is not None else None

    def _children(self, task: TaskView) -> list[str]:
        inside = [item for item in self._by_parent.get(task.task_id, ()) if not self._is_exit(item)]
        if task.type is not TaskType.LOOP:
            inside = [item for item in inside if not self._needs[item.task_id]]
        tried = [f"{task.task_id}-{number}" for number in range(task.attempts)] if self._is_retried(task) else []
        after = self._waiting.get((self._parent(task), task.task_key), ()) if task.parent_task_id is not None else ()
        return [*(self._id(item) for item in inside), *tried, *(self._id(item) for item in after)]

    def _dependencies(self, task: TaskView) -> frozenset[str]:
        """Names of the tasks that `task` waits for."""
        parent = self._parent(task)
        holder = self._by_id.get(parent) if parent is not None else None
        if holder is None or holder.type is TaskType.LOOP:
            return frozenset()
        component = self._entry.component if holder.type is TaskType.ROOT and self._entry is not None else holder.component
        if component not in self._steps:
            steps = (self._templates.get(component, {}).get("dag") or {}).get("tasks") or ()
            self._steps[component] = {str(step.get("name")): frozenset(step.get("dependencies") or ()) for step in steps}
        return self._steps[component].get(task.task_key, frozenset())

    def _attempt_nodes(self, task: TaskView, node: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not self._is_retried(task):
            return []
        known = {item.attempt: item for item in self._attempts.get(task.task_id, ())}
        shared = {key: node[key] for key in ("templateName", "boundaryID", "inputs") if key in node}
        found = []
        for number in range(task.attempts):
            is_last = number == task.attempts - 1
            own = {key: node[key] for key in ("phase", "message", "startedAt", "finishedAt", "outputs") if key in node}
            if not is_last and (tried := known.get(number)) is not None:
                own = _attempt_facts(tried)
            suffix = f"({number})"
            name = {"id": f"{task.task_id}-{number}", "name": node["name"] + suffix, "displayName": node["displayName"] + suffix}
            found.append({**name, "type": "Pod", **shared, **own})
        return found


def _attempt_facts(attempt: AttemptView) -> dict[str, Any]:
    return compact(
        {
            "phase": _PHASE[attempt.state],
            "message": str((attempt.error or {}).get("message") or ""),
            "startedAt": time_to_wire(attempt.started_at) if attempt.started_at else None,
            "finishedAt": time_to_wire(attempt.finished_at) if attempt.finished_at else None,
            "outputs": {"exitCode": str(attempt.exit_code)} if attempt.exit_code is not None else {},
        }
    )


def _phase(task: TaskView) -> str:
    if task.state is RuntimeState.SKIPPED and task.reason not in {CONDITION_IS_FALSE, LOOP_IS_EMPTY}:
        return "Omitted"
    if task.state is RuntimeState.FAILED and task.type in {TaskType.RUNTIME, TaskType.LOOP} and _is_error(task):
        return "Error"
    return _PHASE[task.state]


def _is_error(task: TaskView) -> bool:
    error = task.error or {}
    return error.get("kind") in _ERROR_KINDS and " failed: " not in str(error.get("message"))


def _round(task: TaskView) -> str:
    """`(0:value)` of one round of a loop, with the item as far as the round takes it in; as Argo names it."""
    if task.iteration_index is None:
        return ""
    values = {name: text_value(value) for name, value in (task.inputs.get("parameters") or {}).items() if "loop-item" in name}
    parts = [f"{name.partition('-subvar-')[2]}:{value}" if "-subvar-" in name else value for name, value in values.items()]
    return f"({':'.join([str(task.iteration_index), ','.join(parts)]) if parts else task.iteration_index})"


def _without_unstarted(tasks: Sequence[TaskView]) -> list[TaskView]:
    """Argo shows a skipped group without what is in it."""
    skipped = {task.task_id for task in tasks if task.state is RuntimeState.SKIPPED}
    return [task for task in tasks if task.parent_task_id not in skipped]


def _declared_inputs(task: TaskView, template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Inputs that the workflow's template declares; ours also have the constants of the component, which Argo knows in the command only."""
    names = {str(item.get("name")) for item in (template.get("inputs") or {}).get("parameters") or ()}
    given = task.inputs.get("parameters") or {}
    return {**task.inputs, "parameters": {name: value for name, value in given.items() if name in names}} if template else task.inputs


def _exit_code(task: TaskView) -> str | None:
    if task.type is not TaskType.RUNTIME or not task.state.is_final or task.state is RuntimeState.SKIPPED:
        return None
    code = (task.error or {}).get("exit_code")
    return str(code) if code is not None else "0" if task.state is RuntimeState.SUCCEEDED else None


def _side(side: Mapping[str, Any], artifacts: Mapping[ArtifactId, ArtifactView], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs or outputs of a node. Args: declared: the same side of its template, for the paths."""
    parameters = [{"name": name, "value": text_value(value)} for name, value in (side.get("parameters") or {}).items()]
    paths = {str(item.get("name")): item.get("path") for item in declared.get("artifacts") or ()}
    found = []
    for name, ids in (side.get("artifacts") or {}).items():
        for artifact_id in ids:
            view = artifacts.get(artifact_id)
            if view is not None:
                found.append(compact({"name": name, "path": paths.get(name), "s3": _location(view.artifact.uri)}))
    return compact({"parameters": parameters, "artifacts": found})


def _location(uri: str) -> dict[str, str]:
    _, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    return {"bucket": bucket, "key": key, "endpoint": "minio-service.kubeflow:9000"}
