"""Two definitions of a flow as one graph: steps of both, marked as added, removed or changed. Pure.

Steps are matched by name. What is compared is what Metaflow records of a step (`_graph_info`, protocol notes, section 6): its kind, what
follows it, its decorators with their attributes, and what it fans out or switches over. Its code is compared as text, elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.web.graphs.flow import FlowGraph, graph_of

PARTS: Mapping[str, str] = {
    "kind": "kind of step",
    "next": "what follows",
    "decorators": "decorators",
    "over": "what it fans out or switches over",
}
"""What of a step may differ, and the words for it."""
_NOT_COMPARED = frozenset({"name", "type", "line", "source_file", "doc", "decorators", "next"})


@dataclass(frozen=True, slots=True)
class StepDiff:
    """A step that differs."""

    name: str
    mark: str
    """`added`, `removed` or `changed`."""
    parts: Sequence[str] = ()
    """Words of `PARTS`, for changed ones."""


@dataclass(frozen=True, slots=True)
class FlowGraphDiff:
    """Both definitions as one drawing."""

    graph: FlowGraph
    steps: Sequence[StepDiff]
    """What differs."""
    edges: Mapping[tuple[str, str], str]
    """(from, to) -> `added` or `removed`, of arrows that only one has."""

    def count(self, mark: str) -> int:
        """How many steps have a mark."""
        return sum(step.mark == mark for step in self.steps)

    def mark(self, name: str) -> str:
        """Return the mark of a step; empty when it is the same in both."""
        return next((step.mark for step in self.steps if step.name == name), "")

    def edge_mark(self, source: str, target: str) -> str:
        """Return the mark of an arrow; empty when both have it."""
        return self.edges.get((source, target), "")


def flow_graph_diff(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> FlowGraphDiff | None:
    """Return what differs; None when the definition of one of the two is not known."""
    old, new = _steps(before), _steps(after)
    if not old or not new:
        return None
    merged = {name: _merged(old.get(name), new.get(name)) for name in dict.fromkeys([*new, *old])}
    graph = graph_of({"start_step": (after or {}).get("start_step"), "steps": merged}, [])
    was, now = _arrows(old), _arrows(new)
    edges = dict.fromkeys(now - was, "added") | dict.fromkeys(was - now, "removed")
    return FlowGraphDiff(replace(graph, doc=""), [found for name in merged if (found := _difference(name, old, new)) is not None], edges)


def _steps(info: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    found = (info or {}).get("steps")
    return {str(name): step for name, step in found.items() if isinstance(step, Mapping)} if isinstance(found, Mapping) else {}


def _merged(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    shown = dict(new if new is not None else old or {})
    shown["next"] = list(dict.fromkeys([*_next(new), *_next(old)]))
    return shown


def _next(step: Mapping[str, Any] | None) -> list[str]:
    found = (step or {}).get("next")
    return [str(name) for name in found] if isinstance(found, Sequence) and not isinstance(found, str) else []


def _arrows(steps: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(name, target) for name, step in steps.items() for target in _next(step)}


def _difference(name: str, old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> StepDiff | None:
    if name not in old or name not in new:
        return StepDiff(name, "added" if name in new else "removed")
    one, other = old[name], new[name]
    differing = {
        "kind": one.get("type") != other.get("type"),
        "next": _next(one) != _next(other),
        "decorators": _decorators(one) != _decorators(other),
        "over": _rest(one) != _rest(other),
    }
    parts = [PARTS[part] for part, is_different in differing.items() if is_different]
    return StepDiff(name, "changed", parts) if parts else None


def _decorators(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and attributes, in an order of their own: the client's order is not kept between releases."""
    found = [item for item in step.get("decorators") or () if isinstance(item, Mapping)]
    return sorted((str(item.get("name")), repr(sorted(_attributes(item).items()))) for item in found)


def _attributes(decorator: Mapping[str, Any]) -> dict[str, str]:
    found = decorator.get("attributes")
    return {str(name): repr(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def _rest(step: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if name not in _NOT_COMPARED and value is not None}
