"""`ArgoDialect`: one attempt of a leaf of a kfp 1.8 workflow, from manifest template to process and back to outputs.

Semantics: kfp 1.8 protocol notes, sections 3.1, 3.3, 4 and 5. Text substitution comes first and covers every string of the template,
also program source; then `$(VAR)`; then declared literal paths are moved into the attempt.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactType, inline_text
from penstock.domain.errors import TaskError
from penstock.domain.execution import (
    ArtifactOutput,
    AttemptLayout,
    EnvironmentRequest,
    FailureKind,
    LaunchRequest,
    Mount,
    OutputArtifactPath,
    OutputParameterFile,
    ParsedOutputs,
    ProcessSpec,
    PythonTask,
    RawOutputs,
    Resources,
    StagedArtifact,
)
from penstock.domain.plan import ContainerWork, ParameterType
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.argo.document import COMPONENT_SPEC_KEY
from penstock.spec.argo.environment import ContainerEnvironment, PodFacts, container_environment, container_mounts
from penstock.spec.argo.launcher import RuntimeInfo, executor_input, read_call, read_output, read_runtime_info
from penstock.spec.argo.lower import is_optional_output
from penstock.spec.argo.metrics import METRICS_TYPE, UI_METADATA_TYPE, metrics_metadata, ui_metadata
from penstock.spec.argo.pathmap import PathMap
from penstock.spec.argo.python_step import Installs, recognise, split_command
from penstock.spec.argo.resources import json_path, read_action
from penstock.spec.argo.text import substitute
from penstock.spec.quantities import parse_cpu, parse_memory

_SCALAR_TYPES = frozenset({"Integer", "Float", "String", "Bool", "Boolean", "JsonObject", "JsonArray", "GCSPath", "URI"})
_PYTHON_IMAGE = re.compile(r"(?:^|/)python:(\d+\.\d+)")
_MAX_ARGUMENT = 128 * 1024 - 1
_TMP = PurePosixPath("/tmp")  # noqa: S108 - the literal path of the SDK


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A template with tags resolved, and what was derived from it for one attempt."""

    template: Mapping[str, Any]
    container: Mapping[str, Any]
    info: RuntimeInfo | None
    paths: PathMap


class ArgoDialect:
    """Runtime half of the Argo dialect (`interfaces.dialect.Dialect`)."""

    def prepare(self, request: LaunchRequest, layout: AttemptLayout, secrets: SecretLookup) -> ProcessSpec:
        """Resolve the attempt.

        Raises:
            TaskError: the template needs an image's entrypoint, a resource kind without meaning here, or a missing secret.
        """
        leaf = _resolve(request, layout)
        if "resource" in leaf.template:
            return _resource_spec(request, leaf, layout)
        return _container_spec(request, leaf, layout, secrets)

    def parse_outputs(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
        """Turn files into text parameters and artifacts; metrics and UI metadata files become typed artifacts.

        Raises:
            TaskError: a declared output was not written (kind OUTPUT).
        """
        if not spec.argv:
            return ParsedOutputs({name: _decode(content) for name, content in raw.parameter_files.items() if content is not None}, {})
        info = read_runtime_info(_manifest(request), "template")
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
            elif not item.is_optional:
                raise TaskError(f"output {item.name!r} was not written to {_declared_path(request, item.name)}", kind=FailureKind.OUTPUT)
        artifacts: dict[str, tuple[ArtifactOutput, ...]] = {}
        warnings: list[str] = []
        for output in spec.output_artifacts:
            exists = output.path in raw.existing_paths
            extra = described.get(output.name.removeprefix(prefix), {})
            if not exists and not output.is_optional:
                raise TaskError(
                    f"output {output.name!r} was not written to {_declared_path(request, output.name)}", kind=FailureKind.OUTPUT
                )
            if not exists and info is None:
                continue
            kind, metadata = output.type, dict(extra.get("metadata", {}))
            if is_optional_output(output.name):
                kind, metadata, warning = _typed_file(output.name, raw.parameter_files.get(output.name))
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


def _typed_file(name: str, content: bytes | None) -> tuple[ArtifactType, dict[str, Any], str]:
    if name.endswith("mlpipeline-metrics"):
        metadata, warning = metrics_metadata(content or b"")
        return METRICS_TYPE, metadata, warning
    metadata, warning = ui_metadata(content or b"")
    return UI_METADATA_TYPE, metadata, warning


def _manifest(request: LaunchRequest) -> Mapping[str, Any]:
    work = request.template.work
    if not isinstance(work, ContainerWork):
        raise TaskError("only container and resource templates can run", kind=FailureKind.START)
    return work.platform


def _resolve(request: LaunchRequest, layout: AttemptLayout) -> _Leaf:
    template = substitute(dict(_manifest(request)), _resolver(request))
    container = template.get("container") or {}
    declared = [str(item["path"]) for item in (template.get("inputs") or {}).get("artifacts") or () if item.get("path")]
    outputs = template.get("outputs") or {}
    declared += [str(item["path"]) for item in outputs.get("artifacts") or () if item.get("path")]
    declared += [str(path) for item in outputs.get("parameters") or () if (path := (item.get("valueFrom") or {}).get("path"))]
    if not layout.has_namespace:
        declared += [str(item.get("mountPath", "")) for item in container.get("volumeMounts") or ()]
    return _Leaf(template, container, read_runtime_info(template, "template"), PathMap(layout.mounts, declared))


def _resolver(request: LaunchRequest) -> Any:
    run = request.run
    fixed = {
        "workflow.name": run.resource_name,
        "workflow.uid": run.run_id,
        "workflow.namespace": run.namespace,
        "workflow.serviceAccountName": run.service_account,
        "workflow.creationTimestamp": dt.datetime.fromtimestamp(run.created_at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
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
            return _path_of(_manifest(request), name)
        if name.startswith("workflow.parameters."):
            value = run.parameters.get(name.removeprefix("workflow.parameters."))
            return None if value is None else _text(value)
        if name.startswith("workflow.labels."):
            return labels.get(name.removeprefix("workflow.labels."))
        if name.startswith("workflow.annotations."):
            return annotations.get(name.removeprefix("workflow.annotations."))
        if name in {"workflow.status", "workflow.failures"} and not request.run_status:
            return None
        return fixed.get(name)

    return resolve


def _path_of(template: Mapping[str, Any], name: str) -> str | None:
    side, kind, rest = name.split(".", 2)
    wanted = rest.removesuffix(".path")
    for item in (template.get(side) or {}).get(kind) or ():
        if item.get("name") == wanted:
            path = item.get("path") or (item.get("valueFrom") or {}).get("path")
            return str(path) if path else None
    return None


def _resource_spec(request: LaunchRequest, leaf: _Leaf, layout: AttemptLayout) -> ProcessSpec:
    action = read_action(leaf.template["resource"], suffix=request.key.task_id[:5])
    files: dict[PurePosixPath, bytes] = {}
    outputs = []
    for item in (leaf.template.get("outputs") or {}).get("parameters") or ():
        path = layout.outputs / "values" / str(len(files))
        files[path] = json_path(action.value, str((item.get("valueFrom") or {}).get("jsonPath", ""))).encode()
        outputs.append(OutputParameterFile(str(item["name"]), path, ParameterType.STRING))
    is_claim = action.kind == "PersistentVolumeClaim"
    return ProcessSpec(
        argv=(),
        files=files,
        output_parameters=tuple(outputs),
        create_volumes=(action.name,) if is_claim and action.action != "delete" else (),
        delete_volumes=(action.name,) if is_claim and action.action == "delete" else (),
        warnings=() if is_claim else (f"{action.kind} {action.name!r} is recorded only: volumes here have no snapshots",),
    )


def _container_spec(request: LaunchRequest, leaf: _Leaf, layout: AttemptLayout, secrets: SecretLookup) -> ProcessSpec:
    pod = _pod_facts(request, leaf.template)
    env = container_environment(leaf.container, pod, secrets)
    volumes = [*(leaf.template.get("volumes") or ()), *_workflow_volumes(request)]
    mounts, mount_warnings = container_mounts(leaf.container, volumes, layout.mounts / ".volumes", secrets)
    mounts = [mount for mount in mounts if str(mount.target) != "/kfp-launcher"]
    if layout.has_namespace and not layout.root.is_relative_to(_TMP):
        # Programs that compute a path below /tmp find their files there too. A data folder below /tmp must stay visible itself.
        mounts.insert(0, Mount(_TMP, source=layout.mounts / "tmp"))
    warnings = [*env.warnings, *mount_warnings, *_ignored(leaf.template)]
    command = [env.expand(str(item)) for item in leaf.container.get("command") or ()]
    args = [env.expand(str(item)) for item in leaf.container.get("args") or ()]
    staged, files = _staged(request, leaf)
    prefixes: dict[str, PurePosixPath] = {}
    executor_output = None
    if leaf.info is not None:
        call = read_call(command)
        artifacts, prefixes, executor_output, document = _launch(request, leaf, leaf.info, call.flags, call.values, layout)
        staged = _launch_staged(request, leaf, leaf.info, prefixes)
        argv = [_launcher_text(item, document) for item in args]
    else:
        if not command:
            raise TaskError(
                f"image {leaf.container.get('image')!r} runs its own entrypoint, which a process cannot; give the component a command",
                kind=FailureKind.START,
            )
        argv = [*command, *args]
        artifacts = _artifact_outputs(request, leaf)
        document = ""
    argv = [str(item) for item in leaf.paths.apply(argv)]
    installs, python = _python(argv, document)
    if python is None and any(len(item.encode()) > _MAX_ARGUMENT for item in argv):
        raise TaskError("an argument of the command is longer than 128 KiB, the limit of the operating system", kind=FailureKind.START)
    parameters = _parameter_outputs(request, leaf)
    directories = [mount.source for mount in mounts if mount.source is not None and mount.source.is_relative_to(layout.mounts)]
    directories += [item.path.parent for item in parameters] + [item.path.parent for item in artifacts]
    if executor_output:
        directories.append(executor_output.parent)
    working_dir = leaf.container.get("workingDir")
    return ProcessSpec(
        argv=tuple(argv),
        env={name: str(leaf.paths.apply(value)) for name, value in env.plain.items() if name != "KFP_V2_RUNTIME_INFO"},
        secret_env=env.secret,
        python=python,
        environment=_environment(request, leaf, installs),
        image=str(leaf.container.get("image", "")),
        resources=_resources(leaf, warnings),
        staged=tuple(staged),
        files=files,
        directories=tuple(dict.fromkeys(directories)),
        mounts=tuple(mounts),
        init=_companions(leaf, env, "initContainers"),
        sidecars=_companions(leaf, env, "sidecars"),
        output_parameters=tuple(parameters),
        output_artifacts=tuple(artifacts),
        executor_output=executor_output,
        path_prefixes=prefixes,
        working_dir=leaf.paths.local(working_dir) if working_dir and leaf.paths.apply(working_dir) != working_dir else None,
        deadline_seconds=request.template.deadline_seconds,
        warnings=tuple(warnings),
    )


def _pod_facts(request: LaunchRequest, template: Mapping[str, Any]) -> PodFacts:
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
    )


def _workflow_volumes(request: LaunchRequest) -> list[Mapping[str, Any]]:
    volumes = request.template.extra.get("workflow_volumes") or []
    found: list[Mapping[str, Any]] = substitute(volumes, _resolver(request))
    return found


def _staged(request: LaunchRequest, leaf: _Leaf) -> tuple[list[StagedArtifact], dict[PurePosixPath, bytes]]:
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


def _parameter_outputs(request: LaunchRequest, leaf: _Leaf) -> list[OutputParameterFile]:
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


def _scalar_outputs(template: Mapping[str, Any]) -> frozenset[str]:
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    try:
        outputs = json.loads(annotations.get(COMPONENT_SPEC_KEY, "{}")).get("outputs") or []
        names = [str(item["name"]) for item in outputs if isinstance(item.get("type"), str) and item["type"] in _SCALAR_TYPES]
    except (ValueError, AttributeError, KeyError, TypeError):
        return frozenset()
    return frozenset(name.replace(" ", "-") for name in names) | frozenset(re.sub(r"[^A-Za-z0-9]+", "-", name) for name in names)


def _artifact_outputs(request: LaunchRequest, leaf: _Leaf) -> list[OutputArtifactPath]:
    root = request.run.pipeline_root
    found = []
    for item in (leaf.template.get("outputs") or {}).get("artifacts") or ():
        name = str(item["name"])
        found.append(
            OutputArtifactPath(
                name=name,
                path=leaf.paths.local(str(item["path"])),
                type=_declared_type(request, name),
                uri=f"{root}/{request.run.pipeline_name}/{request.run.run_id}/{_task_segment(request)}/{name}",
                artifact_name=name.removeprefix(f"{request.template.name}-"),
                is_optional=bool(item.get("optional")) or is_optional_output(name),
            )
        )
    return found


def _declared_type(request: LaunchRequest, name: str) -> ArtifactType:
    spec = request.template.output_artifacts.get(name)
    return spec.type if spec else ArtifactType()


def _task_segment(request: LaunchRequest) -> str:
    """Directory of a task in a URI; nodes inside loops get their id, so that rounds do not share one place."""
    return f"{request.task_key}-{request.key.task_id[:8]}" if "[" in request.task_path else request.task_key


def _launch(
    request: LaunchRequest,
    leaf: _Leaf,
    info: RuntimeInfo,
    flags: Mapping[str, str],
    values: Mapping[str, str],
    layout: AttemptLayout,
) -> tuple[list[OutputArtifactPath], dict[str, PurePosixPath], PurePosixPath, str]:
    root = (flags.get("pipeline_root") or request.run.pipeline_root).rstrip("/")
    prefixes = {"minio": layout.mounts / "minio", "gs": layout.mounts / "gcs", "s3": layout.mounts / "s3"}
    base = f"{root}/{flags.get('pipeline_name') or request.run.pipeline_name}/{request.run.run_id}/{_task_segment(request)}"
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


def _input_refs(request: LaunchRequest, leaf: _Leaf, info: RuntimeInfo, short: str) -> tuple[Any, ...]:
    wanted = info.input_artifacts[short]
    for item in (leaf.template.get("inputs") or {}).get("artifacts") or ():
        if item.get("path") == wanted:
            return tuple(request.artifacts.get(str(item["name"]), ()))
    return ()


def _launch_staged(request: LaunchRequest, leaf: _Leaf, info: RuntimeInfo, prefixes: Mapping[str, PurePosixPath]) -> list[StagedArtifact]:
    found = []
    for short in info.input_artifacts:
        for ref in _input_refs(request, leaf, info, short):
            path = _local_path(ref.uri, prefixes, None)
            if path is not None:
                found.append(StagedArtifact(ref, path))
    return found


def _local_path(uri: str, prefixes: Mapping[str, PurePosixPath], fallback: PurePosixPath | None) -> Any:
    scheme, separator, rest = uri.partition("://")
    clean = PurePosixPath(*[part for part in rest.split("/") if part not in {"", ".", ".."}]) if separator else None
    if clean is not None and scheme in prefixes:
        return prefixes[scheme] / clean
    return fallback / uri.rsplit("/", 1)[-1] if fallback is not None else None


def _launcher_text(text: str, document: str) -> str:
    """Replace the launcher's own placeholders in the user's command."""
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
        return str(first["uri"]) if what in {"uri", "path"} else json.dumps(first["metadata"])

    pattern = r"\{\{\$\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)\['(?P<name>[^']*)'\](?:\.(?P<what>\w+))?\}\}"
    return re.sub(pattern, swap, text).replace("{{$}}", document)


def _python(argv: list[str], document: str) -> tuple[Installs, PythonTask | None]:
    installs, inner = split_command(argv)
    step = recognise(inner)
    if step is None:
        return installs, None
    if step.module == "__main__":
        return installs, PythonTask(step.source, "", "__main__", "", runtime_mode=False, argv=step.arguments)
    flags = dict(zip(step.arguments[::2], step.arguments[1::2], strict=False))
    function = flags.get("--function_to_execute", "")
    if set(flags) != {"--executor_input", "--function_to_execute"} or not function:
        return installs, None
    return installs, PythonTask(step.source, function, step.module, document, runtime_mode=False)


def _environment(request: LaunchRequest, leaf: _Leaf, installs: Installs) -> EnvironmentRequest:
    image = str(leaf.container.get("image", ""))
    match = _PYTHON_IMAGE.search(image)
    sdk = request.run.sdk_version
    # The W&B integration appends unpinned wandb and kfp to every component; without these pins kfp 2 is installed and the step dies.
    pins = (f"kfp=={sdk}", "wandb<=0.24.2", "setuptools<81") if sdk.startswith("1.") else ()
    return EnvironmentRequest(
        requirements=installs.requirements,
        index_urls=installs.index_urls,
        trusted_hosts=installs.trusted_hosts,
        python=match.group(1) if match else None,
        constraints=pins,
    )


def _resources(leaf: _Leaf, warnings: list[str]) -> Resources:
    found = {**(leaf.container.get("resources") or {})}
    patch = leaf.template.get("podSpecPatch")
    if patch:
        try:
            containers = json.loads(patch).get("containers") or [{}]
            patched = containers[0].get("resources") or {}
            found = {side: {**(found.get(side) or {}), **(patched.get(side) or {})} for side in ("requests", "limits")}
        except (ValueError, AttributeError, IndexError):
            warnings.append("podSpecPatch is not a JSON object; it is ignored")
    requests, limits = found.get("requests") or {}, found.get("limits") or {}
    gpu = next(((key, value) for key, value in {**requests, **limits}.items() if "gpu" in key or "tpu" in key), None)
    return Resources(
        cpu_request=parse_cpu(requests.get("cpu")),
        cpu_limit=parse_cpu(limits.get("cpu")),
        memory_request_bytes=parse_memory(requests.get("memory")),
        memory_limit_bytes=parse_memory(limits.get("memory")),
        accelerator_type=gpu[0] if gpu else None,
        accelerator_count=int(float(str(gpu[1]))) if gpu else 0,
    )


def _companions(leaf: _Leaf, env: ContainerEnvironment, key: str) -> tuple[tuple[str, ...], ...]:
    found = []
    for item in leaf.template.get(key) or ():
        if item.get("name") == "kfp-launcher" or not item.get("command"):
            continue
        found.append(tuple(str(leaf.paths.apply(env.expand(str(word)))) for word in [*item["command"], *(item.get("args") or ())]))
    return tuple(found)


_IGNORED = {
    "nodeSelector": "node selector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "securityContext": "security context",
    "hostAliases": "host aliases",
}


def _ignored(template: Mapping[str, Any]) -> list[str]:
    found = [f"{words} is recorded only: there is one machine" for key, words in _IGNORED.items() if template.get(key)]
    if (template.get("container") or {}).get("securityContext"):
        found.append("the container's security context is recorded only: a task runs as the server's user")
    for kind in ("sidecars", "initContainers"):
        found += [
            f"{kind[:-1]} {item.get('name')!r} has no command and needs its image; it is not started"
            for item in template.get(kind) or ()
            if not item.get("command")
        ]
    return found


def _declared_path(request: LaunchRequest, name: str) -> str:
    outputs = _manifest(request).get("outputs") or {}
    for item in [*(outputs.get("parameters") or ()), *(outputs.get("artifacts") or ())]:
        if item.get("name") == name:
            return str(item.get("path") or (item.get("valueFrom") or {}).get("path"))
    return "its path"


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _strip_newline(text: str) -> str:
    return text.removesuffix("\n")
