"""Stopping a run: what runs is ended, what waits is canceled, exit tasks still run, within a time limit.

Semantics: KFP protocol notes, sections 4.7 and 6.2, and kfp 1.8 notes, section 2.7. Deviation from KFP's backend, which does
not run exit tasks on termination: here they run with status CANCELED, because cleaning up is what they are for.
"""

from __future__ import annotations

from penstock.domain.execution import AttemptKey
from penstock.domain.states import RuntimeState
from penstock.engine.commands import CancelAttempt, ScheduleDeadline
from penstock.engine.events import CancelRequested, DeadlineExpired
from penstock.engine.flow import close_if_done, finish, move
from penstock.engine.nodes import Node, RunState
from penstock.engine.pausing import end_pause
from penstock.engine.phases import Phase
from penstock.engine.readiness import seconds

_EXIT_LIMIT_SECONDS = 300.0


def on_cancel_requested(state: RunState, event: CancelRequested) -> bool:
    """Stop the run; a second request also stops its exit tasks."""
    root = state.root
    if root is None or root.is_final:
        return False
    if state.cancel_reason is not None:
        return _stop_exit_tasks(state)
    _stop(state, root, event.reason, event.exit_limit_seconds)
    return True


def on_deadline_expired(state: RunState, event: DeadlineExpired) -> bool:
    """A time limit passed: of the run, or of its exit tasks after a cancel."""
    root = state.root
    state.close_command("deadline", event.what)
    if root is None or root.is_final:
        return False
    if event.what == "exit":
        return _stop_exit_tasks(state)
    if state.cancel_reason is not None:
        return False
    state.is_timed_out = True
    limit = state.plan.deadline_seconds or 0.0
    _stop(state, root, f"the run went over its deadline of {seconds(limit)}", _EXIT_LIMIT_SECONDS)
    return True


def _stop(state: RunState, root: Node, reason: str, exit_limit_seconds: float) -> None:
    state.cancel_reason = reason
    state.close_command("deadline", "run")
    state.changes.history.append((state.now, RuntimeState.CANCELING, reason))
    _stop_tree(state, root)
    end_pause(state)
    if not root.is_final:
        state.emit(("deadline", "exit"), ScheduleDeadline("exit", state.now + exit_limit_seconds))


def _stop_exit_tasks(state: RunState) -> bool:
    if state.is_exit_stopped or state.root is None:
        return False
    state.is_exit_stopped = True
    state.close_command("deadline", "exit")
    _stop_tree(state, state.root)
    return True


def _stop_tree(state: RunState, root: Node) -> None:
    """End everything below `root` that may be ended. Children before parents, so that a parent sees its children's ends."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_final or (node.is_sheltered and not state.is_exit_stopped):
            continue
        if node.group is not None and node.phase in (Phase.ACTIVE, Phase.STOPPING):
            if node.phase is Phase.ACTIVE:
                move(state, node, Phase.STOPPING)
            state.close_command("loop", node.path)
            close_if_done(state, node)
            stack.extend(reversed(node.group.children.values()))
        else:
            _stop_leaf(state, node)


def _stop_leaf(state: RunState, node: Node) -> None:
    reason = state.cancel_reason or ""
    leaf = node.leaf
    if node.phase in (Phase.LAUNCHED, Phase.RUNNING) and leaf is not None:
        move(state, node, Phase.STOPPING)
        key = AttemptKey(state.new_run.run_id, node.task_id, leaf.attempts - 1)
        state.emit(("cancel", node.path), CancelAttempt(node.path, key, reason))
    elif node.phase is not Phase.STOPPING:
        for what in ("cache", "import", "retry"):
            state.close_command(what, node.path)
        finish(state, node, Phase.CANCELED, reason=reason)
