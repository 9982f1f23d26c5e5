"""The graph of a run as data: open scopes, clusters of very large scopes, cells of loops. Cost grows with what is open, not with the run.

Plans are kept by the digest of their definition (`web.runs.plans`), and so is the folded form of large scopes. A change of state then costs
one narrow query per open scope.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.domain.plan import GraphTemplate, RunPlan
from penstock.interfaces.pages import RunItem, TaskItem, TaskState
from penstock.web.graphs import graph
from penstock.web.graphs.folding import FOLD_AT, MEMBERS_SHOWN, Folded, fold
from penstock.web.services.web import WebServices

MAX_OPEN = 40
MAX_CELLS = 10_000
ITEMS_SHOWN = 500
"""Iterations of a loop up to which each cell brings its item's text; beyond, only open iterations do."""
_KEPT = 8
_CLUSTER = re.compile(r"([\w-]{1,64})~(\d{1,6})")
_ATTENTION = {"FAILED": 0, "CANCELED": 1, "CANCELING": 1, "RUNNING": 2, "PENDING": 3, "": 5}
_SHOWN_FIRST = {"FAILED": 0, "RUNNING": 1}
"""Which iteration of a loop is shown when nobody chose one; `graph.js` chooses alike."""
_folds: OrderedDict[tuple[str, str], Folded] = OrderedDict()


def folded(digest: str, plan: RunPlan, path: str) -> Folded | None:
    """Return the folded form of a scope, or None when it is small enough to be drawn whole."""
    template = graph.template_at(plan, path)
    if not isinstance(template, GraphTemplate) or len(template.tasks) <= FOLD_AT:
        return None
    key = (digest, re.sub(r"\[\d+\]", "", path))
    whole = _folds.get(key)
    if whole is None:
        whole = _folds[key] = fold(template)
        while len(_folds) > _KEPT:
            _folds.popitem(last=False)
    return whole


def static_scope(digest: str, plan: RunPlan, name: str) -> dict[str, Any]:
    """Return a scope of a definition without a run: whole, as clusters when it is very large, or the first members of a cluster.

    Takes time that grows with the scope: not for the event loop.
    """
    path, _, place = name.partition("~")
    whole = folded(digest, plan, path)
    if whole is None:
        return graph.to_json(graph.plan_scope(plan, path))
    if not place:
        return cluster_scope(path, whole, [Counter() for _ in whole.clusters], [0] * len(whole.clusters))
    keys = whole.clusters[int(place)].keys if place.isdecimal() and int(place) < len(whole.clusters) else ()
    scope = graph.plan_scope(plan, path, only=frozenset(keys[:MEMBERS_SHOWN]))
    return graph.to_json(scope) | {"hidden": max(0, len(keys) - MEMBERS_SHOWN)}


def cluster_scope(name: str, whole: Folded, counts: Sequence[Counter[str]], cached: Sequence[int]) -> dict[str, Any]:
    """Return a folded scope for the browser, with tasks by state and the number of cached ones for each cluster."""
    nodes: list[dict[str, Any]] = [
        {
            "id": f"{name}~{place}",
            "key": "",
            "name": cluster.name,
            "type": "CLUSTER",
            "is_group": True,
            "state": _state_of(counts[place], len(cluster.keys)),
            "reason": "",
            "is_cached": len(cluster.keys) == cached[place],
            "attempts": 0,
            "iterations": None,
            "size": len(cluster.keys),
            "counts": dict(counts[place]),
            "component": cluster.name,
            "outputs": [],
        }
        for place, cluster in enumerate(whole.clusters)
    ]
    edges = [
        {"source": f"{name}~{source}", "target": f"{name}~{target}", "labels": [], "has_artifact": False} for source, target in whole.edges
    ]
    return {"nodes": nodes, "edges": edges, "folded": sum(len(cluster.keys) for cluster in whole.clusters)}


class RunGraph:
    """Collects the open scopes of one run."""

    def __init__(self, services: WebServices, run: RunItem, plan: RunPlan | None) -> None:
        self._services = services
        self._run = run
        self._plan = plan
        self.scopes: dict[str, Any] = {}
        self.loops: dict[str, Any] = {}
        self._parents: dict[str, TaskItem] = {}

    async def collect(self, root: TaskItem | None, opened: Sequence[str]) -> None:
        """Fill `scopes` and `loops` with the root scope and everything in `opened`."""
        if root is not None:
            self._parents[root.task_id] = root
        for name in ([root.task_id] if root else []) + list(opened)[:MAX_OPEN]:
            cluster = _CLUSTER.fullmatch(name)
            parent = await self._parent(cluster[1] if cluster else name)
            if parent is None or name in self.scopes or name in self.loops:
                continue
            if cluster:
                await self._open_cluster(name, parent, int(cluster[2]), opened)
            elif parent.is_leaf:
                continue
            elif parent.type == "LOOP":
                await self._open_loop(parent, opened)
            else:
                await self._open_scope(parent)
        if root is None and self._plan is not None:
            self.scopes["root"] = await asyncio.to_thread(static_scope, self._run.spec_digest or "", self._plan, "root")

    async def _parent(self, task_id: str) -> TaskItem | None:
        if task_id not in self._parents:
            found = await self._services.runs.task(self._run.run_id, task_id)
            if found is None:
                return None
            self._parents[task_id] = found.task
        return self._parents[task_id]

    async def trail(self, task_id: str) -> list[dict[str, str]]:
        """Return the groups from the outermost to a task, itself last, without the root."""
        found: list[dict[str, str]] = []
        at: str | None = task_id
        while at is not None and len(found) < MAX_OPEN and (task := await self._parent(at)) is not None and task.parent_task_id:
            name = task.display_name or task.task_key
            shown = f"[{task.iteration_index}]" if task.type == "ITERATION" else name
            found.insert(0, {"id": task.task_id, "type": task.type, "name": shown})
            at = task.parent_task_id
        return found

    async def cluster_of(self, task: TaskItem) -> str:
        """Return the id of the cluster that stands for a task where its scope is folded, else an empty text."""
        parent = await self._parent(task.parent_task_id) if task.parent_task_id else None
        whole = folded(self._run.spec_digest or "", self._plan, parent.path) if parent is not None and self._plan is not None else None
        place = whole.cluster_of.get(task.component) if whole is not None else None
        return "" if place is None or parent is None else f"{parent.task_id}~{place}"

    async def _open_loop(self, loop: TaskItem, opened: Sequence[str]) -> None:
        cells = await self._services.runs.cells(self._run.run_id, loop.task_id, limit=MAX_CELLS)
        texts: dict[str, str] = {}
        if len(cells) <= ITEMS_SHOWN:
            children = await self._services.runs.children(self._run.run_id, loop.task_id, limit=ITEMS_SHOWN)
            texts = {child.task_id: one_item(child) for child in children}
        else:
            known = {cell.task_id for cell in cells} & set(opened)
            texts = {name: one_item(task) for name in known if (task := await self._parent(name))}
        self.loops[loop.task_id] = [(task_id, index, state, texts.get(task_id, "")) for task_id, _, index, state, _ in cells]
        if cells and not {cell.task_id for cell in cells} & set(opened):
            await self._show(min(cells, key=lambda cell: (_SHOWN_FIRST.get(cell.state, 2), cell.iteration_index or 0)).task_id)

    async def _show(self, iteration: str) -> None:
        """Open an iteration that nobody named: the one that the browser would ask for next."""
        parent = await self._parent(iteration)
        if parent is not None and iteration not in self.scopes:
            await self._open_scope(parent)

    async def _open_scope(self, parent: TaskItem) -> None:
        whole = folded(self._run.spec_digest or "", self._plan, parent.path) if self._plan is not None else None
        if whole is not None:
            self.scopes[parent.task_id] = await self._clusters(parent, whole)
            return
        children = await self._services.runs.children(self._run.run_id, parent.task_id, limit=MAX_CELLS)
        await self._add(parent.task_id, parent, children)

    async def _add(self, name: str, parent: TaskItem, children: Sequence[TaskItem]) -> None:
        groups = [child.task_id for child in children if not child.is_leaf]
        counts: dict[str, dict[str, int]] = {}
        for entry in await self._services.runs.child_states(self._run.run_id, groups) if groups else ():
            counts.setdefault(entry.parent_task_id, {})[entry.state] = entry.count
        self.scopes[name] = graph.to_json(graph.run_scope(self._plan, self._run.run_id, parent, children, counts))
        self._parents.update({child.task_id: child for child in children})

    async def _clusters(self, parent: TaskItem, whole: Folded) -> dict[str, Any]:
        counts: list[Counter[str]] = [Counter() for _ in whole.clusters]
        cached = [0] * len(whole.clusters)
        for component, state, is_cached, count in await self._services.runs.component_states(self._run.run_id, parent.task_id):
            if (place := whole.cluster_of.get(component)) is not None:
                counts[place][state] += count
                cached[place] += count if is_cached else 0
        return cluster_scope(parent.task_id, whole, counts, cached)

    async def _open_cluster(self, name: str, parent: TaskItem, place: int, opened: Sequence[str]) -> None:
        """Draw some of a cluster's tasks: those that are asked for, what wants attention, the first."""
        whole = folded(self._run.spec_digest or "", self._plan, parent.path) if self._plan is not None else None
        if whole is None or place >= len(whole.clusters):
            return
        keys = whole.clusters[place].keys
        cells = {cell.task_key: cell for cell in await self._services.runs.cells(self._run.run_id, parent.task_id, limit=None)}
        urgent = sorted(keys, key=lambda key: _urgency(cells.get(key), opened))[:MEMBERS_SHOWN]
        chosen = set(urgent)
        shown = [key for key in keys if key in chosen]
        wanted = [cells[key].task_id for key in shown if key in cells]
        rows = {task.task_key: task for task in await self._services.runs.tasks_of(self._run.run_id, wanted)}
        assert self._plan is not None
        run_id = RunId(self._run.run_id)
        born = {key: task_id_for(run_id, TaskPath(f"{parent.path}/{key}")) for key in shown}
        nodes = [graph.node_of(self._plan, parent.path, key, rows.get(key), born[key]) for key in shown]
        ids = {node.key: node.id for node in nodes}
        edges = [
            graph.GraphEdge(ids[edge.source], ids[edge.target], edge.labels, edge.has_artifact)
            for edge in whole.task_edges
            if edge.source in ids and edge.target in ids
        ]
        self.scopes[name] = graph.to_json(graph.GraphScope(nodes, edges)) | {"hidden": len(keys) - len(nodes)}


def _urgency(cell: TaskState | None, opened: Sequence[str]) -> int:
    if cell is None:
        return 5
    return -1 if cell.task_id in opened else _ATTENTION.get(cell.state, 4)


def _state_of(counts: Mapping[str, int], size: int) -> str:
    """State that a cluster shows: the one that wants attention first; it succeeded when every task did."""
    for state in ("FAILED", "CANCELED", "CANCELING", "RUNNING", "PENDING", "PAUSED"):
        if counts.get(state):
            return state
    done = sum(counts.values())
    if not done:
        return ""
    return "SUCCEEDED" if done >= size and counts.get("SUCCEEDED") else ("SKIPPED" if done >= size else "RUNNING")


def one_item(task: TaskItem) -> str:
    """The loop item of an iteration on one line, when it is known."""
    parameters = task.inputs.get("parameters", {})
    if not isinstance(parameters, Mapping) or not parameters:
        return ""
    items = {name: value for name, value in parameters.items() if "loop-item" in name} or parameters
    text = ", ".join(str(value) for value in items.values())
    return text if len(text) <= 60 else text[:59] + "\u2026"
