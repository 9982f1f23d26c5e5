"""Short ways to write plans in tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.domain.expr import Const, Expr, TaskOutput
from penstock.domain.ids import ExperimentId, RunId
from penstock.domain.plan import (
    ArtifactSource,
    ArtifactSpec,
    CachePolicy,
    ContainerWork,
    GraphTemplate,
    LeafTemplate,
    OutputRule,
    ParameterSpec,
    ParameterType,
    RunPlan,
    TaskSpec,
    Template,
)
from penstock.domain.runs import NewRun
from penstock.domain.states import TaskType


def leaf(
    name: str = "work",
    *,
    inputs: Mapping[str, ParameterSpec] | Iterable[str] = (),
    artifacts: Mapping[str, ArtifactSpec] | None = None,
    outputs: Iterable[str] = (),
    output_artifacts: Iterable[str] = (),
    identity: Mapping[str, str] | None = None,
) -> LeafTemplate:
    """A container component."""
    parameters = dict(inputs) if isinstance(inputs, Mapping) else {key: ParameterSpec(key) for key in inputs}
    return LeafTemplate(
        name=name,
        work=ContainerWork(image="python:3.11", command=("true",)),
        parameters=parameters,
        artifacts=dict(artifacts or {}),
        output_parameters={key: ParameterSpec(key) for key in outputs},
        output_artifacts={key: ArtifactSpec(key) for key in output_artifacts},
        identity=dict(identity or {"code": name, "image": "i"}),
    )


def task(key: str, template: str = "work", *, after: Iterable[str] = (), **fields: Any) -> TaskSpec:
    """A task; what its inputs refer to is added to `after`."""
    needs = set(after)
    for expr in fields.get("parameters", {}).values():
        if isinstance(expr, TaskOutput):
            needs.add(expr.task)
    for sources in fields.get("artifacts", {}).values():
        needs.update(source.task for source in sources if source.task is not None)
    fields.setdefault("display_name", key)
    if fields.get("iteration") is not None:
        fields.setdefault("type", TaskType.LOOP)
    return TaskSpec(key=key, template=template, after=frozenset(needs), **fields)


def graph(
    name: str,
    *tasks: TaskSpec,
    inputs: Mapping[str, ParameterSpec] | Iterable[str] = (),
    outputs: Mapping[str, OutputRule] | None = None,
    output_artifacts: Mapping[str, OutputRule] | None = None,
    **fields: Any,
) -> GraphTemplate:
    """A graph of tasks."""
    parameters = dict(inputs) if isinstance(inputs, Mapping) else {key: ParameterSpec(key) for key in inputs}
    return GraphTemplate(
        name=name,
        tasks={spec.key: spec for spec in tasks},
        parameters=parameters,
        output_parameters=dict(outputs or {}),
        output_artifacts=dict(output_artifacts or {}),
        **fields,
    )


def forward(task_key: str, output: str) -> OutputRule:
    """An output that is a task's output."""
    return OutputRule(choices=((task_key, output),))


def plan(*templates: Template, root: str = "root", **fields: Any) -> RunPlan:
    """A plan; a leaf template `work` is always there."""
    by_name: dict[str, Template] = {"work": leaf()}
    by_name.update({template.name: template for template in templates})
    return RunPlan(dialect="kfp", name="p", root=root, templates=by_name, **fields)


def flat(*tasks: TaskSpec, templates: Iterable[Template] = (), **fields: Any) -> RunPlan:
    """A plan with one graph."""
    return plan(graph("root", *tasks), *templates, **fields)


def new_run(run_id: str = "run-1", **fields: Any) -> NewRun:
    """A submitted run."""
    values: dict[str, Any] = {
        "kind": "kfp",
        "name": f"name of {run_id}",
        "resource_name": f"p-{run_id}",
        "pipeline_name": "p",
        "spec_digest": "sha256:spec",
        "created_at": 1000.0,
        "scheduled_at": 1000.0,
        "experiment_id": ExperimentId("exp"),
        "pipeline_root": "minio://mlpipeline/v2/artifacts",
    }
    values.update(fields)
    return NewRun(run_id=RunId(run_id), **values)


def const(value: Any) -> Expr:
    """A literal."""
    return Const(value)


def output(task_key: str, key: str) -> Expr:
    """Output parameter of a sibling."""
    return TaskOutput(task_key, key)


def from_task(task_key: str, key: str) -> tuple[ArtifactSource, ...]:
    """Artifact of a sibling."""
    return (ArtifactSource(task=task_key, key=key),)


CACHED = CachePolicy(is_enabled=True)
INTEGER = ParameterType.NUMBER_INTEGER
STRING = ParameterType.STRING
