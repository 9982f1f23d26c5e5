"""Reading an Argo manifest: shape checks and the few facts that other modules ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import SpecError
from penstock.spec.argo.leftovers import of_workflow
from penstock.spec.argo.lost_outputs import with_lost_outputs
from penstock.spec.argo.shape import check_shape
from penstock.spec.argo.text import substitute

SDK_VERSION_KEY = "pipelines.kubeflow.org/kfp_sdk_version"
PIPELINE_SPEC_KEY = "pipelines.kubeflow.org/pipeline_spec"
V2_PIPELINE_KEY = "pipelines.kubeflow.org/v2_pipeline"
STALENESS_KEY = "pipelines.kubeflow.org/max_cache_staleness"
CACHING_KEY = "pipelines.kubeflow.org/enable_caching"
COMPONENT_SPEC_KEY = "pipelines.kubeflow.org/component_spec"
DISPLAY_NAME_KEY = "pipelines.kubeflow.org/task_display_name"


@dataclass(frozen=True, slots=True)
class WorkflowDocument:
    """A manifest whose outer shape has been checked."""

    manifest: Mapping[str, Any]
    name: str
    """Pipeline name: from the SDK's annotation, else from metadata."""
    resource_prefix: str
    """Start of the workflow names of its runs: `metadata.generateName`, a legal object name even if the pipeline's is none."""
    description: str
    spec: Mapping[str, Any]
    templates: Mapping[str, Mapping[str, Any]]
    parameters: tuple[tuple[str, Any], ...]
    """Workflow arguments in order: name, default (None: the caller must give one)."""
    artifacts: Mapping[str, str]
    """Workflow arguments that are files: name to text, tags not yet replaced."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    sdk_version: str
    inputs: Mapping[str, Mapping[str, Any]]
    """Human declarations of the parameters (type, default, optional, description) by name."""
    looped: frozenset[str]
    """Templates that a loop runs: their `parallelism` is the loop's."""
    is_fail_fast: bool
    """False when every DAG goes on after a failure."""
    leftovers: tuple[str, ...]
    """What the whole workflow asks and is not carried out, a sentence each."""


def is_workflow(content: Any) -> bool:
    """Whether `content` is an Argo `Workflow` document."""
    return (
        isinstance(content, Mapping) and str(content.get("apiVersion", "")).startswith("argoproj.io/") and content.get("kind") == "Workflow"
    )


def read_workflow(manifest: Mapping[str, Any]) -> WorkflowDocument:
    """Check the shape of `manifest`.

    Raises:
        SpecError: it is not a Workflow, has no entrypoint, or a template is malformed.
    """
    if not is_workflow(manifest):
        raise SpecError("not an Argo Workflow (apiVersion argoproj.io/*, kind Workflow)")
    check_shape(manifest)
    manifest = _with_own_facts(manifest)
    metadata = _mapping(manifest, "metadata", "metadata")
    spec = _mapping(manifest, "spec", "spec")
    entrypoint = spec.get("entrypoint")
    if not isinstance(entrypoint, str) or not entrypoint:
        raise SpecError("the workflow has no entrypoint", place="spec.entrypoint")
    templates: dict[str, Mapping[str, Any]] = {}
    for index, template in enumerate(_list(spec, "templates", "spec.templates")):
        place = f"spec.templates[{index}]"
        if not isinstance(template, Mapping) or not isinstance(template.get("name"), str):
            raise SpecError("a template needs a name", place=place)
        if template["name"] in templates:
            raise SpecError(f"template {template['name']!r} is defined twice", place=place)
        templates[template["name"]] = template
    for field in ("entrypoint", "onExit"):
        wanted = spec.get(field)
        if wanted and wanted not in templates:
            raise SpecError(f"template {wanted!r} does not exist", place=f"spec.{field}")
    annotations = _texts(metadata.get("annotations"))
    described = _pipeline_spec(annotations)
    arguments = spec.get("arguments") or {}
    parameters = tuple((str(item["name"]), item.get("value", item.get("default"))) for item in arguments.get("parameters") or ())
    labels = _texts(metadata.get("labels"))
    dags = [template["dag"] for template in templates.values() if isinstance(template.get("dag"), Mapping)]
    tasks = [task for dag in dags for task in dag.get("tasks") or ()]
    goes_on = [dag for dag in dags if dag.get("failFast") is False]
    is_fail_fast = not dags or len(goes_on) < len(dags)
    mixed = ["failFast is false for some DAGs only, and is not carried out"] if goes_on and is_fail_fast else []
    return WorkflowDocument(
        manifest=manifest,
        name=str(described.get("name") or metadata.get("name") or str(metadata.get("generateName", "workflow-")).rstrip("-")),
        resource_prefix=_resource_prefix(metadata),
        description=str(described.get("description") or ""),
        spec=spec,
        templates=with_lost_outputs(templates),
        parameters=parameters,
        artifacts=_raw_artifacts(arguments),
        labels=labels,
        annotations=annotations,
        sdk_version=annotations.get(SDK_VERSION_KEY) or labels.get(SDK_VERSION_KEY) or "",
        inputs={str(item.get("name")): item for item in described.get("inputs") or () if isinstance(item, Mapping)},
        looped=frozenset(str(task.get("template")) for task in tasks if "withItems" in task or "withParam" in task),
        is_fail_fast=is_fail_fast,
        leftovers=(*of_workflow(spec), *mixed),
    )


def _with_own_facts(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say what the workflow says of itself and no run changes; a priority that it does not have is left as it is written."""
    spec = manifest.get("spec") or {}
    facts = {"workflow.mainEntrypoint": spec.get("entrypoint"), "workflow.priority": spec.get("priority")}
    known = {name: str(value) for name, value in facts.items() if isinstance(value, str | int) and not isinstance(value, bool)}
    said: Mapping[str, Any] = substitute(manifest, known.get)
    return said


def _resource_prefix(metadata: Mapping[str, Any]) -> str:
    wanted = str(metadata.get("generateName") or metadata.get("name") or "").lower()
    return (re.sub(r"[^a-z0-9]+", "-", wanted).strip("-") or "workflow") + "-"


def _raw_artifacts(arguments: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, item in enumerate(arguments.get("artifacts") or ()):
        if not isinstance(item.get("raw"), Mapping):
            raise SpecError(f"workflow artifact {item.get('name')!r} needs 'raw'", place=f"spec.arguments.artifacts[{index}]")
        found[str(item["name"])] = str(item["raw"].get("data", ""))
    return found


def _pipeline_spec(annotations: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        value = json.loads(annotations.get(PIPELINE_SPEC_KEY, "{}"))
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, Mapping) else {}


def _mapping(holder: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    value = holder.get(key)
    if not isinstance(value, Mapping):
        raise SpecError("must be an object", place=place)
    return value


def _list(holder: Mapping[str, Any], key: str, place: str) -> list[Any]:
    value = holder.get(key)
    if not isinstance(value, list):
        raise SpecError("must be a list", place=place)
    return value
