"""Builds ExecutorInput: what a component is told about its inputs and where its outputs go.

Semantics: kfp protocol notes, sections 5.1 and 5.3. Output URIs are
`<pipeline root>/<pipeline>/<run id>/<task key>/<id of the attempt>/<output key>`; `outputFile` stands in the same directory, because
`dsl.get_uri` derives URIs from it. Where nobody can ask for one (a Python component without artifacts, packages of its own and embedded
files, whose source does not speak of `get_uri`) it stands in `outputs`, which spares the task the making of nine directories and the
server their removal. The same request always gives the same input.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import TaskError
from penstock.domain.execution import AttemptLayout, FailureKind, LaunchRequest, OutputArtifactPath, OutputParameterFile, StagedArtifact
from penstock.domain.expr import UNSET
from penstock.domain.plan import ContainerWork, LeafTemplate, ParameterSpec, ParameterType
from penstock.spec.absence import never_written, only_recorded
from penstock.spec.kfp.platform import HIDDEN_PREFIX
from penstock.spec.kfp.runtime.paths import Places
from penstock.spec.kfp.runtime.python_component import recognize
from penstock.spec.values import to_type, whole_numbers

_OUTPUT_METADATA = "output_metadata.json"
_ROOT_PARTS = 4
"""Parts of a URI between pipeline root and output key: pipeline, run, task key, id of the attempt."""
_OWN_URI = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}/[^/]+/[0-9a-f]{8}-[0-9a-f-]{27}/")
"""In a URI that this server gave to an output, of whatever run: without bytes here it has none anywhere."""
_SDK_REQUIREMENT = re.compile(r"(?:kfp|typing-extensions)\s*(?:[<>=!~;@]|$)")


@dataclass(frozen=True, slots=True)
class Prepared:
    """ExecutorInput with the files it speaks of."""

    document: Mapping[str, Any]
    """ExecutorInput."""
    text: str
    """The same as JSON."""
    parameters: Mapping[str, Any]
    """Input parameters as the component gets them; absent ones are missing."""
    artifacts: Mapping[str, tuple[ArtifactRef, ...]]
    places: Places
    staged: tuple[StagedArtifact, ...]
    absent: Mapping[PurePosixPath, str]
    """Where inputs without content would be, with the reason."""
    output_parameters: tuple[OutputParameterFile, ...]
    output_artifacts: tuple[OutputArtifactPath, ...]
    executor_output: PurePosixPath
    directories: tuple[PurePosixPath, ...]


def prepare_input(request: LaunchRequest, layout: AttemptLayout, injected: Mapping[str, Any]) -> Prepared:
    """Return ExecutorInput and the files around it.

    Args:
        request: the attempt.
        layout: its directories.
        injected: values of inputs that the server supplies (task config), by name.

    Raises:
        TaskError: an input is missing or of the wrong type (kind INPUT).
    """
    places = Places.of_layout(layout)
    parameters = input_parameters(request.template, {**request.parameters, **injected})
    output_parameters = tuple(_parameter_file(layout, spec) for spec in request.template.output_parameters.values())
    place: PurePosixPath = layout.outputs
    output_artifacts: tuple[OutputArtifactPath, ...] = ()
    if _may_ask_for_root(request.template):
        place, output_artifacts = _below_root(request, places)
    executor_output = place / _OUTPUT_METADATA
    document = {
        "inputs": _inputs(request, parameters, places),
        "outputs": {
            "parameters": {output.name: {"outputFile": str(output.path)} for output in output_parameters},
            "artifacts": {
                output.name: {"artifacts": [_artifact_json(output.artifact_name, output.type, places.task_uri(output.uri), {})]}
                for output in output_artifacts
            },
            "outputFile": str(executor_output),
        },
    }
    return Prepared(
        document=document,
        text=json.dumps(document, ensure_ascii=False),
        parameters=parameters,
        artifacts=request.artifacts,
        places=places,
        staged=_staged(request, places),
        absent=_absent(request, places),
        output_parameters=output_parameters,
        output_artifacts=output_artifacts,
        executor_output=executor_output,
        directories=(executor_output.parent, *({output.path.parent for output in output_parameters} or ())),
    )


def _below_root(request: LaunchRequest, places: Places) -> tuple[PurePosixPath, tuple[OutputArtifactPath, ...]]:
    """Return the task's root, and where its artifacts go below it."""
    root_uri = _task_root(request)
    root = places.path_of(root_uri)
    if root is None:
        message = f"pipeline root {request.run.pipeline_root!r} is not minio://, s3://, gs:// or an absolute path"
        raise TaskError(message, kind=FailureKind.INPUT)
    return root, tuple(
        OutputArtifactPath(
            name=spec.name,
            path=root / _file_name(spec.name),
            type=spec.type,
            uri=f"{root_uri}/{_file_name(spec.name)}",
            artifact_name=spec.name,
            is_optional=True,
            is_list=spec.is_list,
        )
        for spec in request.template.output_artifacts.values()
    )


def input_parameters(template: LeafTemplate, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a leaf: defaults filled in, null and absent optional ones left out, types checked.

    Hidden inputs are kept unchecked; those of the platform configuration are not for the component and are left out.

    Raises:
        TaskError: a required input is absent or null, or a value is of the wrong type (kind INPUT).
    """
    result = {name: whole_numbers(value) for name, value in given.items() if not _is_declared(template, name)}
    for name, spec in template.parameters.items():
        value = given.get(name)
        if value is None:
            value = _default(spec, is_given=name in given)
        if value is None:
            continue
        try:
            result[name] = to_type(value, spec.type)
        except ValueError as error:
            raise TaskError(f"input parameter {name!r} type mismatch: {error}", kind=FailureKind.INPUT) from None
    return result


def _is_declared(template: LeafTemplate, name: str) -> bool:
    return name in template.parameters or name.startswith(HIDDEN_PREFIX)


def _default(spec: ParameterSpec, *, is_given: bool) -> Any:
    if spec.default is not UNSET:
        return spec.default
    if spec.is_optional or spec.type is ParameterType.TASK_CONFIG:
        return None
    problem = "is null" if is_given else "has no value"
    raise TaskError(f"input parameter {spec.name!r} {problem} and no default", kind=FailureKind.INPUT)


def _task_root(request: LaunchRequest) -> str:
    key = request.key
    place = uuid.uuid5(uuid.NAMESPACE_OID, f"{key.task_id}:{key.attempt}")
    return "/".join((request.run.pipeline_root.rstrip("/"), request.run.pipeline_name, key.run_id, request.task_key, str(place)))


def _may_ask_for_root(template: LeafTemplate) -> bool:
    """Whether the program can learn its root's URI, from its artifacts or by `dsl.get_uri`."""
    if template.output_artifacts or not isinstance(template.work, ContainerWork):
        return True
    component = recognize(template.work.command, template.work.args)
    if component is None or any(word in component.source for word in ("get_uri", "__KFP_EMBEDDED_ARCHIVE")):
        return True
    return any(_SDK_REQUIREMENT.match(text) is None for text in component.installs.requirements)  # a package may call `get_uri`


def _parameter_file(layout: AttemptLayout, spec: ParameterSpec) -> OutputParameterFile:
    path = layout.outputs / "parameters" / _file_name(spec.name)
    return OutputParameterFile(name=spec.name, path=path, type=spec.type, is_optional=spec.is_optional)


def _file_name(name: str) -> str:
    """Return a name that is one safe path segment; names the SDK writes stay as they are."""
    quoted = quote(name, safe=" ()[]@+=,")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def _inputs(request: LaunchRequest, parameters: Mapping[str, Any], places: Places) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        "parameterValues": dict(parameters),
        "artifacts": {
            name: {"artifacts": [_input_artifact_json(artifact, places) for artifact in artifacts]}
            for name, artifacts in request.artifacts.items()
        },
    }
    if request.template.extra.get("typed_parameters"):
        inputs["parameters"] = {name: _typed(value) for name, value in parameters.items()}
    return inputs


def _typed(value: Any) -> dict[str, Any]:
    """Return the form that `kfp.v2` (SDK 1.8) reads."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else str(value)}


def _artifact_json(name: str, kind: ArtifactType, uri: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"schemaTitle": kind.schema_title, "schemaVersion": kind.schema_version}
    return {"name": name, "type": schema, "uri": uri, "metadata": dict(metadata)}


def _input_artifact_json(artifact: ArtifactRef, places: Places) -> dict[str, Any]:
    view = places.input_view(artifact)
    return _artifact_json(artifact.name, artifact.type, view.uri, view.metadata)


def _staged(request: LaunchRequest, places: Places) -> tuple[StagedArtifact, ...]:
    staged: dict[PurePosixPath, StagedArtifact] = {}
    for artifacts in request.artifacts.values():
        for artifact in artifacts:
            path = places.input_view(artifact).staged_at
            is_never_written = artifact.digest is None and _OWN_URI.search(artifact.uri) is not None
            if path is not None and not is_never_written:
                staged.setdefault(path, StagedArtifact(artifact, path, is_required=artifact.digest is not None))
    return tuple(staged.values())


def _parts(request: LaunchRequest, uri: str) -> Sequence[str]:
    """Return the parts of a URI below the pipeline root; a URI that this server gave to an output has more than `_ROOT_PARTS`."""
    own = f"{request.run.pipeline_root.rstrip('/')}/"
    return uri.removeprefix(own).split("/") if uri.startswith(own) else ()


def _absent(request: LaunchRequest, places: Places) -> dict[PurePosixPath, str]:
    """Return the inputs of which nothing is here: their task ended without writing them, or an importer only recorded where they are."""
    absent: dict[PurePosixPath, str] = {}
    for name, artifacts in request.artifacts.items():
        for artifact in artifacts:
            view = places.input_view(artifact)
            path = PurePosixPath(view.uri) if view.uri.startswith("/") else places.path_of(view.uri)
            if artifact.digest is None and path is not None and not view.uri.startswith(str(places.workspace)):
                absent[path] = _absence(name, artifact.uri, _parts(request, artifact.uri))
    return absent


def _absence(name: str, uri: str, parts: Sequence[str]) -> str:
    if len(parts) > _ROOT_PARTS:
        return never_written(name, task=parts[_ROOT_PARTS - 2], output="/".join(parts[_ROOT_PARTS:]))
    return only_recorded(name, uri)
