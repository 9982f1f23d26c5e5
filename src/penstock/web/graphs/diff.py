"""Two definitions as one graph: tasks of both, marked as added, removed or changed. Pure.

Tasks are matched by their keys, group by group; a group counts as changed when something in it differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.plan import GraphTemplate, LeafTemplate, RunPlan, TaskSpec
from penstock.web.graphs.graph import plan_scope, template_at

MOST_DRAWN = 300
"""Tasks of one scope beyond which only those that differ are drawn."""
MOST_LISTED = 500

PARTS: Mapping[str, str] = {
    "code": "code",
    "inputs": "inputs",
    "order": "order",
    "condition": "condition",
    "loop": "loop items",
    "policy": "retries, cache or trigger",
    "inside": "tasks inside",
}
"""What of a task may differ, and the words for it."""

Template = GraphTemplate | LeafTemplate | None


@dataclass(frozen=True, slots=True)
class TaskDiff:
    """A task that differs."""

    path: str
    """From the root, without it."""
    mark: str
    """`added`, `removed` or `changed`."""
    parts: tuple[str, ...] = ()
    """Keys of `PARTS`, for changed ones."""


def differences(before: RunPlan, after: RunPlan) -> list[TaskDiff]:
    """Return every task that differs, groups before what is in them, at most `MOST_LISTED`; what is in an added group is not listed."""
    found: list[TaskDiff] = []
    for task in _walk(before, after, before.templates.get(before.root), after.templates.get(after.root), "", frozenset()):
        found.append(task)
        if len(found) >= MOST_LISTED:
            break
    return found


def _walk(
    before: RunPlan, after: RunPlan, old: Template, new: Template, path: str, above: frozenset[tuple[str, str]]
) -> Iterator[TaskDiff]:
    if not isinstance(old, GraphTemplate) or not isinstance(new, GraphTemplate) or (old.name, new.name) in above:
        return
    for key in dict.fromkeys([*new.tasks, *old.tasks]):
        here = f"{path}{key}"
        one, other = old.tasks.get(key), new.tasks.get(key)
        if one is None or other is None:
            yield TaskDiff(here, "added" if one is None else "removed")
            continue
        inner_old, inner_new = before.templates.get(one.template), after.templates.get(other.template)
        inside = list(_walk(before, after, inner_old, inner_new, f"{here}/", above | {(old.name, new.name)}))
        parts = tuple(_parts(one, other, inner_old, inner_new)) + (("inside",) if inside else ())
        if parts:
            yield TaskDiff(here, "changed", parts)
        yield from inside


def _parts(old: TaskSpec, new: TaskSpec, inner_old: Template, inner_new: Template) -> Iterator[str]:
    if isinstance(inner_old, LeafTemplate) and isinstance(inner_new, LeafTemplate):
        if inner_old.work != inner_new.work:
            yield "code"
    elif type(inner_old) is not type(inner_new):
        yield "code"
    if old.parameters != new.parameters or old.artifacts != new.artifacts:
        yield "inputs"
    if old.after != new.after:
        yield "order"
    if old.condition != new.condition:
        yield "condition"
    if old.iteration != new.iteration:
        yield "loop"
    if (old.retry, old.cache, old.trigger, old.is_exit) != (new.retry, new.cache, new.trigger, new.is_exit):
        yield "policy"


def merged_scope(before: RunPlan, after: RunPlan, path: str, marks: Mapping[str, TaskDiff]) -> dict[str, Any]:
    """Return the scope at `path` of both definitions for the browser: nodes with `diff` and `reason`, edges with `diff`.

    Args:
        before: the older definition.
        after: the newer one, whose words win.
        path: `root`, or `root/...` of a group in either.
        marks: the differences by path.
    """
    old = plan_scope(before, path) if template_at(before, path) is not None else None
    new = plan_scope(after, path) if template_at(after, path) is not None else None
    nodes = {node.id: node for scope in (old, new) if scope for node in scope.nodes}
    shown = list(nodes.values())
    hidden = 0
    if len(nodes) > MOST_DRAWN:
        differing = [node for node in shown if _relative(node.id) in marks]
        shown, hidden = differing[:MOST_DRAWN], len(nodes) - min(len(differing), MOST_DRAWN)
    kept = {node.id for node in shown}
    is_new = {(edge.source, edge.target) for edge in new.edges} if new else set()
    is_old = {(edge.source, edge.target) for edge in old.edges} if old else set()
    edges = {(edge.source, edge.target): edge for scope in (old, new) if scope for edge in scope.edges}
    whole = "added" if old is None else "removed" if new is None else ""
    return {
        "nodes": [dataclasses.asdict(node) | _mark(marks.get(_relative(node.id)), whole) for node in shown],
        "edges": [
            dataclasses.asdict(edge) | {"diff": "" if pair in is_old and pair in is_new else "added" if pair in is_new else "removed"}
            for pair, edge in edges.items()
            if pair[0] in kept and pair[1] in kept
        ],
        "hidden": hidden,
        "folded": hidden,
    }


def _relative(identity: str) -> str:
    return identity.removeprefix("root/")


def _mark(diff: TaskDiff | None, whole: str) -> dict[str, Any]:
    if diff is None:
        return {"diff": whole, "parts": []}
    return {"diff": diff.mark, "parts": [PARTS[part] for part in diff.parts]}
