"""What happens when a task's turn has come: conditions and inputs are resolved, then it works, grows children or asks the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import ExpressionError, SpecError
from penstock.domain.execution import Failure, FailureKind
from penstock.domain.expr import UNSET
from penstock.domain.plan import ArtifactSource, ContainerWork, GraphTemplate, ImporterWork, Iteration, LeafTemplate, VolumeWork
from penstock.domain.states import CONDITION_IS_FALSE, LOOP_IS_EMPTY
from penstock.engine.attempts import launch
from penstock.engine.cache_key import cache_key, cache_scope
from penstock.engine.commands import ContinueLoop, ImportArtifact, LookupCache
from penstock.engine.expressions import evaluate
from penstock.engine.flow import close_if_done, fail, finish, is_stopped, move, stops_growing, succeed
from penstock.engine.importer import metadata_of, uri_of
from penstock.engine.inputs import (
    InputError,
    bind_artifacts,
    bind_parameters,
    check_leaf_artifacts,
    condition_holds,
    graph_parameters,
    leaf_parameters,
    source_artifacts,
)
from penstock.engine.nodes import EngineFaultError, Group, Node, RunState, Step, child_path, group_of, iteration_path, leaf_of
from penstock.engine.outputs import loop_outputs
from penstock.engine.phases import Phase
from penstock.engine.scope import NodeScope
from penstock.engine.values import shorten, type_name

STRETCH = 256
"""Iterations created per event; long loops grow in stretches so that one event stays short."""


def start(state: RunState, node: Node) -> None:
    """Begin `node`: it has everything it waited for and its places."""
    if node.is_final:
        return
    if is_stopped(state, node):
        finish(state, node, Phase.CANCELED, reason=state.cancel_reason or "")
        return
    try:
        bound = bind_parameters(state, node)
        decides_here = not (node.is_loop and node.index.condition_per_item) and (node.iteration is None or node.index.condition_per_item)
        if decides_here and not condition_holds(state, node, bound):
            finish(state, node, Phase.SKIPPED, reason=CONDITION_IS_FALSE)
            return
        artifacts = bind_artifacts(state, node, bound)
        if node.is_loop:
            node.parameters, node.artifacts = bound, artifacts
            _start_loop(state, node)
        elif node.leaf is not None:
            node.parameters, node.given = leaf_parameters(node, bound)
            node.artifacts = artifacts
            check_leaf_artifacts(node, artifacts)
            _start_leaf(state, node)
        else:
            node.parameters, node.artifacts = graph_parameters(node, bound), artifacts
            start_graph(state, node)
    except InputError as error:
        fail(state, node, Failure(FailureKind.INPUT, str(error)))
    except SpecError as error:
        fail(state, node, Failure(FailureKind.INPUT, f"the pipeline definition is wrong: {error}"))


def start_graph(state: RunState, node: Node) -> None:
    """Create (or after a retry take up again) the children of a graph; those without dependencies are ready at once.

    Raises:
        InputError: a limit on nodes or depth is reached.
        SpecError: the graph is not well-formed.
    """
    template = node.template
    if not isinstance(template, GraphTemplate):
        raise EngineFaultError(f"{node.path} is no graph")
    index = state.index.graph(template.name)
    if node.depth >= state.plan.max_depth:
        raise InputError(f"the nesting of graphs reaches the limit of {state.plan.max_depth} levels; is a recursion endless?")
    if node.group is None:
        if len(state.nodes) + len(index.tasks) > state.plan.max_nodes:
            raise InputError(f"the run reaches the limit of {state.plan.max_nodes} tasks")
        node.group = Group(index=index, limit=template.parallelism)
    group = node.group
    move(state, node, Phase.ACTIVE)
    for key, task in index.tasks.items():
        if key not in group.children:
            is_loop = task.spec.iteration is not None
            group.children[key] = state.add_node(task, node, path=child_path(node.path, key), is_loop=is_loop)
    unfinished = 0
    for key, child in group.children.items():
        if child.is_final:
            continue
        unfinished += 1
        child.unmet = sum(not group.children[other].is_final for other in index.tasks[key].spec.after)
        child.unsuccessful = child.blocked = 0
        if child.unmet == 0:
            state.agenda.append((Step.READY, child))
    group.unfinished = unfinished
    close_if_done(state, node)


def _start_loop(state: RunState, node: Node) -> None:
    iteration = _iteration_of(node)
    items = _items(state, node)
    if node.group is None:
        node.group = Group(index=None, limit=iteration.parallelism)
    group = node.group
    group.items, group.expanded, group.unfinished = items, 0, 0
    for number, child in enumerate(group.children.values()):
        if number >= len(items) and not child.is_final:
            finish(state, child, Phase.SKIPPED, reason="the loop has fewer items now", is_omitted=True)
            group.unfinished += 1
    if not items and iteration.empty_is_skipped:
        finish(state, node, Phase.SKIPPED, reason=LOOP_IS_EMPTY)
        return
    move(state, node, Phase.ACTIVE)
    if not items:
        succeed(state, node, loop_outputs(node))
        return
    expand(state, node)


def _iteration_of(node: Node) -> Iteration:
    if node.spec.iteration is None:
        raise EngineFaultError(f"{node.path} is no loop")
    return node.spec.iteration


def _items(state: RunState, node: Node) -> tuple[Any, ...]:
    iteration = _iteration_of(node)
    if iteration.artifact_items is not None:
        return _artifact_items(state, node, iteration, iteration.artifact_items)
    if iteration.items is None:
        raise InputError("the loop has nothing to loop over")
    try:
        value = evaluate(iteration.items, NodeScope(state, node, node.parameters))
    except ExpressionError as error:
        raise InputError(f"the items of the loop: {error}") from error
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InputError(f"the items of the loop are not JSON: {shorten(value)}") from error
    if value is UNSET:
        raise InputError("the items of the loop have no value")
    if not isinstance(value, list | tuple):
        raise InputError(f"the items of the loop must be a list, got {type_name(value)} {shorten(value)}")
    return tuple(value)


def _artifact_items(state: RunState, node: Node, iteration: Iteration, source: ArtifactSource) -> tuple[ArtifactRef, ...]:
    found = source_artifacts(state, node, iteration.item_input or "items", source, node.parameters)
    if found is None:
        raise InputError("the artifacts to loop over are missing")
    return found


def expand(state: RunState, loop: Node) -> None:
    """Create the next stretch of iterations."""
    group = group_of(loop)
    if loop.phase is not Phase.ACTIVE or stops_growing(loop):
        close_if_done(state, loop)
        return
    end = min(group.expanded + STRETCH, len(group.items))
    for number in range(group.expanded, end):
        child = group.children.get(str(number))
        if child is None:
            if len(state.nodes) >= state.plan.max_nodes:
                group.items = group.items[:number]
                group.expanded = number
                loop.error = loop.error or Failure(FailureKind.INPUT, f"the run reaches the limit of {state.plan.max_nodes} tasks")
                close_if_done(state, loop)
                return
            path = iteration_path(loop.path, number)
            child = group.children[str(number)] = state.add_node(loop.index, loop, path=path, is_loop=False, iteration=number)
        child.item = group.items[number]
        if not child.is_final:
            group.unfinished += 1
            state.agenda.append((Step.READY, child))
    group.expanded = end
    if end < len(group.items):
        state.emit(("loop", loop.path), ContinueLoop(loop.path))
    close_if_done(state, loop)


def _start_leaf(state: RunState, node: Node) -> None:
    template, leaf = node.template, leaf_of(node)
    if not isinstance(template, LeafTemplate):
        raise EngineFaultError(f"{node.path} does no work itself")
    state.changes.used[node.path] = node
    work = template.work
    if isinstance(work, ImporterWork):
        _start_import(state, node, work)
        return
    policy = node.spec.cache
    if not policy.is_enabled or not _is_cacheable(work):
        leaf.cache_reason = "caching is off for this task"
        launch(state, node)
        return
    given: Mapping[str, Any] = {name: node.parameters[name] for name in node.given}
    scope = cache_scope(state.new_run.namespace, state.new_run.pipeline_name)
    names = NodeScope(state, node, node.parameters)
    facts = {name: None if (value := names.run_field(name)) is UNSET else value for name in template.run_fields}
    key = cache_key(scope, template, policy, given, node.artifacts, facts)
    leaf.fingerprint, leaf.parts = key.fingerprint, key.parts
    if state.new_run.options.get("no_cache"):
        leaf.cache_reason = "the cache is off for this run"
        launch(state, node)
        return
    move(state, node, Phase.CACHING)
    command = LookupCache(node.path, node.task_id, key.fingerprint, scope, template.name, key.parts, policy.max_age_seconds)
    state.emit(("cache", node.path), command)


def _is_cacheable(work: ContainerWork | VolumeWork) -> bool:
    return isinstance(work, ContainerWork) or work.action == "create"


def _start_import(state: RunState, node: Node, work: ImporterWork) -> None:
    command = ImportArtifact(
        path=node.path,
        task_id=node.task_id,
        output_key=work.output_key,
        uri=uri_of(state, node, work),
        type=work.type,
        metadata=metadata_of(state, node, work),
        reimport=work.reimport,
        download_to_workspace=work.download_to_workspace,
    )
    move(state, node, Phase.IMPORTING)
    state.emit(("import", node.path), command)
