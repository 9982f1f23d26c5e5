"""Files that go into an attempt and come out of it: inputs to stage, values and artifacts to collect.

Semantics: kfp 1.8 protocol notes, section 3.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactType, inline_text
from penstock.domain.execution import AttemptLayout, LaunchRequest, OutputArtifactPath, OutputParameterFile, StagedArtifact
from penstock.domain.plan import ParameterType
from penstock.spec.argo.document import COMPONENT_SPEC_KEY
from penstock.spec.argo.leaf import Leaf, manifest_of
from penstock.spec.argo.lower import is_optional_output

_SCALAR_TYPES = frozenset({"Integer", "Float", "String", "Bool", "Boolean", "JsonObject", "JsonArray", "GCSPath", "URI"})


def staged_inputs(request: LaunchRequest, leaf: Leaf) -> tuple[list[StagedArtifact], dict[PurePosixPath, bytes]]:
    """Input artifacts to copy, and those whose content is part of the manifest (`raw.data`)."""
    staged: list[StagedArtifact] = []
    files: dict[PurePosixPath, bytes] = {}
    for item in (leaf.template.get("inputs") or {}).get("artifacts") or ():
        refs = request.artifacts.get(str(item["name"]), ())
        if not item.get("path"):
            continue
        path = leaf.paths.local(str(item["path"]))
        if refs:
            text = inline_text(refs[0])
            if text is None:
                staged.append(StagedArtifact(refs[0], path))
            else:
                files[path] = text.encode()
        elif isinstance(item.get("raw"), Mapping):
            files[path] = str(item["raw"].get("data", "")).encode()
    return staged, files


def parameter_outputs(request: LaunchRequest, leaf: Leaf) -> list[OutputParameterFile]:
    """Values to read after success: declared parameters, and small outputs of a scalar type that nobody consumes by value."""
    outputs = leaf.template.get("outputs") or {}
    found: dict[str, OutputParameterFile] = {}
    for item in outputs.get("parameters") or ():
        path = (item.get("valueFrom") or {}).get("path")
        if path:
            optional = leaf.info is not None or "default" in (item.get("valueFrom") or {})
            found[str(item["name"])] = OutputParameterFile(
                str(item["name"]), leaf.paths.local(str(path)), ParameterType.STRING, is_optional=optional, strip_newline=True
            )
    prefix = f"{request.template.name}-"
    if leaf.info is not None:
        for short, (_, path) in leaf.info.output_parameters.items():
            found.setdefault(
                prefix + short,
                OutputParameterFile(prefix + short, leaf.paths.local(path), ParameterType.STRING, is_optional=True, strip_newline=True),
            )
        return list(found.values())
    # Values that nobody consumes exist only as files; small ones of a scalar type are worth seeing as values too.
    scalars = _scalar_outputs(leaf.template)
    for item in outputs.get("artifacts") or ():
        name = str(item["name"])
        if name not in found and (name.removeprefix(prefix) in scalars or is_optional_output(name)):
            found[name] = OutputParameterFile(
                name, leaf.paths.local(str(item["path"])), ParameterType.STRING, is_optional=True, strip_newline=True
            )
    return list(found.values())


def fixed_outputs(leaf: Leaf, layout: AttemptLayout) -> tuple[list[OutputParameterFile], dict[PurePosixPath, bytes]]:
    """Outputs whose value is text of the manifest (`data_passing_method` writes sub paths of a volume so), and their files."""
    found: list[OutputParameterFile] = []
    files: dict[PurePosixPath, bytes] = {}
    for item in (leaf.template.get("outputs") or {}).get("parameters") or ():
        if item.get("value") is not None and not (item.get("valueFrom") or {}).get("path"):
            path = layout.outputs / "values" / str(len(found))
            files[path] = str(item["value"]).encode()
            found.append(OutputParameterFile(str(item["name"]), path, ParameterType.STRING))
    return found, files


def _scalar_outputs(template: Mapping[str, Any]) -> frozenset[str]:
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    try:
        outputs = json.loads(annotations.get(COMPONENT_SPEC_KEY, "{}")).get("outputs") or []
        names = [str(item["name"]) for item in outputs if isinstance(item.get("type"), str) and item["type"] in _SCALAR_TYPES]
    except (ValueError, AttributeError, KeyError, TypeError):
        return frozenset()
    return frozenset(name.replace(" ", "-") for name in names) | frozenset(re.sub(r"[^A-Za-z0-9]+", "-", name) for name in names)


def artifact_outputs(request: LaunchRequest, leaf: Leaf) -> list[OutputArtifactPath]:
    """Artifacts to take in after success, each with the URI it gets below the run's root."""
    root = request.run.pipeline_root
    found = []
    for item in (leaf.template.get("outputs") or {}).get("artifacts") or ():
        name = str(item["name"])
        found.append(
            OutputArtifactPath(
                name=name,
                path=leaf.paths.local(str(item["path"])),
                type=_declared_type(request, name),
                uri=f"{root}/{request.run.pipeline_name}/{request.run.run_id}/{task_segment(request)}/{name}",
                artifact_name=name.removeprefix(f"{request.template.name}-"),
                is_optional=bool(item.get("optional")) or is_optional_output(name),
            )
        )
    return found


def _declared_type(request: LaunchRequest, name: str) -> ArtifactType:
    spec = request.template.output_artifacts.get(name)
    return spec.type if spec else ArtifactType()


def task_segment(request: LaunchRequest) -> str:
    """Directory of a task in a URI; nodes inside loops get their id, so that rounds do not share one place."""
    return f"{request.task_key}-{request.key.task_id[:8]}" if "[" in request.task_path else request.task_key


def declared_path(request: LaunchRequest, name: str) -> str:
    """Path of an output as its author wrote it, for messages."""
    outputs = manifest_of(request).get("outputs") or {}
    for item in [*(outputs.get("parameters") or ()), *(outputs.get("artifacts") or ())]:
        if item.get("name") == name:
            return str(item.get("path") or (item.get("valueFrom") or {}).get("path"))
    return "its path"


def declared_default(request: LaunchRequest, name: str) -> str | None:
    """Value of an output parameter whose file is not there, when the manifest has one (`valueFrom.default`)."""
    for item in (manifest_of(request).get("outputs") or {}).get("parameters") or ():
        if item.get("name") == name:
            default = (item.get("valueFrom") or {}).get("default")
            return None if default is None else str(default)
    return None
