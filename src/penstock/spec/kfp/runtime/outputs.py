"""Makes sense of what a finished attempt left behind.

Semantics: kfp protocol notes, section 5.2. Values in ExecutorOutput win over files; files are read by declared type; an artifact may
have moved to another URI, may carry metadata only, and may have been written elsewhere (`custom_path`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import TaskError
from penstock.domain.execution import (
    ArtifactOutput,
    FailureKind,
    LaunchRequest,
    OutputArtifactPath,
    OutputParameterFile,
    ParsedOutputs,
    ProcessSpec,
    RawOutputs,
)
from penstock.spec.kfp.legacy import typed_value
from penstock.spec.kfp.runtime.paths import SCHEME_FOLDERS, Places
from penstock.spec.kfp.section import Section
from penstock.spec.values import from_text, to_type

_RETURNED = "Output"
"""What the SDK names a function's only return value."""


def parse_outputs(request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
    """Return the typed outputs of a successful attempt.

    Raises:
        TaskError: ExecutorOutput is malformed, a declared parameter is missing or of the wrong type, an artifact points outside what
            the attempt may use (kind OUTPUT).
    """
    document = _document(raw.executor_output)
    values = _values(document)
    warnings = [f"The component returned {name!r}, which it does not declare." for name in values if name not in _names(spec)]
    parameters: dict[str, Any] = {}
    for output in spec.output_parameters:
        _read_parameter(output, values, raw.parameter_files.get(output.name), parameters)
    reader = _ArtifactReader(request, spec, raw)
    given = _section(document, "artifacts")
    artifacts = {output.name: reader.read(output, given.get(output.name)) for output in spec.output_artifacts}
    return ParsedOutputs(parameters=parameters, artifacts=artifacts, warnings=(*warnings, *reader.warnings))


def _names(spec: ProcessSpec) -> set[str]:
    return {output.name for output in spec.output_parameters}


def _failure(message: str) -> TaskError:
    return TaskError(message, kind=FailureKind.OUTPUT)


def _document(data: bytes | None) -> Mapping[str, Any]:
    if data is None or not data.strip():
        return {}
    try:
        # json accepts NaN and Infinity, which ROC thresholds need.
        document = json.loads(data)
    except ValueError as error:
        raise _failure(f"the executor output file is not JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise _failure("the executor output file does not hold an object")
    return document


def _section(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _failure(f"{key!r} in the executor output file is not an object")
    return value


def _values(document: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(_section(document, "parameterValues"))
    for name, value in _section(document, "parameters").items():
        # kfp.v2 (SDK 1.8) writes typed values.
        values.setdefault(name, typed_value(Section.of(value, name)))
    return values


def _read_parameter(output: OutputParameterFile, values: Mapping[str, Any], data: bytes | None, result: dict[str, Any]) -> None:
    try:
        if values.get(output.name) is not None:
            result[output.name] = to_type(values[output.name], output.type)
        elif data is not None:
            result[output.name] = from_text(_text(data), output.type)
        elif not output.is_optional:
            duty = "its function has to return a value" if output.name == _RETURNED else "the component has to write or return it"
            raise _failure(f"output parameter {output.name!r} ({output.type.value}) was not written; {duty}")
    except ValueError as error:
        raise _failure(f"output parameter {output.name!r} is of the wrong type: {error}") from None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text ({error.reason} at byte {error.start})") from None


class _ArtifactReader:
    """Understands the artifacts of one attempt."""

    def __init__(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> None:
        self.warnings: list[str] = []
        self._places = places = Places.of_spec(spec)
        self._existing = raw.existing_paths
        self._mounts = [mount.target for mount in spec.mounts]
        self._is_there = raw.is_there
        inputs = [artifact for artifacts in request.artifacts.values() for artifact in artifacts]
        self._inputs = {places.input_view(artifact).uri: artifact for artifact in inputs}

    def read(self, output: OutputArtifactPath, given: Any) -> tuple[ArtifactOutput, ...]:
        """Return the artifacts of one output; what the executor said, else what was provisioned."""
        described = self._described(output, given)
        if described is None:
            path = output.path if output.path in self._existing else None
            return (ArtifactOutput(output.name, output.artifact_name, output.type, output.uri, {}, path),)
        return tuple(self._one(output, item) for item in (described if output.is_list else described[:1]))

    def _described(self, output: OutputArtifactPath, given: Any) -> list[Mapping[str, Any]] | None:
        if given is None:
            return None
        listed = given.get("artifacts") if isinstance(given, Mapping) else None
        if not isinstance(listed, list) or not all(isinstance(item, Mapping) for item in listed):
            raise _failure(f"output artifact {output.name!r} in the executor output file is not a list of artifacts")
        if not listed and not output.is_list:
            return None
        return listed

    def _one(self, output: OutputArtifactPath, item: Mapping[str, Any]) -> ArtifactOutput:
        metadata = {} if item.get("metadata") is None else item["metadata"]
        if not isinstance(metadata, Mapping):
            raise _failure(f"metadata of output artifact {output.name!r} is not an object")
        given = str(item.get("uri") or self._places.task_uri(output.uri))
        passed = self._inputs.get(given)
        uri = passed.uri if passed else self._places.recorded_uri(given)
        custom_path = item.get("custom_path") or item.get("customPath")
        path = self._custom(output, str(custom_path)) if custom_path else self._path(output, given, uri, passed)
        return ArtifactOutput(
            name=output.name,
            artifact_name=str(item.get("name") or output.artifact_name),
            type=output.type,
            uri=uri,
            metadata=dict(metadata),
            path=path,
        )

    def _path(self, output: OutputArtifactPath, given: str, uri: str, passed: ArtifactRef | None) -> PurePosixPath | None:
        """Return the file behind the URI that the task gave; None when the artifact has none here.

        An artifact that was handed through keeps its identity; its private copy is taken in as it is now.
        """
        if passed is not None:
            view = self._places.input_view(passed)
            in_workspace = PurePosixPath(view.uri) if view.uri.startswith(f"{self._places.workspace}/") else None
            return view.staged_at or in_workspace
        if uri == output.uri:
            return output.path if output.path in self._existing else None
        if given.startswith(("/", "file://")):
            return self._own(output, PurePosixPath(given.removeprefix("file://")), f"path {given!r}")
        path = self._places.path_of(uri)
        if path is None and (uri.partition("://")[0] in SCHEME_FOLDERS or "://" not in uri):
            raise _failure(f"output artifact {output.name!r} has URI {uri!r}, which leads out of the task's directories")
        return path

    def _custom(self, output: OutputArtifactPath, given: str) -> PurePosixPath | None:
        """Return the path that the task chose for its artifact; it may be on a mount.

        An artifact without a file is allowed, and the same holds where the task named a place and left nothing there.
        """
        path = self._places.attempt / "work" / given
        if ".." not in path.parts:
            if any(path.is_relative_to(mount) for mount in self._mounts):
                return path
            if not self._is_ours(path) and not self._is_there(path):
                self.warnings.append(f"Output artifact {output.name!r} has no content: there is nothing at its custom_path {given!r}.")
                return None
        return self._own(output, path, f"custom_path {given!r}")

    def _own(self, output: OutputArtifactPath, path: PurePosixPath, what: str) -> PurePosixPath:
        """Return `path` if it belongs to the attempt or the run's workspace."""
        if ".." in path.parts or not self._is_ours(path):
            raise _failure(f"output artifact {output.name!r} has {what}, which lies outside the directories of the task")
        return path

    def _is_ours(self, path: PurePosixPath) -> bool:
        return any(path.is_relative_to(root) for root in (self._places.attempt, self._places.workspace))
