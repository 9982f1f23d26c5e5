"""What the definition binds to the inputs of a task: all there is to tell of them before it has started, and whence a value came after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain import expr as ast
from penstock.domain.plan import ArtifactSource, GraphTemplate, ParameterType, RunPlan, TaskSpec
from penstock.web.graphs.graph import tasks_along


@dataclass(frozen=True, slots=True)
class Output:
    """An output of a task of the run."""

    path: str
    """Of that task."""
    task: str
    """Its key."""
    key: str


@dataclass(frozen=True, slots=True)
class Binding:
    """Where one input comes from."""

    name: str
    type: str = ""
    """Declared type."""
    value: Any = ast.UNSET
    """Known already: a constant of the definition, or a parameter of the run."""
    run_parameter: str = ""
    """Parameter of the run that it is."""
    is_item: bool = False
    """Whether it is an item of the loop around the task, or a part of one."""
    outputs: Sequence[Output] = ()
    """Outputs that it is made of."""

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return self.value is not ast.UNSET


@dataclass(frozen=True, slots=True)
class _Scope:
    """A graph around the task; `owner` is the task that stands for it in the graph around that."""

    path: str
    owner: TaskSpec | None
    template: GraphTemplate


class Bindings:
    """Reads the bindings of one task."""

    def __init__(self, plan: RunPlan, path: str, arguments: Mapping[str, Any]) -> None:
        """Find the task at `path` (`root/for-loop-1[3]/train`) in a run with these `arguments`."""
        self._plan = plan
        self._arguments = arguments
        self._is_loop = not path.endswith("]")
        along, segments = tasks_along(plan, path), path.split("/")
        self._task = along[-1] if along else None
        self._template = plan.templates.get(self._task.template) if self._task is not None else None
        self._scopes: list[_Scope] = []
        for depth, owner in enumerate((None, *along[:-1]), 1):
            template = plan.templates.get(plan.root if owner is None else owner.template)
            if isinstance(template, GraphTemplate):
                self._scopes.append(_Scope("/".join(segments[:depth]), owner, template))

    def parameters(self) -> list[Binding]:
        """Return those of the parameters that the task's component declares, in its order; none for a place that is not in the plan."""
        if self._task is None or self._template is None:
            return []
        found = []
        for name, declared in self._template.parameters.items():
            bound = self._task.parameters.get(name)
            kind = "" if declared.type is ParameterType.ANY else declared.type.value
            if bound is None:
                found.append(self._unbound(Binding(name, kind, declared.default)))
            else:
                found.append(self._read(Binding(name, kind), bound, len(self._scopes) - 1))
        return found

    def artifacts(self) -> list[Binding]:
        """Return those of its artifacts, likewise."""
        if self._task is None or self._template is None:
            return []
        return [
            Binding(name, declared.type.schema_title, outputs=self._sources(self._task.artifacts.get(name, ()), len(self._scopes) - 1))
            for name, declared in self._template.artifacts.items()
        ]

    def _unbound(self, binding: Binding) -> Binding:
        """An input without a binding has its default, or is the item: of the loop itself all items, of an iteration one of them."""
        iteration = self._task.iteration if self._task is not None else None
        if iteration is None or iteration.item_input != binding.name:
            return binding
        if self._is_loop and iteration.items is not None:
            return self._read(Binding(binding.name, "LIST"), iteration.items, len(self._scopes) - 1)
        return Binding(binding.name, binding.type, is_item=True)

    def _sources(self, sources: Sequence[ArtifactSource], level: int) -> list[Output]:
        found: list[Output] = []
        for source in sources:
            scope = self._scopes[level]
            if source.task is not None:
                found.append(Output(f"{scope.path}/{source.task}", source.task, source.key or ""))
            elif source.scope_input is not None and scope.owner is not None:
                found += self._sources(scope.owner.artifacts.get(source.scope_input, ()), level - 1)
        return found

    def _read(self, binding: Binding, bound: ast.Expr, level: int) -> Binding:
        """Return `binding` as `bound` in the graph of this level says."""
        name, kind, scope = binding.name, binding.type, self._scopes[level]
        if isinstance(bound, ast.Const):
            return Binding(name, kind, bound.value)
        if isinstance(bound, ast.ScopeInput):
            return self._from_around(binding, bound.name, level)
        if isinstance(bound, ast.TaskOutput):
            return Binding(name, kind, outputs=[Output(f"{scope.path}/{bound.task}", bound.task, bound.key)])
        if isinstance(bound, ast.OwnInput):
            own = self._task.parameters.get(bound.name) if self._task is not None else None
            return binding if own is None or own == bound else self._read(binding, own, len(self._scopes) - 1)
        parts = [self._read(binding, part, level) for part in _parts(bound)]
        is_item = isinstance(bound, ast.LoopItem) or any(part.is_item for part in parts)
        return Binding(name, kind, is_item=is_item, outputs=[output for part in parts for output in part.outputs])

    def _from_around(self, binding: Binding, wanted: str, level: int) -> Binding:
        name, kind, scope = binding.name, binding.type, self._scopes[level]
        owner = scope.owner
        declared = scope.template.parameters.get(wanted)
        if owner is None:
            declared = declared or self._plan.parameters.get(wanted)
            return Binding(name, kind, self._arguments.get(wanted, declared.default if declared else ast.UNSET), run_parameter=wanted)
        if owner.iteration is not None and owner.iteration.item_input == wanted:
            return Binding(name, kind, is_item=True)
        bound = owner.parameters.get(wanted)
        if bound is None:
            return Binding(name, kind, declared.default if declared else ast.UNSET)
        return self._read(binding, bound, level - 1)


def _parts(bound: ast.Expr) -> Sequence[ast.Expr]:
    if isinstance(bound, ast.Format):
        return bound.parts
    if isinstance(bound, ast.Call):
        return bound.args
    if isinstance(bound, ast.Index):
        return (bound.operand, bound.key)
    return (bound.operand,) if isinstance(bound, ast.ParseJson) else ()
