"""A process executor with a scripted dialect: each test says what an attempt is, in plain specs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import TaskError
from penstock.domain.execution import (
    ArtifactOutput,
    AttemptFinished,
    AttemptKey,
    AttemptLayout,
    AttemptNote,
    AttemptReport,
    AttemptStarted,
    EnvironmentRequest,
    FailureKind,
    LaunchRequest,
    OutputArtifactPath,
    OutputParameterFile,
    ParsedOutputs,
    ProcessSpec,
    PythonTask,
    RawOutputs,
    RunContext,
    StagedArtifact,
)
from penstock.domain.ids import RunId, TaskId, TaskPath
from penstock.domain.plan import ContainerWork, LeafTemplate, ParameterType
from penstock.executors.process.environments import Environments, EnvironmentSettings
from penstock.executors.process.executor import ExecutorSettings, ProcessExecutor
from penstock.executors.process.interpreters import Interpreters
from penstock.executors.process.limits import RlimitOnly
from penstock.executors.process.machine import machine_capacity
from penstock.executors.process.slots import Capacity
from penstock.server.clock import SystemClock, SystemIds
from penstock.stores.blobs.local import LocalBlobStore

RUN = RunContext(RunId("run-1"), "run", "run-x", "pipeline", "minio://mlpipeline/v2/artifacts", 0.0, 0.0)
Make = Callable[[LaunchRequest, AttemptLayout], ProcessSpec]

KFP_TASK = """
import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *

"""


class ScriptedDialect:
    """Prepares what the test asked for; understands executor output and text files the simple way."""

    def __init__(self, make: Make) -> None:
        self.make = make

    def prepare(self, request: LaunchRequest, layout: AttemptLayout, secrets: Any) -> ProcessSpec:
        return self.make(request, layout)

    def parse_outputs(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
        parameters: dict[str, Any] = {name: text.decode() for name, text in raw.parameter_files.items() if text is not None}
        missing = [name for name, text in raw.parameter_files.items() if text is None]
        document = json.loads(raw.executor_output) if raw.executor_output else {}
        parameters |= document.get("parameterValues", {})
        missing = [name for name in missing if name not in parameters]
        if missing:
            raise TaskError(f"output {missing[0]!r} was not written", kind=FailureKind.OUTPUT)
        artifacts = {
            output.name: (
                ArtifactOutput(
                    output.name,
                    output.artifact_name or output.name,
                    output.type,
                    output.uri,
                    _metadata(document, output.name),
                    output.path if output.path in raw.existing_paths else None,
                ),
            )
            for output in spec.output_artifacts
        }
        return ParsedOutputs(parameters, artifacts)


def _metadata(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    entries = document.get("artifacts", {}).get(name, {}).get("artifacts", [{}])
    return entries[0].get("metadata", {})


@dataclass
class Stage:
    """An executor and what it reported."""

    executor: ProcessExecutor
    dialect: ScriptedDialect
    blobs: LocalBlobStore
    data: Path
    reports: list[AttemptReport] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    telling: set[asyncio.Future[None]] = field(default_factory=set)

    def hear(self, report: AttemptReport) -> None:
        self.reports.append(report)
        self.telling.add(telling := asyncio.ensure_future(self._tell()))
        telling.add_done_callback(self.telling.discard)

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def until(self, wanted: Callable[[AttemptReport], bool], seconds: float = 240) -> Any:
        """Wait for a report."""
        async with asyncio.timeout(seconds), self.news:
            while True:
                for report in self.reports:
                    if wanted(report):
                        return report
                await self.news.wait()

    async def started(self, name: str = "task") -> AttemptStarted:
        return await self.until(lambda report: isinstance(report, AttemptStarted) and report.key.task_id == name)

    async def finished(self, name: str = "task") -> AttemptFinished:
        return await self.until(lambda report: isinstance(report, AttemptFinished) and report.key.task_id == name)

    async def run(self, spec: ProcessSpec | Make, name: str = "task") -> AttemptFinished:
        """Launch one attempt and wait for its end."""
        await self.launch(spec, name)
        return await self.finished(name)

    async def launch(self, spec: ProcessSpec | Make, name: str = "task") -> None:
        specs = self.dialect.__dict__.setdefault("specs", {})
        specs[name] = spec if callable(spec) else (lambda request, layout: spec)
        self.dialect.make = lambda request, layout: specs[request.key.task_id](request, layout)
        await self.executor.launch(request_for(name))

    def log(self, name: str = "task") -> str:
        return self.executor.log_path(request_for(name).key).read_bytes().decode(errors="replace")

    def notes(self, kind: str) -> list[str]:
        return [report.text for report in self.reports if isinstance(report, AttemptNote) and report.kind == kind]


def request_for(name: str, attempt: int = 0, **extra: Any) -> LaunchRequest:
    key = AttemptKey(RUN.run_id, TaskId(name), attempt)
    template = LeafTemplate(name, ContainerWork("python:3.11"))
    return LaunchRequest(key, "kfp", RUN, TaskPath(f"root/{name}"), name, name, template, {}, {}, **extra)


def shell(script: str, **extra: Any) -> ProcessSpec:
    """A command task."""
    return ProcessSpec(argv=("sh", "-c", script), image="alpine:3", **extra)


def python_spec(
    source: str,
    layout: AttemptLayout,
    *,
    function: str = "f",
    inputs: Mapping[str, Any] | None = None,
    requirement: str = "kfp==2.17.0",
    module: str = "kfp.dsl.executor_main",
    outputs: tuple[str, ...] = (),
    artifacts: tuple[str, ...] = (),
    staged: Mapping[str, ArtifactRef] | None = None,
    is_runtime: bool = True,
    **extra: Any,
) -> ProcessSpec:
    """A lightweight Python component, the way the SDK's compiler and a backend would have it."""
    root = f"minio://bucket/{layout.root.name}"
    staged = staged or {}
    document = {
        "inputs": {
            "parameterValues": dict(inputs or {}),
            "artifacts": {
                name: {"artifacts": [{"name": name, "type": {"schemaTitle": "system.Dataset"}, "uri": f"minio://in/{name}"}]}
                for name in staged
            },
        },
        "outputs": {
            "parameters": {name: {"outputFile": str(layout.outputs / name)} for name in outputs},
            "artifacts": {
                name: {"artifacts": [{"name": name, "type": {"schemaTitle": "system.Dataset"}, "uri": f"{root}/{name}", "metadata": {}}]}
                for name in artifacts
            },
            "outputFile": str(layout.outputs / "executor_output.json"),
        },
    }
    text = json.dumps(document)
    runtime = "_KFP_RUNTIME=true " if is_runtime else ""
    script = (
        'program_path=$(mktemp -d)\n\nprintf "%s" "$0" > "$program_path/ephemeral_component.py"\n'
        f'{runtime}python3 -m {module} --component_module_path "$program_path/ephemeral_component.py" "$@"\n'
    )
    source = KFP_TASK + source
    minio = layout.mounts / "minio"
    return ProcessSpec(
        argv=("sh", "-ec", script, source, "--executor_input", text, "--function_to_execute", function),
        python=PythonTask(source, function, module, text, runtime_mode=is_runtime),
        environment=EnvironmentRequest(no_deps=(requirement,)) if is_runtime else EnvironmentRequest(requirements=(requirement,)),
        directories=(layout.outputs, *(minio / "bucket" / layout.root.name for _ in artifacts[:1])),
        staged=tuple(StagedArtifact(artifact, minio / "in" / name) for name, artifact in staged.items()),
        output_parameters=tuple(OutputParameterFile(name, layout.outputs / name, ParameterType.ANY) for name in outputs),
        output_artifacts=tuple(
            OutputArtifactPath(name, minio / "bucket" / layout.root.name / name, ArtifactType("system.Dataset"), f"{root}/{name}")
            for name in artifacts
        ),
        executor_output=layout.outputs / "executor_output.json",
        path_prefixes={"minio": str(minio), "gs": f"{layout.mounts}/gcs", "s3": f"{layout.mounts}/s3"},
        **extra,
    )


def make_executor(data: Path, make: Make, **options: Any) -> tuple[ProcessExecutor, ScriptedDialect, LocalBlobStore]:
    """Put an executor together on `data`."""
    dialect, blobs = ScriptedDialect(make), LocalBlobStore(data / "blobs")
    environments = options.pop("environments", None) or Environments(
        options.pop("env_root", data / "envs"), Interpreters({}, is_strict=False), EnvironmentSettings()
    )
    capacity: Capacity = options.pop("capacity", None) or machine_capacity(slots=4, accelerators=0)
    settings = ExecutorSettings(capacity=capacity, **options.pop("settings", {}))
    executor = ProcessExecutor(
        data,
        dialects={"kfp": dialect},
        secrets=None,  # type: ignore[arg-type]
        blobs=blobs,
        environments=environments,
        limiter=options.pop("limiter", None) or RlimitOnly(),
        clock=SystemClock(),
        ids=SystemIds(),
        settings=settings,
        **options,
    )
    return executor, dialect, blobs


@asynccontextmanager
async def stage(data: Path, **options: Any) -> AsyncIterator[Stage]:
    """An executor for the length of a test; everything it runs is ended afterwards."""
    executor, dialect, blobs = make_executor(data, lambda request, layout: shell("true"), **options)
    scene = Stage(executor, dialect, blobs, executor._data)
    await executor.start(scene.hear)
    try:
        yield scene
    finally:
        await executor.close(leave_running=False)


PYTHON = sys.executable
