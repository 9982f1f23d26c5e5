"""Config and summary documents of runs as the pages show them: read leniently, unwrapped, flattened, cut where they are huge."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from penstock.domain.tracking import TrackedRun, TrackedState

MAX_LEAVES = 2000
"""Values of one tree on a page."""
MAX_COMPARED = 500
"""Keys of a comparison on a page."""


def read_document(text: str) -> dict[str, Any]:
    """Return a JSON object; bare NaN and infinities become floats, anything unreadable an empty object."""
    try:
        document = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def config_of(run: TrackedRun) -> dict[str, Any]:
    """Return the config without the `value` wrappers and without the client's own `_wandb` entry."""
    found = {}
    for key, entry in read_document(run.config).items():
        if key != "_wandb":
            found[key] = entry["value"] if isinstance(entry, dict) and "value" in entry else entry
    return found


def client_facts(run: TrackedRun) -> dict[str, Any]:
    """Return what the client noted about itself in `config._wandb.value`."""
    entry = read_document(run.config).get("_wandb")
    value = entry.get("value") if isinstance(entry, dict) else None
    return value if isinstance(value, dict) else {}


def branch_of(facts: Mapping[str, Any]) -> tuple[str, int] | None:
    """Return run and step that a run's history goes on from, as its client noted (`branch_point` of `client_facts`); None without one."""
    point = facts.get("branch_point")
    if not isinstance(point, Mapping):
        return None
    name, step = point.get("run_id"), point.get("step")
    return (name, int(step)) if isinstance(name, str) and isinstance(step, int | float) and math.isfinite(step) else None


def summary_of(run: TrackedRun) -> dict[str, Any]:
    """Return the summary without the client's own keys (`_wandb`, `_runtime`, ...)."""
    return {key: value for key, value in read_document(run.summary).items() if not key.startswith("_")}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a document."""

    path: str
    """Dotted."""
    value: Any
    kind: str
    """`number`, `text`, `media` or `other`."""
    trail: tuple[str, ...] = ()
    """Keys of the objects that it stands in and its own; one key may have dots itself."""


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One line of a document that is shown as a tree: an object, or a value."""

    trail: tuple[str, ...]
    """Keys that lead to it."""
    leaf: Leaf | None
    """The value; None for an object, whose lines follow."""

    @property
    def depth(self) -> int:
        """How many objects it stands in."""
        return len(self.trail) - 1


@dataclass(frozen=True, slots=True)
class Tree:
    """A document, flattened in order."""

    leaves: tuple[Leaf, ...]
    is_cut: bool
    """It has more values than are shown."""

    @property
    def lines(self) -> Iterator[TreeLine]:
        """Yield objects and values, each object before what is in it."""
        before: tuple[str, ...] = ()
        for leaf in self.leaves:
            objects = leaf.trail[:-1]
            shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(objects, before, strict=False)))
            for depth in range(shared, len(objects)):
                yield TreeLine(objects[: depth + 1], None)
            yield TreeLine(leaf.trail, leaf)
            before = objects


def tree_of(document: Mapping[str, Any], *, is_sorted: bool = False) -> Tree:
    """Flatten a document; lists and media objects are values. In the order of the document, which clients shuffle, or sorted by key."""
    leaves: list[Leaf] = []
    for leaf in _walk(document, (), is_sorted=is_sorted) if document else ():
        if len(leaves) == MAX_LEAVES:
            return Tree(tuple(leaves), is_cut=True)
        leaves.append(leaf)
    return Tree(tuple(leaves), is_cut=False)


def _walk(value: Any, trail: tuple[str, ...], *, is_sorted: bool) -> Iterator[Leaf]:
    if isinstance(value, Mapping) and value and "_type" not in value and len(trail) < 30:
        entries = value.items()
        for key, inner in sorted(entries, key=lambda entry: str(entry[0]).casefold()) if is_sorted else entries:
            yield from _walk(inner, (*trail, str(key)), is_sorted=is_sorted)
        return
    yield Leaf(".".join(trail), value, kind_of(value), trail)


def kind_of(value: Any) -> str:
    """Return how a value is shown."""
    if _is_media(value):
        return "media"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return "text" if isinstance(value, str) else "other"


def lookup(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, literal keys first; None when there is none."""
    if path in document:
        return document[path]
    value: Any = document
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One key over all runs."""

    key: str
    values: Sequence[Any]
    is_different: bool
    """Not the same everywhere."""


def compared(documents: Sequence[Mapping[str, Any]]) -> list[ComparedRow]:
    """Return the keys of several documents: those that differ first, and among equals values that are read before pictures and tables."""
    keys: dict[str, None] = {}
    for document in documents:
        for leaf in tree_of(document).leaves:
            keys[leaf.path] = None
    rows = []
    for key in list(keys)[:MAX_COMPARED]:
        values = [lookup(document, key) for document in documents]
        rows.append(ComparedRow(key, values, len({json.dumps(plain(value), sort_keys=True, default=repr) for value in values}) > 1))
    return sorted(rows, key=lambda row: (not row.is_different, any(_is_media(value) for value in row.values)))


def _is_media(value: Any) -> bool:
    return isinstance(value, Mapping) and "_type" in value


def plain(value: Any) -> Any:
    """Return a value that strict JSON can hold: NaN and infinities become texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


LOOKS: Mapping[TrackedState, tuple[str, str]] = {
    TrackedState.PENDING: ("Pending", "pending"),
    TrackedState.RUNNING: ("Running", "running"),
    TrackedState.FINISHED: ("Finished", "succeeded"),
    TrackedState.FAILED: ("Failed", "failed"),
    TrackedState.CRASHED: ("Crashed", "failed"),
    TrackedState.KILLED: ("Killed", "canceled"),
    TrackedState.PREEMPTING: ("Preempting", "canceling"),
    TrackedState.PREEMPTED: ("Preempted", "canceled"),
}
"""State -> (word, icon and class)."""


STATES: Mapping[str, str] = {
    "pending": "PENDING", "running": "RUNNING", "finished": "SUCCEEDED", "failed": "FAILED", "crashed": "FAILED", "killed": "CANCELED",
    "preempting": "RUNNING", "preempted": "CANCELED",
}  # fmt: skip
"""States of tracked runs -> those of runs of pipelines and flows that say the same."""


def look_of(state: str) -> tuple[str, str]:
    """Return word and icon of a state; unknown ones read as themselves."""
    known = next((look for member, look in LOOKS.items() if member.value == state), None)
    return known or (state.capitalize(), "pending")


_STOPPED: Mapping[TrackedState, str] = {
    TrackedState.RUNNING: "Stop was asked for; the program ends when it next reports.",
    TrackedState.PREEMPTING: "Stop was asked for; the program ends when it next reports.",
    TrackedState.FINISHED: "Stop was asked for; the program ended well.",
    TrackedState.FAILED: "Stop was asked for; the program ended with exit code {code}.",
    TrackedState.CRASHED: "Stop was asked for; there was no sign of life after that.",
}
"""What explains the state of a run whose program was asked to stop."""


def story_of(run: TrackedRun) -> tuple[str, Mapping[str, object]]:
    """Return a sentence that explains the state, as a message with values."""
    words, values = _story(run.state, run.exit_code)
    return _STOPPED.get(run.state, words) if run.is_stop_requested else words, values


def ending_of(state: TrackedState, exit_code: int | None) -> str:
    """Return a sentence that explains how a run ended."""
    words, values = _story(state, exit_code)
    return words.format(**values)


def _story(state: TrackedState, exit_code: int | None) -> tuple[str, Mapping[str, object]]:
    match state:
        case TrackedState.PENDING:
            return "Created; nothing has written to it yet.", {}
        case TrackedState.RUNNING:
            return "A program is writing to it.", {}
        case TrackedState.FINISHED:
            return "The program ended well.", {}
        case TrackedState.FAILED:
            return "The program ended with exit code {code}.", {"code": exit_code if exit_code is not None else "?"}
        case TrackedState.CRASHED:
            return "No sign of life any more; the program, its machine or the connection went away without saying goodbye.", {}
        case TrackedState.KILLED:
            return "It was ended from outside.", {}
        case TrackedState.PREEMPTING:
            return "Its machine announced that it will be taken away.", {}
        case _:
            return "Its machine was taken away.", {}
