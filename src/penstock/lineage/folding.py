"""Folds similar neighbours: five or more nodes that are alike and hang on the same things are drawn as one cluster."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from penstock.domain.lineage import LineageCluster, LineageEdge, LineageNode

FOLD_FROM = 5
"""So many similar neighbours become a cluster."""


def fold(
    nodes: Mapping[str, LineageNode],
    edges: Collection[LineageEdge],
    distances: Mapping[str, int],
    *,
    expand: Collection[str],
) -> tuple[dict[str, str], list[LineageCluster]]:
    """Return which node is drawn in which cluster, and the clusters.

    Two nodes are similar when they have the same kind and group, the same distance from the focus, and the same edges to what is drawn
    one hop nearer. Goes outward hop by hop, so that the outputs of folded runs fold too. Clusters named in `expand` stay open.
    """
    nearer: dict[str, set[tuple[str, str, bool]]] = defaultdict(set)
    for edge in edges:
        for own, other, is_out in ((edge.source, edge.target, True), (edge.target, edge.source, False)):
            if abs(distances[other]) == abs(distances[own]) - 1:
                nearer[own].add((other, edge.kind, is_out))
    shown: dict[str, str] = {}
    clusters: list[LineageCluster] = []
    for distance in sorted(set(distances.values()), key=abs):
        alike: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for key in sorted(key for key, own in distances.items() if own == distance != 0):
            around = tuple(sorted({(shown.get(other, other), kind, is_out) for other, kind, is_out in nearer[key]}))
            alike[(nodes[key].kind, nodes[key].group, distance, around)].append(key)
        for signature, members in alike.items():
            cluster = "cluster:" + hashlib.sha256(repr(signature).encode()).hexdigest()[:16]
            if len(members) >= FOLD_FROM and cluster not in expand:
                clusters.append(LineageCluster(cluster, nodes[members[0]].kind, nodes[members[0]].group, members))
                shown.update(dict.fromkeys(members, cluster))
    return shown, clusters


def drawn_edges(edges: Collection[LineageEdge], shown: Mapping[str, str]) -> Sequence[tuple[LineageEdge, int]]:
    """Return the edges between what is drawn, each with how many it stands for; labels of folded edges are kept when they agree."""
    together: dict[tuple[str, str, str], list[LineageEdge]] = defaultdict(list)
    for edge in edges:
        together[(shown.get(edge.source, edge.source), shown.get(edge.target, edge.target), edge.kind)].append(edge)
    drawn = []
    for (source, target, _), group in sorted(together.items()):
        labels = sorted({edge.label for edge in group if edge.label})
        drawn.append((LineageEdge(source, target, group[0].kind, labels[0] if len(labels) == 1 else ", ".join(labels[:3])), len(group)))
    return drawn
