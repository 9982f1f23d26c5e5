"""Similar neighbours become clusters, outward from the focus."""

from __future__ import annotations

from penstock.domain.lineage import EdgeKind, LineageEdge, LineageNode, NodeKind
from penstock.lineage.folding import drawn_edges, fold


def star(width: int, *, groups: int = 1) -> tuple[dict[str, LineageNode], set[LineageEdge], dict[str, int]]:
    """A dataset that `width` tasks read; each puts out a model."""
    nodes = {"d": LineageNode("d", NodeKind.DATA, group="data")}
    distances, edges = {"d": 0}, set()
    for index in range(width):
        task, model = f"t{index}", f"m{index}"
        nodes[task] = LineageNode(task, NodeKind.PIPELINE_TASK, group=f"train{index % groups}")
        nodes[model] = LineageNode(model, NodeKind.DATA, group="model")
        distances |= {task: 1, model: 2}
        edges |= {LineageEdge("d", task, EdgeKind.USED, "x"), LineageEdge(task, model, EdgeKind.PRODUCED, "y")}
    return nodes, edges, distances


def test_four_alike_stay_apart_and_five_fold_with_what_hangs_on_them() -> None:
    assert fold(*star(4), expand=())[1] == []
    nodes, edges, distances = star(5)
    shown, clusters = fold(nodes, edges, distances, expand=())
    assert [(cluster.kind, cluster.group, len(cluster.members)) for cluster in clusters] == [
        (NodeKind.PIPELINE_TASK, "train0", 5),
        (NodeKind.DATA, "model", 5),
    ]
    tasks, models = (cluster.key for cluster in clusters)
    assert drawn_edges(edges, shown) == [
        (LineageEdge(tasks, models, EdgeKind.PRODUCED, "y"), 5),
        (LineageEdge("d", tasks, EdgeKind.USED, "x"), 5),
    ]


def test_other_groups_and_other_neighbours_do_not_fold_together() -> None:
    assert fold(*star(8, groups=2), expand=())[1] == []
    nodes, edges, distances = star(5)
    extra = {**nodes, "z": LineageNode("z", NodeKind.DATA, group="data")}
    far = {**distances, "z": 0}
    _, clusters = fold(extra, {*edges, LineageEdge("z", "t0", EdgeKind.USED)}, far, expand=())
    assert clusters == []


def test_an_expanded_cluster_stays_open_and_its_members_neighbours_stand_alone() -> None:
    graph = star(6)
    first = fold(*graph, expand=())[1][0]
    shown, clusters = fold(*graph, expand={first.key})
    assert shown == {}
    assert clusters == []
