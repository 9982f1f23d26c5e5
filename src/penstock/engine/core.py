"""The engine's rules: `apply(state, event) -> commands`. No clock, no I/O, no waiting, nothing random.

Theory of operation: docs/engine.md. Three rules keep it true.
1. Only `apply` changes a `RunState`, and only by what the event and the state say; replaying the events rebuilds the state.
2. An event does work for its task, that task's dependents and its parent. What follows from that (a task becoming ready, a
   graph ending) goes on the agenda and is worked off here, in order, before `apply` returns.
3. An event that no longer concerns the run (a late report, a repeated answer, a timer of a canceled retry) changes nothing
   and `apply` says so by returning None; the driver does not store it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.domain.errors import SpecError
from penstock.domain.execution import Failure, FailureKind, TaskOutputs
from penstock.domain.ids import ROOT_PATH
from penstock.domain.plan import GraphTemplate, RunPlan, TaskSpec
from penstock.domain.states import RuntimeState, TaskType
from penstock.engine import attempts, flow, pausing, starting, stopping
from penstock.engine.commands import Command, ScheduleDeadline
from penstock.engine.events import (
    ArtifactImported,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CacheHit,
    CacheMissed,
    CancelRequested,
    ContinueRequested,
    DeadlineExpired,
    Event,
    ImportFailed,
    LoopContinued,
    PauseRequested,
    RetryDue,
    RetryRequested,
    RunSubmitted,
)
from penstock.engine.index import TaskIndex
from penstock.engine.inputs import InputError, root_parameters
from penstock.engine.nodes import RunState, Step, root_of
from penstock.engine.phases import Phase
from penstock.engine.rerun import reset_run
from penstock.engine.scope import run_context


def apply(state: RunState, event: Event) -> list[Command] | None:
    """Let `event` happen to `state`; return what the driver has to do, in order, or None when the event changes nothing.

    Raises:
        IllegalTransitionError: a fault of the engine; the state is no longer usable.
    """
    kind = type(event)
    state.story.event(kind.__name__, getattr(event, "path", ""))
    before = state.now
    state.now = event.at
    if not _HANDLERS[kind](state, event):
        state.now = before
        return None
    agenda = state.agenda
    while agenda:
        step, node = agenda.popleft()
        _STEPS[step](state, node)
    commands, state.commands = state.commands, []
    return commands


_STEPS: dict[Step, Callable[..., None]] = {Step.READY: flow.ready, Step.START: starting.start, Step.SETTLE: flow.settle}


def _on_submitted(state: RunState, event: RunSubmitted) -> bool:
    if state.root is not None:
        return False
    plan = state.plan
    root = state.root = state.add_node(_root_index(plan), None, path=ROOT_PATH, is_loop=False)
    root.parameters = root_parameters(plan.parameters, state.new_run.parameters)
    state.context = run_context(state.new_run, plan, root.parameters)
    _start_root(state)
    return True


def _root_index(plan: RunPlan) -> TaskIndex:
    spec = TaskSpec(key="root", template=plan.root, display_name="root", type=TaskType.ROOT)
    template = plan.templates.get(plan.root)
    if not isinstance(template, GraphTemplate):
        raise SpecError(f"the root `{plan.root}` is not a graph")
    return TaskIndex(spec, template, (), frozenset(), condition_per_item=False, producers={}, forwarded={})


def _start_root(state: RunState) -> None:
    root = root_of(state)
    state.started_at = state.now
    state.changes.history.append((state.now, RuntimeState.RUNNING, None))
    if state.plan.deadline_seconds is not None:
        state.emit(("deadline", "run"), ScheduleDeadline("run", state.now + state.plan.deadline_seconds))
    try:
        starting.start_graph(state, root)
    except (InputError, SpecError) as error:
        flow.fail(state, root, Failure(FailureKind.INPUT, str(error)))


def _on_retry_requested(state: RunState, event: RetryRequested) -> bool:
    if not state.is_final:
        return False
    reset_run(state, frozenset(event.lost))
    _start_root(state)
    return True


def _on_loop_continued(state: RunState, event: LoopContinued) -> bool:
    if ("loop", event.path) not in state.outbox:
        return False
    state.close_command("loop", event.path)
    starting.expand(state, state.nodes[event.path])
    return True


def _on_cache_hit(state: RunState, event: CacheHit) -> bool:
    node = state.nodes.get(event.path)
    if node is None or node.leaf is None or node.phase is not Phase.CACHING:
        return False
    state.close_command("cache", event.path)
    node.leaf.is_cached = True
    node.leaf.cached_task_id = event.task_id
    node.leaf.cache_reason = f"reused from run `{event.run_name}`"
    node.started_at = event.at
    flow.succeed(state, node, event.outputs)
    return True


def _on_cache_missed(state: RunState, event: CacheMissed) -> bool:
    node = state.nodes.get(event.path)
    if node is None or node.leaf is None or node.phase is not Phase.CACHING or ("cache", event.path) not in state.outbox:
        return False
    state.close_command("cache", event.path)
    node.leaf.cache_reason = event.reason
    attempts.launch_or_hold(state, node)
    return True


def _on_imported(state: RunState, event: ArtifactImported) -> bool:
    node = state.nodes.get(event.path)
    if node is None or node.phase is not Phase.IMPORTING:
        return False
    state.close_command("import", event.path)
    flow.succeed(state, node, TaskOutputs({}, {event.output_key: (event.artifact,)}))
    return True


def _on_import_failed(state: RunState, event: ImportFailed) -> bool:
    node = state.nodes.get(event.path)
    if node is None or node.phase is not Phase.IMPORTING:
        return False
    state.close_command("import", event.path)
    flow.fail(state, node, Failure(FailureKind.INPUT, event.message))
    return True


_HANDLERS: dict[type[Any], Callable[..., bool]] = {
    RunSubmitted: _on_submitted,
    LoopContinued: _on_loop_continued,
    CacheHit: _on_cache_hit,
    CacheMissed: _on_cache_missed,
    AttemptStarted: attempts.on_started,
    AttemptSucceeded: attempts.on_succeeded,
    AttemptFailed: attempts.on_failed,
    RetryDue: attempts.on_retry_due,
    ArtifactImported: _on_imported,
    ImportFailed: _on_import_failed,
    CancelRequested: stopping.on_cancel_requested,
    DeadlineExpired: stopping.on_deadline_expired,
    RetryRequested: _on_retry_requested,
    PauseRequested: pausing.on_pause_requested,
    ContinueRequested: pausing.on_continue_requested,
}
