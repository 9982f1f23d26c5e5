"""Builders of attempts: a launch request for a small component, its layout, secrets, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import AttemptKey, AttemptLayout, LaunchRequest, ParsedOutputs, ProcessSpec, RawOutputs, RunContext
from penstock.domain.ids import ArtifactId, Digest, RunId, TaskId, TaskPath
from penstock.domain.plan import LeafTemplate
from penstock.spec.kfp.lower import lower_pipeline
from penstock.spec.kfp.runtime.dialect import KfpDialect
from tests.unit.spec.kfp.ir import component, container, pipeline, task

ROOT = PurePosixPath("/data/runs/run-1/task-1/0")
WORKSPACE = PurePosixPath("/data/runs/run-1/workspace")
DATASET = ArtifactType("system.Dataset")
Json = dict[str, Any]


class Secrets:
    """A fixed secret store."""

    def __init__(self, **entries: Mapping[str, bytes]) -> None:
        self._entries = entries

    def get(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """Entries are named `<kind>_<name>`."""
        return self._entries.get(f"{kind}_{name}")


def layout(*, has_namespace: bool = True) -> AttemptLayout:
    """Directories of attempt 0."""
    parts = {name: ROOT / name for name in ("work", "tmp", "inputs", "outputs", "mounts")}
    return AttemptLayout(root=ROOT, workspace=WORKSPACE, has_namespace=has_namespace, **parts)


def leaf(
    *,
    inputs: Json | None = None,
    outputs: Json | None = None,
    executor: Json | None = None,
    platform: Json | None = None,
    hidden: Json | None = None,
    **rest: Any,
) -> LeafTemplate:
    """A container component as the lowering makes it; `hidden` are task inputs that it does not declare."""
    spec = pipeline(
        {"t": task("c", parameters={name: {"runtimeValue": {"constant": value}} for name, value in (hidden or {}).items()})},
        components={"c": component("exec-work", inputs=inputs, outputs=outputs, **rest)},
        executors={"exec-work": executor or container()},
    )
    document = {
        "pipeline_spec": spec,
        "platform_spec": {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-work": platform or {}}}}}},
    }
    template = lower_pipeline(document).templates["c"]
    assert isinstance(template, LeafTemplate)
    return template


def request(
    template: LeafTemplate,
    *,
    parameters: Json | None = None,
    artifacts: Mapping[str, tuple[ArtifactRef, ...]] | None = None,
    pipeline_root: str = "minio://mlpipeline/v2/artifacts",
    attempt: int = 0,
    **rest: Any,
) -> LaunchRequest:
    """A launch request of run `run-1`."""
    run = RunContext(
        run_id=RunId("run-1"),
        run_name="my run",
        resource_name="test-pipeline-abc",
        pipeline_name="test-pipeline",
        pipeline_root=pipeline_root,
        created_at=0.5,
        scheduled_at=86400.0,
        sdk_version="kfp-2.17.0",
        service_account="runner",
        labels={"team": "a"},
    )
    return LaunchRequest(
        key=AttemptKey(RunId("run-1"), TaskId("task-1"), attempt),
        dialect="kfp",
        run=run,
        task_path=TaskPath("root/t"),
        task_key="t",
        display_name="shown",
        template=template,
        parameters=parameters or {},
        artifacts=artifacts or {},
        **rest,
    )


def artifact(uri: str, *, name: str = "d", digest: str | None = "sha256:00", **metadata: Any) -> ArtifactRef:
    """An input artifact."""
    return ArtifactRef(ArtifactId(1), name, DATASET, uri, metadata, None if digest is None else Digest(digest))


def prepare(launch: LaunchRequest, *, secrets: Secrets | None = None, has_namespace: bool = True) -> ProcessSpec:
    """Prepare an attempt."""
    return KfpDialect().prepare(launch, layout(has_namespace=has_namespace), secrets or Secrets())


def argv(executor: Json, **parts: Any) -> list[str]:
    """The resolved command of an executor; `parts` go to `leaf` and `request`."""
    given = {name: parts.pop(name) for name in ("parameters", "artifacts") if name in parts}
    return list(prepare(request(leaf(executor=executor, **parts), **given)).argv)


def parse(
    launch: LaunchRequest, *, files: Mapping[str, bytes] | None = None, executor_output: Any = None, existing: tuple[str, ...] = ()
) -> ParsedOutputs:
    """Prepare an attempt and read what it left; `existing` names output artifacts whose file is there."""
    spec = prepare(launch)
    data = executor_output if isinstance(executor_output, bytes | None) else json.dumps(executor_output).encode()
    paths = frozenset(output.path for output in spec.output_artifacts if output.name in existing)
    return KfpDialect().parse_outputs(launch, spec, RawOutputs(files or {}, data, paths))
