"""Graphs as data for the browser: the tasks of one scope of a plan with their edges, joined with what runs have recorded.

Layout happens in the browser (`static/js/graph.js`); here is only structure. A scope is one group: the root, a sub-pipeline, a
condition or one iteration of a loop. Nested scopes are fetched when a reader opens them, so cost grows with what is shown.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.expr import TaskOutput
from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.domain.plan import ContainerWork, GraphTemplate, LeafTemplate, RunPlan, TaskSpec
from penstock.interfaces.pages import TaskItem
from penstock.web.graphs.component_cards import words_of
from penstock.web.texts.formats import component_name

_ROUND = re.compile(r"\[\d+\]$")
GROUP_TYPES = frozenset({"LOOP", "ITERATION", "DAG", "CONDITION", "CONDITION_BRANCH", "EXIT_HANDLER", "ROOT"})


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One box."""

    id: str
    key: str
    name: str
    type: str
    is_group: bool
    state: str = ""
    """Empty: the run has not come to it (or there is no run)."""
    reason: str = ""
    is_cached: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    attempts: int = 0
    iterations: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """Children by state, for groups."""
    component: str = ""
    """Name that the author gave; of a group the one that the compiler did."""
    image: str = ""
    outputs: Sequence[tuple[str, str]] = ()
    """(output key, artifact type) of a leaf."""
    condition: str = ""
    about: str = ""
    """What a component says of itself, with its inputs and outputs; of definitions alone. What a step of a flow says of itself."""
    note: str = ""
    """Said behind the state: how many tasks of a step are done, and what kind of step it is."""
    url: str = ""
    """Where the box leads; empty: to the panel of its task."""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """One arrow: `target` waits for `source`."""

    source: str
    target: str
    labels: Sequence[str] = ()
    """Outputs that flow along it; empty for pure order."""
    has_artifact: bool = False


@dataclass(frozen=True, slots=True)
class GraphScope:
    """The content of one group."""

    nodes: Sequence[GraphNode]
    edges: Sequence[GraphEdge]


def template_at(plan: RunPlan, path: str) -> GraphTemplate | LeafTemplate | None:
    """Template of the task at `path` (`root/for-loop-1[3]/train`), or None when the plan has no such place."""
    if "/" not in path:
        return plan.templates.get(plan.root)
    along = tasks_along(plan, path)
    return plan.templates.get(along[-1].template) if along else None


def tasks_along(plan: RunPlan | None, path: str) -> list[TaskSpec]:
    """Return the tasks of the plan from the root's own to the one at `path`; nothing when the plan has no such place."""
    found: list[TaskSpec] = []
    template = plan.templates.get(plan.root) if plan is not None else None
    for segment in path.split("/")[1:]:
        task = template.tasks.get(_ROUND.sub("", segment)) if isinstance(template, GraphTemplate) else None
        if plan is None or task is None:
            return []
        found.append(task)
        template = plan.templates.get(task.template)
    return found


def plan_scope(plan: RunPlan, path: str, *, only: frozenset[str] | None = None) -> GraphScope:
    """Graph of a scope as defined, without a run; `only` restricts it to some task keys."""
    template = template_at(plan, path)
    if not isinstance(template, GraphTemplate):
        return GraphScope((), ())
    shown = template.tasks.keys() if only is None else only
    nodes = [
        dataclasses.replace(_node_of(plan, task, f"{path}/{task.key}", None, {}), about=_about(plan, task))
        for task in template.tasks.values()
        if task.key in shown
    ]
    edges = [
        dataclasses.replace(edge, source=f"{path}/{edge.source}", target=f"{path}/{edge.target}")
        for edge in edges_of(template)
        if edge.source in shown and edge.target in shown
    ]
    return GraphScope(nodes, edges)


def run_scope(
    plan: RunPlan | None, run_id: str, parent: TaskItem, children: Sequence[TaskItem], counts: Mapping[str, Mapping[str, int]]
) -> GraphScope:
    """Graph of a scope of a run: the plan's tasks with the states of their rows; rows the plan does not know are kept too."""
    template = template_at(plan, parent.path) if plan is not None else None
    by_key = {child.task_key: child for child in children}
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    if plan is not None and isinstance(template, GraphTemplate):
        for task in template.tasks.values():
            row = by_key.pop(task.key, None)
            identity = row.task_id if row else task_id_for(RunId(run_id), TaskPath(f"{parent.path}/{task.key}"))
            nodes.append(_node_of(plan, task, identity, row, counts.get(identity, {})))
        edges = list(edges_of(template))
    nodes += [_node_of_row(row, counts.get(row.task_id, {})) for row in by_key.values()]
    if not edges:
        edges = list(_recorded_edges(children))
    ids = {node.key: node.id for node in nodes}
    linked = [
        dataclasses.replace(edge, source=ids[edge.source], target=ids[edge.target])
        for edge in edges
        if {edge.source, edge.target} <= ids.keys()
    ]
    return GraphScope(nodes, linked)


def _about(plan: RunPlan, task: TaskSpec) -> str:
    template = plan.templates.get(task.template)
    return words_of(template) if isinstance(template, LeafTemplate) else ""


def node_of(plan: RunPlan, path: str, key: str, row: TaskItem | None, identity: str) -> GraphNode:
    """Box of one task of the scope at `path`, without the counts of what is in it.

    Raises:
        KeyError: the scope has no such task.
    """
    template = template_at(plan, path)
    if not isinstance(template, GraphTemplate):
        raise KeyError(key)
    return _node_of(plan, template.tasks[key], identity, row, {})


def to_json(scope: GraphScope) -> dict[str, Any]:
    """Plain form for the browser."""
    return {"nodes": [dataclasses.asdict(node) for node in scope.nodes], "edges": [dataclasses.asdict(edge) for edge in scope.edges]}


def _node_of(plan: RunPlan, task: TaskSpec, identity: str, row: TaskItem | None, counts: Mapping[str, int]) -> GraphNode:
    template = plan.templates.get(task.template)
    leaf = template if isinstance(template, LeafTemplate) else None
    image = leaf.work.image if leaf is not None and isinstance(leaf.work, ContainerWork) else ""
    outputs = [(name, spec.type.schema_title) for name, spec in leaf.output_artifacts.items()] if leaf is not None else []
    node = GraphNode(
        id=identity,
        key=task.key,
        name=task.display_name,
        type=str(task.type),
        is_group=leaf is None,
        component=component_name(leaf.name if leaf is not None else task.template),
        image=image,
        outputs=outputs,
    )
    return node if row is None else _with_row(node, row, counts)


def _node_of_row(row: TaskItem, counts: Mapping[str, int]) -> GraphNode:
    node = GraphNode(
        id=row.task_id,
        key=row.task_key,
        name=row.display_name,
        type=row.type,
        is_group=row.type in GROUP_TYPES,
        component=component_name(row.component),
    )
    return _with_row(node, row, counts)


def _with_row(node: GraphNode, row: TaskItem, counts: Mapping[str, int]) -> GraphNode:
    return dataclasses.replace(
        node,
        name=row.display_name or node.name,
        type=row.type,
        state=row.state,
        reason=row.error_message or row.reason,
        is_cached=row.is_cached,
        started_at=row.started_at,
        finished_at=row.finished_at,
        attempts=row.attempts,
        iterations=row.iteration_count,
        counts=dict(counts),
    )


def edges_of(template: GraphTemplate) -> Iterator[GraphEdge]:
    """Edges between the tasks of a graph, by task key."""
    for task in template.tasks.values():
        labels: dict[str, list[str]] = {}
        carrying: set[str] = set()
        for sources in task.artifacts.values():
            for source in sources:
                if source.task is not None:
                    labels.setdefault(source.task, []).append(source.key or "")
                    carrying.add(source.task)
        if task.iteration is not None and task.iteration.artifact_items is not None and task.iteration.artifact_items.task is not None:
            carrying.add(task.iteration.artifact_items.task)
            labels.setdefault(task.iteration.artifact_items.task, []).append(task.iteration.artifact_items.key or "")
        loop = [task.iteration.items] if task.iteration is not None and task.iteration.items is not None else []
        condition = [task.condition] if task.condition is not None else []
        for reference in _references([*task.parameters.values(), *loop, *condition]):
            labels.setdefault(reference.task, []).append(reference.key)
        for source_key in sorted(set(task.after) | labels.keys()):
            if source_key in template.tasks and source_key != task.key:
                yield GraphEdge(source_key, task.key, tuple(dict.fromkeys(labels.get(source_key, ()))), source_key in carrying)


def _references(values: Iterable[Any]) -> Iterator[TaskOutput]:
    """Every reference to a sibling's output inside expressions."""
    for value in values:
        if isinstance(value, TaskOutput):
            yield value
        elif dataclasses.is_dataclass(value):
            yield from _references(getattr(value, entry.name) for entry in dataclasses.fields(value))
        elif isinstance(value, tuple):
            yield from _references(value)


def _recorded_edges(children: Sequence[TaskItem]) -> Iterator[GraphEdge]:
    """Edges from the recorded producers of inputs, where there is no plan."""
    known = {child.task_key for child in children}
    for child in children:
        producers = child.inputs.get("producers", {})
        by_source: dict[str, list[str]] = {}
        for producer in producers.values() if isinstance(producers, Mapping) else ():
            if isinstance(producer, Mapping) and producer.get("task") in known:
                by_source.setdefault(str(producer["task"]), []).append(str(producer.get("key", "")))
        for source, labels in by_source.items():
            yield GraphEdge(source, child.task_key, tuple(labels), False)
