"""Kubernetes field paths of a task's environment, answered from the run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.domain.execution import DEFAULT_SERVICE_ACCOUNT, LaunchRequest
from penstock.spec.kfp.runtime.pod_config import PodConfig
from penstock.spec.values import text_of

_KEYED = re.compile(r"metadata\.(labels|annotations)\[\s*['\"]([^'\"]+)['\"]\s*\]")


def field_path_variables(config: PodConfig, request: LaunchRequest) -> tuple[dict[str, str], list[str]]:
    """Return the variables that come from field paths, and a warning for each path that has no meaning here.

    A missing label or annotation is an empty string (kfp protocol notes, section 4.15).
    """
    known = {
        "metadata.name": request.key.task_id,
        "metadata.uid": request.key.task_id,
        "metadata.namespace": request.run.namespace,
        "spec.serviceAccountName": request.run.service_account or DEFAULT_SERVICE_ACCOUNT,
        "spec.nodeName": "localhost",
        "status.hostIP": "127.0.0.1",
        "status.podIP": "127.0.0.1",
    }
    variables: dict[str, str] = {}
    warnings: list[str] = []
    for entry in config.entries("fieldPathAsEnv"):
        path = entry.text("fieldPath")
        keyed = _KEYED.fullmatch(path)
        if keyed:
            variables[entry.text("name")] = pod_metadata(config, request, keyed.group(1)).get(keyed.group(2), "")
        elif path in known:
            variables[entry.text("name")] = known[path]
        else:
            variables[entry.text("name")] = ""
            warnings.append(f"Field path {path} has no value outside Kubernetes; {entry.text('name')} is empty.")
    return variables, warnings


def pod_metadata(config: PodConfig, request: LaunchRequest, kind: str) -> dict[str, str]:
    """Return the `labels` or `annotations` of the task: those of the author over those of the run."""
    result = dict(request.run.labels if kind == "labels" else request.run.annotations)
    if kind == "labels":
        result["pipeline/runid"] = request.key.run_id
    given = config.entry("podMetadata").data.get(kind)
    if isinstance(given, Mapping):
        result.update({str(key): text_of(value) for key, value in given.items()})
    return result
