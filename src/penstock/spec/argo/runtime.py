"""`ArgoDialect`: one attempt of a leaf of a kfp 1.8 workflow, from manifest template to process and back to outputs.

Semantics: kfp 1.8 protocol notes, sections 3.1, 3.3, 4 and 5. Text substitution comes first and covers every string of the template,
also program source; then `$(VAR)`; then declared literal paths are moved into the attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactType
from penstock.domain.errors import TaskError
from penstock.domain.execution import (
    ArtifactOutput,
    AttemptLayout,
    FailureKind,
    LaunchRequest,
    Mount,
    OutputArtifactPath,
    OutputParameterFile,
    ParsedOutputs,
    ProcessSpec,
    PythonTask,
    RawOutputs,
    StagedArtifact,
)
from penstock.domain.plan import ParameterType
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.argo.companions import Companions, companions_of
from penstock.spec.argo.environment import ContainerEnvironment, PodFacts, container_environment
from penstock.spec.argo.files import artifact_outputs, declared_default, declared_path, fixed_outputs, parameter_outputs, staged_inputs
from penstock.spec.argo.launcher import RUNTIME_INFO, read_call, read_output, read_runtime_info
from penstock.spec.argo.leaf import Leaf, manifest_of, pod_facts, resolve_leaf, workflow_volumes
from penstock.spec.argo.leftovers import of_leaf, unique
from penstock.spec.argo.lower import is_optional_output
from penstock.spec.argo.metrics import METRICS_TYPE, UI_METADATA_TYPE, metrics_metadata, ui_metadata
from penstock.spec.argo.resources import effects, json_path, on_stored, read_action, read_deletion
from penstock.spec.argo.v2_step import absent_by_uri, launch_step, launcher_text, staged_by_uri
from penstock.spec.argo.volumes import container_mounts
from penstock.spec.argo.wishes import environment_of, python_of, resources_of
from penstock.spec.shells import with_shell_of

_MAX_ARGUMENT = 128 * 1024 - 1
_TMP = PurePosixPath("/tmp")  # noqa: S108 - the literal path of the SDK


class ArgoDialect:
    """Runtime half of the Argo dialect (`interfaces.dialect.Dialect`)."""

    def prepare(self, request: LaunchRequest, layout: AttemptLayout, secrets: SecretLookup) -> ProcessSpec:
        """Resolve the attempt.

        Raises:
            TaskError: the template needs an image's entrypoint, a resource kind without meaning here, or a missing secret.
        """
        leaf = resolve_leaf(request, layout)
        if "resource" in leaf.template:
            return _resource_spec(request, leaf, layout, secrets)
        return _container_spec(request, leaf, layout, secrets)

    def parse_outputs(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
        """Turn files into text parameters and artifacts; metrics and UI metadata files become typed artifacts.

        Raises:
            TaskError: a declared output was not written (kind OUTPUT).
        """
        if not spec.argv:
            return ParsedOutputs({name: _decode(content) for name, content in raw.parameter_files.items() if content is not None}, {})
        info = read_runtime_info(manifest_of(request), "template")
        values, described = read_output(raw.executor_output) if info else ({}, {})
        prefix = f"{request.template.name}-"
        parameters: dict[str, Any] = {}
        for item in spec.output_parameters:
            short = item.name.removeprefix(prefix)
            content = raw.parameter_files.get(item.name)
            if short in values:
                parameters[item.name] = values[short]
            elif content is not None and not is_optional_output(item.name):
                parameters[item.name] = _strip_newline(_decode(content))
            elif (default := declared_default(request, item.name)) is not None:
                parameters[item.name] = default
            elif not item.is_optional:
                raise TaskError(f"output {item.name!r} was not written to {declared_path(request, item.name)}", kind=FailureKind.OUTPUT)
        artifacts: dict[str, tuple[ArtifactOutput, ...]] = {}
        warnings: list[str] = []
        places = {path: item.uri for item in spec.output_artifacts for path in (str(item.path), declared_path(request, item.name))}
        for output in spec.output_artifacts:
            exists = output.path in raw.existing_paths
            extra = described.get(output.name.removeprefix(prefix), {})
            if not exists and not output.is_optional:
                raise TaskError(f"output {output.name!r} was not written to {declared_path(request, output.name)}", kind=FailureKind.OUTPUT)
            if not exists and info is None:
                continue
            kind, metadata = output.type, dict(extra.get("metadata", {}))
            if is_optional_output(output.name):
                kind, metadata, warning = _typed_file(output.name, raw.parameter_files.get(output.name), places)
                warnings += [warning] if warning else []
            artifacts[output.name] = (
                ArtifactOutput(
                    name=output.name,
                    artifact_name=output.artifact_name or output.name,
                    type=kind,
                    uri=str(extra.get("uri") or output.uri),
                    metadata=metadata,
                    path=output.path if exists else None,
                ),
            )
        return ParsedOutputs(parameters, artifacts, tuple(warnings))


def _typed_file(name: str, content: bytes | None, places: Mapping[str, str]) -> tuple[ArtifactType, dict[str, Any], str]:
    if name.endswith("mlpipeline-metrics"):
        metadata, warning = metrics_metadata(content or b"")
        return METRICS_TYPE, metadata, warning
    metadata, warning = ui_metadata(content or b"", places)
    return UI_METADATA_TYPE, metadata, warning


def _resource_spec(request: LaunchRequest, leaf: Leaf, layout: AttemptLayout, secrets: SecretLookup) -> ProcessSpec:
    action = on_stored(read_action(leaf.template["resource"], suffix=request.key.task_id[:5]), secrets)
    files: dict[PurePosixPath, bytes] = {}
    outputs = []
    for item in (leaf.template.get("outputs") or {}).get("parameters") or ():
        path = layout.outputs / "values" / str(len(files))
        files[path] = json_path(action.value, str((item.get("valueFrom") or {}).get("jsonPath", ""))).encode()
        outputs.append(OutputParameterFile(str(item["name"]), path, ParameterType.STRING))
    changes = effects(action)
    warnings = unique([*changes.pop("warnings", ()), *(request.template.extra.get("workflow_leftovers") or ()), *of_leaf(leaf.template)])
    return ProcessSpec(argv=(), files=files, output_parameters=tuple(outputs), warnings=tuple(warnings), **changes)


@dataclass(frozen=True, slots=True)
class _Call:
    """How a container is called, and what its call says about inputs and outputs."""

    argv: Sequence[str]
    staged: Sequence[StagedArtifact]
    files: Mapping[PurePosixPath, bytes]
    artifacts: Sequence[OutputArtifactPath]
    document: str = ""
    """Executor input of a step in V2_COMPATIBLE mode."""
    executor_output: PurePosixPath | None = None
    prefixes: Mapping[str, PurePosixPath] = field(default_factory=dict)
    absent: Mapping[PurePosixPath, str] = field(default_factory=dict)


def _call_of(request: LaunchRequest, leaf: Leaf, layout: AttemptLayout, command: Sequence[str], args: Sequence[str]) -> _Call:
    staged, files = staged_inputs(request, leaf)
    if leaf.info is not None:
        call = read_call(command)
        artifacts, prefixes, executor_output, document = launch_step(request, leaf, leaf.info, call.flags, call.values, layout)
        argv = [launcher_text(item, document, prefixes) for item in args]
        by_uri = staged_by_uri(request, leaf, leaf.info, prefixes)
        absent = absent_by_uri(request, leaf, leaf.info, prefixes)
        return _Call(argv, by_uri, files, artifacts, document, executor_output, prefixes, absent)
    if not command:
        raise TaskError(
            f"image {leaf.container.get('image')!r} runs its own entrypoint, which a process cannot; give the component a command",
            kind=FailureKind.START,
        )
    return _Call([*command, *args], staged, files, artifact_outputs(request, leaf))


def _container_spec(request: LaunchRequest, leaf: Leaf, layout: AttemptLayout, secrets: SecretLookup) -> ProcessSpec:
    pod = pod_facts(request, leaf.template)
    env = container_environment(leaf.container, pod, secrets)
    mounts, beside, warnings = _surroundings(request, leaf, layout, secrets, pod, env)
    command = [env.expand(str(item)) for item in leaf.container.get("command") or ()]
    args = [env.expand(str(item)) for item in leaf.container.get("args") or ()]
    deletion = read_deletion([*command, *args])
    if deletion is not None:
        return ProcessSpec(argv=(), **effects(deletion))
    call = _call_of(request, leaf, layout, command, args)
    argv = [str(item) for item in leaf.paths.apply(call.argv)]
    installs, python = python_of(argv, call.document)
    if python is None and any(len(item.encode()) > _MAX_ARGUMENT for item in argv):
        raise TaskError("an argument of the command is longer than 128 KiB, the limit of the operating system", kind=FailureKind.START)
    fixed, fixed_files = fixed_outputs(leaf, layout)
    parameters = [*parameter_outputs(request, leaf), *fixed]
    if layout.has_namespace and _may_compute_paths(python, layout, [*env.plain.values(), *argv]):
        mounts.insert(0, Mount(_TMP, source=layout.mounts / "tmp"))
    directories = [mount.source for mount in mounts if mount.source is not None and mount.source.is_relative_to(layout.mounts)]
    directories += [item.path.parent for item in parameters] + [item.path.parent for item in call.artifacts]
    if call.executor_output:
        directories.append(call.executor_output.parent)
    image = str(leaf.container.get("image", ""))
    return ProcessSpec(
        argv=tuple(argv) if python else with_shell_of(image, argv),
        env={name: str(leaf.paths.apply(value)) for name, value in env.plain.items() if name != RUNTIME_INFO},
        secret_env={**env.secret, **beside.secret_env},
        python=python,
        environment=environment_of(request, leaf, installs),
        image=image,
        resources=resources_of(leaf),
        staged=tuple(call.staged),
        absent=call.absent,
        files={**call.files, **fixed_files},
        directories=tuple(dict.fromkeys(directories)),
        mounts=tuple(mounts),
        init=tuple(beside.init),
        sidecars=tuple(beside.sidecars),
        output_parameters=tuple(parameters),
        output_artifacts=tuple(call.artifacts),
        executor_output=call.executor_output,
        path_prefixes={scheme: str(path) for scheme, path in call.prefixes.items()},
        working_dir=_working_dir(leaf, layout, str(leaf.container.get("workingDir") or ""), mounts),
        deadline_seconds=request.template.deadline_seconds,
        warnings=tuple(warnings),
    )


def _surroundings(
    request: LaunchRequest, leaf: Leaf, layout: AttemptLayout, secrets: SecretLookup, pod: PodFacts, env: ContainerEnvironment
) -> tuple[list[Mount], Companions, list[str]]:
    """Mounts of task and companions, the companions, and sentences about everything that is not honoured."""
    volumes = [*(leaf.template.get("volumes") or ()), *workflow_volumes(request)]
    shared = layout.mounts / ".volumes"
    mounts, warnings = container_mounts(leaf.container, volumes, shared, pod, secrets, env.expand)
    mounts = [mount for mount in mounts if str(mount.target) != "/kfp-launcher"]
    place = partial(_working_dir, leaf, layout)
    beside = companions_of(leaf, pod, secrets, volumes=volumes, shared=shared, taken=mounts, directory=place)
    of_run = request.template.extra.get("workflow_leftovers") or ()
    return [*mounts, *beside.mounts], beside, unique([*env.warnings, *warnings, *beside.warnings, *of_run, *of_leaf(leaf.template)])


def _working_dir(leaf: Leaf, layout: AttemptLayout, wanted: str, mounts: Sequence[Mount]) -> PurePosixPath | None:
    """Where a container wants to start: below a mount that literally exists, else at the stand-in of the path in the attempt."""
    if not wanted.startswith("/") or wanted == "/":
        return None
    path = PurePosixPath(wanted)
    if layout.has_namespace and any(path.is_relative_to(mount.target) for mount in mounts):
        return path
    return leaf.paths.local(wanted)


def _may_compute_paths(python: PythonTask | None, layout: AttemptLayout, texts: Sequence[str]) -> bool:
    """Whether a program may build a path below `/tmp` itself, which only a private `/tmp` can lead to the attempt's files.

    Declared paths are replaced in the text before; of a Python step the text is all there is to it, and most never say `/tmp`.
    """
    own = (str(layout.mounts / "tmp"), str(layout.root))
    return python is None or any("/tmp" in text.replace(own[0], "").replace(own[1], "") for text in texts)  # noqa: S108 - the literal path of the SDK


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _strip_newline(text: str) -> str:
    return text.removesuffix("\n")
