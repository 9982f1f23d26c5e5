"""What people read about a run: turns changed nodes into the records that the journal stores beside the events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.execution import first_line_of
from penstock.domain.flows import FLOW_VARIABLE
from penstock.domain.ids import RunId, TaskId
from penstock.domain.numbers import finite_number
from penstock.domain.plan import ContainerWork, LeafTemplate
from penstock.domain.states import RuntimeState
from penstock.engine.cache_key import cache_scope
from penstock.engine.inputs import producers
from penstock.engine.nodes import Changes, Node, RunState
from penstock.engine.phases import Phase
from penstock.engine.readiness import seconds, waiting_for
from penstock.interfaces.journal import (
    ArtifactRecord,
    ArtifactUseRecord,
    AttemptRecord,
    CacheEntryRecord,
    MetricRecord,
    NoteRecord,
    RunRecord,
    TaskRecord,
)

METRICS_TYPE = "system.Metrics"
"""Artifact type whose metadata are scalar metrics."""
METRIC_FORMATS_KEY = "_formats"
"""Metadata entry of such an artifact that says how each metric is shown (name to RAW or PERCENTAGE)."""

_MANY_ITEMS = 100
_FAILED_CODE = 9
_CANCELED_CODE = 1
_INTERNAL_CODE = 13
_EXECUTION_ID_BITS = 53


def task_record(
    state: RunState, node: Node, *, previous: RuntimeState | None, waiting: str = "", detail: Mapping[str, Any] | None = None
) -> TaskRecord:
    """The task as it is now.

    Args:
        state: the run.
        node: the task.
        previous: state in its last record.
        waiting: what the executor last said about a launched attempt that has not started.
        detail: news of the newest attempt, if any.
    """
    leaf, group = node.leaf, node.group
    return TaskRecord(
        run=state.new_run,
        task_id=node.task_id,
        execution_id=execution_id(node.task_id),
        parent_task_id=None if node.parent is None else node.parent.task_id,
        path=node.path,
        task_key=node.key,
        display_name=node.name,
        type=node.type,
        component=node.spec.template,
        is_leaf=leaf is not None,
        iteration_index=node.iteration,
        iteration_count=len(group.items) if group is not None and node.is_loop else None,
        position=node.position,
        state=node.state if node.parent is not None else state.state,
        previous_state=previous,
        reason=reason_of(state, node, waiting),
        created_at=node.created_at,
        started_at=node.started_at,
        finished_at=node.finished_at,
        attempts=0 if leaf is None else leaf.attempts,
        is_cached=leaf is not None and leaf.is_cached,
        cached_task_id=None if leaf is None else leaf.cached_task_id,
        cache_fingerprint=None if leaf is None else leaf.fingerprint,
        cache_reason="" if leaf is None else leaf.cache_reason,
        error=node.error,
        parameters=_recorded_parameters(node),
        input_artifacts=node.artifacts,
        producers=producers(node),
        outputs=node.outputs,
        detail=detail,
        flow=_flow_of(node),
        code_digest=node.template.identity.get("code", "") if isinstance(node.template, LeafTemplate) else "",
        value_types=node.template.extra.get("value_types", {}) if isinstance(node.template, LeafTemplate) else {},
    )


def _flow_of(node: Node) -> str:
    work = node.template.work if isinstance(node.template, LeafTemplate) else None
    if not isinstance(work, ContainerWork):
        return ""
    return next((str(value) for name, value in work.env if name == FLOW_VARIABLE), "")


def _recorded_parameters(node: Node) -> Mapping[str, Any]:
    """What the task received. The record of an iteration leaves out the list of a long loop's items: the record of the loop has it, and
    n iterations would hold it n times.
    """
    loop = node.parent
    if node.iteration is None or loop is None or loop.group is None or len(loop.group.items) < _MANY_ITEMS:
        return node.parameters
    given, count = loop.parameters, len(loop.group.items)
    return {name: value for name, value in node.parameters.items() if not (value is given.get(name) and _is_list_of(value, count))}


def _is_list_of(value: Any, count: int) -> bool:
    """Whether `value` is a list of that many items, or text long enough to be one."""
    return len(value) == count if isinstance(value, list | tuple) else isinstance(value, str) and len(value) >= 2 * count


def plan_detail(state: RunState, node: Node) -> Mapping[str, Any] | None:
    """What the dialect said of the whole run when it made the plan, as detail of the root task; None for other tasks."""
    warnings = state.plan.extra.get("warnings") if node.parent is None else None
    return {"warnings": list(warnings)} if warnings else None


def execution_id(task_id: TaskId) -> int:
    """Number derived from a task id, for clients that want one; never 0."""
    return (int(task_id.replace("-", ""), 16) & ((1 << _EXECUTION_ID_BITS) - 1)) or 1


_PAUSED = "waiting until the run is continued: it is paused"


def reason_of(state: RunState, node: Node, waiting: str = "") -> str:
    """Why the task is in its state, a sentence; empty when there is nothing to explain."""
    phase = node.phase
    if phase is Phase.WAITING:
        return waiting_for(node, state.now)
    if phase is Phase.HELD:
        return _held_reason(state, node)
    if phase in (Phase.BACKOFF, Phase.CACHING) and state.is_paused and node in state.paused:
        return _PAUSED
    if phase is Phase.CACHING:
        return "looking for an earlier result in the cache"
    if phase is Phase.LAUNCHED:
        return waiting or f"waiting for the executor to start attempt {node.leaf.attempts if node.leaf else 1}"
    if phase is Phase.BACKOFF and node.leaf is not None and node.leaf.retry_at is not None:
        message = first_line_of(node.error.message) if node.error is not None and node.error.message else "failed"
        return f"waiting for attempt {node.leaf.attempts + 1}, retry in {seconds(node.leaf.retry_at - state.now)}; {message}"
    if phase is Phase.IMPORTING:
        return "registering the artifact"
    if phase is Phase.STOPPING:
        return f"stopping: {state.cancel_reason}"
    if phase is Phase.SUCCEEDED and node.leaf is not None and node.leaf.is_cached:
        return node.leaf.cache_reason
    return node.reason if node.is_final else ""


def _held_reason(state: RunState, node: Node) -> str:
    if state.is_paused:
        return _PAUSED
    parent = node.parent
    if node.has_slot or parent is None or parent.group is None or not parent.group.limit:
        return f"waiting for a free place: this run runs at most {state.plan.parallelism} tasks at once"
    what = "iterations" if parent.is_loop else "tasks"
    return f"waiting for a free place: `{parent.name}` runs at most {parent.group.limit} {what} at once"


def run_record(state: RunState, changes: Changes) -> RunRecord:
    """Progress and state of the run."""
    code, message = _run_error(state)
    counts = state.counts
    return RunRecord(
        run_id=state.new_run.run_id,
        state=state.state,
        history=tuple(changes.history),
        error_code=code,
        error_message=message,
        started_at=state.started_at,
        finished_at=state.finished_at,
        task_count=counts.tasks,
        done_count=counts.done,
        failed_count=counts.failed,
        cached_count=counts.cached,
    )


def _run_error(state: RunState) -> tuple[int | None, str | None]:
    """Code and message of `run.error`: the first root cause, as soon as it is known."""
    if state.state is RuntimeState.CANCELED:
        return _CANCELED_CODE, state.cancel_reason
    if state.first_failure is not None and (not state.is_final or state.state is RuntimeState.FAILED):
        name, failure = state.first_failure
        return _FAILED_CODE, failure.message if name == "root" else f"`{name}` failed: {failure.message}"
    return None, None


def broken_run_record(record: RunRecord, message: str, at: float) -> RunRecord:
    """The record of a run that the engine itself could not go on with."""
    history = (*record.history, (at, RuntimeState.FAILED, message))
    return replace(record, state=RuntimeState.FAILED, history=history, error_code=_INTERNAL_CODE, error_message=message, finished_at=at)


def attempt_records(state: RunState, changes: Changes, details: Mapping[tuple[TaskId, int], Mapping[str, Any]]) -> list[AttemptRecord]:
    """Attempts that changed; the last change of each wins, and takes along the detail reported for it."""
    latest = {(change.task_id, change.attempt): change for change in changes.attempts}
    return [
        AttemptRecord(
            run_id=state.new_run.run_id,
            task_id=change.task_id,
            attempt=change.attempt,
            state=change.state,
            created_at=change.created_at,
            started_at=change.started_at,
            finished_at=change.finished_at,
            exit_code=change.exit_code,
            error=change.failure,
            detail=details.get(key),
        )
        for key, change in latest.items()
    ]


def note_records(state: RunState, changes: Changes) -> list[NoteRecord]:
    """The engine's own sentences."""
    run_id = state.new_run.run_id
    return [NoteRecord(run_id, note.task_id, note.attempt, note.at, note.kind, note.text) for note in changes.notes]


def use_records(state: RunState, changes: Changes) -> list[ArtifactUseRecord]:
    """Lineage edges: inputs of tasks that started, outputs of tasks that succeeded."""
    edges: list[ArtifactUseRecord] = []
    for node in changes.used.values():
        edges.extend(_edges(state, node, "input", node.artifacts))
    for node in changes.published.values():
        edges.extend(_edges(state, node, "output", node.outputs.artifacts))
    return edges


def _edges(state: RunState, node: Node, direction: str, artifacts: Mapping[str, tuple[ArtifactRef, ...]]) -> Iterable[ArtifactUseRecord]:
    for key, refs in artifacts.items():
        for position, ref in enumerate(refs):
            if ref.artifact_id:  # inline content has no id and no lineage
                yield ArtifactUseRecord(state.new_run.run_id, node.task_id, ref.artifact_id, direction, key, position, state.now)


def artifact_records(state: RunState, changes: Changes) -> list[ArtifactRecord]:
    """Artifacts made by tasks of this run; reused ones are stored already."""
    return [
        ArtifactRecord(ref, state.new_run.run_id, node.task_id, key, state.now)
        for node in changes.published.values()
        if node.leaf is not None and not node.leaf.is_cached
        for key, refs in node.outputs.artifacts.items()
        for ref in refs
        if ref.artifact_id
    ]


def metric_records(state: RunState, changes: Changes) -> list[MetricRecord]:
    """Scalar metrics: numbers and texts in the metadata of metrics artifacts."""
    return [
        record
        for node in changes.published.values()
        for refs in node.outputs.artifacts.values()
        for ref in refs
        if ref.type.schema_title == METRICS_TYPE
        for record in _metrics(state.new_run.run_id, node.task_id, ref.metadata)
    ]


def _metrics(run_id: RunId, task_id: TaskId, metadata: Mapping[str, Any]) -> Iterable[MetricRecord]:
    formats = metadata.get(METRIC_FORMATS_KEY)
    for name, value in metadata.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        shown = str(formats.get(name, "RAW")) if isinstance(formats, Mapping) else "RAW"
        if isinstance(value, str):
            yield MetricRecord(run_id, task_id, name, None, value, shown)
            continue
        number = finite_number(value)
        yield MetricRecord(run_id, task_id, name, number, None if number is not None else str(value), shown)


def cache_records(state: RunState, changes: Changes) -> list[CacheEntryRecord]:
    """Results that later tasks may reuse: of tasks with caching on that computed something."""
    run = state.new_run
    return [
        CacheEntryRecord(
            fingerprint=node.leaf.fingerprint,
            run_id=run.run_id,
            task_id=node.task_id,
            scope=cache_scope(run.namespace, run.pipeline_name),
            component=node.spec.template,
            parts=node.leaf.parts,
            outputs=node.outputs,
            created_at=state.now,
        )
        for node in changes.published.values()
        if node.leaf is not None and node.leaf.fingerprint is not None and not node.leaf.is_cached
    ]
