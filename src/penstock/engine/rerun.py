"""Retrying a finished run: what succeeded is kept by path, everything else is walked again from the root.

Semantics: KFP protocol notes, section 6.3. Conditions are evaluated again, exit tasks run again in every graph that runs
again, items of loops come from the kept outputs of their producers, so indexes stay. Attempts keep counting. A task that succeeded
runs again when something that runs again needs an artifact of it whose content is there no more; so do those that it needs in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from penstock.domain.expr import UNSET
from penstock.domain.ids import Digest, TaskPath
from penstock.domain.states import RuntimeState
from penstock.engine.flow import move
from penstock.engine.nodes import NO_OUTPUTS, Node, Note, RunState, root_of
from penstock.engine.phases import Phase


def reset_run(state: RunState, lost: AbstractSet[Digest] = frozenset()) -> None:
    """Bring a finished run back to where its root may start again. `lost`: contents of artifacts that are there no more."""
    root = root_of(state)
    remade = _made_again(root, lost) if lost else {}
    for node, output, reader in remade.values():
        if node.leaf is not None:
            text = f"runs again: its output `{output}` is gone, and `{reader}` needs it"
            state.changes.notes.append(Note(node.task_id, None, state.now, "remade", text))
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
            stack.extend(child for child in node.group.children.values() if _goes_again(child) or child.path in remade)
    root.parameters = parameters


def _goes_again(node: Node) -> bool:
    return node.phase is not Phase.SUCCEEDED or node.is_sheltered


def _made_again(root: Node, lost: AbstractSet[Digest]) -> dict[TaskPath, tuple[Node, str, str]]:
    """Return what succeeded and has to run again for the sake of others: makers of what is lost, and the groups around them.

    Each with the output that is lost and the name of a task that needs it.
    """
    remade: dict[TaskPath, tuple[Node, str, str]] = {}
    stack = [root]
    while stack:
        reader = stack.pop()
        if reader.group is not None:
            stack.extend(child for child in reader.group.children.values() if _goes_again(child))
        if reader.frame is None or reader.frame.group is None or (reader.phase is Phase.SKIPPED and not reader.is_omitted):
            continue
        for source in (source for sources in reader.spec.artifacts.values() for source in sources):
            if source.task is None or source.key is None:
                continue
            for maker in _makers(reader.frame.group.children.get(source.task), source.key, lost):
                node: Node | None = maker
                while node is not None and node.path not in remade and not _goes_again(node):
                    remade[node.path] = (node, source.key, reader.name)
                    stack.append(node)
                    node = node.parent
    return remade


def _makers(node: Node | None, output: str, lost: AbstractSet[Digest]) -> Iterator[Node]:
    """Yield the leaves of a task that made what is lost of one of its outputs."""
    if node is None or node.phase is not Phase.SUCCEEDED:
        return
    wanted = {ref.artifact_id for ref in node.outputs.artifacts.get(output, ()) if ref.digest in lost}
    stack = [node] if wanted else []
    while stack:
        one = stack.pop()
        if one.group is not None:
            stack.extend(one.group.children.values())
        elif any(ref.artifact_id in wanted for refs in one.outputs.artifacts.values() for ref in refs):
            yield one


def contents_of(state: RunState) -> frozenset[Digest]:
    """Return the contents of all artifacts that the run's tasks put out."""
    made = (refs for node in state.nodes.values() if node.leaf is not None for refs in node.outputs.artifacts.values())
    return frozenset(ref.digest for refs in made for ref in refs if ref.digest is not None)


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
