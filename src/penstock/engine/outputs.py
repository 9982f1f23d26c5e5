"""What graphs and loops give: forwarded outputs, OneOf, and lists collected over iterations.

Semantics: KFP protocol notes, sections 4.5 and 4.6. Deviation from upstream, with the SDK's types: nested loops keep one list
level per loop for parameters; artifacts are one flat list. Argo's aggregated loop outputs are the same rule.
"""

from __future__ import annotations

from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import ExpressionError
from penstock.domain.execution import TaskOutputs
from penstock.domain.expr import UNSET, Expr
from penstock.domain.plan import GraphTemplate, OutputRule
from penstock.engine.expressions import evaluate
from penstock.engine.nodes import EngineFaultError, Node, RunState, group_of
from penstock.engine.phases import Phase
from penstock.engine.scope import NodeScope


class OutputError(Exception):
    """An output of a graph cannot be formed; the message is for the author."""


class _InsideScope(NodeScope):
    """Names of an output expression: the graph's children are the siblings, its own inputs the scope."""

    def __init__(self, state: RunState, graph: Node) -> None:
        super().__init__(state, graph, graph.parameters)
        self._graph = graph

    def scope_input(self, name: str) -> Any:
        return self._graph.parameters.get(name, UNSET)

    def _sibling(self, task: str) -> Node | None:
        return self._graph.group.children.get(task) if self._graph.group is not None else None


def graph_outputs(state: RunState, node: Node) -> TaskOutputs:
    """Outputs of a graph whose children are all final and did not fail.

    Raises:
        OutputError: a OneOf has no branch that ran, or an output expression is in error.
    """
    template = node.template
    if not isinstance(template, GraphTemplate):
        raise EngineFaultError(f"{node.path} is no graph")
    parameters: dict[str, Any] = {}
    for name, rule in template.output_parameters.items():
        value = _computed(state, node, name, rule.expr) if rule.expr is not None else _first(node, name, rule, "parameters")
        if value is not UNSET:
            parameters[name] = value
    artifacts: dict[str, tuple[ArtifactRef, ...]] = {}
    for name, rule in template.output_artifacts.items():
        found = _first(node, name, rule, "artifacts")
        if found is not UNSET:
            artifacts[name] = found
    return TaskOutputs(parameters, artifacts)


def _computed(state: RunState, node: Node, name: str, expr: Expr) -> Any:
    try:
        return evaluate(expr, _InsideScope(state, node))
    except ExpressionError as error:
        raise OutputError(f"output `{name}`: {error}") from error


def _first(node: Node, name: str, rule: OutputRule, kind: str) -> Any:
    children = group_of(node).children
    for task, key in rule.choices:
        child = children.get(task)
        if child is not None and child.phase is Phase.SUCCEEDED:
            values = getattr(child.outputs, kind)
            if key in values:
                return values[key]
    if rule.is_one_of:
        branches = ", ".join(f"`{task}`" for task, _ in rule.choices)
        raise OutputError(f"output `{name}` takes the result of the one branch that runs, and none of {branches} did")
    return UNSET


def loop_outputs(node: Node) -> TaskOutputs:
    """Outputs of a loop: per output key the values of all iterations in item order; iterations without one contribute nothing."""
    template = node.template
    done = [child for child in group_of(node).children.values() if child.phase is Phase.SUCCEEDED]
    done.sort(key=lambda child: child.iteration or 0)
    parameters = {
        name: [child.outputs.parameters[name] for child in done if name in child.outputs.parameters] for name in template.output_parameters
    }
    artifacts = {
        name: tuple(artifact for child in done for artifact in child.outputs.artifacts.get(name, ())) for name in template.output_artifacts
    }
    return TaskOutputs(parameters, artifacts)
