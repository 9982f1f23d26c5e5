"""How tasks follow one another: becoming ready, getting a place, ending, and what an end means for others.

Every function here is a step on the run's agenda (`core` works it off) or a helper of one. A task's end costs its dependents
and its parent, nothing else: counters of unmet dependencies and unfinished children, never a scan of the graph. The two
exceptions, applying fail-fast and a cancel, scan a graph once in its life.
"""

from __future__ import annotations

from typing import Any

from penstock.domain.execution import Failure, FailureKind, TaskOutputs, first_line_of
from penstock.domain.moments import utc_text
from penstock.domain.plan import GraphTemplate
from penstock.engine.commands import FinishRun
from penstock.engine.nodes import EngineFaultError, Group, Node, RunState, Step, child_path, group_of
from penstock.engine.outputs import OutputError, graph_outputs, loop_outputs
from penstock.engine.phases import FINAL, NOT_STARTED, Phase
from penstock.engine.readiness import obstacle, runs_after_failure

_FEW = 3
"""From this many unmet dependencies on, a task's reason names them and is worth refreshing."""


def move(state: RunState, node: Node, phase: Phase) -> None:
    """Bring `node` into `phase`; counts and times follow.

    Raises:
        IllegalTransitionError: the table does not allow it.
    """
    before = node.phase
    state.story.move(node.path, before, phase)
    node.phase = phase
    state.touch(node)
    if node.leaf is not None:
        _count(state, node, before, -1)
        _count(state, node, phase, 1)
    if node.started_at is None and phase in (Phase.RUNNING, Phase.ACTIVE, Phase.IMPORTING):
        node.started_at = state.now


def _count(state: RunState, node: Node, phase: Phase, step: int) -> None:
    if phase not in FINAL:
        return
    counts = state.counts
    counts.done += step
    if phase is Phase.FAILED:
        counts.failed += step
    elif phase is Phase.SUCCEEDED and node.leaf is not None and node.leaf.is_cached:
        counts.cached += step


def ready(state: RunState, node: Node) -> None:
    """Everything `node` depends on is final: skip it, cancel it, or see that it gets a place."""
    if node.phase is not Phase.WAITING:
        return
    if is_stopped(state, node):
        finish(state, node, Phase.CANCELED, reason=state.cancel_reason or "")
        return
    group = node.parent.group if node.parent is not None else None
    if group is not None and group.failing and not runs_after_failure(node):
        finish(state, node, Phase.SKIPPED, reason=fail_fast_reason(node), is_omitted=True)
        return
    reason = obstacle(node)
    if reason is not None:
        finish(state, node, Phase.SKIPPED, reason=reason, is_omitted=True)
        return
    admit(state, node)


def is_stopped(state: RunState, node: Node) -> bool:
    """Whether a cancel forbids `node` to start."""
    return state.cancel_reason is not None and (state.is_exit_stopped or not node.is_sheltered)


def fail_fast_reason(node: Node) -> str:
    """Why fail-fast skips `node`."""
    error = node.parent.error if node.parent is not None else None
    culprit = first_line_of(error.message) if error is not None else "another task of the graph failed"
    return f"not started: {culprit}"


def admit(state: RunState, node: Node) -> None:
    """Give `node` its places (in its graph or loop, and among the run's leaves) and start it, or hold it, as all of a paused run."""
    if state.is_paused:
        _hold(state, node, state.paused)
        return
    group = node.parent.group if node.parent is not None else None
    if group is not None and group.limit and not node.has_slot:
        if group.active >= group.limit:
            _hold(state, node, group.held)
            return
        group.active += 1
        node.has_slot = True
    if node.leaf is not None and state.plan.parallelism and not node.has_run_slot:
        if state.active_leaves >= state.plan.parallelism:
            _hold(state, node, state.held_leaves)
            return
        state.active_leaves += 1
        node.has_run_slot = True
    state.agenda.append((Step.START, node))


def _hold(state: RunState, node: Node, queue: Any) -> None:
    if node.phase is Phase.WAITING:
        move(state, node, Phase.HELD)
    else:
        state.touch(node)
    queue.append(node)


def _release(state: RunState, node: Node) -> None:
    """Take back the places of `node` and offer them to the next ones held."""
    if node.has_run_slot:
        node.has_run_slot = False
        state.active_leaves -= 1
        _admit_next(state, state.held_leaves)
    if node.has_slot and node.parent is not None and node.parent.group is not None:
        node.has_slot = False
        node.parent.group.active -= 1
        _admit_next(state, node.parent.group.held)


def _admit_next(state: RunState, queue: Any) -> None:
    while queue:
        candidate = queue.popleft()
        if candidate.phase is Phase.HELD:  # others were skipped or canceled while they stood in the queue
            admit(state, candidate)
            return


def succeed(state: RunState, node: Node, outputs: TaskOutputs) -> None:
    """`node` ended well with `outputs`."""
    node.outputs = outputs
    if node.leaf is not None:
        state.changes.published[node.path] = node
    finish(state, node, Phase.SUCCEEDED)


def fail(state: RunState, node: Node, failure: Failure) -> None:
    """`node` failed by itself; it may be the root cause of the run's failure."""
    node.error = failure
    if state.first_failure is None:
        state.first_failure = (node.name, failure)
    state.failures.append(
        {
            "displayName": node.name,
            "message": failure.message,
            "templateName": node.spec.template,
            "phase": "Failed",
            "podName": node.task_id,
            "finishedAt": utc_text(state.now),
        }
    )
    finish(state, node, Phase.FAILED, reason=failure.message)


def finish(state: RunState, node: Node, phase: Phase, *, reason: str = "", is_omitted: bool = False) -> None:
    """`node` is final; those who wait for it are told later in this event."""
    node.reason = reason
    node.is_omitted = is_omitted
    node.finished_at = state.now
    if node.leaf is not None:
        node.leaf.retry_at = None
    if node.phase in NOT_STARTED:
        if node.group is not None:
            bury(state, node, phase, reason)
        elif phase is not Phase.FAILED:
            show_unstarted(state, node, phase, reason)
    move(state, node, phase)
    state.agenda.append((Step.SETTLE, node))


def show_unstarted(state: RunState, node: Node, phase: Phase, reason: str) -> None:
    """Give a graph that never starts its tasks all the same, so that readers find every task of the pipeline with its state.

    Semantics: KFP protocol notes, section 2.5 (tasks that never ran are present). Loops and their iterations stay one node, and so
    does a template inside itself.
    """
    stack = [node]
    while stack:
        graph = stack.pop()
        is_loop = graph.is_loop or graph.iteration is not None
        if is_loop or not isinstance(graph.template, GraphTemplate) or _is_inside_itself(graph):
            continue
        index = state.index.graph(graph.template.name)
        if len(state.nodes) + len(index.tasks) > state.plan.max_nodes:
            continue
        graph.group = Group(index=index, limit=graph.template.parallelism)
        for key, task in index.tasks.items():
            child = state.add_node(task, graph, path=child_path(graph.path, key), is_loop=task.spec.iteration is not None)
            graph.group.children[key] = child
            child.reason, child.is_omitted, child.finished_at = reason, True, state.now
            move(state, child, phase)
            stack.append(child)


def _is_inside_itself(graph: Node) -> bool:
    ancestor = graph.parent
    while ancestor is not None:
        if not ancestor.is_loop and ancestor.template is graph.template:
            return True
        ancestor = ancestor.parent
    return False


def bury(state: RunState, node: Node, phase: Phase, reason: str) -> None:
    """End what is left below a graph that will not run again (it exists because the run was retried)."""
    stack = list(node.group.children.values()) if node.group is not None else []
    while stack:
        child = stack.pop()
        if child.group is not None:
            stack.extend(child.group.children.values())
        if not child.is_final:
            child.reason, child.is_omitted, child.finished_at = reason, True, state.now
            move(state, child, phase)


def settle(state: RunState, node: Node) -> None:
    """Tell dependents and the parent that `node` is final."""
    parent = node.parent
    if parent is None:
        _end_run(state, node)
        return
    group = group_of(parent)
    if group.index is not None:
        _notify_dependents(state, node, group.index.dependents[node.key])
    group.unfinished -= 1
    if node.phase is Phase.FAILED:
        if parent.error is None:
            parent.error = _child_failure(node)
        if state.plan.fail_fast and not group.failing:
            _fail_fast(state, parent)
    _release(state, node)  # after fail-fast, so that a failure hands its place to nobody whom it stops
    if group.unfinished == 0:
        close_if_done(state, parent)


def _notify_dependents(state: RunState, node: Node, keys: tuple[str, ...]) -> None:
    children = group_of(node.parent).children
    for key in keys:
        dependent = children[key]
        if dependent.phase is not Phase.WAITING:
            continue
        dependent.unmet -= 1
        if node.phase is not Phase.SUCCEEDED:
            dependent.unsuccessful += 1
            if node.phase is not Phase.SKIPPED or node.is_omitted:
                dependent.blocked += 1
        if dependent.unmet == 0:
            state.agenda.append((Step.READY, dependent))
        elif dependent.unmet <= _FEW:
            state.touch(dependent)


def touch_dependents(state: RunState, node: Node) -> None:
    """The reasons of those who wait for `node` read differently now."""
    group = node.parent.group if node.parent is not None else None
    if group is None or group.index is None:
        return
    for key in group.index.dependents[node.key]:
        if group.children[key].phase is Phase.WAITING:
            state.touch(group.children[key])


def _child_failure(child: Node) -> Failure:
    """A group fails with the root cause, introduced once by the name of the leaf."""
    error = child.error
    if error is None:
        raise EngineFaultError(f"{child.path} failed without an error")
    if child.group is not None:
        return error
    return Failure(error.kind, f"`{child.name}` failed: {error.message}", error.exit_code)


def _fail_fast(state: RunState, parent: Node) -> None:
    """After a failure nothing more of this graph starts, except what runs after failures."""
    group = group_of(parent)
    group.failing = True
    for child in list(group.children.values()):
        if child.phase in NOT_STARTED and not runs_after_failure(child) and (group.index is not None or child.phase is Phase.HELD):
            finish(state, child, Phase.SKIPPED, reason=fail_fast_reason(child), is_omitted=True)


def close_if_done(state: RunState, node: Node) -> None:
    """End a graph or loop whose children have all ended, unless more iterations are to come."""
    group = group_of(node)
    if group.unfinished or node.is_final:
        return
    if node.is_loop and group.expanded < len(group.items) and not stops_growing(node):
        return
    state.close_command("loop", node.path)
    if state.cancel_reason is not None and node.phase is Phase.STOPPING and _was_cut_short(node):
        if state.is_timed_out and node.parent is None:
            fail_by_deadline(state, node)
            return
        finish(state, node, Phase.CANCELED, reason=state.cancel_reason)
        return
    if node.error is not None:
        finish(state, node, Phase.FAILED, reason=node.error.message)
        return
    try:
        outputs = loop_outputs(node) if node.is_loop else graph_outputs(state, node)
    except OutputError as error:
        fail(state, node, Failure(FailureKind.OUTPUT, str(error)))
        return
    succeed(state, node, outputs)


def stops_growing(loop: Node) -> bool:
    """Whether a loop makes no further iterations: it is being stopped, or it failed and starts them one by one."""
    group = group_of(loop)
    return loop.phase is Phase.STOPPING or (group.failing and group.limit > 0)


def _was_cut_short(node: Node) -> bool:
    """Whether a cancel took something away from a stopping graph or loop; a canceled run counts as cut short in any case."""
    group = group_of(node)
    is_growing = node.is_loop and group.expanded < len(group.items)
    return node.parent is None or is_growing or any(child.phase is Phase.CANCELED for child in group.children.values())


def fail_by_deadline(state: RunState, root: Node) -> None:
    """The run ran out of time."""
    failure = Failure(FailureKind.DEADLINE, state.cancel_reason or "the run went over its deadline")
    root.error = failure
    state.first_failure = ("root", failure)
    finish(state, root, Phase.FAILED, reason=failure.message)


def _end_run(state: RunState, root: Node) -> None:
    state.finished_at = state.now
    message = root.error.message if root.phase is Phase.FAILED and root.error is not None else None
    if root.phase is Phase.CANCELED:
        message = state.cancel_reason
    state.changes.history.append((state.now, root.state, message))
    state.outbox.clear()
    state.commands.append(FinishRun())
