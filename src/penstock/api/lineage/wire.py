"""Lineage graphs as JSON, and queries from URL parameters. The fields are listed in docs/lineage.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.lineage import Direction, LineageGraph, LineageNode, NodeKind
from penstock.lineage.folding import drawn_edges


@dataclass(frozen=True, slots=True)
class LineageQuery:
    """What a request asks for; the fields are the parameters of `LineageService.around`."""

    of: str
    direction: Direction
    depth: int
    limit: int
    kinds: frozenset[NodeKind]
    is_folded: bool
    expand: frozenset[str]
    has_contents: bool


def query_from_params(params: Mapping[str, str]) -> LineageQuery:
    """Return the query of a request's parameters.

    Raises:
        InvalidArgumentError: `of` is missing, or a value is not one of those allowed.
    """
    of = params.get("of", "").strip()
    if not of:
        raise InvalidArgumentError("of is required: what to show the lineage of, for example artifact:7 or version:ann/p/model:v3")
    try:
        kinds = frozenset(NodeKind(word) for word in _words(params.get("kinds", ""))) or frozenset(NodeKind)
        return LineageQuery(
            of=of,
            direction=Direction(params.get("direction") or "both"),
            depth=int(params.get("depth") or 4),
            limit=int(params.get("limit") or 1000),
            kinds=kinds,
            is_folded=_flag(params.get("fold", "true")),
            expand=frozenset(_words(params.get("expand", ""))),
            has_contents=_flag(params.get("contents", "false")),
        )
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from error


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false", "1", "0", ""}:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text.lower() in {"true", "1"}


def graph_to_wire(graph: LineageGraph) -> dict[str, Any]:
    """Return the body of an answer: nodes that stand alone, clusters, and the edges between both."""
    drawn = drawn_edges(graph.edges, graph.shown)
    return {
        "focus": graph.focus,
        "nodes": [
            _node(node, graph.distances[key])
            for key, node in sorted(graph.nodes.items(), key=lambda item: (abs(graph.distances[item[0]]), item[0]))
            if key not in graph.shown
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, "type": edge.kind, "label": edge.label, "count": count} for edge, count in drawn
        ],
        "clusters": [
            {
                "id": cluster.key,
                "kind": cluster.kind,
                "group": cluster.group,
                "count": len(cluster.members),
                "distance": graph.distances[cluster.members[0]],
                "members": [_node(graph.nodes[key], graph.distances[key]) for key in cluster.members[:100]],
            }
            for cluster in graph.clusters
        ],
        "node_count": len(graph.nodes),
        "truncated": graph.is_truncated,
    }


def _node(node: LineageNode, distance: int) -> dict[str, Any]:
    return {
        "id": node.key,
        "kind": node.kind,
        "name": node.names[0].text if node.names else "",
        "group": node.group,
        "state": node.state,
        "distance": distance,
        "created_at": None if node.created_at is None else _time(node.created_at),
        "size_bytes": node.size_bytes,
        "aliases": list(node.aliases),
        "names": [{"ref": name.ref, "name": name.text, "detail": name.detail} for name in node.names],
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
