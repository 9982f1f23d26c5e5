"""The chain of leaf tasks that decided when a run ended.

Found backwards: from the leaf that ended last to whichever of the leaves it had to wait for ended last, until a leaf waited for none.
What a leaf waits for comes from the plan's edges, its own and those of the groups around it. A source that started no leaf (a condition
that was skipped) stands for what it waited for itself. Without a plan only times speak: the predecessor is the leaf that ended last
before this one started.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.domain.plan import GraphTemplate, RunPlan
from penstock.web.graphs.graph import edges_of, template_at

_ROUND = re.compile(r"\[\d+\]$")
_SLACK = 0.001
"""Seconds by which a predecessor may seem to end after its successor started, as times are rounded when they are stored."""


class Timed(Protocol):
    """What is needed of a leaf task that started."""

    @property
    def task_id(self) -> str:
        """Its id."""
        ...

    @property
    def path(self) -> str:
        """Where it stands in the plan."""
        ...

    @property
    def display_name(self) -> str:
        """What people call it."""
        ...

    @property
    def started_at(self) -> float | None:
        """Unix seconds."""
        ...

    @property
    def finished_at(self) -> float | None:
        """Unix seconds; None while it runs."""
        ...


@dataclass(frozen=True, slots=True)
class PathStep:
    """One task of the chain."""

    task_id: str
    name: str
    path: str
    seconds: float
    """How long it ran after the task before it had ended."""
    waited: float
    """Seconds between the end of the task before it (or the start of the run) and its own start."""
    share: float
    """`seconds` as a part of the whole, 0 to 1."""


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The chain, first task first."""

    steps: Sequence[PathStep] = ()
    total_seconds: float = 0.0
    """From the start of the run to the end of the last task."""

    @property
    def task_ids(self) -> frozenset[str]:
        """Ids of the tasks on it."""
        return frozenset(step.task_id for step in self.steps)

    @property
    def waited_share(self) -> float:
        """The part of the whole in which no task of the chain ran, 0 to 1."""
        return max(0.0, 1.0 - sum(step.share for step in self.steps)) if self.steps else 0.0


def critical_path(tasks: Sequence[Timed], plan: RunPlan | None, *, start: float, end: float) -> CriticalPath:
    """Find the chain among leaf tasks; `start` is when the run began, `end` stands for the end of tasks that still run."""
    leaves = [task for task in tasks if task.started_at is not None]
    ended = [task for task in leaves if task.finished_at is not None]
    return chain_of(leaves, _TimeWaits(ended) if plan is None else _PlanWaits(ended, plan), start=start, end=end)


def chain_of(leaves: Sequence[Timed], waits: Waits, *, start: float, end: float) -> CriticalPath:
    """Find the chain among tasks that started, as `waits` knows what each waited for; see `critical_path`."""
    if not leaves:
        return CriticalPath()
    chain = [max(leaves, key=lambda task: (_end(task, end), -_start(task)))]
    seen = {chain[0].task_id}
    while before := _last(task for task in waits.before(chain[-1]) if task.task_id not in seen):
        chain.append(before)
        seen.add(before.task_id)
    return _measured(chain[::-1], start, end)


def path_document(path: CriticalPath, boxes: Callable[[PathStep], Sequence[str]]) -> dict[str, Any]:
    """Return the chain as `static/js/graph.js` reads it: seconds and shares (0 to 1) unrounded, and of each step its box in the drawing.

    Args:
        path: the chain.
        boxes: ids of the boxes that a step stands in, outermost first, as those around its own may be closed.
    """
    steps = []
    for step in path.steps:
        *groups, box = boxes(step)
        steps.append({"id": box, "name": step.name, "seconds": step.seconds, "share": step.share, "groups": groups})
    return {"total_seconds": path.total_seconds, "waited_share": path.waited_share, "steps": steps}


def group_ids(run_id: str, path: str) -> list[str]:
    """Ids of the groups around a task, outermost first; of an iteration its loop comes too."""
    found: list[str] = []
    segments = path.split("/")
    for count in range(1, len(segments)):
        place = "/".join(segments[:count])
        if _ROUND.search(place):
            found.append(task_id_for(RunId(run_id), TaskPath(_ROUND.sub("", place))))
        found.append(task_id_for(RunId(run_id), TaskPath(place)))
    return found


def _measured(chain: Sequence[Timed], start: float, end: float) -> CriticalPath:
    total = max(_end(chain[-1], end) - start, 1e-3)
    steps = []
    reached = start
    for task in chain:
        begin, stop = max(_start(task), reached), max(_end(task, end), reached)
        seconds = max(0.0, stop - begin)
        steps.append(PathStep(task.task_id, task.display_name, task.path, seconds, max(0.0, begin - reached), min(1.0, seconds / total)))
        reached = stop
    return CriticalPath(steps, total)


class Waits(Protocol):
    """Says which leaves another may have waited for."""

    def before(self, task: Timed) -> Iterable[Timed]:
        """Yield leaves that ended before `task` started and that it waited for."""
        ...


class _TimeWaits:
    """Without a plan: the leaves that ended last before."""

    def __init__(self, ended: Sequence[Timed]) -> None:
        self._ended = sorted(ended, key=_rank)
        self._ends = [_end(task, 0.0) for task in self._ended]

    def before(self, task: Timed) -> Iterable[Timed]:
        """See `Waits`; a leaf that took no time can stand before itself and is passed over."""
        count = bisect_right(self._ends, _start(task) + _SLACK)
        return next(([other] for other in reversed(self._ended[:count]) if _start(other) < _start(task)), ())


class _PlanWaits:
    """With a plan: what its edges name. Leaves are indexed by every group they are in, edges are read once per graph."""

    def __init__(self, ended: Sequence[Timed], plan: RunPlan) -> None:
        self._plan = plan
        self._leaves: dict[str, list[Timed]] = defaultdict(list)
        self._edges: dict[int, dict[str, list[str]]] = {}
        for task in ended:
            for place in {form for inner in _places(task.path) for form in (inner, _ROUND.sub("", inner))}:
                self._leaves[place].append(task)

    def before(self, task: Timed) -> Iterable[Timed]:
        """See `Waits`."""
        open_places = _places(task.path)
        seen = set(open_places)
        while open_places:
            scope, _, key = open_places.pop().rpartition("/")
            for source in self._sources(scope, _ROUND.sub("", key)):
                place = f"{scope}/{source}"
                if place in seen:
                    continue
                seen.add(place)
                inside = [leaf for leaf in self._leaves.get(place, ()) if _end(leaf, 0.0) <= _start(task) + _SLACK]
                if not inside:
                    open_places.append(place)
                yield from inside

    def _sources(self, scope: str, key: str) -> Sequence[str]:
        template = template_at(self._plan, scope)
        if not isinstance(template, GraphTemplate):
            return ()
        if id(template) not in self._edges:
            known = self._edges[id(template)] = defaultdict(list)
            for edge in edges_of(template):
                known[edge.target].append(edge.source)
        return self._edges[id(template)].get(key, ())


def _last(tasks: Iterable[Timed]) -> Timed | None:
    return max(tasks, key=_rank, default=None)


def _rank(task: Timed) -> tuple[float, float]:
    """Later ends first; of equal ends the one that began first, as it took longest."""
    return (_end(task, 0.0), -_start(task))


def _places(path: str) -> list[str]:
    """Return a task's path and those of the groups around it, without the root."""
    segments = path.split("/")
    return ["/".join(segments[:count]) for count in range(2, len(segments) + 1)]


def _start(task: Timed) -> float:
    return task.started_at if task.started_at is not None else 0.0


def _end(task: Timed, now: float) -> float:
    return task.finished_at if task.finished_at is not None else now
