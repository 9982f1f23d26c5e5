"""One leaf of a workflow for one attempt: its template with every tag replaced, and what is derived from that.

Semantics: kfp 1.8 protocol notes, section 3.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import DEFAULT_SERVICE_ACCOUNT, AttemptLayout, FailureKind, LaunchRequest
from penstock.domain.plan import ContainerWork
from penstock.spec.argo.environment import PodFacts
from penstock.spec.argo.launcher import RuntimeInfo, read_runtime_info
from penstock.spec.argo.pathmap import PathMap
from penstock.spec.argo.text import created_text, substitute


@dataclass(frozen=True, slots=True)
class Leaf:
    """A template with tags resolved, and what was derived from it for one attempt."""

    template: Mapping[str, Any]
    container: Mapping[str, Any]
    info: RuntimeInfo | None
    paths: PathMap


def manifest_of(request: LaunchRequest) -> Mapping[str, Any]:
    """Template of the leaf as compiled.

    Raises:
        TaskError: the leaf is not of this dialect (kind START).
    """
    work = request.template.work
    if not isinstance(work, ContainerWork):
        raise TaskError("only container and resource templates can run", kind=FailureKind.START)
    return work.platform


def resolve_leaf(request: LaunchRequest, layout: AttemptLayout) -> Leaf:
    """Replace the tags of the leaf's template for one attempt."""
    template = substitute(dict(manifest_of(request)), resolver_of(request))
    container = template.get("container") or {}
    declared = [str(item["path"]) for item in (template.get("inputs") or {}).get("artifacts") or () if item.get("path")]
    outputs = template.get("outputs") or {}
    declared += [str(item["path"]) for item in outputs.get("artifacts") or () if item.get("path")]
    declared += [str(path) for item in outputs.get("parameters") or () if (path := (item.get("valueFrom") or {}).get("path"))]
    if not layout.has_namespace:
        beside = [item for kind in ("initContainers", "sidecars") for item in template.get(kind) or ()]
        declared += [str(item.get("mountPath", "")) for holder in (container, *beside) for item in holder.get("volumeMounts") or ()]
    return Leaf(template, container, read_runtime_info(template, "template"), PathMap(layout.mounts, declared))


def resolver_of(request: LaunchRequest) -> Callable[[str], str | None]:
    """Return the function that gives the text of a tag in this attempt, None for names to leave alone."""
    run = request.run
    fixed = {
        "workflow.name": run.resource_name,
        "workflow.uid": run.run_id,
        "workflow.namespace": run.namespace,
        "workflow.serviceAccountName": run.service_account or DEFAULT_SERVICE_ACCOUNT,
        "workflow.parameters": run.parameters_text,
        "workflow.duration": f"{request.run_seconds:f}",
        "workflow.status": request.run_status,
        "workflow.failures": request.run_failures,
        "pod.name": request.key.task_id,
        "node.name": f"{run.resource_name}.{request.task_path.removeprefix('root/').replace('/', '.')}",
        "retries": str(request.user_retry_index),
    }
    labels = {**run.labels, "pipeline/runid": run.run_id, "workflows.argoproj.io/workflow": run.resource_name}
    annotations = {**run.annotations, "pipelines.kubeflow.org/run_name": run.run_name}

    def resolve(name: str) -> str | None:
        if name.startswith("inputs.parameters."):
            value = request.parameters.get(name.removeprefix("inputs.parameters."))
            return None if value is None else _text(value)
        if name.startswith(("inputs.artifacts.", "outputs.artifacts.", "outputs.parameters.")) and name.endswith(".path"):
            return _path_of(manifest_of(request), name)
        if name.startswith("workflow.parameters."):
            value = run.parameters.get(name.removeprefix("workflow.parameters."))
            return None if value is None else _text(value)
        if name.startswith("workflow.labels."):
            return labels.get(name.removeprefix("workflow.labels."))
        if name.startswith("workflow.annotations."):
            return annotations.get(name.removeprefix("workflow.annotations."))
        if name in {"workflow.status", "workflow.failures"} and not request.run_status:
            return None
        return fixed[name] if name in fixed else created_text(name, run.created_at)

    return resolve


def _path_of(template: Mapping[str, Any], name: str) -> str | None:
    side, kind, rest = name.split(".", 2)
    wanted = rest.removesuffix(".path")
    for item in (template.get(side) or {}).get(kind) or ():
        if item.get("name") == wanted:
            path = item.get("path") or (item.get("valueFrom") or {}).get("path")
            return str(path) if path else None
    return None


def pod_facts(request: LaunchRequest, template: Mapping[str, Any]) -> PodFacts:
    """What field references of the attempt may ask for; the task stands for the pod."""
    metadata = template.get("metadata") or {}
    run = request.run
    return PodFacts(
        name=request.key.task_id,
        uid=request.key.task_id,
        namespace=run.namespace,
        labels={
            **{str(key): str(value) for key, value in (metadata.get("labels") or {}).items()},
            "pipeline/runid": run.run_id,
            "workflows.argoproj.io/workflow": run.resource_name,
        },
        annotations={str(key): str(value) for key, value in (metadata.get("annotations") or {}).items()},
        service_account=run.service_account or DEFAULT_SERVICE_ACCOUNT,
    )


def workflow_volumes(request: LaunchRequest) -> list[Mapping[str, Any]]:
    """Volumes that the workflow declares for all of its templates, tags replaced."""
    volumes = request.template.extra.get("workflow_volumes") or []
    found: list[Mapping[str, Any]] = substitute(volumes, resolver_of(request))
    return found


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
