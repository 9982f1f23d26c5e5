"""YAML text from strangers, as JSON values.

Only the safe tags are built, dates stay text, and keys become strings. Before anything is built the events are counted: aliases that
would expand to millions of nodes ("billion laughs"), recursive aliases and extreme nesting are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from penstock.domain.errors import SpecError

MAX_NODES = 2_000_000
"""Nodes after aliases are expanded; the largest pipelines in use have some hundred thousand."""
MAX_DEPTH = 200

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Safe loader that leaves dates alone: JSON has none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}


def load_documents(text: str, *, place: str) -> list[Any]:
    """Return every document of `text` as a JSON value.

    Raises:
        SpecError: not YAML, an unsafe tag, too many nodes, recursive, or too deeply nested; carries `place`.
    """
    try:
        _check_size(text, place)
        return [_json_value(document) for document in yaml.load_all(text, Loader=_Loader)]
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in (error.problem or ""):  # the scanner, which reads ahead of the events, has a limit of its own
            raise SpecError(f"nested more than {MAX_DEPTH} levels deep", place=place) from None
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise SpecError(f"not YAML: {error.problem or error.context}{where}", place=place) from None
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"not YAML: {error}", place=place) from None


def _check_size(text: str, place: str) -> None:
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        size = 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise SpecError(f"alias *{event.anchor} stands inside what it refers to, or refers to nothing", place=place)
            size = sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            if len(open_nodes) > MAX_DEPTH:
                raise SpecError(f"nested more than {MAX_DEPTH} levels deep", place=place)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before
            continue
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor:
                sizes[event.anchor] = 1
        else:
            continue
        total += size
        if total > MAX_NODES:
            raise SpecError(f"more than {MAX_NODES:,} nodes once its aliases are expanded", place=place)


def _json_value(value: Any) -> Any:
    """Return `value` with string keys and without the types that YAML has beyond JSON."""
    if isinstance(value, Mapping):
        return {_key(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_json_value(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


_PAIR = ("pipeline_spec", "platform_spec", "pipelineSpec", "platformSpec")
"""First steps of places in a pipeline that is read from two documents; they stand in neither."""


def line_of(text: str, place: str) -> int | None:
    """Return the line, from 1, at which a dotted place of the document stands, or the deepest part of it that is there; None: nothing is.

    Keys may hold dots. JSON is YAML here.
    """
    first, _, rest = place.partition(".")
    steps = rest if first in _PAIR else place
    try:
        found = [_deepest(node, steps) for node in yaml.compose_all(text, Loader=_Loader) if node is not None]
    except (yaml.YAMLError, RecursionError):
        return None
    depth, line = max(found, default=(0, 0))
    return line if depth else None


def _deepest(node: Any, place: str) -> tuple[int, int]:
    """Follow a place into a node as far as it goes; return the number of steps and the line of the last."""
    depth, line = 0, 0
    while place:
        step = _step_into(node, place)
        if step is None:
            break
        depth, (line, node, place) = depth + 1, step
    return depth, line


def _step_into(node: Any, place: str) -> tuple[int, Any, str] | None:
    """Return line, node and what is left of the place after its longest key, or its index, that the node has."""
    if isinstance(node, yaml.SequenceNode) and place.startswith("["):
        number, _, rest = place[1:].partition("]")
        if not number.isdecimal() or int(number) >= len(node.value):
            return None
        item = node.value[int(number)]
        return item.start_mark.line + 1, item, rest.removeprefix(".")
    if not isinstance(node, yaml.MappingNode):
        return None
    entries = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    fitting = [(key, value) for key, value in entries if place == key.value or place.startswith((f"{key.value}.", f"{key.value}["))]
    if not fitting:
        return None
    key, value = max(fitting, key=lambda entry: len(entry[0].value))
    return key.start_mark.line + 1, value, place[len(key.value) :].removeprefix(".")
