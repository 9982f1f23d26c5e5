"""How long a forecast run would take by the history of its tasks: the longest chain of what would be executed, with a place free for each.

Pure. A task that was never executed counts nothing and makes the sum a lower bound. A loop whose items are not known yet counts as one
round, and so does a template inside itself.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from penstock.domain.ids import TaskPath
from penstock.domain.plan import GraphTemplate, LeafTemplate, TaskSpec, Template
from penstock.engine.index import PlanIndex
from penstock.engine.nodes import Node


@dataclass(slots=True)
class ExpectedTime:
    """Adds up one forecast run."""

    index: PlanIndex
    usual: Mapping[str, float]
    """Seconds by component."""
    free: Collection[TaskPath]
    """Leaves that would not be executed: reused or left out."""
    is_partial: bool = False
    """Some task has no history: the time is a lower bound."""
    _open: list[str] = field(default_factory=list)
    """Templates on the way down."""

    def of(self, node: Node) -> float:
        """Return the seconds that `node` and what is below it take."""
        if node.leaf is not None:
            return 0.0 if node.path in self.free or node.is_final else self.of_component(node.spec.template)
        if node.group is None:
            return 0.0 if node.is_final else self._of_template(node.template, node.spec.template)
        children = node.group.children
        if node.is_loop:
            return _side_by_side([self.of(child) for child in children.values()], node.group.limit)
        return _longest({key: child.spec for key, child in children.items()}, lambda key: self.of(children[key]))

    def of_component(self, component: str) -> float:
        """Return the usual seconds of one execution; 0, and a partial sum, when there was none."""
        seconds = self.usual.get(component)
        if seconds is None:
            self.is_partial = True
        return seconds or 0.0

    def _of_template(self, template: Template, name: str) -> float:
        if isinstance(template, LeafTemplate):
            return self.of_component(name)
        if not isinstance(template, GraphTemplate) or name in self._open:
            return 0.0
        self._open.append(name)
        tasks = self.index.graph(template.name).tasks
        specs = {key: task.spec for key, task in tasks.items()}
        found = _longest(specs, lambda key: self._of_template(tasks[key].template, tasks[key].spec.template))
        self._open.pop()
        return found


def _longest(specs: Mapping[str, TaskSpec], seconds_of: Callable[[str], float]) -> float:
    """Return the end of the task that ends last, each starting when those it depends on have ended."""
    ends: dict[str, float] = {}
    stack = list(specs)
    while stack:
        key = stack[-1]
        if key in ends:
            stack.pop()
            continue
        before = [name for name in specs[key].after if name in specs]
        missing = [name for name in before if name not in ends]
        if missing:
            stack.extend(missing)
            continue
        ends[key] = max((ends[name] for name in before), default=0.0) + seconds_of(key)
    return max(ends.values(), default=0.0)


def _side_by_side(seconds: list[float], limit: int) -> float:
    """Return when the last of several ends, at most `limit` of them at once (0: all)."""
    if limit <= 0 or limit >= len(seconds):
        return max(seconds, default=0.0)
    ends: list[float] = []
    for one in seconds:
        heapq.heappush(ends, (heapq.heappop(ends) if len(ends) >= limit else 0.0) + one)
    return max(ends)
