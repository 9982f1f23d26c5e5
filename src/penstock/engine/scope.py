"""What the names in a task's expressions stand for, given the state of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.domain.execution import DEFAULT_NAMESPACE, DEFAULT_PIPELINE_ROOT, DEFAULT_SERVICE_ACCOUNT, RunContext
from penstock.domain.expr import UNSET
from penstock.domain.moments import utc_text
from penstock.domain.plan import RunPlan
from penstock.domain.runs import NewRun
from penstock.engine.nodes import Node, RunState
from penstock.engine.phases import Phase

_STATUS_WORDS = {Phase.SUCCEEDED: "COMPLETE", Phase.FAILED: "FAILED", Phase.CANCELED: "CANCELED", Phase.SKIPPED: "SKIPPED"}
"""KFP backend's words in `PipelineTaskFinalStatus` (protocol notes, section 4.7); SKIPPED is ours, upstream has no such case."""

_ERROR_CODE = 9
_CANCELED_CODE = 1


class NodeScope:
    """Names as `node` sees them; `own` are its inputs as far as they are bound."""

    __slots__ = ("_node", "_own", "_state")

    def __init__(self, state: RunState, node: Node, own: Mapping[str, Any]) -> None:
        self._state = state
        self._node = node
        self._own = own

    def scope_input(self, name: str) -> Any:
        """Parameter input of the enclosing graph."""
        frame = self._node.frame
        return UNSET if frame is None else frame.parameters.get(name, UNSET)

    def own_input(self, name: str) -> Any:
        """Bound input, or else its declared default."""
        value = self._own.get(name, UNSET)
        if value is UNSET and (spec := self._node.template.parameters.get(name)) is not None:
            return spec.default
        return value

    def task_output(self, task: str, key: str) -> Any:
        """Output of a sibling that succeeded."""
        sibling = self._sibling(task)
        if sibling is None or sibling.phase is not Phase.SUCCEEDED:
            return UNSET
        return sibling.outputs.parameters.get(key, UNSET)

    def loop_item(self) -> Any:
        """Item of the innermost enclosing iteration."""
        node: Node | None = self._node
        while node is not None:
            if node.item is not UNSET:
                return node.item
            node = node.parent
        return UNSET

    def final_status(self, task: str) -> Any:
        """`PipelineTaskFinalStatus` of a sibling. `error` is always there: the SDK reads its keys without asking."""
        sibling = self._sibling(task)
        if sibling is None:
            return UNSET
        error: dict[str, Any] = {}
        if sibling.error is not None:
            error = {"code": _ERROR_CODE, "message": sibling.error.message}
        elif sibling.phase is Phase.CANCELED:
            error = {"code": _CANCELED_CODE, "message": sibling.reason}
        return {
            "state": _STATUS_WORDS.get(sibling.phase, sibling.state.value),
            "error": error,
            "pipelineJobResourceName": self._state.new_run.resource_name,
            "pipelineTaskName": sibling.key,
        }

    def run_field(self, name: str) -> Any:
        """Fact about the run or the task, by the names of `domain.expr.RunField`."""
        state, node = self._state, self._node
        prefix, colon, rest = name.partition(":")
        if prefix == "create_time" and colon:
            return utc_text(state.new_run.created_at, rest)
        if colon:
            maps = {"label": state.plan.labels, "annotation": state.plan.annotations, "parameter": run_parameters(state)}
            return maps.get(prefix, {}).get(rest, UNSET)
        if name == "task_key":
            return node.key
        if name == "task_id":
            return node.task_id
        if name == "task_path":
            return node.path
        if name == "status":
            return run_status(state)
        if name == "failures":
            return failures_text(state)
        if name == "duration":
            return f"{run_seconds(state):f}"
        if name == "parameters":
            return UNSET if state.context is None else state.context.parameters_text
        return _run_fact(state, name)

    def _sibling(self, task: str) -> Node | None:
        frame = self._node.frame
        return None if frame is None or frame.group is None else frame.group.children.get(task)


def _run_fact(state: RunState, name: str) -> Any:
    run = state.new_run
    facts = {
        "run_id": run.run_id,
        "run_name": run.name,
        "resource_name": run.resource_name,
        "pipeline_name": run.pipeline_name,
        "pipeline_root": pipeline_root(run, state.plan),
        "create_time": utc_text(run.created_at),
        "schedule_time": utc_text(run.scheduled_at),
        "workspace": state.workspace,
        "namespace": run.namespace or DEFAULT_NAMESPACE,
        "service_account": run.service_account or DEFAULT_SERVICE_ACCOUNT,
    }
    return facts.get(name, UNSET)


def run_parameters(state: RunState) -> Mapping[str, Any]:
    """Root parameters with defaults filled in."""
    return state.root.parameters if state.root is not None else {}


def run_status(state: RunState) -> str:
    """Outcome of the run so far in Argo's words."""
    return "Failed" if state.first_failure is not None or state.cancel_reason is not None else "Succeeded"


def run_seconds(state: RunState) -> float:
    """How long the run has been going."""
    return 0.0 if state.started_at is None else state.now - state.started_at


def failures_text(state: RunState) -> str:
    """What failed so far, as Argo's JSON list."""
    return json.dumps(state.failures, separators=(",", ":"))


def pipeline_root(run: NewRun, plan: RunPlan) -> str:
    """Where the run's artifacts are said to be: as asked for, else as compiled, else the usual place."""
    return (run.pipeline_root or str(plan.extra.get("pipeline_root") or "") or DEFAULT_PIPELINE_ROOT).rstrip("/")


def run_context(run: NewRun, plan: RunPlan, parameters: Mapping[str, Any]) -> RunContext:
    """Facts about the run that every launch request carries."""
    return RunContext(
        run_id=run.run_id,
        run_name=run.name,
        resource_name=run.resource_name,
        pipeline_name=run.pipeline_name,
        pipeline_root=pipeline_root(run, plan),
        created_at=run.created_at,
        scheduled_at=run.scheduled_at,
        namespace=run.namespace or DEFAULT_NAMESPACE,
        service_account=run.service_account,
        experiment_id=run.experiment_id,
        recurring_run_id=run.recurring_run_id or "",
        parameters=parameters,
        labels=plan.labels,
        annotations=plan.annotations,
        sdk_version=str(plan.extra.get("sdk_version", "")),
    )
