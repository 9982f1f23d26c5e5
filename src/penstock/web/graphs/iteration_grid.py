"""The iterations of a loop as a grid: axes are loop parameters, also of loops inside it; cells show state, duration or a number. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from penstock.domain.expr import ScopeInput
from penstock.domain.plan import GraphTemplate, LeafTemplate, RunPlan, TaskSpec
from penstock.interfaces.pages import IterationItem
from penstock.web.graphs.graph import tasks_along

MOST_VALUES = 40
"""Values of an axis that are shown."""
STEPS = 8
"""Shades of the scale."""
_URGENCY = ("FAILED", "CANCELED", "CANCELING", "RUNNING", "PENDING", "PAUSED", "SKIPPED", "SUCCEEDED")
_ROUND = re.compile(r"\[\d+\]")
_NAME = re.compile(r"^pipelinechannel--|-loop-item(?:-subvar-)?")


@dataclass(frozen=True, slots=True)
class LoopName:
    """What names the items of a loop over a list that has no name of its own."""

    box: str
    """Name of the loop's box."""
    taker: str = ""
    """Input that takes the item in every component that does; empty: none, or several names."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Iterations that share the values of both axes."""

    iterations: Sequence[IterationItem]
    state: str
    """The most urgent."""
    value: float | None
    """Mean of what colours the grid; None for states, and where there is none."""
    step: int
    """Shade from 0 (least) to `STEPS` - 1; -1: none."""


@dataclass(frozen=True, slots=True)
class IterationGrid:
    """What the grid shows."""

    axes: Sequence[str]
    """Names that may be axes."""
    boxes: AbstractSet[str]
    """Those among them that are the name of the loop's box, since nothing else names its items."""
    measures: Sequence[str]
    """`status`, `duration`, then numbers that iterations put out."""
    x: str
    y: str
    """Empty: one row."""
    by: str
    columns: Sequence[str]
    """Values of x as text."""
    rows: Sequence[tuple[str, Sequence[Cell | None]]]
    """(value of y, cells)."""
    low: float | None
    """Range of the values shown."""
    high: float | None
    count: int
    """Iterations in the grid."""
    hidden: int
    """Iterations left out for `MOST_VALUES`."""


def loop_names(plan: RunPlan, path: str) -> Mapping[str, LoopName]:
    """Return what names the items of the loop at `path` and of those inside it, by their paths without rounds."""
    bare = _ROUND.sub("", path)
    along = tasks_along(plan, bare)
    return dict(_loop_names(plan, bare, along[-1])) if along else {}


def _loop_names(plan: RunPlan, path: str, task: TaskSpec, around: frozenset[str] = frozenset()) -> Iterator[tuple[str, LoopName]]:
    """Names of the loop that `task` is, and of those in it; templates that hold themselves are entered once."""
    template = plan.templates.get(task.template) if task.template not in around else None
    if task.iteration is not None:
        takers = set(_takers(plan, template, task.iteration.item_input)) if task.iteration.item_input else set()
        yield path, LoopName(task.display_name, takers.pop() if len(takers) == 1 else "")
    for inner in template.tasks.values() if isinstance(template, GraphTemplate) else ():
        yield from _loop_names(plan, f"{path}/{inner.key}", inner, around | {task.template})


def _takers(plan: RunPlan, template: object, item: str, depth: int = 8) -> Iterator[str]:
    """Inputs of components that the parameter `item` of a graph is given to as it is, through graphs inside it too."""
    for task in template.tasks.values() if isinstance(template, GraphTemplate) else ():
        inner = plan.templates.get(task.template)
        for name, value in task.parameters.items():
            if value == ScopeInput(item):
                if isinstance(inner, GraphTemplate) and depth:
                    yield from _takers(plan, inner, name, depth - 1)
                elif isinstance(inner, LeafTemplate) and _short(name):
                    yield name


def parameters_of(
    item: IterationItem, by_path: Mapping[str, IterationItem], names: Mapping[str, LoopName], boxes: set[str]
) -> dict[str, Any]:
    """Loop parameters of an iteration, with those of the iterations around it; fields of an item are parameters of their own.

    `boxes` receives those that have the name of a loop's box.
    """
    found: dict[str, Any] = {}
    said: dict[str, str] = {}
    for end in (match.end() for match in _ROUND.finditer(item.path)):
        around = by_path.get(item.path[:end])
        if around is None:
            continue
        values = {name: value for name, value in around.parameters.items() if "loop-item" in name} or {item.path[:end]: around.index}
        outer, loop = frozenset(found), _ROUND.sub("", item.path[:end])
        own = names.get(loop) or LoopName(loop.rpartition("/")[2])
        for raw, value in values.items():
            short = _short(raw) if raw in around.parameters else ""
            name = said.setdefault(raw, _free(short or own.taker or own.box, outer))
            if isinstance(value, Mapping):
                found.update({f"{name}.{key}" if short else _free(str(key), outer): inner for key, inner in value.items()})
                continue
            found[name] = value
            if name == own.box and not (short or own.taker):
                boxes.add(name)
    return found


def _free(name: str, taken: frozenset[str]) -> str:
    """Return the name of a parameter, with a number where a loop around has one of the same name."""
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _short(name: str) -> str:
    """`pipelinechannel--rates-loop-item` -> `rates`; of a field `...-loop-item-subvar-a` -> `a`."""
    if "-subvar-" in name:
        return name.rpartition("-subvar-")[2]
    short = _NAME.sub("", name)
    return "" if re.fullmatch(r"loop-item-param-\d+|loop-item(?:-\d+)?", short) else short


def iteration_grid(
    items: Sequence[IterationItem], names: Mapping[str, LoopName] | None = None, *, x: str = "", y: str = "", by: str = ""
) -> IterationGrid | None:
    """Arrange the iterations below a loop; unknown choices are replaced by the first that fit. None: there are no iterations.

    Cells are the iterations of the innermost loop that an axis speaks of.
    """
    if not items:
        return None
    by_path = {item.path: item for item in items}
    boxes: set[str] = set()
    given = {item.path: parameters_of(item, by_path, names or {}, boxes) for item in items}
    axes = list(dict.fromkeys(name for values in given.values() for name in values))
    x = x if x in axes else axes[0]
    y = y if y in axes and y != x else next((name for name in axes if name != x), "") if y != "-" else ""
    cells = [item for item in items if x in given[item.path] and (not y or y in given[item.path])]
    depth = min((item.path.count("[") for item in cells), default=0)
    cells = [item for item in cells if item.path.count("[") == depth]
    measures = ["status", "duration", *sorted({name for item in cells for name in item.numbers})]
    by = by if by in measures else "status"
    columns, rows = _values(cells, given, x), _values(cells, given, y) if y else [""]
    placed: dict[tuple[str, str], list[IterationItem]] = {}
    for item in cells:
        placed.setdefault((_text(given[item.path].get(y)) if y else "", _text(given[item.path][x])), []).append(item)
    places = [(row, column) for row in rows[:MOST_VALUES] for column in columns[:MOST_VALUES]]
    shown = {place: placed[place] for place in places if place in placed}
    values = {place: _mean(found, by) for place, found in shown.items()}
    numbers = [value for value in values.values() if value is not None]
    low, high = min(numbers, default=None), max(numbers, default=None)
    lines = [
        (row, [_cell(shown.get((row, column)), values.get((row, column)), low, high) for column in columns[:MOST_VALUES]])
        for row in rows[:MOST_VALUES]
    ]
    count = sum(map(len, shown.values()))
    return IterationGrid(axes, boxes, measures, x, y, by, columns[:MOST_VALUES], lines, low, high, count, len(cells) - count)


def _values(cells: Sequence[IterationItem], given: Mapping[str, Mapping[str, Any]], axis: str) -> list[str]:
    found = {_text(given[item.path][axis]): given[item.path][axis] for item in cells}
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in found.values())
    return sorted(found, key=lambda text: float(found[text])) if is_number else list(found)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _mean(items: Sequence[IterationItem], by: str) -> float | None:
    if by == "status":
        return None
    numbers = [item.seconds if by == "duration" else item.numbers.get(by) for item in items]
    known = [number for number in numbers if number is not None]
    return fmean(known) if known else None


def _cell(items: Sequence[IterationItem] | None, value: float | None, low: float | None, high: float | None) -> Cell | None:
    if not items:
        return None
    state = min((item.state for item in items), key=lambda name: _URGENCY.index(name) if name in _URGENCY else 0)
    step = -1
    if value is not None and low is not None and high is not None:
        step = STEPS // 2 if high == low else min(STEPS - 1, int(STEPS * (value - low) / (high - low)))
    return Cell(items, state, value, step)
