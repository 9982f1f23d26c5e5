"""What is worth computing once per plan: who depends on whom, in which order inputs are bound, what waits for a loop item.

An index is shared by all runs of a plan and all instances of a template, so a node of a 10,000-iteration loop carries none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.domain.errors import SpecError
from penstock.domain.expr import Expr, LoopItem, OwnInput, ScopeInput, TaskOutput
from penstock.domain.plan import GraphTemplate, RunPlan, TaskSpec, Template, TriggerRule
from penstock.engine.expressions import references


@dataclass(frozen=True, slots=True)
class TaskIndex:
    """Facts about one task of a graph."""

    spec: TaskSpec
    template: Template
    bindings: tuple[tuple[str, Expr], ...]
    """Parameter bindings in an order in which own inputs come before those who use them."""
    per_item: frozenset[str]
    """Bindings (and artifact inputs) that have another value in every iteration."""
    condition_per_item: bool
    producers: Mapping[str, tuple[str, str]]
    """Input name to (sibling, output key)."""
    forwarded: Mapping[str, str]
    """Input name to the input of the enclosing graph that it passes on."""


@dataclass(frozen=True, slots=True)
class GraphIndex:
    """Facts about one graph."""

    template: GraphTemplate
    tasks: Mapping[str, TaskIndex]
    dependents: Mapping[str, tuple[str, ...]]
    outlasting: frozenset[str]
    """Tasks that a failure elsewhere in the graph does not stop: those that run after failures, and all that wait for them."""


@dataclass(slots=True)
class PlanIndex:
    """Lazily built indexes of a plan's graphs; recursion makes eager walks endless, templates by name do not."""

    plan: RunPlan
    _graphs: dict[str, GraphIndex] = field(default_factory=dict)

    def graph(self, name: str) -> GraphIndex:
        """Index of graph template `name`.

        Raises:
            SpecError: a task waits for a task that does not exist, tasks wait for each other, or a template is missing.
        """
        found = self._graphs.get(name)
        if found is None:
            template = self.plan.templates.get(name)
            if not isinstance(template, GraphTemplate):
                raise SpecError(f"there is no graph template `{name}`")
            found = self._graphs[name] = _index_graph(self.plan, template)
        return found


def _index_graph(plan: RunPlan, template: GraphTemplate) -> GraphIndex:
    tasks: dict[str, TaskIndex] = {}
    dependents: dict[str, list[str]] = {key: [] for key in template.tasks}
    for key, spec in template.tasks.items():
        target = plan.templates.get(spec.template)
        if target is None:
            raise SpecError(f"task `{key}` uses the unknown template `{spec.template}`", place=template.name)
        tasks[key] = _index_task(spec, target, template.name)
        for other in sorted(spec.after):
            if other not in dependents:
                raise SpecError(f"task `{key}` waits for `{other}`, which does not exist", place=template.name)
            dependents[other].append(key)
    _refuse_cycle(template, dependents)
    return GraphIndex(
        template=template,
        tasks=tasks,
        dependents={key: tuple(names) for key, names in dependents.items()},
        outlasting=_outlasting(template, dependents),
    )


def _outlasting(template: GraphTemplate, dependents: Mapping[str, list[str]]) -> frozenset[str]:
    found = {key for key, spec in template.tasks.items() if spec.is_exit or spec.trigger is TriggerRule.ALL_DONE}
    pending = list(found)
    while pending:
        new = set(dependents[pending.pop()]) - found
        found |= new
        pending.extend(new)
    return frozenset(found)


def _refuse_cycle(template: GraphTemplate, dependents: Mapping[str, list[str]]) -> None:
    unmet = {key: len(spec.after) for key, spec in template.tasks.items()}
    free = [key for key, count in unmet.items() if count == 0]
    seen = 0
    while free:
        seen += 1
        for other in dependents[free.pop()]:
            unmet[other] -= 1
            if unmet[other] == 0:
                free.append(other)
    if seen != len(unmet):
        stuck = ", ".join(sorted(key for key, count in unmet.items() if count > 0))
        raise SpecError(f"tasks wait for each other in a circle: {stuck}", place=template.name)


def _index_task(spec: TaskSpec, template: Template, place: str) -> TaskIndex:
    bindings = _in_order(spec, place)
    per_item = _per_item(spec, bindings)
    producers: dict[str, tuple[str, str]] = {}
    forwarded: dict[str, str] = {}
    for name, expr in bindings:
        for reference in references(expr):
            if isinstance(reference, TaskOutput):
                producers[name] = (reference.task, reference.key)
            elif isinstance(reference, ScopeInput):
                forwarded[name] = reference.name
    for name, sources in spec.artifacts.items():
        for source in sources:
            if source.task is not None and source.key is not None:
                producers[name] = (source.task, source.key)
            elif source.scope_input is not None:
                forwarded[name] = source.scope_input
    return TaskIndex(
        spec=spec,
        template=template,
        bindings=bindings,
        per_item=per_item,
        condition_per_item=spec.iteration is not None and spec.condition is not None and _varies(spec.condition, per_item),
        producers=producers,
        forwarded=forwarded,
    )


def _in_order(spec: TaskSpec, place: str) -> tuple[tuple[str, Expr], ...]:
    """Order bindings so that an own input is bound before the text that quotes it."""
    needs = {
        name: {ref.name for ref in references(expr) if isinstance(ref, OwnInput) and ref.name in spec.parameters}
        for name, expr in spec.parameters.items()
    }
    ordered: list[tuple[str, Expr]] = []
    done: set[str] = set()
    while len(ordered) < len(needs):
        ready = [name for name in spec.parameters if name not in done and needs[name] <= done]
        if not ready:
            stuck = ", ".join(sorted(needs.keys() - done))
            raise SpecError(f"inputs of task `{spec.key}` refer to each other in a circle: {stuck}", place=place)
        ordered.extend((name, spec.parameters[name]) for name in ready)
        done.update(ready)
    return tuple(ordered)


def _per_item(spec: TaskSpec, bindings: tuple[tuple[str, Expr], ...]) -> frozenset[str]:
    iteration = spec.iteration
    if iteration is None:
        return frozenset()
    varying = {iteration.item_input} if iteration.item_input is not None else set()
    for name, expr in bindings:
        if _varies(expr, varying):
            varying.add(name)
    for name, sources in spec.artifacts.items():
        if any(source.from_item or (source.text is not None and _varies(source.text, varying)) for source in sources):
            varying.add(name)
    return frozenset(varying)


def _varies(expr: Expr, varying: set[str] | frozenset[str]) -> bool:
    """Whether `expr` depends on the loop item."""
    return any(isinstance(ref, LoopItem) or (isinstance(ref, OwnInput) and ref.name in varying) for ref in references(expr))
