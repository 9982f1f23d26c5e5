"""The Argo status document: what of our tasks becomes which node."""

from __future__ import annotations

from typing import Any

from penstock.api.kfp_v1.convert.workflow_status import workflow_status
from penstock.domain.ids import RunId, TaskId, node_task
from penstock.domain.states import CONDITION_IS_FALSE, RuntimeState, StorageState, TaskType
from penstock.interfaces.run_store import AttemptView, RunView, TaskView

_RUN: Any = dict.fromkeys(RunView.__dataclass_fields__)
_TASK: Any = dict.fromkeys(TaskView.__dataclass_fields__)
_FAILED = {"state": RuntimeState.FAILED, "error": {"kind": "EXIT_CODE", "message": "exit code 1", "exit_code": 1}}


def run(state: RuntimeState = RuntimeState.FAILED) -> RunView:
    fields = {"run_id": RunId("r"), "kind": "argo", "resource_name": "flow-abcde", "state": state, "storage_state": StorageState.AVAILABLE}
    return RunView(**{**_RUN, **fields})


def task(path: str, component: str, kind: TaskType = TaskType.RUNTIME, **fields: Any) -> TaskView:
    key = path.rpartition("/")[2].partition("[")[0]
    parent, _, _ = path.rpartition("/")
    if path.endswith("]"):
        parent = path.partition("[")[0]
    base = {
        "task_id": TaskId(path), "parent_task_id": TaskId(parent) if parent else None, "path": path, "task_key": key, "display_name": key,
        "type": kind, "component": component, "state": RuntimeState.SUCCEEDED, "reason": "", "attempts": 1, "inputs": {}, "outputs": {},
        "detail": {},
    }  # fmt: skip
    return TaskView(**{**_TASK, **base, **fields})


def workflow(*templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"entrypoint": "main", "templates": list(templates), **spec}}


def dag(name: str, *tasks: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "dag": {"tasks": list(tasks)}}


def nodes(manifest: dict[str, Any], *tasks: TaskView, attempts: dict[TaskId, list[AttemptView]] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = workflow_status(run(), tasks, {}, manifest, attempts or {})["nodes"]
    return found


def test_children_are_what_runs_next() -> None:
    manifest = workflow(dag("main", {"name": "a"}, {"name": "b", "dependencies": ["a"]}), {"name": "a"}, {"name": "b"})
    found = nodes(manifest, task("root", "main", TaskType.ROOT), task("root/a", "a"), task("root/b", "b"))
    assert found["flow-abcde"]["children"] == ["root/a"]
    assert found["root/a"]["children"] == ["root/b"]
    assert "children" not in found["root/b"]
    assert {node.get("boundaryID") for name, node in found.items() if name != "flow-abcde"} == {"flow-abcde"}


def test_entrypoint_and_exit_handler_stand_as_argo_has_them() -> None:
    manifest = workflow(dag("main", {"name": "a"}), {"name": "a"}, {"name": "bye"}, onExit="bye")
    found = nodes(
        manifest,
        task("root", "--workflow--", TaskType.ROOT),
        task("root/main", "main", TaskType.EXIT_HANDLER),
        task("root/main/a", "a"),
        task("root/bye", "bye"),
    )
    assert set(found) == {"flow-abcde", "root/main/a", "root/bye"}
    assert (found["flow-abcde"]["templateName"], found["flow-abcde"]["children"]) == ("main", ["root/main/a"])
    assert found["root/main/a"]["name"] == "flow-abcde.a"
    assert found["root/bye"]["name"] == "flow-abcde.onExit"


def test_rounds_of_a_loop_carry_their_item() -> None:
    item = {"parameters": {"loop-item-param-1": "x"}}
    pair = {"parameters": {"p-loop-item-subvar-a": 1, "p-loop-item-subvar-b": "y"}}
    found = nodes(
        workflow(dag("main", {"name": "for-loop-1"}), dag("for-loop-1", {"name": "a"}), {"name": "a"}),
        task("root", "main", TaskType.ROOT),
        task("root/for-loop-1", "for-loop-1", TaskType.LOOP),
        task("root/for-loop-1[0]", "for-loop-1", TaskType.DAG, iteration_index=0, inputs=item),
        task("root/for-loop-1[1]", "for-loop-1", TaskType.DAG, iteration_index=1, inputs=pair),
    )
    assert found["root/for-loop-1"]["type"] == "TaskGroup"
    assert found["root/for-loop-1"]["children"] == ["root/for-loop-1[0]", "root/for-loop-1[1]"]
    assert found["root/for-loop-1[0]"]["displayName"] == "for-loop-1(0:x)"
    assert found["root/for-loop-1[1]"]["name"] == "flow-abcde.for-loop-1(1)"
    assert found["root/for-loop-1[1]"]["displayName"] == "for-loop-1(1:a:1,b:y)"


def test_a_retried_step_has_a_node_per_attempt() -> None:
    first = AttemptView(TaskId("root/a"), 0, RunId("r"), RuntimeState.FAILED, 1.0, 1.0, 2.0, 3, {"message": "exit code 3"})
    retried = task("root/a", "a", attempts=2, outputs={"parameters": {"o": "1"}})
    manifest = workflow(dag("main", {"name": "a"}), {"name": "a", "retryStrategy": {"limit": 2}})
    found = nodes(manifest, task("root", "main", TaskType.ROOT), retried, attempts={TaskId("root/a"): [first]})
    assert (found["root/a"]["type"], found["root/a"]["children"]) == ("Retry", ["root/a-0", "root/a-1"])
    assert (found["root/a-0"]["phase"], found["root/a-0"]["message"]) == ("Failed", "exit code 3")
    assert found["root/a-1"]["displayName"] == "a(1)"
    assert found["root/a-1"]["outputs"]["parameters"] == [{"name": "o", "value": "1"}]


def test_skipped_omitted_failed_and_error_are_told_apart() -> None:
    missing = {"state": RuntimeState.FAILED, "error": {"kind": "OUTPUT", "message": "output 'o' was not written", "exit_code": None}}
    found = nodes(
        workflow(dag("main")),
        task("root", "main", TaskType.ROOT, **_FAILED),
        task("root/no", "no", state=RuntimeState.SKIPPED, reason=CONDITION_IS_FALSE),
        task("root/late", "late", state=RuntimeState.SKIPPED, reason="not started: `bad` failed"),
        task("root/bad", "bad", **_FAILED),
        task("root/lost", "lost", **missing),
    )
    phases = {name.removeprefix("root/"): node["phase"] for name, node in found.items()}
    assert phases == {"flow-abcde": "Failed", "no": "Skipped", "late": "Omitted", "bad": "Failed", "lost": "Error"}
    assert found["root/bad"]["outputs"]["exitCode"] == "1"


def test_nodes_name_tasks_and_attempts() -> None:
    task_id = "89b6d357-4a38-50e6-8be1-20954731f92f"
    assert node_task(task_id) == (task_id, None)
    assert node_task(f"{task_id}-1") == (task_id, 1)
    assert node_task("flow-12345") == ("flow-12345", None)
