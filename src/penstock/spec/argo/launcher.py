"""What the V2-compatible launcher did in a cluster, as pure functions: its flags, ExecutorInput and ExecutorOutput.

Semantics: kfp 1.8 protocol notes, section 5. Artifacts travel as engine artifacts with URI and metadata, not as the small JSON
files that the original passes from pod to pod.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import SpecError, TaskError
from penstock.domain.execution import FailureKind

RUNTIME_INFO = "KFP_V2_RUNTIME_INFO"


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """Declared inputs and outputs of a V2-compatible step, by their short names."""

    input_parameters: Mapping[str, str]
    """Name to type: INT, DOUBLE or STRING."""
    input_artifacts: Mapping[str, str]
    """Name to the path under which the template declares it."""
    output_parameters: Mapping[str, tuple[str, str]]
    """Name to type and file path."""
    output_artifacts: Mapping[str, str]
    """Name to the declared path."""
    artifact_titles: Mapping[str, str]
    """Schema title of every output artifact."""


def read_runtime_info(template: Mapping[str, Any], place: str) -> RuntimeInfo | None:
    """Return the runtime info of a container template, or None when it was not compiled in V2_COMPATIBLE mode.

    Raises:
        SpecError: it is there but malformed.
    """
    env = (template.get("container") or {}).get("env") or ()
    text = next((item.get("value") for item in env if item.get("name") == RUNTIME_INFO), None)
    if not text:
        return None
    try:
        info = json.loads(text)
        return RuntimeInfo(
            input_parameters={name: str(item["type"]) for name, item in info.get("inputParameters", {}).items()},
            input_artifacts={name: str(item["metadataPath"]) for name, item in info.get("inputArtifacts", {}).items()},
            output_parameters={name: (str(item["type"]), str(item["path"])) for name, item in info.get("outputParameters", {}).items()},
            output_artifacts={name: str(item["metadataPath"]) for name, item in info.get("outputArtifacts", {}).items()},
            artifact_titles={
                name: str(item.get("schemaTitle") or _title_in(item.get("instanceSchema")) or "system.Artifact")
                for name, item in info.get("outputArtifacts", {}).items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"{RUNTIME_INFO} is malformed: {error}", place=f"{place}.container.env") from error


def _title_in(instance_schema: Any) -> str | None:
    for line in str(instance_schema or "").splitlines():
        if line.startswith("title:"):
            return line.removeprefix("title:").strip()
    return None


@dataclass(frozen=True, slots=True)
class LauncherCall:
    """The launcher's own command line, taken apart."""

    flags: Mapping[str, str]
    values: Mapping[str, str]
    """`name=value` arguments between the two `--`."""


def read_call(command: Sequence[str]) -> LauncherCall:
    """Take `[/kfp-launcher/launch, --flag, value, ..., --, name=value, ..., --]` apart."""
    flags: dict[str, str] = {}
    values: dict[str, str] = {}
    items = list(command[1:])
    at = 0
    while at < len(items) and items[at] != "--":
        flags[items[at].removeprefix("--")] = items[at + 1] if at + 1 < len(items) else ""
        at += 2
    for item in items[at + 1 :]:
        if item == "--":
            break
        name, _, value = item.partition("=")
        values[name] = value
    return LauncherCall(flags, values)


def executor_input(
    info: RuntimeInfo,
    values: Mapping[str, str],
    artifacts: Mapping[str, Sequence[ArtifactRef]],
    outputs: Mapping[str, Mapping[str, Any]],
    output_files: Mapping[str, str],
    output_file: str,
) -> dict[str, Any]:
    """Build the 1.8 ExecutorInput.

    Args:
        info: the step's declarations.
        values: parameter text by short name.
        artifacts: input artifacts by short name.
        outputs: `{"name", "uri", "type"}` by short name of each output artifact.
        output_files: local path of each output parameter file.
        output_file: local path of the executor's output document.

    Raises:
        TaskError: a number is not one (kind INPUT).
    """
    return {
        "inputs": {
            "parameters": {name: _typed(name, kind, values[name]) for name, kind in info.input_parameters.items() if name in values},
            "artifacts": {
                name: {
                    "artifacts": [
                        {"name": ref.name, "uri": ref.uri, "metadata": dict(ref.metadata), "type": {"schemaTitle": ref.type.schema_title}}
                        for ref in refs
                    ]
                }
                for name, refs in artifacts.items()
            },
        },
        "outputs": {
            "parameters": {name: {"outputFile": path} for name, path in output_files.items()},
            "artifacts": {name: {"artifacts": [{**item, "metadata": {}}]} for name, item in outputs.items()},
            "outputFile": output_file,
        },
    }


def _typed(name: str, kind: str, text: str) -> dict[str, Any]:
    try:
        if kind == "INT":
            return {"intValue": str(int(float(text)) if "." in text else int(text))}
        if kind == "DOUBLE":
            return {"doubleValue": float(text)}
    except ValueError as error:
        raise TaskError(f"input {name!r}: {text!r} is not of type {kind}", kind=FailureKind.INPUT) from error
    return {"stringValue": text}


def read_output(document: bytes | None) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Return parameters as text and artifacts (`uri`, `metadata`) by short name from an executor output document.

    Raises:
        TaskError: it is not JSON of the expected shape (kind OUTPUT).
    """
    if not document:
        return {}, {}
    try:
        data = json.loads(document)
        parameters = {name: _value_text(value) for name, value in (data.get("parameters") or {}).items()}
        for name, value in (data.get("parameterValues") or {}).items():
            parameters[name] = value if isinstance(value, str) else json.dumps(value)
        artifacts = {
            name: {"uri": item["artifacts"][0].get("uri", ""), "metadata": item["artifacts"][0].get("metadata") or {}}
            for name, item in (data.get("artifacts") or {}).items()
            if item.get("artifacts")
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TaskError(f"the executor's output document is malformed: {error}", kind=FailureKind.OUTPUT) from error
    return parameters, artifacts


def _value_text(value: Mapping[str, Any]) -> str:
    for key in ("stringValue", "intValue", "doubleValue"):
        if key in value:
            return str(value[key])
    return json.dumps(value)
