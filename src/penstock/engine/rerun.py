"""Retrying a finished run: what succeeded is kept by path, everything else is walked again from the root.

Semantics: KFP protocol notes, section 6.3. Conditions are evaluated again, exit tasks run again in every graph that runs
again, items of loops come from the kept outputs of their producers, so indexes stay. Attempts keep counting.
"""

from __future__ import annotations

from penstock.domain.expr import UNSET
from penstock.domain.states import RuntimeState
from penstock.engine.flow import move
from penstock.engine.nodes import NO_OUTPUTS, Node, RunState, root_of
from penstock.engine.phases import Phase


def reset_run(state: RunState) -> None:
    """Bring a finished run back to where its root may start again."""
    root = root_of(state)
    state.round += 1
    state.cancel_reason = None
    state.is_timed_out = state.is_exit_stopped = False
    state.first_failure = None
    state.failures.clear()
    state.finished_at = None
    state.is_paused = False
    state.paused.clear()
    state.active_leaves = 0
    state.held_leaves.clear()
    state.changes.history.append((state.now, RuntimeState.PENDING, None))
    parameters = root.parameters
    stack = [root]
    while stack:
        node = stack.pop()
        _reset(state, node)
        if node.group is not None:
            stack.extend(child for child in node.group.children.values() if child.phase is not Phase.SUCCEEDED or child.is_sheltered)
    root.parameters = parameters


def _reset(state: RunState, node: Node) -> None:
    if node.phase is not Phase.WAITING:
        move(state, node, Phase.WAITING)
    node.started_at = node.finished_at = None
    node.reason, node.is_omitted, node.error = "", False, None
    node.parameters, node.given, node.artifacts, node.outputs = {}, frozenset(), {}, NO_OUTPUTS
    node.has_slot = node.has_run_slot = False
    leaf, group = node.leaf, node.group
    if leaf is not None:
        leaf.user_retries = leaf.losses = 0
        leaf.retry_at = leaf.fingerprint = leaf.cached_task_id = None
        leaf.is_cached, leaf.cache_reason = False, ""
    if group is not None:
        group.active = group.unfinished = group.expanded = 0
        group.failing = False
        group.held.clear()
        if node.is_loop:
            group.items = ()
            for child in group.children.values():
                child.item = UNSET if child.phase is not Phase.SUCCEEDED else child.item
