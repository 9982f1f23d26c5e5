"""Walks from one node along the edges, one store call per level, until depth or node limit is reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from penstock.domain.lineage import LineageEdge, LineageNode, NodeKind

Neighbours = Callable[[Collection[str]], Awaitable[tuple[Sequence[LineageEdge], bool]]]
"""Edges at a set of nodes, in the direction of the walk, and whether some were left out."""
Describe = Callable[[Collection[str]], Awaitable[Mapping[str, LineageNode]]]


async def walk(
    start: LineageNode,
    neighbours: Neighbours,
    describe: Describe,
    *,
    is_upstream: bool,
    depth: int,
    limit: int,
    kinds: Collection[NodeKind],
) -> tuple[dict[str, LineageNode], dict[str, int], set[LineageEdge], bool]:
    """Return nodes within `depth` hops, their distances, the edges walked, and whether the limit cut something off.

    Args:
        start: where the walk begins; always part of the answer.
        neighbours: edges that end (upstream) or begin (downstream) in the nodes given.
        describe: nodes for keys.
        is_upstream: walk from targets to sources.
        depth: hops at most.
        limit: nodes at most; those of a level come in the order of their keys.
        kinds: nodes of other kinds are not entered.
    """
    nodes, distances, edges = {start.key: start}, {start.key: 0}, set[LineageEdge]()
    frontier, is_cut = [start.key], False
    for hop in range(1, depth + 1):
        found, was_cut = await neighbours(frontier)
        is_cut = is_cut or was_cut
        far = {edge.source if is_upstream else edge.target for edge in found}
        fresh = await describe(sorted(far - nodes.keys()))
        wanted = [key for key, node in sorted(fresh.items()) if node.kind in kinds]
        room = max(0, limit - len(nodes))
        is_cut = is_cut or len(wanted) > room
        frontier = wanted[:room]
        for key in frontier:
            nodes[key], distances[key] = fresh[key], hop
        edges |= {edge for edge in found if edge.source in nodes and edge.target in nodes}
        if not frontier:
            break
    return nodes, distances, edges, is_cut
