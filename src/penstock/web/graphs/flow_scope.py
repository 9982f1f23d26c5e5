"""The graph of a flow's run as data for the browser, and its critical path: what `static/js/graph.js` draws, with a box for each step.

Boxes lead to the tasks of their step. How long a step took is told where all of its tasks were looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from penstock.interfaces.page_flows import FlowTaskItem
from penstock.web.graphs.critical_path import CriticalPath, Timed, Waits, chain_of
from penstock.web.graphs.flow import FlowGraph, StepNode
from penstock.web.graphs.graph import GraphNode

_MOST_DECORATORS = 3


def scope_of(graph: FlowGraph, tasks: Sequence[FlowTaskItem], run: str, words: Mapping[bool, str], caught: str) -> dict[str, Any]:
    """Return the only scope of the drawing.

    Args:
        graph: the steps.
        tasks: those of the run, or its first ones.
        run: shared id of the run, `Flow/12`.
        words: what flows along an edge, by whether tasks fan out along it.
        caught: what a step is marked with when `@catch` caught the failure of one of these tasks.
    """
    by_step: dict[str, list[FlowTaskItem]] = {}
    for task in tasks:
        by_step.setdefault(task.step_name, []).append(task)
    nodes = [asdict(_node(step, by_step.get(step.name, ()), run, caught)) for step in graph.nodes]
    edges = [
        {"source": edge.source, "target": edge.target, "labels": (), "is_foreach": edge.is_foreach, "words": words[edge.is_foreach]}
        for edge in graph.edges
    ]
    return {"nodes": nodes, "edges": edges}


def path_of(graph: FlowGraph, tasks: Sequence[FlowTaskItem], *, start: float, end: float) -> CriticalPath:
    """Find the chain of tasks that decided when a run ended, along the edges of its steps.

    Args:
        graph: the steps.
        tasks: those of the run.
        start: when the run began, in Unix seconds.
        end: what stands for the end of tasks that still run.
    """
    before: dict[str, set[str]] = {}
    for edge in graph.edges:
        before.setdefault(edge.target, set()).add(edge.source)
    leaves = [_Leaf(task) for task in tasks if task.started_at is not None]
    return chain_of(leaves, _StepWaits(leaves, before), start=start, end=end)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A task, as the search for the chain knows tasks."""

    task: FlowTaskItem

    @property
    def task_id(self) -> str:
        return f"{self.task.step_name}/{self.task.task_id}"

    @property
    def path(self) -> str:
        return self.task.step_name

    @property
    def display_name(self) -> str:
        return self.task_id

    @property
    def started_at(self) -> float | None:
        return self.task.started_at

    @property
    def finished_at(self) -> float | None:
        return self.task.finished_at


class _StepWaits(Waits):
    """What a task may have waited for: tasks of the steps before its own, those with the same foreach values where there are any."""

    def __init__(self, leaves: Sequence[_Leaf], before: Mapping[str, set[str]]) -> None:
        self._before = before
        self._of_step: dict[str, list[_Leaf]] = {}
        self._foreach = {leaf.task_id: leaf.task.foreach for leaf in leaves}
        for leaf in leaves:
            if leaf.finished_at is not None:
                self._of_step.setdefault(leaf.path, []).append(leaf)

    def before(self, task: Timed) -> Iterable[Timed]:
        """See `Waits`."""
        started = task.started_at or 0.0
        ended = [
            leaf
            for step in self._before.get(task.path, ())
            for leaf in self._of_step.get(step, ())
            if leaf.finished_at is not None and leaf.finished_at <= started + 1.0 and (leaf.started_at or 0.0) < started
        ]
        values = self._foreach.get(task.task_id, "")
        return [leaf for leaf in ended if values and leaf.task.foreach == values] or ended


def _node(step: StepNode, tasks: Sequence[FlowTaskItem], run: str, caught: str) -> GraphNode:
    began = [task.started_at for task in tasks if task.started_at is not None]
    ended = [task.finished_at for task in tasks]
    is_whole = bool(began) and len(tasks) == step.begun
    last = max((moment for moment in ended if moment is not None), default=None)
    return GraphNode(
        id=step.name,
        key=step.name,
        name=step.name,
        type=step.kind.upper() or "STEP",
        is_group=False,
        state=step.state,
        started_at=min(began) if is_whole else None,
        finished_at=last if is_whole and None not in ended else None,
        counts=step.counts if step.count > 1 else {},
        about=step.doc,
        note=_note(step, caught if any(task.is_caught for task in tasks) else ""),
        url=f"/flows/{quote(run)}/{quote(step.name, safe='')}",
    )


def _note(step: StepNode, caught: str) -> str:
    done = f"{step.counts.get('SUCCEEDED', 0)}/{step.count}" if step.count > 1 else ""
    decorators = " ".join(f"@{name}" for name in step.decorators[:_MOST_DECORATORS])
    return " \u00b7 ".join(part for part in (done, caught, step.kind or decorators) if part and part != step.name)
