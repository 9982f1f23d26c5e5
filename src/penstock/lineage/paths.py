"""Narrows a graph to what lies between its focus and one other node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from penstock.domain.lineage import LineageEdge, LineageGraph


def between(graph: LineageGraph, other: str) -> LineageGraph:
    """Return the part of an unfolded graph that is on a path along its edges from the focus to `other`, or from `other` to the focus.

    Of a node that is not in the graph nothing is known: the focus alone is left.
    """
    kept = {graph.focus}
    if other in graph.nodes:
        after, before = _steps(graph.edges, is_forward=True), _steps(graph.edges, is_forward=False)
        for first, last in ((graph.focus, other), (other, graph.focus)):
            reached = _reach(first, after)
            if last in reached:
                kept |= reached & _reach(last, before)
    return replace(
        graph,
        nodes={key: node for key, node in graph.nodes.items() if key in kept},
        edges=[edge for edge in graph.edges if edge.source in kept and edge.target in kept],
        distances={key: hops for key, hops in graph.distances.items() if key in kept},
    )


def _steps(edges: Collection[LineageEdge], *, is_forward: bool) -> Mapping[str, set[str]]:
    steps: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        near, far = (edge.source, edge.target) if is_forward else (edge.target, edge.source)
        steps[near].add(far)
    return steps


def _reach(start: str, steps: Mapping[str, set[str]]) -> set[str]:
    """Everything that steps from `start` lead to, itself included."""
    seen, frontier = {start}, [start]
    while frontier:
        fresh = steps.get(frontier.pop(), set()) - seen
        seen |= fresh
        frontier.extend(fresh)
    return seen
