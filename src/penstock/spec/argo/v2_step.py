"""A V2-compatible step: where its artifacts lie, the document that its executor reads, the command behind the launcher.

Semantics: kfp 1.8 protocol notes, section 5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import AttemptLayout, LaunchRequest, OutputArtifactPath, StagedArtifact
from penstock.spec.absence import never_written
from penstock.spec.argo.files import task_segment
from penstock.spec.argo.launcher import RuntimeInfo, executor_input
from penstock.spec.argo.leaf import Leaf


def launch_step(
    request: LaunchRequest,
    leaf: Leaf,
    info: RuntimeInfo,
    flags: Mapping[str, str],
    values: Mapping[str, str],
    layout: AttemptLayout,
) -> tuple[list[OutputArtifactPath], dict[str, PurePosixPath], PurePosixPath, str]:
    """Return output artifacts, directories by URI scheme, place of the executor's output document, and the ExecutorInput as text."""
    root = (flags.get("pipeline_root") or request.run.pipeline_root).rstrip("/")
    prefixes = {"minio": layout.mounts / "minio", "gs": layout.mounts / "gcs", "s3": layout.mounts / "s3"}
    base = f"{root}/{flags.get('pipeline_name') or request.run.pipeline_name}/{request.run.run_id}/{task_segment(request)}"
    prefix = f"{request.template.name}-"
    outputs = [
        OutputArtifactPath(
            name=prefix + short,
            path=_local_path(f"{base}/{short}", prefixes, layout.outputs),
            type=ArtifactType(info.artifact_titles[short]),
            uri=f"{base}/{short}",
            artifact_name=short,
        )
        for short in info.output_artifacts
    ]
    output_file = layout.outputs / "executor_output" / "output_metadata.json"
    document = executor_input(
        info,
        values,
        {short: refs for short in info.input_artifacts if (refs := _input_refs(request, leaf, info, short))},
        {
            item.artifact_name: {"name": item.artifact_name, "uri": item.uri, "type": {"schemaTitle": item.type.schema_title}}
            for item in outputs
        },
        {short: str(leaf.paths.local(path)) for short, (_, path) in info.output_parameters.items()},
        str(output_file),
    )
    return outputs, prefixes, output_file, json.dumps(document)


def _input_refs(request: LaunchRequest, leaf: Leaf, info: RuntimeInfo, short: str) -> tuple[Any, ...]:
    wanted = info.input_artifacts[short]
    for item in (leaf.template.get("inputs") or {}).get("artifacts") or ():
        if item.get("path") == wanted:
            return tuple(request.artifacts.get(str(item["name"]), ()))
    return ()


def staged_by_uri(request: LaunchRequest, leaf: Leaf, info: RuntimeInfo, prefixes: Mapping[str, PurePosixPath]) -> list[StagedArtifact]:
    """Input artifacts with content, at the local places that their URIs stand for."""
    return [StagedArtifact(ref, path) for _, ref, path in _located(request, leaf, info, prefixes) if ref.digest is not None]


def absent_by_uri(
    request: LaunchRequest, leaf: Leaf, info: RuntimeInfo, prefixes: Mapping[str, PurePosixPath]
) -> dict[PurePosixPath, str]:
    """Places of input artifacts without content (metrics, outputs that were never written), each with the reason."""
    absent = {}
    for short, ref, path in _located(request, leaf, info, prefixes):
        if ref.digest is None:
            task, output = ref.uri.split("/")[-2:]
            absent[path] = never_written(short, task=task, output=output)
    return absent


def _located(
    request: LaunchRequest, leaf: Leaf, info: RuntimeInfo, prefixes: Mapping[str, PurePosixPath]
) -> Iterator[tuple[str, ArtifactRef, PurePosixPath]]:
    for short in info.input_artifacts:
        for ref in _input_refs(request, leaf, info, short):
            path = _local_path(ref.uri, prefixes, None)
            if path is not None:
                yield short, ref, path


def _local_path(uri: str, prefixes: Mapping[str, PurePosixPath], fallback: PurePosixPath | None) -> Any:
    scheme, separator, rest = uri.partition("://")
    clean = PurePosixPath(*[part for part in rest.split("/") if part not in {"", ".", ".."}]) if separator else None
    if clean is not None and scheme in prefixes:
        return prefixes[scheme] / clean
    return fallback / uri.rsplit("/", 1)[-1] if fallback is not None else None


def launcher_text(text: str, document: str, prefixes: Mapping[str, PurePosixPath]) -> str:
    """Replace the launcher's own placeholders in the user's command; `.path` is the place of a URI in this attempt."""
    if "{{$" not in text:
        return text
    if text == "{{$}}":
        return document
    data = json.loads(document)

    def swap(match: re.Match[str]) -> str:
        side, kind, name, what = match.group("side", "kind", "name", "what")
        item = data[side][kind].get(name)
        if item is None:
            return ""
        if kind == "parameters":
            return str(item["outputFile"] if side == "outputs" else next(iter(item.values())))
        first = item["artifacts"][0]
        if what == "path":
            return str(_local_path(first["uri"], prefixes, None) or first["uri"])
        return str(first["uri"]) if what == "uri" else json.dumps(first["metadata"])

    pattern = r"\{\{\$\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)\['(?P<name>[^']*)'\](?:\.(?P<what>\w+))?\}\}"
    return re.sub(pattern, swap, text).replace("{{$}}", document)
