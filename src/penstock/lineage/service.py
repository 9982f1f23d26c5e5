"""Use cases of lineage: what led to a thing, and what came of it, over pipelines, tracked runs and flows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.lineage import Direction, LineageGraph, LineageNode, NodeKind
from penstock.interfaces.lineage_store import LineageStore
from penstock.lineage.folding import fold
from penstock.lineage.paths import between
from penstock.lineage.walking import walk

MAX_DEPTH = 20
MAX_NODES = 20_000
LISTED_FILES = 256
"""Versions with more entries are not listed: of them only the bytes they brought into their project are known."""
_NAMES = 20
_EDGES_PER_NODE = 10
_BATCH = 500
_ORDER = attrgetter("source", "target", "kind", "label")

Readable = Callable[[str], bool]
"""Whether the reader may see what an entity owns."""


class LineageService:
    """The lineage graph. `contents` reads the MD5 digests (hex) of a manifest's entries, references left out."""

    def __init__(self, store: LineageStore, contents: Callable[[Sequence[Digest]], Sequence[Sequence[str]]]) -> None:
        self._store = store
        self._contents = contents

    async def around(
        self,
        ref: str,
        *,
        direction: Direction = Direction.BOTH,
        depth: int = 4,
        limit: int = 1000,
        kinds: Collection[NodeKind] = tuple(NodeKind),
        is_folded: bool = True,
        expand: Collection[str] = (),
        has_contents: bool = False,
        to: str = "",
        readable: Readable = lambda entity: True,
    ) -> LineageGraph:
        """Return what surrounds the thing that `ref` names.

        Upstream and downstream are walked apart: the other inputs of a consumer are no part of an answer.

        Args:
            ref: `artifact:<id>`, `task:<id>`, `run:...`, `version:...`, `digest:...`, `flow:...` or a node key of an earlier answer.
            direction: which way to walk.
            depth: hops; from data over an execution to other data are two.
            limit: nodes at most, the focus included.
            kinds: nodes of other kinds are not entered.
            is_folded: draw five and more similar neighbours as one.
            expand: keys of clusters that stay open.
            has_contents: walk `contains` edges too.
            to: key of a node; of what was walked only the paths between it and the focus stay. Other names of it are not looked up:
                the answer would tell whose content has a name that is not the reader's.
            readable: names of entities that it refuses are left out; the nodes stay.

        Raises:
            InvalidArgumentError: `ref` has no known form, or a number is out of range.
            NotFoundError: there is no such thing.
        """
        if not 1 <= depth <= MAX_DEPTH or not 1 <= limit <= MAX_NODES:
            raise InvalidArgumentError(f"depth must be 1 to {MAX_DEPTH} and limit 1 to {MAX_NODES}")
        await self.read_contents()
        focus = await self._store.find(ref)
        if focus is None:
            raise NotFoundError(f"there is nothing with the lineage name {ref[:200]}")
        start = (await self._describe([focus], readable))[focus]
        if not start.names:
            raise NotFoundError(f"there is nothing with the lineage name {ref[:200]}")
        graph = LineageGraph(focus, {focus: start}, [], {focus: 0}, is_truncated=False)
        for way in (Direction.UPSTREAM, Direction.DOWNSTREAM):
            if direction in {way, Direction.BOTH}:
                graph = await self._extend(graph, way, depth, limit, kinds, has_contents, readable)
        if to:
            graph = between(graph, to)
        if not is_folded:
            return graph
        shown, clusters = fold(graph.nodes, graph.edges, graph.distances, expand=expand)
        return replace(graph, shown=shown, clusters=clusters)

    async def _extend(
        self,
        graph: LineageGraph,
        way: Direction,
        depth: int,
        limit: int,
        kinds: Collection[NodeKind],
        has_contents: bool,
        readable: Readable,
    ) -> LineageGraph:
        is_upstream = way is Direction.UPSTREAM
        ask = self._store.upstream if is_upstream else self._store.downstream
        nodes, distances, edges, is_cut = await walk(
            graph.nodes[graph.focus],
            partial(ask, limit=limit * _EDGES_PER_NODE, is_expanded=has_contents),
            partial(self._describe, readable=readable),
            is_upstream=is_upstream,
            depth=depth,
            limit=limit + 1 - len(graph.nodes),
            kinds=kinds,
        )
        signed = {key: -hops if is_upstream else hops for key, hops in distances.items()}
        return LineageGraph(
            graph.focus,
            {**nodes, **graph.nodes},
            sorted({*graph.edges, *edges}, key=_ORDER),
            {**signed, **graph.distances},
            is_truncated=graph.is_truncated or is_cut,
        )

    async def read_contents(self) -> None:
        """Note what is in the small artifact versions that were committed since the last call. Safe to repeat."""
        while versions := await self._store.unread_versions(max_files=LISTED_FILES, limit=_BATCH):
            found = await asyncio.to_thread(self._contents, [version.manifest for version in versions])
            await self._store.add_contents(dict(zip(versions, found, strict=True)))
            if len(versions) < _BATCH:
                return

    async def _describe(self, keys: Collection[str], readable: Readable) -> Mapping[str, LineageNode]:
        found = await self._store.describe(keys, names=_NAMES)
        owners = {name.entity for node in found.values() for name in node.names}
        hidden = {entity for entity in owners if entity and not readable(entity)}
        if not hidden:
            return found
        return {key: _without(node, hidden) for key, node in found.items()}


def _without(node: LineageNode, hidden: Collection[str]) -> LineageNode:
    names = [name for name in node.names if name.entity not in hidden]
    if len(names) == len(node.names):
        return node
    return replace(node, names=names, aliases=(), group=node.group if names else "")
