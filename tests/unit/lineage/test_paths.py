"""Of a graph only what lies between its focus and another node is kept."""

from __future__ import annotations

from penstock.domain.lineage import EdgeKind, LineageEdge, LineageGraph, LineageNode, NodeKind
from penstock.lineage.paths import between


def graph(focus: str, *arrows: str, **distances: int) -> LineageGraph:
    """A graph of nodes with one letter; an arrow is `ab`."""
    edges = [LineageEdge(source, target, EdgeKind.USED) for source, target in arrows]
    nodes = {key: LineageNode(key, NodeKind.DATA) for key in distances}
    return LineageGraph(focus, nodes, edges, distances, is_truncated=False)


def kept(found: LineageGraph) -> tuple[str, list[str]]:
    assert found.nodes.keys() == found.distances.keys()
    return "".join(sorted(found.nodes)), sorted(edge.source + edge.target for edge in found.edges)


def test_all_paths_to_a_node_downstream_stay_and_its_other_inputs_go() -> None:
    whole = graph("f", "fa", "fb", "ad", "bd", "fx", "xy", "de", "ud", f=0, a=1, b=1, d=2, x=1, y=2, e=3, u=1)
    assert kept(between(whole, "d")) == ("abdf", ["ad", "bd", "fa", "fb"])


def test_a_node_upstream_is_reached_against_the_edges() -> None:
    whole = graph("f", "ua", "af", "vf", "fd", u=-2, a=-1, v=-1, f=0, d=1)
    assert kept(between(whole, "u")) == ("afu", ["af", "ua"])


def test_edges_between_what_is_kept_stay_even_where_one_skips_a_node() -> None:
    assert kept(between(graph("f", "fa", "ad", "fd", f=0, a=1, d=1), "d")) == ("adf", ["ad", "fa", "fd"])


def test_a_circle_ends() -> None:
    assert kept(between(graph("f", "fa", "af", "ad", f=0, a=1, d=2), "d")) == ("adf", ["ad", "af", "fa"])


def test_of_a_node_out_of_reach_nothing_is_known() -> None:
    whole = graph("f", "fa", f=0, a=1)
    assert kept(between(whole, "far")) == ("f", [])
    assert kept(between(whole, "f")) == ("f", [])
