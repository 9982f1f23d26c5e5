"""Values that travel between engine, dialect and executor: what to launch, what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.ids import RunId, TaskId, TaskPath
from penstock.domain.plan import LeafTemplate, ParameterType

DEFAULT_PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts"
"""Root of artifact URIs of runs that name none, as in a Kubeflow installation."""

DEFAULT_NAMESPACE = "kubeflow"
"""What tasks of runs without a namespace are told, as in a Kubeflow installation for one tenant."""

DEFAULT_SERVICE_ACCOUNT = "pipeline-runner"
"""What tasks of runs without a service account are told."""


class FailureKind(StrEnum):
    """Why an attempt failed."""

    EXIT_CODE = "EXIT_CODE"
    """The command ended with a non-zero code."""
    SIGNAL = "SIGNAL"
    """The command was killed by a signal that we did not send."""
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    """It went over its memory limit."""
    DEADLINE = "DEADLINE"
    """It ran longer than its deadline."""
    OUTPUT = "OUTPUT"
    """It exited with 0 but an output is missing, of the wrong type or outside its place."""
    INPUT = "INPUT"
    """An input could not be resolved, converted or staged."""
    ENVIRONMENT = "ENVIRONMENT"
    """Packages or interpreter could not be provided."""
    START = "START"
    """The process could not be started (unknown program, argument too long, refused interpreter)."""
    LOST = "LOST"
    """The process vanished with its supervisor (server or warm parent killed); says nothing about the user's code."""
    SYSTEM = "SYSTEM"
    """A fault of ours or of the host (disk full, store unreachable)."""


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Identifies one attempt; the unit of idempotence for executors."""

    run_id: RunId
    task_id: TaskId
    attempt: int
    """0-based, over the whole life of the task (run-level retries continue the count)."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """Facts of the run that placeholders may ask for."""

    run_id: RunId
    run_name: str
    resource_name: str
    """`<pipeline-name>-<suffix>`, unique (Argo: the workflow name)."""
    pipeline_name: str
    pipeline_root: str
    """Without trailing slash, for example `minio://mlpipeline/v2/artifacts`."""
    created_at: float
    """Seconds since the epoch, UTC."""
    scheduled_at: float
    namespace: str = DEFAULT_NAMESPACE
    service_account: str = ""
    experiment_id: str = ""
    recurring_run_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Root parameters with defaults filled in."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    sdk_version: str = ""

    @property
    def parameters_text(self) -> str:
        """All root parameters as Argo tells them: a JSON list of names and texts."""
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in self.parameters.items()}
        return json.dumps([{"name": name, "value": text} for name, text in texts.items()], separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """Everything needed to run one attempt of a leaf task. Built by the engine; safe to build twice."""

    key: AttemptKey
    dialect: str
    run: RunContext
    task_path: TaskPath
    task_key: str
    display_name: str
    template: LeafTemplate
    parameters: Mapping[str, Any]
    """Resolved declared and hidden inputs; absent optional ones are missing, declared defaults filled in."""
    artifacts: Mapping[str, tuple[ArtifactRef, ...]]
    given: frozenset[str] = frozenset()
    """Names of `parameters` that were bound by the author (not filled from defaults)."""
    iteration_index: int | None = None
    user_retry_index: int = 0
    """How many retries of the user's policy came before this attempt (`KFP_RETRY_INDEX`)."""
    run_status: str = ""
    run_failures: str = ""
    """Exit tasks: outcome of the body so far."""
    run_seconds: float = 0.0
    """How long the run had been going when the attempt was asked for."""


@dataclass(frozen=True, slots=True)
class AttemptLayout:
    """Directories of one attempt, absolute paths on the worker."""

    root: PurePosixPath
    """`<data>/runs/<run>/<task>/<attempt>`; everything below belongs to the attempt."""
    work: PurePosixPath
    """Initial working directory of the task; empty at start."""
    tmp: PurePosixPath
    """TMPDIR."""
    inputs: PurePosixPath
    """Staged private copies of input artifacts."""
    outputs: PurePosixPath
    """Output files and directories, until they are taken into the blob store."""
    mounts: PurePosixPath
    """Stand-in for `/` where literal paths are remapped (`mounts/minio`, `mounts/gcs`, `mounts/mnt/...`)."""
    workspace: PurePosixPath
    """Shared by the tasks of the run."""
    has_namespace: bool = False
    """Literal absolute paths work by bind mounts; otherwise they are remapped."""


@dataclass(frozen=True, slots=True)
class StagedArtifact:
    """An input artifact to materialise before the start."""

    artifact: ArtifactRef
    path: PurePosixPath
    """Where a private copy is wanted (file or directory by the artifact's kind)."""
    is_required: bool = True
    """Whether the task cannot do without it; otherwise, where the server has no access to its store, that is a warning."""


@dataclass(frozen=True, slots=True)
class OutputParameterFile:
    """A parameter output read from a file after success."""

    name: str
    path: PurePosixPath
    type: ParameterType
    is_optional: bool = False
    strip_newline: bool = False
    """Argo: one trailing newline is dropped."""


@dataclass(frozen=True, slots=True)
class OutputArtifactPath:
    """An artifact output taken from a path after success."""

    name: str
    path: PurePosixPath
    type: ArtifactType
    uri: str
    """URI provisioned for it."""
    artifact_name: str = ""
    is_optional: bool = True
    """False: a missing path fails the attempt."""
    is_list: bool = False
    """The author may return more artifacts than were provisioned."""


@dataclass(frozen=True, slots=True)
class PythonTask:
    """A recognised lightweight component, eligible for the warm path."""

    source: str
    function: str
    module: str
    """`kfp.dsl.executor_main`, `kfp.components.executor_main` or `kfp.v2.components.executor_main`."""
    executor_input: str
    """JSON text for `--executor_input`."""
    runtime_mode: bool
    """The command sets `_KFP_RUNTIME=true`."""
    argv: tuple[str, ...] = ()
    """Only with module `__main__`: `source` is a whole program and runs as the main module with these arguments
    (kfp 1.8 components); `function` and `executor_input` are empty then."""


@dataclass(frozen=True, slots=True)
class EnvironmentRequest:
    """Python packages a task asked for; equal requests share one environment."""

    requirements: tuple[str, ...] = ()
    """In the order asked for."""
    no_deps: tuple[str, ...] = ()
    """Installed without their dependencies (kfp in runtime mode)."""
    index_urls: tuple[str, ...] = ()
    """`--index-url` first, `--extra-index-url` after; empty: the server's default."""
    trusted_hosts: tuple[str, ...] = ()
    python: str | None = None
    """Wanted `X.Y`, from the image name; None: no wish."""
    constraints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """What an attempt asks for and is held to. None: no wish, no limit."""

    cpu_request: float | None = None
    """Cores."""
    cpu_limit: float | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    accelerator_type: str | None = None
    accelerator_count: int = 0


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file that has to appear at a literal absolute path."""

    target: PurePosixPath
    source: PurePosixPath | None = None
    """None: an empty private directory of the attempt."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Content to write first (secrets, config maps); never logged."""
    volume: str | None = None
    """Name of a persistent volume (directory below `<data>/volumes`) to mount."""
    sub_path: str = ""
    read_only: bool = False
    is_secret: bool = False
    """The files are a secret's."""


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """A secret or config map that a task creates."""

    kind: str
    """`secret` or `configmap`."""
    name: str
    entries: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One attempt, fully resolved by the dialect and ready for an executor."""

    argv: tuple[str, ...]
    """The command as compiled, placeholders resolved. Empty: no process, only files, volumes and outputs (VolumeWork)."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the executor's clean base environment."""
    secret_env: Mapping[str, str] = field(default_factory=dict)
    """Like `env`, but values are masked in every view and log."""
    python: PythonTask | None = None
    environment: EnvironmentRequest = field(default_factory=EnvironmentRequest)
    image: str = ""
    resources: Resources = field(default_factory=Resources)
    staged: tuple[StagedArtifact, ...] = ()
    files: Mapping[PurePosixPath, bytes] = field(default_factory=dict)
    """Files to write before the start (inline artifacts, executor input)."""
    directories: tuple[PurePosixPath, ...] = ()
    """Directories to create before the start."""
    mounts: tuple[Mount, ...] = ()
    init: tuple[tuple[str, ...], ...] = ()
    """Commands run in order before the main one, same environment."""
    sidecars: tuple[tuple[str, ...], ...] = ()
    """Commands started before and killed after the main one."""
    output_parameters: tuple[OutputParameterFile, ...] = ()
    output_artifacts: tuple[OutputArtifactPath, ...] = ()
    executor_output: PurePosixPath | None = None
    """ExecutorOutput JSON, read if it exists."""
    path_prefixes: Mapping[str, str] = field(default_factory=dict)
    """URI scheme (`minio`, `gs`, `s3`, `oci`) to the local directory that stands for it in this attempt."""
    working_dir: PurePosixPath | None = None
    deadline_seconds: float | None = None
    warnings: tuple[str, ...] = ()
    """What was asked and cannot be honoured here, one sentence each; shown on the task."""
    needs_cold_start: bool = False
    absent: Mapping[PurePosixPath, str] = field(default_factory=dict)
    """Where the task will look for inputs of which there is no content here; for each a sentence that says why, for its failure."""
    copy_volumes: tuple[tuple[str, str], ...] = ()
    """Pairs of volumes: the second becomes a copy of the first before the start, unless it exists already."""
    put_entries: tuple[StoredEntries, ...] = ()
    """Secrets and config maps to store."""
    delete_entries: tuple[tuple[str, str], ...] = ()
    """Kind and name of secrets and config maps to remove; missing ones are fine."""
    create_volumes: tuple[str, ...] = ()
    """Persistent volumes (directories below `<data>/volumes`) to create before the start; existing ones are kept."""
    delete_volumes: tuple[str, ...] = ()
    """Persistent volumes to remove after success."""

    @property
    def secret_values(self) -> tuple[str, ...]:
        """What no view and no log may show: values of secrets in variables and files."""
        files = (content.decode("utf-8", "surrogateescape") for mount in self.mounts if mount.is_secret for content in mount.files.values())
        return (*self.secret_env.values(), *files)


@dataclass(frozen=True, slots=True)
class RawOutputs:
    """What an attempt left behind, read with size and path checks, before the dialect makes sense of it."""

    parameter_files: Mapping[str, bytes | None]
    """By output name; None: no file."""
    executor_output: bytes | None
    existing_paths: frozenset[PurePosixPath]
    """Those of `output_artifacts` paths that exist."""
    is_there: Callable[[PurePosixPath], bool] = field(default=lambda _path: True, repr=False, compare=False)
    """Whether anything is at a path outside of the attempt that the task named; without an answer, something is."""


@dataclass(frozen=True, slots=True)
class ArtifactOutput:
    """An output artifact as the dialect understood it, before its bytes are stored."""

    name: str
    """Output key."""
    artifact_name: str
    type: ArtifactType
    uri: str
    metadata: Mapping[str, Any]
    path: PurePosixPath | None
    """Local file or directory to take in; None: metadata only."""


@dataclass(frozen=True, slots=True)
class ParsedOutputs:
    """Result of a successful attempt, before artifacts are stored."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, tuple[ArtifactOutput, ...]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskOutputs:
    """Published results of a leaf task."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[ArtifactRef, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Report: the process runs."""

    key: AttemptKey
    at: float
    detail: Mapping[str, Any]
    """pid, python, python_asked, environment_id, mode (warm|cold|command), host, warnings, argv, env (masked), mounts, resources."""


@dataclass(frozen=True, slots=True)
class AttemptNote:
    """Report: a sentence for the Events tab (queued behind 3 tasks, environment reused, ...)."""

    key: AttemptKey
    at: float
    kind: str
    """queued, environment, started, warning, killed, reattached, finished ..."""
    text: str


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """Report: the attempt is over; exactly one of `outputs` and `failure` is set."""

    key: AttemptKey
    at: float
    outputs: TaskOutputs | None = None
    failure: Failure | None = None
    exit_code: int | None = None
    usage: Mapping[str, float] = field(default_factory=dict)
    """cpu_seconds, max_rss_bytes, queued_seconds, environment_seconds, run_seconds, upload_seconds."""


LOG_FOLLOWS = "; last lines of the log:"
"""Ends the first line of a failure message that goes on with lines of a log."""


def first_line_of(message: str) -> str:
    """Return what a failure message says without the log lines that it goes on with."""
    return message.partition("\n")[0].removesuffix(LOG_FOLLOWS)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why, for the user: the first line of `message` names what happened; where known, the last log lines follow."""

    kind: FailureKind
    message: str
    exit_code: int | None = None
    was_canceled: bool = False


AttemptReport = AttemptStarted | AttemptNote | AttemptFinished
