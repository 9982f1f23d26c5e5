"""Whether a task whose dependencies are all final may start, by its trigger rule.

Semantics: KFP protocol notes, section 6.1; Argo's `dependencies` in the kfp 1.8 notes, section 3.2.
"""

from __future__ import annotations

from penstock.domain.plan import TriggerRule
from penstock.engine.nodes import Node, group_of
from penstock.engine.phases import Phase
from penstock.engine.values import names

_WORDS = {Phase.FAILED: "failed", Phase.CANCELED: "was canceled", Phase.SKIPPED: "was skipped"}


def obstacle(node: Node) -> str | None:
    """Return why `node` must be skipped, as a sentence; None when it may start."""
    trigger = node.spec.trigger
    if trigger is TriggerRule.ALL_DONE or node.unsuccessful == 0:
        return None
    if trigger is TriggerRule.ALL_SUCCEEDED_OR_SKIPPED and node.blocked == 0:
        return None
    culprit = _culprit(node)
    return f"skipped because `{culprit.name}` {_WORDS[culprit.phase]}"


def _culprit(node: Node) -> Node:
    """The dependency to name: one that failed rather than one that was itself skipped."""
    children = group_of(node.frame).children
    siblings = [children[key] for key in sorted(node.spec.after)]
    bad = [sibling for sibling in siblings if sibling.phase is not Phase.SUCCEEDED]
    order = {Phase.FAILED: 0, Phase.CANCELED: 1, Phase.SKIPPED: 2}
    return min(bad, key=lambda sibling: order[sibling.phase])


def runs_after_failure(node: Node) -> bool:
    """Whether fail-fast leaves the task alone: exit tasks, tasks that wait for the end of others whatever it is, and what waits for those.

    Semantics: the SDK's local runner. KFP's backend makes hooks of the first two kinds, which no task can wait for: it refuses the third.
    """
    if node.spec.is_exit or node.spec.trigger is TriggerRule.ALL_DONE:
        return True
    graph = node.parent.group.index if node.parent is not None and node.parent.group is not None else None
    return graph is not None and node.key in graph.outlasting


def waiting_for(node: Node, now: float) -> str:
    """Say what a WAITING task waits for."""
    if node.frame is None or node.frame.group is None:
        return "waiting for the engine"
    children = node.frame.group.children
    pending = [sibling for key in sorted(node.spec.after) if (sibling := children.get(key)) is not None and not sibling.is_final]
    if not pending:
        return "waiting for the engine"
    if len(pending) == 1 and (leaf := pending[0].leaf) is not None and leaf.retry_at is not None:
        return f"waiting for `{pending[0].name}` attempt {leaf.attempts + 1}, retry in {seconds(leaf.retry_at - now)}"
    return f"waiting for {names(sibling.name for sibling in pending)}"


def seconds(value: float) -> str:
    """Short text of a duration."""
    if value < 120:
        return f"{max(value, 0):.3g} s"
    return f"{value / 60:.3g} min"
