"""The graph of a flow as a drawing: steps in layers with their edges, joined with what a run recorded.

The structure is Metaflow's `_graph_info` (protocol notes, section 6). Without it, steps are drawn one below the other in the order in
which they began, and the page says so. Drawn on the server, because graphs of flows are written by hand and small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.interfaces.page_flows import FlowStep

NODE_WIDTH, NODE_HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 58, 28, 44, 24
_CLEAR = 10
"""How far an edge stays away from the steps that it passes."""
_ORDER = ("FAILED", "CANCELED", "RUNNING", "PENDING", "SUCCEEDED", "SKIPPED")
_WORDS = {
    "split-foreach": "foreach",
    "split-static": "branches",
    "split-parallel": "parallel",
    "split-switch": "switch",
    "join": "join",
}
_OWN_DECORATOR = "penstock_internal"
"""What deployed flows get on every step; no word of the flow's author."""


@dataclass(frozen=True, slots=True)
class StepNode:
    """One step on the drawing."""

    name: str
    kind: str
    """`foreach`, `branches`, `parallel`, `switch`, `join` or empty."""
    doc: str
    decorators: Sequence[str]
    state: str
    """Worst of its tasks'; empty when none began."""
    count: int
    """Tasks so far, with those that are known to come."""
    counts: Mapping[str, int]
    """Tasks by state."""
    x: int
    y: int

    @property
    def begun(self) -> int:
        """Tasks so far."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class StepEdge:
    """An arrow between two steps, as an SVG path."""

    source: str
    target: str
    path: str
    is_foreach: bool
    """Tasks fan out along it."""


@dataclass(frozen=True, slots=True)
class FlowGraph:
    """The whole drawing."""

    nodes: Sequence[StepNode]
    edges: Sequence[StepEdge]
    width: int
    height: int
    is_flat: bool
    """The definition could not be read: order of steps only, edges are guesses by time."""
    doc: str = ""


def graph_of(info: Mapping[str, Any] | None, begun: Sequence[FlowStep], expected: Mapping[str, int] | None = None) -> FlowGraph:
    """Lay out the steps of a run; those that began say how their tasks are, and `expected` how many tasks a foreach leads to."""
    by_step = {step.name: step.states for step in begun}
    steps = _steps(info)
    is_flat = not steps
    if is_flat:
        names = list(by_step)
        steps = {name: {"next": names[index + 1 : index + 2]} for index, name in enumerate(names)}
    layers = _layers(steps, str((info or {}).get("start_step") or "start"))
    totals = _totals(steps, layers, expected or {})
    widest = max((len(layer) for layer in layers), default=1)
    width = widest * (NODE_WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    nodes = []
    for depth, layer in enumerate(layers):
        left = (width - len(layer) * (NODE_WIDTH + GAP_X) + GAP_X) // 2
        for place, name in enumerate(layer):
            x, y = left + place * (NODE_WIDTH + GAP_X), MARGIN + depth * (NODE_HEIGHT + GAP_Y)
            nodes.append(_node(name, steps[name], by_step.get(name, {}), totals.get(name, 0), x, y))
    placed = {node.name: node for node in nodes}
    edges = [
        _edge(placed[name], placed[target], placed[name].kind in {"foreach", "parallel"}, nodes)
        for name, step in steps.items()
        for target in step.get("next") or ()
        if target in placed
    ]
    height = len(layers) * (NODE_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    return FlowGraph(nodes, edges, width, max(height, NODE_HEIGHT), is_flat, str((info or {}).get("doc") or ""))


def worst_state(counts: Mapping[str, int]) -> str:
    """The state a group shows: the one that needs attention first."""
    return next((state for state in _ORDER if counts.get(state)), "")


def _steps(info: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    found = (info or {}).get("steps")
    if not isinstance(found, Mapping):
        return {}
    return {str(name): step for name, step in found.items() if isinstance(step, Mapping)}


def _layers(steps: Mapping[str, Mapping[str, Any]], start: str) -> list[list[str]]:
    """Steps by longest way from the start; edges that lead back (recursive switches) do not count."""
    first = start if start in steps else next(iter(steps), None)
    forward: dict[str, list[str]] = {}
    finished: list[str] = []
    stack: list[tuple[str, list[str]]] = [] if first is None else [(first, _targets(steps, first))]
    on_path = {first} if first is not None else set()
    while stack:
        name, left = stack[-1]
        if not left:
            stack.pop()
            on_path.discard(name)
            finished.append(name)
            continue
        target = left.pop(0)
        if target in on_path:
            continue
        forward.setdefault(name, []).append(target)
        if target not in finished:
            stack.append((target, _targets(steps, target)))
            on_path.add(target)
    depth: dict[str, int] = {}
    for name in reversed(finished):
        depth.setdefault(name, 0)
        for target in forward.get(name, ()):
            depth[target] = max(depth.get(target, 0), depth[name] + 1)
    layers: dict[int, list[str]] = {}
    for name in (name for name in steps if name in depth):
        layers.setdefault(depth[name], []).append(name)
    return [layers[level] for level in sorted(layers)]


def _targets(steps: Mapping[str, Mapping[str, Any]], name: str) -> list[str]:
    return [str(target) for target in steps[name].get("next") or () if target in steps]


def _totals(steps: Mapping[str, Mapping[str, Any]], layers: Sequence[Sequence[str]], expected: Mapping[str, int]) -> dict[str, int]:
    """How many tasks steps will have: what follows a step of a loop within the loop gets as many."""
    found = dict(expected)
    for name in (name for layer in layers for name in layer):
        if name in found and steps[name].get("type") in {"linear", "split-static"}:
            for target in _targets(steps, name):
                if steps[target].get("type") != "join":
                    found.setdefault(target, found[name])
    return found


def _node(name: str, step: Mapping[str, Any], counts: Mapping[str, int], total: int, x: int, y: int) -> StepNode:
    named = [str(item.get("name", "")) for item in step.get("decorators") or () if isinstance(item, Mapping)]
    decorators = [name for name in named if name != _OWN_DECORATOR]
    kind = _WORDS.get(str(step.get("type") or ""), "")
    return StepNode(name, kind, str(step.get("doc") or ""), decorators, worst_state(counts), max(sum(counts.values()), total), counts, x, y)


def _edge(source: StepNode, target: StepNode, is_foreach: bool, nodes: Sequence[StepNode]) -> StepEdge:
    x1, y1 = source.x + NODE_WIDTH // 2, source.y + NODE_HEIGHT
    x2, y2 = target.x + NODE_WIDTH // 2, target.y
    between = [node for node in nodes if source.y < node.y < target.y]
    side = max(node.x for node in (source, target, *between)) + NODE_WIDTH + MARGIN - 4
    if target.y <= source.y:  # a step that repeats itself
        right, low, high = source.x + NODE_WIDTH, source.y + NODE_HEIGHT * 3 // 4, target.y + NODE_HEIGHT // 4
        path = f"M{right} {low} C{side} {low} {side} {high} {target.x + NODE_WIDTH} {high}"
    elif between:  # past the steps between, not behind them
        lane = next((x for x in (x1, x2) if all(not node.x - _CLEAR < x < node.x + NODE_WIDTH + _CLEAR for node in between)), side)
        out, back = y1 + GAP_Y, y2 - GAP_Y
        path = f"M{x1} {y1} C{x1} {out} {lane} {y1} {lane} {out} L{lane} {back} C{lane} {y2} {x2} {back} {x2} {y2}"
    else:
        middle = (y1 + y2) // 2
        path = f"M{x1} {y1} C{x1} {middle} {x2} {middle} {x2} {y2}"
    return StepEdge(source.name, target.name, path, is_foreach)
