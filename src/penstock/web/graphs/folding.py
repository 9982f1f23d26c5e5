"""Folds a scope with very many tasks to a graph of clusters, so that it opens at once; the table of tasks stays whole.

Tasks of one component become one cluster. Where clusters would wait for each other in a ring (a component that appears before and after
another one), those become one; what is left is free of rings, because a cluster's outside edges then follow the order of the tasks.
Pure, and a function of the definition alone, so callers may keep the result with the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.domain.plan import GraphTemplate
from penstock.web.graphs.graph import GraphEdge, edges_of
from penstock.web.texts.formats import component_name

FOLD_AT = 400
"""Tasks of a scope from which on it is folded."""
MEMBERS_SHOWN = 200
"""Tasks of an opened cluster that are drawn."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Tasks that are drawn as one box."""

    name: str
    """The component's name; several joined."""
    keys: Sequence[str]
    """Task keys in order of definition."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A scope as clusters."""

    clusters: Sequence[Cluster]
    edges: Sequence[tuple[int, int]]
    """(from, to), places in `clusters`; each once, none to itself."""
    cluster_of: Mapping[str, int]
    """Component -> place in `clusters`; a component is never in two."""
    task_edges: Sequence[GraphEdge]
    """Edges between tasks, by key."""


def fold(template: GraphTemplate) -> Folded:
    """Return the scope as clusters of components. Linear in tasks and edges."""
    names: dict[str, int] = {}
    first = {key: names.setdefault(task.template, len(names)) for key, task in template.tasks.items()}
    task_edges = list(edges_of(template))
    arrows: list[set[int]] = [set() for _ in names]
    for edge in task_edges:
        if first[edge.source] != first[edge.target]:
            arrows[first[edge.source]].add(first[edge.target])
    joined = _components(arrows)
    order: dict[int, int] = {}
    place_of = {key: order.setdefault(joined[number], len(order)) for key, number in first.items()}
    members: list[list[str]] = [[] for _ in order]
    titles: list[dict[str, None]] = [{} for _ in order]
    for key, place in place_of.items():
        members[place].append(key)
        titles[place][component_name(template.tasks[key].template)] = None
    clusters = [Cluster(_title(list(title)), keys) for title, keys in zip(titles, members, strict=True)]
    edges = sorted({(place_of[edge.source], place_of[edge.target]) for edge in task_edges})
    cluster_of = {name: order[joined[number]] for name, number in names.items()}
    return Folded(clusters, [pair for pair in edges if pair[0] != pair[1]], cluster_of, task_edges)


def _title(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")


def _components(arrows: Sequence[set[int]]) -> list[int]:
    """Return for each node the number of its strongly connected component (Tarjan's algorithm, without recursion)."""
    count = len(arrows)
    index, low, number = [-1] * count, [0] * count, [-1] * count
    stack: list[int] = []
    at = found = 0
    for start in range(count):
        if index[start] >= 0:
            continue
        work = [(start, iter(arrows[start]))]
        index[start] = low[start] = at
        at += 1
        stack.append(start)
        while work:
            node, rest = work[-1]
            target = next(rest, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    while number[node] < 0:
                        number[stack.pop()] = found
                    found += 1
            elif index[target] < 0:
                index[target] = low[target] = at
                at += 1
                stack.append(target)
                work.append((target, iter(arrows[target])))
            elif number[target] < 0:
                low[node] = min(low[node], index[target])
    return number
