"""The panel beside a lineage drawing: what a node is, what is around it, its content or how it ran; or what a cluster holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.ids import RunId
from penstock.domain.lineage import EdgeKind, LineageGraph, LineageName, LineageNode, NodeKind
from penstock.domain.tracking import TrackedRun
from penstock.domain.versions import Collection
from penstock.interfaces.flow_files import PickleSummary
from penstock.interfaces.pages import ArtifactUse, TaskView
from penstock.interfaces.tracking_pages import VersionItem
from penstock.lineage.service import LineageService, Readable
from penstock.web.pages.artifacts.lineage import (
    KIND_WORDS,
    DrawnNode,
    LineageQuery,
    drawn_node,
    drawn_nodes,
    graph_around,
    query_of,
    url_of,
)  # fmt: skip
from penstock.web.pages.tracking.artifacts import previewed
from penstock.web.previews.content import Preview, preview_of
from penstock.web.previews.tables import MAX_ROWS
from penstock.web.previews.viewer_sources import uses_with_sources
from penstock.web.previews.visualizations import Visual, visuals_of
from penstock.web.render import render_part
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import Leaf, config_of, look_of, summary_of, tree_of

_LEAVES = 12
"""Values of a tracked run that are listed of each sort."""
_VERSIONS = 8
_NEAR = 60
"""Nodes directly around the one shown."""
_LISTED = 12
"""Of them, under one heading."""

_INWARD: Mapping[EdgeKind, str] = {
    EdgeKind.PRODUCED: "Produced by",
    EdgeKind.USED: "Used",
    EdgeKind.LINKED: "Linked from",
    EdgeKind.CONTAINS: "Shares bytes with",
}
_OUTWARD: Mapping[EdgeKind, str] = {
    EdgeKind.PRODUCED: "Produced",
    EdgeKind.USED: "Used by",
    EdgeKind.LINKED: "Linked to",
    EdgeKind.CONTAINS: "Shares bytes with",
}
NEAR_WORDS = tuple(dict.fromkeys((*_INWARD.values(), *_OUTWARD.values())))
"""Headings of what is directly around a node; translated by the template."""


@dataclass(frozen=True, slots=True)
class Content:
    """The beginning of what is inside a node of data."""

    page_url: str
    """Page that shows more of it."""
    page_query: Mapping[str, str] = field(default_factory=dict)
    """What that page is asked for."""
    name: str = ""
    size_bytes: int | None = None
    preview: Preview | None = None
    view_url: str = ""
    """Where the bytes are read from."""
    download_url: str = ""
    beside: str = ""
    """What pictures in its table are relative to."""
    visual: Visual | None = None
    """Drawing, for metric types."""
    value: PickleSummary | None = None
    """A value of a flow."""


@dataclass(frozen=True, slots=True)
class TrackedSummary:
    """A tracked run in short."""

    run: TrackedRun
    look: tuple[str, str]
    """Word and icon of its state."""
    summary: Sequence[Leaf]
    config: Sequence[Leaf]


@dataclass(frozen=True, slots=True)
class LineagePanel:
    """Context of `lineage/panel.html`."""

    shown: str
    """What the address calls the node."""
    node: DrawnNode
    """The node or cluster."""
    kind_word: str
    """What it is."""
    item: LineageNode | None = None
    """The node with size, time and aliases; None for a cluster."""
    near: Sequence[tuple[str, Sequence[tuple[DrawnNode, str]], int]] = ()
    """(heading, (node, key) of those listed, how many more) of what is directly around it."""
    content: Content | None = None
    task: TaskView | None = None
    tracked: Sequence[TrackedSummary] = ()
    collection: Collection | None = None
    versions: Sequence[VersionItem] = ()
    """Newest members of the collection."""
    is_focus: bool = False
    """The drawing is around it already."""


async def panel_part(services: WebServices, graph: LineageService, readable: Callable[[Request], Readable], request: Request) -> Response:
    """The panel of the node or cluster `show`, for the drawing that the other fields of the address describe."""
    query, shown = query_of(request), request.query_params.get("show", "").strip()
    allowed = readable(request)
    if shown.startswith("cluster:"):
        drawn = drawn_nodes(await graph_around(graph, allowed, query), query).get(shown)
        if drawn is None:
            raise NotFoundError("This is not drawn as one any more.")
        panel = LineagePanel(shown, drawn, KIND_WORDS[drawn.kind])
    else:
        panel = await _panel(services, await graph.around(shown, depth=1, limit=_NEAR, is_folded=False, readable=allowed), query, shown)
    return render_part(services, request, "lineage/panel.html", panel=panel)


async def _panel(services: WebServices, found: LineageGraph, query: LineageQuery, shown: str) -> LineagePanel:
    item = found.nodes[found.focus]
    collection, versions = await _collection(services, item)
    return LineagePanel(
        shown,
        drawn_node(item, query),
        KIND_WORDS[item.kind],
        item,
        _near(found, query),
        await _content(services, item) if item.kind is NodeKind.DATA else None,
        await _task(services, item.names),
        await _tracked(services, item.names) if item.kind.is_execution else (),
        collection,
        versions,
        is_focus=query.of in {shown, found.focus, *(name.ref for name in item.names)},
    )


def _near(found: LineageGraph, query: LineageQuery) -> list[tuple[str, Sequence[tuple[DrawnNode, str]], int]]:
    """Return what is directly around the focus by how it belongs to it."""
    groups: dict[str, list[tuple[DrawnNode, str]]] = {}
    for edge in found.edges:
        is_inward = edge.target == found.focus
        other = found.nodes[edge.source if is_inward else edge.target]
        groups.setdefault((_INWARD if is_inward else _OUTWARD)[edge.kind], []).append((drawn_node(other, query), edge.label))
    return [(word, rows[:_LISTED], max(0, len(rows) - _LISTED)) for word, rows in groups.items()]


async def _content(services: WebServices, node: LineageNode) -> Content | None:
    """Return the beginning of the first name that has bytes here; they all have the same."""
    for name in node.names:
        family, _, rest = name.ref.partition(":")
        found = None
        if family == "artifact":
            found = await _of_artifact(services, int(rest))
        elif family == "version":
            found = await _of_version(services, name)
        elif family == "flow":
            found = await _of_flow(services, name)
        if found is not None:
            return found
    return None


async def _of_artifact(services: WebServices, artifact_id: int) -> Content | None:
    view = await services.artifacts.artifact(artifact_id)
    if view is None or (await services.notes.note(artifact_id)).ended_at is not None:
        return None
    artifact, base, asked = view.artifact, f"/ui/artifacts/{artifact_id}", {"tab": "preview"}
    name = artifact.name or artifact.output_key
    use = ArtifactUse("output", artifact.output_key, 0, artifact, artifact.task_id or "", artifact.task_name)
    drawn = visuals_of(await uses_with_sources(services, [use]))
    visual = drawn[0] if drawn else None
    if artifact.digest is None:
        # Metrics are what was logged of them; they have no bytes.
        return Content(base, asked, name, visual=visual) if visual is not None and visual.kind in {"scalars", "classification"} else None
    digest, size = artifact.digest, artifact.size_bytes
    preview = await asyncio.to_thread(
        preview_of, services.blobs, digest=digest, type_=artifact.type, is_directory=artifact.is_directory, size=size
    )
    return Content(base, asked, name, size, preview, f"{base}/view", f"{base}/download", visual=visual)


async def _of_version(services: WebServices, name: LineageName) -> Content | None:
    tracking = services.tracking
    if tracking is None:
        return None
    path, _, alias = name.ref.removeprefix("version:").rpartition(":")
    entity, project_name, collection = path.split("/", 2)
    project = await tracking.projects.get(entity, project_name)
    if project is None:
        return None
    found = await asyncio.to_thread(tracking.collections.resolve, project.project_id, f"{collection}:{alias}")
    version = None if found is None else await asyncio.to_thread(tracking.artifacts.get, found[1].version_id)
    parts = {} if version is None else await asyncio.to_thread(previewed, services, tracking, version, "", MAX_ROWS)
    if version is None or "entry" not in parts:
        return None
    entry, beside = parts["entry"], f"/ui/tracking/versions/{version.version_id}/files/"
    address = beside + quote(entry.path)
    page, asked = f"{url_of(name)}/preview", {"file": entry.path}
    return Content(page, asked, entry.path, entry.size_bytes, parts["preview"], address, f"{address}?download=1", beside)


async def _of_flow(services: WebServices, name: LineageName) -> Content | None:
    if services.flows is None:
        return None
    flow, run, step, task = name.ref.removeprefix("flow:").split("/")
    try:
        value = await services.flows.reader.value(flow, run, step, task, name.place)
    except PenstockError:
        return None
    return Content(url_of(name), {"tab": "artifacts", "value": name.place}, name.place, value=value)


async def _task(services: WebServices, names: Sequence[LineageName]) -> TaskView | None:
    """Return the task of a pipeline or flow that a node is."""
    for name in names:
        family, _, task_id = name.ref.partition(":")
        if family in {"task", "flow"} and (found := await services.runs.task(RunId(name.place), task_id)) is not None:
            return found
    return None


async def _tracked(services: WebServices, names: Sequence[LineageName]) -> list[TrackedSummary]:
    """Return the tracked runs that a node is, or that its task has."""
    found = []
    for name in names if services.tracking is not None else ():
        family, _, rest = name.ref.partition(":")
        run = await services.tracking.runs.get(*rest.split("/", 2)) if family == "run" and services.tracking is not None else None
        if run is not None:
            summary, config = (tree_of(document).leaves[:_LEAVES] for document in (summary_of(run), config_of(run)))
            found.append(TrackedSummary(run, look_of(run.state), summary, config))
    return found


async def _collection(services: WebServices, node: LineageNode) -> tuple[Collection | None, Sequence[VersionItem]]:
    tracking = services.tracking
    if tracking is None or node.kind is not NodeKind.COLLECTION:
        return None, ()
    collection_id = int(node.key.partition(":")[2])
    collection = await asyncio.to_thread(tracking.collections.get, collection_id)
    return collection, await tracking.pages.versions(collection_id, limit=_VERSIONS)
