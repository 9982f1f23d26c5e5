"""Resolves what a task receives: bindings, defaults, optional and null inputs, types, artifacts, loop items.

Semantics: KFP protocol notes, sections 4.2, 4.3 and 4.7. Types are checked for leaves only. A missing value is nobody's fault
until a leaf needs it: graphs pass absence on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from penstock.domain.artifacts import ArtifactRef, inline_artifact
from penstock.domain.errors import ExpressionError, PenstockError
from penstock.domain.expr import UNSET
from penstock.domain.plan import ArtifactSource, ParameterSpec, ParameterType
from penstock.engine.expressions import evaluate
from penstock.engine.nodes import EngineFaultError, Node, RunState
from penstock.engine.phases import Phase
from penstock.engine.scope import NodeScope
from penstock.engine.values import coerce, text_form

Artifacts = Mapping[str, tuple[ArtifactRef, ...]]


class InputError(PenstockError):
    """An input or condition of a task cannot be resolved; the message is for the author."""


def bind_parameters(state: RunState, node: Node) -> dict[str, Any]:
    """Values of the task's bindings; unresolvable ones are left out.

    A loop binds what is the same for all iterations; an iteration adds its item and what depends on it.

    Raises:
        InputError: a binding is in error.
    """
    index = node.index
    values: dict[str, Any] = {}
    is_iteration = node.iteration is not None
    item_input = node.spec.iteration.item_input if node.spec.iteration is not None else None
    if is_iteration:
        values.update(_loop_of(node).parameters)
        if item_input is not None and not isinstance(node.item, ArtifactRef):
            values[item_input] = node.item
    scope = NodeScope(state, node, values)
    for name, expr in index.bindings:
        # The item wins over a binding of the same name: SDK 2.17 binds the item of a nested loop to an input that nobody has.
        if (name in index.per_item) is not is_iteration or name == item_input:
            continue
        try:
            value = evaluate(expr, scope)
        except ExpressionError as error:
            raise InputError(f"input `{name}`: {error}") from error
        if value is not UNSET:
            values[name] = value
    return values


def bind_artifacts(state: RunState, node: Node, parameters: Mapping[str, Any]) -> dict[str, tuple[ArtifactRef, ...]]:
    """Artifacts of the task's artifact inputs; inputs without any source that has a value are left out.

    Raises:
        InputError: inline content is in error.
    """
    index = node.index
    found: dict[str, tuple[ArtifactRef, ...]] = {}
    is_iteration = node.iteration is not None
    if is_iteration:
        found.update(_loop_of(node).artifacts)
        iteration = node.spec.iteration
        if iteration is not None and iteration.item_input is not None and isinstance(node.item, ArtifactRef):
            found[iteration.item_input] = (node.item,)
    for name, sources in node.spec.artifacts.items():
        if (name in index.per_item) is not is_iteration:
            continue
        lists = [artifacts for source in sources if (artifacts := source_artifacts(state, node, name, source, parameters)) is not None]
        if lists:
            found[name] = tuple(artifact for artifacts in lists for artifact in artifacts)
    return found


def _loop_of(iteration: Node) -> Node:
    if iteration.parent is None:
        raise EngineFaultError(f"{iteration.path} is an iteration of nothing")
    return iteration.parent


def source_artifacts(
    state: RunState, node: Node, name: str, source: ArtifactSource, parameters: Mapping[str, Any]
) -> tuple[ArtifactRef, ...] | None:
    """Artifacts that `source` stands for; None when there are none to speak of (an absent optional, a skipped producer).

    Raises:
        InputError: inline content is in error.
    """
    frame = node.frame
    if source.task is not None:
        sibling = None if frame is None or frame.group is None else frame.group.children.get(source.task)
        if sibling is None or sibling.phase is not Phase.SUCCEEDED:
            return None
        return sibling.outputs.artifacts.get(source.key or "")
    if source.scope_input is not None:
        return None if frame is None else frame.artifacts.get(source.scope_input)
    scope = NodeScope(state, node, parameters)
    if source.from_item:
        item = scope.loop_item()
        return (item,) if isinstance(item, ArtifactRef) else None
    if source.text is not None:
        try:
            return (inline_artifact(name, text_form(evaluate(source.text, scope))),)
        except ExpressionError as error:
            raise InputError(f"artifact input `{name}`: {error}") from error
    return None


def condition_holds(state: RunState, node: Node, parameters: Mapping[str, Any]) -> bool:
    """Whether the task's condition allows it to run.

    Raises:
        InputError: the condition is in error, or its value is neither true nor false.
    """
    condition = node.spec.condition
    if condition is None:
        return True
    try:
        value = evaluate(condition, NodeScope(state, node, parameters))
    except ExpressionError as error:
        raise InputError(f"its condition cannot be decided: {error}") from error
    if not isinstance(value, bool):
        raise InputError(f"its condition is neither true nor false: {text_form(value) if value is not UNSET else 'no value'}")
    return value


def leaf_parameters(node: Node, bound: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return what a leaf receives, defaults and types applied, and the names that were given rather than filled in.

    Hidden inputs (bound but not declared) are passed on as they are; null and absent mean the same for a declared input.

    Raises:
        InputError: a required input has no value, or a value has the wrong type.
    """
    declared = node.template.parameters
    result = {name: value for name, value in bound.items() if name not in declared}
    given = set(result)
    for name, spec in declared.items():
        value = bound.get(name, UNSET)
        is_missing = value is UNSET or (value is None and spec.type is not ParameterType.ANY)
        if is_missing:
            value = spec.default
            if value is UNSET or value is None:
                _check_may_miss(node, spec, is_null=bound.get(name, UNSET) is None)
                continue
        else:
            given.add(name)
        try:
            result[name] = coerce(value, spec)
        except ValueError as error:
            raise InputError(str(error)) from error
    return result, frozenset(given)


def _check_may_miss(node: Node, spec: ParameterSpec, *, is_null: bool) -> None:
    if spec.is_optional or spec.default is None or spec.type is ParameterType.TASK_CONFIG:
        return
    what = "is null" if is_null else f"has no value{_producer_story(node, spec.name)}"
    raise InputError(f"required input `{spec.name}` {what}")


def check_leaf_artifacts(node: Node, artifacts: Artifacts) -> None:
    """Make sure that required artifact inputs are there.

    Raises:
        InputError: one is missing.
    """
    for name, spec in node.template.artifacts.items():
        if not spec.is_optional and not artifacts.get(name) and not (spec.is_list and name in artifacts):
            raise InputError(f"required input artifact `{name}` is missing{_producer_story(node, name)}")


def _producer_story(node: Node, name: str) -> str:
    producer = node.index.producers.get(name)
    if producer is None or node.frame is None or node.frame.group is None:
        return ""
    sibling = node.frame.group.children.get(producer[0])
    if sibling is None or sibling.phase is Phase.SUCCEEDED:
        return f": `{producer[0]}` gave no output `{producer[1]}`"
    return f": `{producer[0]}`, which should give it, is {sibling.state.value}, and there is no default"


def graph_parameters(node: Node, bound: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs of a graph: bound ones, then defaults; an optional input without either is null."""
    result = dict(bound)
    for name, spec in node.template.parameters.items():
        if result.get(name) is None:
            if spec.default is not UNSET:
                result[name] = spec.default
            elif spec.is_optional:
                result[name] = None
    return result


def root_parameters(declared: Mapping[str, ParameterSpec], given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the run: as given, integral floats repaired where the type says so, defaults filled in."""
    result = dict(given)
    for name, spec in declared.items():
        value = result.get(name)
        if value is None:
            value = None if spec.default is UNSET else spec.default
            if value is None and not spec.is_optional and name not in given:
                continue
        if value is not None and spec.type in (ParameterType.NUMBER_INTEGER, ParameterType.LIST, ParameterType.STRUCT):
            # A wrong type was refused at submission; what is left reaches the leaf that declares it, and fails there.
            with contextlib.suppress(ValueError):
                value = coerce(value, spec)
        result[name] = value
    return result


def producers(node: Node) -> dict[str, dict[str, str]]:
    """For each input that is another task's output: that task's key and path, and the output key."""
    result: dict[str, dict[str, str]] = {}
    names = {*node.index.producers, *node.index.forwarded}
    for name in names:
        found = producer_of(node, name)
        if found is not None:
            result[name] = found
    return result


def producer_of(node: Node, name: str) -> dict[str, str] | None:
    """The task whose output arrives at input `name` of `node`, through however many enclosing graphs."""
    current: Node = node
    while current.frame is not None:
        direct = current.index.producers.get(name)
        if direct is not None:
            return {"task": direct[0], "path": f"{current.frame.path}/{direct[0]}", "key": direct[1]}
        forwarded = current.index.forwarded.get(name)
        if forwarded is None:
            return None
        name, current = forwarded, current.frame
    return None
