"""Lowers an Argo `Workflow` to a `RunPlan`: DAG templates become graphs, container and resource templates become leaves.

What makes Argo different from the KFP IR is expressed in the plan: skipped dependencies count as done
(`ALL_SUCCEEDED_OR_SKIPPED`), every value is text, templates may contain themselves, an empty loop is skipped, the exit handler is
one task beside the entrypoint. Semantics: kfp 1.8 protocol notes, sections 3 to 3.4.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.domain.artifacts import ArtifactType
from penstock.domain.errors import SpecError
from penstock.domain.execution import FailureKind
from penstock.domain.expr import UNSET, Expr, ParseJson, ScopeInput
from penstock.domain.plan import (
    ArtifactSource,
    ArtifactSpec,
    CachePolicy,
    ContainerWork,
    GraphTemplate,
    Iteration,
    LeafTemplate,
    OutputRule,
    ParameterSpec,
    ParameterType,
    RetryPolicy,
    RunPlan,
    TaskSpec,
    Template,
    TriggerRule,
)
from penstock.domain.states import TaskType
from penstock.spec.argo.document import (
    CACHING_KEY,
    COMPONENT_SPEC_KEY,
    DISPLAY_NAME_KEY,
    STALENESS_KEY,
    WorkflowDocument,
    read_workflow,
)
from penstock.spec.argo.launcher import read_runtime_info
from penstock.spec.argo.text import duration_seconds, iso_duration_seconds, run_fields, tag_names, text_expr
from penstock.spec.argo.types import component_inputs, value_types
from penstock.spec.argo.when import parse_when

ARGO_DIALECT = "argo"

ROOT_TEMPLATE = "--workflow--"
"""Name of the graph around entrypoint and exit handler; not a legal Argo name, so it never clashes."""

_IDENTITY_KEYS = ("container", "resource", "volumes", "initContainers", "sidecars", "outputs")

_RETRY_ON = {
    "OnFailure": frozenset({FailureKind.EXIT_CODE, FailureKind.SIGNAL, FailureKind.OUT_OF_MEMORY, FailureKind.DEADLINE}),
    "OnError": frozenset({FailureKind.SYSTEM, FailureKind.ENVIRONMENT, FailureKind.START, FailureKind.OUTPUT, FailureKind.INPUT}),
    "OnTransientError": frozenset({FailureKind.SYSTEM}),
    "Always": frozenset(FailureKind) - {FailureKind.LOST},
}


def lower_workflow(manifest: Mapping[str, Any]) -> RunPlan:
    """Return the plan of an Argo manifest.

    Raises:
        SpecError: the manifest is malformed or uses a construct that is not supported; carries the place.
    """
    document = read_workflow(manifest)
    try:
        return _lower(document)
    except (TypeError, AttributeError, LookupError, ValueError, OverflowError) as error:
        # Manifests are hardly typed and anybody may write one: what no check before has named is at least no fault of the server.
        raise SpecError(f"the manifest is malformed: {error}", place="spec") from error


def _lower(document: WorkflowDocument) -> RunPlan:
    templates: dict[str, Template] = {}
    for index, (name, template) in enumerate(document.templates.items()):
        templates[name] = _lower_template(document, template, f"spec.templates[{index}]")
    _check_references(templates)
    entrypoint = str(document.spec["entrypoint"])
    exit_name = document.spec.get("onExit")
    root = entrypoint
    if exit_name or document.artifacts or isinstance(templates[entrypoint], LeafTemplate):
        templates[ROOT_TEMPLATE] = _root_graph(document, templates, entrypoint, exit_name)
        root = ROOT_TEMPLATE
    return RunPlan(
        dialect=ARGO_DIALECT,
        name=document.name,
        root=root,
        templates=templates,
        parameters={
            name: ParameterSpec(
                name,
                ParameterType.STRING,
                default=UNSET if value is None else _text(value),
                description=_description(document.inputs.get(name, {})),
            )
            for name, value in document.parameters
        },
        resource_prefix=document.resource_prefix,
        parallelism=int(document.spec.get("parallelism") or 0),
        deadline_seconds=_number(document.spec.get("activeDeadlineSeconds")),
        fail_fast=document.is_fail_fast,
        labels=document.labels,
        annotations=document.annotations,
        extra={"sdk_version": document.sdk_version},
    )


def _description(declared: Mapping[str, Any]) -> str:
    """Return what the author said of a parameter, after its type: values are texts on the wire, so the type is for readers only."""
    kind = declared.get("type")
    name = next(iter(kind), "") if isinstance(kind, Mapping) else str(kind or "")
    parts = (name if name != "String" else "", str(declared.get("description") or ""))
    return ": ".join(part for part in parts if part)


def _root_graph(document: WorkflowDocument, templates: Mapping[str, Template], entrypoint: str, exit_name: str | None) -> GraphTemplate:
    names = [name for name, _ in document.parameters]
    parameters: dict[str, Expr] = {name: ScopeInput(name) for name in names}
    leaf = isinstance(templates[entrypoint], LeafTemplate)
    files = {name: (ArtifactSource(text=text_expr(text)),) for name, text in document.artifacts.items()}
    main = TaskSpec(
        key=entrypoint,
        template=entrypoint,
        display_name=entrypoint,
        type=TaskType.RUNTIME if leaf else TaskType.EXIT_HANDLER,
        parameters=parameters,
        artifacts=files,
        retry=_retry(document.templates[entrypoint]),
        cache=_cache_policy(document.templates[entrypoint]) if leaf else CachePolicy(),
    )
    tasks = {entrypoint: main}
    if exit_name:
        key = exit_name if exit_name != entrypoint else f"{exit_name}-exit"
        tasks[key] = TaskSpec(
            key=key,
            template=exit_name,
            display_name=_display_name(document.templates[exit_name], exit_name),
            parameters={**parameters, **component_inputs(document.templates[exit_name], parameters)},
            artifacts=files,
            after=frozenset({entrypoint}),
            trigger=TriggerRule.ALL_DONE,
            is_exit=True,
            retry=_retry(document.templates[exit_name]),
        )
    return GraphTemplate(name=ROOT_TEMPLATE, tasks=tasks, parameters={name: ParameterSpec(name, ParameterType.ANY) for name in names})


def _lower_template(document: WorkflowDocument, template: Mapping[str, Any], place: str) -> Template:
    if "dag" in template:
        return _lower_dag(document, template, place)
    if "container" in template or "resource" in template:
        return _lower_leaf(document, template, place)
    kind = next((key for key in ("steps", "script", "suspend", "http", "containerSet", "data") if key in template), "nothing to run")
    raise SpecError(f"template {template['name']!r} has {kind!r}; dag, container and resource templates are supported", place=place)


def _lower_dag(document: WorkflowDocument, template: Mapping[str, Any], place: str) -> GraphTemplate:
    tasks: dict[str, TaskSpec] = {}
    for index, task in enumerate(template["dag"].get("tasks") or ()):
        spec = _lower_task(document, task, f"{place}.dag.tasks[{index}]")
        if spec.key in tasks:
            raise SpecError(f"task {spec.key!r} is defined twice", place=f"{place}.dag.tasks[{index}]")
        tasks[spec.key] = spec
    if template["dag"].get("target"):
        raise SpecError("'target' of a DAG is not supported", place=f"{place}.dag.target")
    outputs = template.get("outputs") or {}
    return GraphTemplate(
        name=template["name"],
        tasks=tasks,
        parallelism=0 if template["name"] in document.looped else int(template.get("parallelism") or 0),
        parameters=_input_parameters(template),
        artifacts={item["name"]: ArtifactSpec(item["name"]) for item in _inputs(template, "artifacts")},
        output_parameters={
            item["name"]: OutputRule(expr=text_expr((item.get("valueFrom") or {}).get("parameter", item.get("value", ""))))
            for item in outputs.get("parameters") or ()
        },
        output_artifacts={item["name"]: _artifact_rule(item, place) for item in outputs.get("artifacts") or ()},
    )


def _lower_task(document: WorkflowDocument, task: Mapping[str, Any], place: str) -> TaskSpec:
    key, wanted = str(task.get("name", "")), str(task.get("template", ""))
    if not key or wanted not in document.templates:
        raise SpecError(f"task {key!r} refers to unknown template {wanted!r}", place=place)
    for unsupported in ("depends", "withSequence", "templateRef", "hooks", "onExit", "continueOn", "inline"):
        if task.get(unsupported):
            raise SpecError(f"{unsupported!r} of task {key!r} is not supported", place=f"{place}.{unsupported}")
    template = document.templates[wanted]
    arguments = task.get("arguments") or {}
    parameters = {str(item["name"]): text_expr(item.get("value", "")) for item in arguments.get("parameters") or ()}
    artifacts = {str(item["name"]): (_artifact_source(item, place),) for item in arguments.get("artifacts") or ()}
    iteration = _iteration(task, template, place)
    return TaskSpec(
        key=key,
        template=wanted,
        display_name=_display_name(template, key),
        type=_task_type(task, template),
        parameters={**parameters, **component_inputs(template, parameters)},
        artifacts=artifacts,
        after=frozenset(task.get("dependencies") or ()) | _referenced_tasks(task),
        trigger=TriggerRule.ALL_SUCCEEDED_OR_SKIPPED,
        condition=parse_when(str(task["when"]), place=f"{place}.when") if task.get("when") else None,
        iteration=iteration,
        retry=_retry(template),
        cache=_cache_policy(template),
    )


def _task_type(task: Mapping[str, Any], template: Mapping[str, Any]) -> TaskType:
    if "dag" not in template:
        return TaskType.RUNTIME
    if task.get("withItems") or task.get("withParam"):
        return TaskType.LOOP
    if task.get("when"):
        return TaskType.CONDITION
    return TaskType.EXIT_HANDLER if str(template["name"]).startswith("exit-handler-") else TaskType.DAG


def _iteration(task: Mapping[str, Any], template: Mapping[str, Any], place: str) -> Iteration | None:
    if "withItems" not in task and "withParam" not in task:
        return None
    if "withItems" in task:
        if not isinstance(task["withItems"], list):
            raise SpecError("must be a list", place=f"{place}.withItems")
        source = json.dumps(task["withItems"])
    else:
        source = _text(task["withParam"])
    # ParallelFor(parallelism=n) puts the limit on the loop body; as "at most n rounds at once" it means what its author meant.
    return Iteration(items=ParseJson(text_expr(source)), parallelism=int(template.get("parallelism") or 0), empty_is_skipped=True)


def _referenced_tasks(task: Mapping[str, Any]) -> frozenset[str]:
    names = tag_names(json.dumps([task.get("arguments"), task.get("when"), task.get("withItems"), task.get("withParam")]))
    return frozenset(name.removeprefix("tasks.").partition(".outputs.")[0] for name in names if name.startswith("tasks."))


def _artifact_source(item: Mapping[str, Any], place: str) -> ArtifactSource:
    if isinstance(item.get("raw"), Mapping):
        return ArtifactSource(text=text_expr(_text(item["raw"].get("data", ""))))
    names = tag_names(str(item.get("from", "")))
    if len(names) == 1 and names[0].startswith("inputs.artifacts."):
        return ArtifactSource(scope_input=names[0].removeprefix("inputs.artifacts."))
    if len(names) == 1 and names[0].startswith("tasks.") and ".outputs.artifacts." in names[0]:
        task, _, key = names[0].removeprefix("tasks.").partition(".outputs.artifacts.")
        return ArtifactSource(task=task, key=key)
    raise SpecError(f"artifact argument {item.get('name')!r} needs 'from' a task or input, or 'raw'", place=place)


def _artifact_rule(item: Mapping[str, Any], place: str) -> OutputRule:
    source = _artifact_source(item, place)
    if source.task is None or source.key is None:
        raise SpecError(f"output artifact {item.get('name')!r} must come from a task", place=place)
    return OutputRule(choices=((source.task, source.key),))


def _inputs(template: Mapping[str, Any], kind: str) -> Iterable[Mapping[str, Any]]:
    found: Iterable[Mapping[str, Any]] = (template.get("inputs") or {}).get(kind) or ()
    return found


def _input_parameters(template: Mapping[str, Any]) -> dict[str, ParameterSpec]:
    specs = {}
    for item in _inputs(template, "parameters"):
        default = item.get("value", item.get("default"))
        specs[str(item["name"])] = ParameterSpec(str(item["name"]), default=UNSET if default is None else _text(default))
    return specs


def _lower_leaf(document: WorkflowDocument, template: Mapping[str, Any], place: str) -> LeafTemplate:
    container = template.get("container") or {}
    outputs = template.get("outputs") or {}
    info = read_runtime_info(template, place)
    artifact_types = {name: ArtifactType(title) for name, title in (info.artifact_titles if info else {}).items()}
    prefix = f"{template['name']}-"
    output_artifacts = {}
    parameter_names = {str(item["name"]) for item in outputs.get("parameters") or ()}
    for item in outputs.get("artifacts") or ():
        name = str(item["name"])
        short = name.removeprefix(prefix)
        if info and short in info.output_parameters:
            continue  # the launcher publishes it as a value; the file only repeats it
        output_artifacts[name] = ArtifactSpec(
            name, artifact_types.get(short, ArtifactType()), is_optional=bool(item.get("optional")) or is_optional_output(name)
        )
    return LeafTemplate(
        name=template["name"],
        work=ContainerWork(
            image=str(container.get("image", "")),
            command=tuple(container.get("command") or ()),
            args=tuple(container.get("args") or ()),
            resources=container.get("resources") or {},
            platform=template,
        ),
        parameters=_input_parameters(template),
        artifacts={
            str(item["name"]): ArtifactSpec(str(item["name"]), is_optional="raw" in item or bool(item.get("optional")))
            for item in _inputs(template, "artifacts")
        },
        output_parameters={name: ParameterSpec(name) for name in parameter_names},
        output_artifacts=output_artifacts,
        identity=_identity(template),
        run_fields=run_fields([template.get(key) for key in _IDENTITY_KEYS]),
        deadline_seconds=_number(template.get("activeDeadlineSeconds")) or duration_seconds(template.get("timeout", "")),
        extra={
            "sdk_component": _component_name(template),
            "value_types": value_types(template),
            "workflow_volumes": document.spec.get("volumes") or [],
            "workflow_leftovers": document.leftovers,
        },
    )


def is_optional_output(name: str) -> bool:
    """Whether the server makes the artifact optional whatever the manifest says (upstream does so at submission)."""
    return name.endswith(("mlpipeline-ui-metadata", "mlpipeline-metrics"))


def _component_name(template: Mapping[str, Any]) -> str:
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    try:
        return str(json.loads(annotations.get(COMPONENT_SPEC_KEY, "{}")).get("name") or template["name"])
    except (ValueError, AttributeError):
        return str(template["name"])


def _identity(template: Mapping[str, Any]) -> dict[str, str]:
    """Cache identity: upstream hashes command, args, env, mounts, inputs, outputs, volumes, init containers and sidecars."""
    container = template.get("container") or {}
    resource = template.get("resource") or {}
    return {
        "code": _digest([container.get("command"), container.get("args"), resource]),
        "image": _digest(container.get("image")),
        "options": _digest(
            [container.get("env"), container.get("envFrom"), container.get("volumeMounts")]
            + [template.get(key) for key in ("volumes", "initContainers", "sidecars")]
        ),
        "outputs": _digest(template.get("outputs")),
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _retry(template: Mapping[str, Any]) -> RetryPolicy | None:
    strategy = template.get("retryStrategy")
    if not isinstance(strategy, Mapping):
        return RetryPolicy(0) if "dag" not in template else None
    backoff = strategy.get("backoff") or {}
    return RetryPolicy(
        max_retries=int(_number(strategy.get("limit")) or 0),
        backoff_seconds=duration_seconds(backoff.get("duration", 0)) or 0.0,
        factor=_number(backoff.get("factor")) or 1.0,
        max_backoff_seconds=math.inf,
        max_total_seconds=duration_seconds(backoff.get("maxDuration", 0)) or None,
        on=_RETRY_ON.get(str(strategy.get("retryPolicy", "OnFailure")), _RETRY_ON["OnFailure"]),
    )


def _cache_policy(template: Mapping[str, Any]) -> CachePolicy:
    if "container" not in template or list((template["container"] or {}).get("command") or ())[:1] == ["kubectl"]:
        return CachePolicy()  # what changes volumes, secrets and config maps has to happen every time
    metadata = template.get("metadata") or {}
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    enabled = str(labels.get(CACHING_KEY, "true")).lower() != "false"
    staleness = annotations.get(STALENESS_KEY)
    max_age = iso_duration_seconds(str(staleness)) if staleness else None
    return CachePolicy(is_enabled=enabled and max_age != 0, max_age_seconds=max_age)


def _display_name(template: Mapping[str, Any], fallback: str) -> str:
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(DISPLAY_NAME_KEY) or fallback)


def _check_references(templates: Mapping[str, Template]) -> None:
    for name, template in templates.items():
        if not isinstance(template, GraphTemplate):
            continue
        for task in template.tasks.values():
            place = f"template {name!r}, task {task.key!r}"
            for other in sorted(task.after - template.tasks.keys()):
                raise SpecError(f"depends on unknown task {other!r}", place=place)
            wanted = templates[task.template]
            missing = [
                parameter for parameter, spec in wanted.parameters.items() if parameter not in task.parameters and spec.default is UNSET
            ]
            if missing:
                raise SpecError(f"input {missing[0]!r} of template {task.template!r} has no argument", place=place)
        _check_order(name, template)


def _check_order(name: str, graph: GraphTemplate) -> None:
    waiting = {key: len(task.after) for key, task in graph.tasks.items()}
    ready = [key for key, count in waiting.items() if count == 0]
    users: dict[str, list[str]] = {key: [] for key in graph.tasks}
    for key, task in graph.tasks.items():
        for other in task.after:
            users[other].append(key)
    done = 0
    while ready:
        done += 1
        for user in users[ready.pop()]:
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    if done < len(graph.tasks):
        stuck = sorted(key for key, count in waiting.items() if count > 0)
        raise SpecError(f"tasks wait for each other: {', '.join(stuck)}", place=f"template {name!r}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _number(value: Any) -> float | None:
    try:
        return float(value) if value is not None and value != "" else None
    except (TypeError, ValueError):
        return None
