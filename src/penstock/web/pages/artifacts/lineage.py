"""Lineage of one thing over pipelines, tracked runs and flows: a drawing, and the same as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.lineage import Direction, LineageGraph, LineageName, LineageNode, NodeKind
from penstock.lineage.folding import drawn_edges
from penstock.lineage.service import LineageService, Readable
from penstock.web.render import Crumb, Frame, language_of, render, render_part
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import component_name
from penstock.web.texts.i18n import translate
from penstock.web.texts.whole_numbers import whole_number

DIRECTIONS: Sequence[tuple[Direction, str]] = (
    (Direction.BOTH, "Both ways"),
    (Direction.UPSTREAM, "What led to it"),
    (Direction.DOWNSTREAM, "What came of it (impact)"),
)
EDGE_WORDS: Mapping[str, str] = {"produced": "produced", "used": "used by", "linked": "linked to", "contains": "shares bytes with"}
KIND_WORDS: Mapping[NodeKind, str] = {
    NodeKind.DATA: "Data",
    NodeKind.COLLECTION: "Collection",
    NodeKind.PIPELINE_TASK: "Pipeline task",
    NodeKind.FLOW_TASK: "Flow task",
    NodeKind.TRACKED_RUN: "Tracked run",
}
HIDDEN = "not yours to see"
"""Name of a node of which the reader may see nothing else."""
MAX_WALKED = 6000
"""Nodes walked to for one drawing, when what is similar in them is drawn as one."""
MAX_SHOWN = 500
"""Nodes walked to when they would not fold into so few boxes."""
_MOST_BOXES = 1000
_MOST_MEMBERS = 1000
_MOST_ENDS = 300
"""Nodes offered as the other end of paths, the nearest ones."""
DEPTHS = (1, 10)
_DEFAULT_DEPTH = 4


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """One box of the drawing: a node or a cluster."""

    key: str
    """Of the node or cluster."""
    kind: NodeKind
    """What it is, or what its members are."""
    name: str
    """First name, or group and count."""
    detail: str
    """Type or place."""
    lines: tuple[str, str]
    """What its box says: the name alone, and what tells it from others of that name."""
    type: str
    """Type of data, for its icon."""
    url: str
    """Page of the object; for a cluster, this page with the cluster open; empty when it is not the reader's to see."""
    state: str
    """Of an execution."""
    count: int
    """Members of a cluster; 1 for a node."""
    names: Sequence[tuple[str, str]]
    """Every name with the address of its page."""
    lineage_url: str
    """This page around the node."""
    path_url: str = ""
    """This page with the paths to the node alone; empty for clusters and where they are drawn already."""
    aliases: Sequence[str] = ()
    """Aliases in use on it; of a cluster, on its members. `latest`, which moves by itself, is none."""


LineageRow = tuple[DrawnNode, str, DrawnNode, str, int]
"""An edge: from, word, to, label, how many it stands for."""


@dataclass(frozen=True, slots=True)
class LineageTable:
    """Context of `lineage/table.html`."""

    focus: DrawnNode
    """The thing in the middle."""
    rows: Sequence[LineageRow]
    """Edges."""
    is_truncated: bool
    """There is more than that."""


@dataclass(frozen=True, slots=True)
class LineageQuery:
    """What the address asks for."""

    of: str
    """Reference of the focus."""
    direction: Direction
    """Which way to walk."""
    depth: int
    """Hops."""
    expand: Sequence[str]
    """Open clusters."""
    has_contents: bool
    """Whether parts of versions are joined too."""
    to: str = ""
    """Key of the node that only the paths to are drawn of; empty: everything is."""
    is_exploded: bool = False
    """Whether similar neighbours are drawn one by one instead of as clusters."""

    def fields(self, **changes: str) -> dict[str, str]:
        """Return the query string's fields, some of them changed."""
        found = {
            "of": self.of,
            "direction": "" if self.direction is Direction.BOTH else self.direction.value,
            "depth": "" if self.depth == _DEFAULT_DEPTH else str(self.depth),
            "expand": ",".join(self.expand),
            "contents": "1" if self.has_contents else "",
            "to": self.to,
            "explode": "1" if self.is_exploded else "",
        }
        return {name: value for name, value in (found | changes).items() if value}


@dataclass(frozen=True, slots=True)
class RunAgain:
    """A pipeline run, flow run or tracking project that would have to run again after a change."""

    place: str
    """Its name."""
    url: str
    """Its page."""
    clone_url: str
    """Where a run of a pipeline is started anew; empty for others."""
    nodes: Sequence[DrawnNode]
    """The executions in it, nearest first."""


@dataclass(frozen=True, slots=True)
class LineagePage:
    """Context of `lineage/lineage.html`."""

    query: LineageQuery
    """What the address asks for."""
    focus: DrawnNode
    """The thing in the middle."""
    size_bytes: int | None
    """Of the focus."""
    aliases: Sequence[str]
    """In use on the focus."""
    rows: Sequence[LineageRow]
    """Edges."""
    node_count: int
    """Nodes found, members of clusters included."""
    is_truncated: bool
    """There is more than that."""
    drawing: Mapping[str, Any]
    """Boxes and arrows."""
    data_url: str
    """Where the drawing loads from, when it is tried again."""
    panel_url: str
    """Where the panel of a node loads from."""
    endangered: Sequence[tuple[DrawnNode, Sequence[str]]]
    """Downstream things that aliases point to: what a change of the focus touches."""
    others: Sequence[tuple[str, str, str]]
    """Nodes that paths can lead to: key, name, detail."""
    again: Sequence[RunAgain]
    """What came of the focus by running, nearest first. Only downstream."""
    end: DrawnNode | None
    """The other end of the paths drawn, when it is within the depth."""
    whole_url: str
    """This page with everything again."""
    clusters: Sequence[DrawnNode]
    """What is drawn as one, with its members as names."""
    has_members: bool
    """Whether the members of clusters are listed on the page; of very many, each panel lists its own."""
    folded_url: str
    """This page with the clusters folded again that the reader opened; empty where none is open."""
    directions: Sequence[tuple[Direction, str]] = DIRECTIONS
    """Choices of direction."""
    kind_words: Mapping[NodeKind, str] = field(default_factory=lambda: KIND_WORDS)
    """Word of each kind."""


def query_of(request: Request) -> LineageQuery:
    """Return what the address asks for.

    Raises:
        InvalidArgumentError: a value is not one of those that the page offers.
    """
    params = request.query_params
    depth = params.get("depth") or str(_DEFAULT_DEPTH)
    direction = params.get("direction") or Direction.BOTH.value
    levels = whole_number(depth)
    if levels is None or not DEPTHS[0] <= levels <= DEPTHS[1]:
        raise InvalidArgumentError(f"depth must be {DEPTHS[0]} to {DEPTHS[1]}")
    if direction not in {way.value for way in Direction}:
        raise InvalidArgumentError(f"{direction[:40]!r} is no direction")
    expand = [part for part in params.get("expand", "").split(",") if part]
    to = params.get("to", "").strip()
    of, has_contents, is_exploded = params.get("of", "").strip(), params.get("contents") == "1", params.get("explode") == "1"
    return LineageQuery(of, Direction(direction), levels, expand, has_contents, to, is_exploded)


async def graph_around(graph: LineageService, readable: Readable, query: LineageQuery) -> LineageGraph:
    """Return what the address asks for.

    Raises:
        NotFoundError: there is no such thing.
    """

    async def walked(limit: int) -> LineageGraph:
        return await graph.around(
            query.of,
            direction=query.direction,
            depth=query.depth,
            limit=limit,
            is_folded=not query.is_exploded,
            expand=query.expand,
            has_contents=query.has_contents,
            to=query.to,
            readable=readable,
        )

    found = await walked(MAX_SHOWN if query.is_exploded else MAX_WALKED)
    boxes = len(found.nodes) - len(found.shown) + len(found.clusters)
    return found if boxes <= _MOST_BOXES else await walked(MAX_SHOWN)


async def lineage_page(
    services: WebServices, graph: LineageService, readable: Callable[[Request], Readable], request: Request
) -> Response:
    """The lineage of what `of` names."""
    query = query_of(request)
    if not query.of:
        return RedirectResponse("/ui/artifacts", status_code=303)
    found = await graph_around(graph, readable(request), query)
    drawn = drawn_nodes(found, query)
    focus = drawn[found.focus]
    endangered = [
        (drawn_node(node, query), chosen_aliases(node))
        for key, node in found.nodes.items()
        if found.distances[key] > 0 and chosen_aliases(node)
    ]
    nearest = sorted(found.nodes.items(), key=lambda item: (abs(found.distances[item[0]]), item[0]))
    others = [(key, node) for key, node in nearest if key != found.focus and node.names][:_MOST_ENDS]
    page = LineagePage(
        query=query,
        focus=focus,
        size_bytes=found.nodes[found.focus].size_bytes,
        aliases=found.nodes[found.focus].aliases,
        rows=_rows(found, drawn),
        node_count=len(found.nodes),
        is_truncated=found.is_truncated,
        drawing=_drawing(found, query, drawn, request),
        data_url="/ui/lineage/graph?" + urlencode(query.fields()),
        panel_url="/ui/lineage/panel?" + urlencode(query.fields()),
        endangered=endangered,
        others=sorted(((key, *_words_of(node)) for key, node in others), key=lambda other: (*other[1:], other[0])),
        again=_again(found, query) if query.direction is Direction.DOWNSTREAM and not query.to else (),
        end=drawn_node(found.nodes[query.to], query) if query.to in found.nodes else None,
        whole_url="/ui/lineage?" + urlencode(query.fields(to="")),
        clusters=[node for node in drawn.values() if node.count > 1],
        has_members=len(found.shown) <= _MOST_MEMBERS,
        folded_url="/ui/lineage?" + urlencode(query.fields(expand="")) if query.expand and not query.is_exploded else "",
    )
    crumbs = (Crumb("Artifacts", "/ui/artifacts"), Crumb("Lineage", is_word=True), Crumb(focus.name))
    frame = Frame(title=focus.name, section="artifacts", crumbs=crumbs, scripts=("table", "lineage", "preview", "visuals"))
    return render(services, request, "lineage/lineage.html", frame=frame, page=page)


def _rows(found: LineageGraph, drawn: Mapping[str, DrawnNode]) -> Sequence[LineageRow]:
    """Return the edges as the table has them."""
    edges = drawn_edges(found.edges, found.shown)
    return [(drawn[edge.source], EDGE_WORDS[edge.kind], drawn[edge.target], edge.label, count) for edge, count in edges]


async def table_part(
    services: WebServices, graph: LineageService, readable: Callable[[Request], Readable], request: Request
) -> Response:
    """The same as a table, for pages that draw a lineage beside other things."""
    query = query_of(request)
    found = await graph_around(graph, readable(request), query)
    drawn = drawn_nodes(found, query)
    part = LineageTable(drawn[found.focus], _rows(found, drawn), found.is_truncated)
    return render_part(services, request, "lineage/table.html", part=part)


async def graph_data(
    services: WebServices, graph: LineageService, readable: Callable[[Request], Readable], request: Request
) -> Response:
    """Boxes and arrows of the drawing."""
    query = query_of(request)
    found = await graph_around(graph, readable(request), query)
    return JSONResponse(_drawing(found, query, drawn_nodes(found, query), request), headers={"cache-control": "no-store"})


def _drawing(found: LineageGraph, query: LineageQuery, drawn: Mapping[str, DrawnNode], request: Request) -> dict[str, Any]:
    """Return boxes and arrows as the page's script reads them."""
    language, ours = language_of(request), {*KIND_WORDS.values(), HIDDEN}

    def told(word: str) -> str:
        return translate(language, word) if word in ours else word

    nodes = [
        {
            "id": node.key,
            "kind": "task" if node.kind.is_execution else "artifact",
            "name": node.lines[0] if node.url else told(node.name),
            "detail": told(node.lines[1]),
            "whole": node.name if node.url else told(node.name),
            "word": told(node.detail),
            "type": node.type,
            "url": node.url,
            "state": node.state,
            "count": node.count,
            "path": node.path_url,
            "aliases": node.aliases,
        }
        for node in drawn.values()
    ]
    edges = [
        {
            "source": edge.source,
            "target": edge.target,
            "type": edge.kind,
            "labels": [*([edge.label] if edge.label else []), *([f"\u00d7{count}"] if count > 1 else [])],
        }
        for edge, count in drawn_edges(found.edges, found.shown)
    ]
    told_words = {"is_cut": found.is_truncated, "words": edge_words(request)}
    return {"focus": found.focus, "to": query.to, "nodes": nodes, "edges": edges, **told_words}


def edge_words(request: Request) -> dict[str, str]:
    """Return the word for each kind of edge in the reader's language."""
    language = language_of(request)
    return {kind: translate(language, word) for kind, word in EDGE_WORDS.items()}


def drawn_nodes(found: LineageGraph, query: LineageQuery) -> dict[str, DrawnNode]:
    """Return the boxes of a drawing by key: nodes, and clusters instead of what is in them."""
    drawn = {key: drawn_node(node, query) for key, node in found.nodes.items() if key not in found.shown}
    for cluster in found.clusters:
        address = "/ui/lineage?" + urlencode(query.fields(expand=",".join([*query.expand, cluster.key])))
        names = [(found.nodes[key].names[0].text, _page_of(found.nodes[key])) for key in cluster.members if found.nodes[key].names]
        words = (f"{len(cluster.members)} \u00d7 {component_name(cluster.group) or KIND_WORDS[cluster.kind]}", KIND_WORDS[cluster.kind])
        drawn[cluster.key] = DrawnNode(
            key=cluster.key,
            kind=cluster.kind,
            name=words[0],
            detail=words[1],
            lines=words,
            type="",
            url=address,
            state=_state_of([found.nodes[key].state for key in cluster.members]),
            count=len(cluster.members),
            names=names,
            lineage_url=address,
            aliases=list(dict.fromkeys(alias for key in cluster.members for alias in chosen_aliases(found.nodes[key]))),
        )
    return drawn


def _state_of(states: Sequence[str]) -> str:
    """State that a cluster shows: the worst one."""
    return next((state for state in ("FAILED", "CANCELED", "RUNNING", "PENDING") if state in states), states[0] if states else "")


def _again(found: LineageGraph, query: LineageQuery) -> Sequence[RunAgain]:
    """Executions downstream by where they ran: a change of the focus means to run them again in this order."""
    places: dict[str, list[LineageNode]] = {}
    for key, node in sorted(found.nodes.items(), key=lambda item: (found.distances[item[0]], item[0])):
        if found.distances[key] > 0 and node.kind.is_execution and node.names:
            places.setdefault(_place_of(node.names[0]), []).append(node)
    return [_run_again(url, nodes, query) for url, nodes in places.items()]


def _run_again(url: str, nodes: Sequence[LineageNode], query: LineageQuery) -> RunAgain:
    drawn = [drawn_node(node, query) for node in nodes]
    is_pipeline = nodes[0].kind is NodeKind.PIPELINE_TASK
    clone_url = f"/ui/runs/new?clone={quote(nodes[0].names[0].place)}" if is_pipeline else ""
    return RunAgain(drawn[0].detail, url, clone_url, drawn)


def _place_of(name: LineageName) -> str:
    """Return the page of the run or project that an execution belongs to."""
    family, _, rest = name.ref.partition(":")
    if family == "task":
        return f"/ui/runs/{quote(name.place)}"
    parts = rest.split("/")[:2]
    return ("/flows/" if family == "flow" else "/") + "/".join(map(quote, parts))


def _first_name(node: LineageNode) -> LineageName:
    return node.names[0] if node.names else LineageName("", HIDDEN, "")


def _words_of(node: LineageNode) -> tuple[str, str]:
    """Name and detail that a node is shown with."""
    first = _first_name(node)
    return first.text, (first.detail.removeprefix("system.") or KIND_WORDS[node.kind]) + _more_names(node)


def _lines_of(node: LineageNode) -> tuple[str, str]:
    """Name and detail in the box of a node."""
    name, below = _first_name(node).lines
    return name, (below.removeprefix("system.") or KIND_WORDS[node.kind]) + _more_names(node)


def _more_names(node: LineageNode) -> str:
    is_shared = len(node.names) > 1 and not node.kind.is_execution
    return f" +{len(node.names) - 1}" if is_shared else ""


def chosen_aliases(node: LineageNode) -> list[str]:
    """Return the aliases of a node that somebody gave it."""
    return [alias for alias in node.aliases if alias.rpartition(":")[2] != "latest"]


def drawn_node(node: LineageNode, query: LineageQuery) -> DrawnNode:
    """Return a node as it is drawn."""
    first = _first_name(node)
    name, detail = _words_of(node)
    own = "/ui/lineage?" + urlencode(query.fields(of=node.key, expand="", to=""))
    return DrawnNode(
        key=node.key,
        kind=node.kind,
        name=name,
        detail=detail,
        lines=_lines_of(node),
        type=first.detail,
        url=(_page_of(node) or own) if node.names else "",
        state=node.state,
        count=1,
        names=[(known.text, url_of(known)) for known in node.names],
        lineage_url=own,
        path_url="" if query.to else "/ui/lineage?" + urlencode(query.fields(to=node.key)),
        aliases=chosen_aliases(node),
    )


def _page_of(node: LineageNode) -> str:
    return url_of(node.names[0]) if node.names else ""


def url_of(name: LineageName) -> str:
    """Return the address of the page of what a name stands for."""
    family, _, rest = name.ref.partition(":")
    if family == "artifact":
        return f"/ui/artifacts/{rest}"
    if family == "task":
        return f"/ui/runs/{quote(name.place)}?task={quote(rest, safe='')}"
    if family == "flow":
        return f"/flows/{quote(rest)}"
    if family == "run":
        entity, project, run = rest.split("/", 2)
        return f"/{quote(entity)}/{quote(project)}/runs/{quote(run)}"
    if family == "version":
        path, _, version = rest.rpartition(":")
        entity, project, collection = path.split("/", 2)
        return f"/{quote(entity)}/{quote(project)}/artifacts/{quote(name.place, safe='')}/{quote(collection, safe='')}/{version}"
    if family == "collection" and name.place.count("/") >= 2:
        entity, project, collection = name.place.split("/", 2)
        return f"/{quote(entity)}/{quote(project)}/artifacts/{quote(name.detail, safe='')}/{quote(collection, safe='')}"
    return ""
