"""`RunPlan`: the neutral graph that every pipeline dialect lowers to and the only thing the engine interprets.

A plan is a set of *templates* referred to by name, so a template may contain itself (Argo recursion). A `GraphTemplate` holds
tasks; a `LeafTemplate` holds work for an executor. A *task* binds inputs to a template inside a graph; at run time a task
becomes one *node* per iteration. Plans are immutable and rebuilt from the stored manifest, never stored themselves.

What dialects differ in is data here (`TriggerRule`, `Expr`, `OutputRule`), never a switch on the dialect's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.domain.artifacts import ArtifactType
from penstock.domain.expr import UNSET, Expr, Unset
from penstock.domain.states import TaskType


class ParameterType(StrEnum):
    """Declared type of a parameter. ANY is unchecked (Argo values, graph-level declarations)."""

    NUMBER_DOUBLE = "NUMBER_DOUBLE"
    NUMBER_INTEGER = "NUMBER_INTEGER"
    STRING = "STRING"
    BOOLEAN = "BOOLEAN"
    LIST = "LIST"
    STRUCT = "STRUCT"
    TASK_FINAL_STATUS = "TASK_FINAL_STATUS"
    TASK_CONFIG = "TASK_CONFIG"
    ANY = "ANY"


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A declared parameter of a template or of the whole plan."""

    name: str
    type: ParameterType = ParameterType.ANY
    default: Any | Unset = UNSET
    is_optional: bool = False
    description: str = ""
    literals: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ArtifactSpec:
    """A declared artifact input or output of a template."""

    name: str
    type: ArtifactType = field(default_factory=ArtifactType)
    is_list: bool = False
    is_optional: bool = False
    description: str = ""


class TriggerRule(StrEnum):
    """When a task may start, given the states of everything in `TaskSpec.after`."""

    ALL_SUCCEEDED = "ALL_SUCCEEDED"
    """All succeeded; otherwise the task is SKIPPED (KFP default)."""
    ALL_SUCCEEDED_OR_SKIPPED = "ALL_SUCCEEDED_OR_SKIPPED"
    """All succeeded or were skipped by a false condition (Argo `dependencies`)."""
    ALL_DONE = "ALL_DONE"
    """All are final, whatever the outcome (KFP ALL_UPSTREAM_TASKS_COMPLETED, Argo onExit)."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_retries` further attempts after a failure.

    The delay before retry k (1-based) is `min(backoff_seconds * factor**(k-1), max_backoff_seconds)`.
    """

    max_retries: int
    backoff_seconds: float = 0.0
    factor: float = 2.0
    max_backoff_seconds: float = 3600.0
    on: frozenset[str] = frozenset()
    """FailureKind values that are retried; empty means every failure of the user's command."""
    max_total_seconds: float | None = None
    """No retry begins later than this after the first attempt began; None: no such limit."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Whether and how results of a leaf task are reused."""

    is_enabled: bool = False
    custom_key: str | None = None
    """Replaces the computed fingerprint: same component name and key means same result, whatever the inputs."""
    max_age_seconds: float | None = None
    """Older entries are not used (Argo max_cache_staleness); None: no limit."""


@dataclass(frozen=True, slots=True)
class ArtifactSource:
    """Where an artifact input comes from: exactly one of the groups is set."""

    scope_input: str | None = None
    """Artifact input of the enclosing graph."""
    task: str | None = None
    """Sibling task that produces it, with `key`."""
    key: str | None = None
    text: Expr | None = None
    """Inline content, materialised as a file (Argo `raw.data`)."""
    from_item: bool = False
    """The item of the innermost artifact iteration."""


@dataclass(frozen=True, slots=True)
class Iteration:
    """Runs the task once per item; items are fixed when the loop starts.

    Exactly one of `items` (a list, or JSON text of one) and `artifact_items` is set.
    """

    items: Expr | None = None
    artifact_items: ArtifactSource | None = None
    item_input: str | None = None
    """Task input that receives the item; None when only `LoopItem` refers to it."""
    parallelism: int = 0
    """At most this many iterations at once; 0: unlimited."""
    empty_is_skipped: bool = False
    """State of a loop over nothing: SKIPPED (Argo) instead of SUCCEEDED (KFP)."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task of a graph."""

    key: str
    """Unique in its graph."""
    template: str
    """Name of a template of the plan."""
    display_name: str
    type: TaskType = TaskType.RUNTIME
    parameters: Mapping[str, Expr] = field(default_factory=dict)
    """Bindings, also of inputs that the template does not declare (hidden inputs)."""
    artifacts: Mapping[str, tuple[ArtifactSource, ...]] = field(default_factory=dict)
    after: frozenset[str] = frozenset()
    """Keys of every sibling this task waits for, data and control dependencies together."""
    trigger: TriggerRule = TriggerRule.ALL_SUCCEEDED
    is_exit: bool = False
    """Runs also when the run is canceled (exit handlers)."""
    condition: Expr | None = None
    """False: SKIPPED. An error in it fails the task."""
    iteration: Iteration | None = None
    retry: RetryPolicy | None = None
    """None inherits the policy of the enclosing graph's task."""
    cache: CachePolicy = field(default_factory=CachePolicy)


@dataclass(frozen=True, slots=True)
class OutputRule:
    """An output of a graph: the first of `choices` (task, output key) whose task succeeded and has it.

    With one choice it is plain forwarding; with several it is OneOf. `expr` replaces `choices` where a dialect computes it.
    """

    choices: tuple[tuple[str, str], ...] = ()
    expr: Expr | None = None
    is_one_of: bool = False
    """OneOf: none succeeded is an error; otherwise the output stays unset."""


@dataclass(frozen=True, slots=True)
class GraphTemplate:
    """A graph of tasks."""

    name: str
    tasks: Mapping[str, TaskSpec]
    parameters: Mapping[str, ParameterSpec] = field(default_factory=dict)
    artifacts: Mapping[str, ArtifactSpec] = field(default_factory=dict)
    output_parameters: Mapping[str, OutputRule] = field(default_factory=dict)
    output_artifacts: Mapping[str, OutputRule] = field(default_factory=dict)
    parallelism: int = 0
    """At most this many children at once; 0: unlimited."""


@dataclass(frozen=True, slots=True)
class ContainerWork:
    """A command to run, with placeholders as compiled; the dialect resolves them when an attempt is prepared."""

    image: str
    command: tuple[Any, ...] = ()
    args: tuple[Any, ...] = ()
    env: tuple[tuple[str, Any], ...] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)
    """As compiled: doubles, quantities or placeholders."""
    platform: Mapping[str, Any] = field(default_factory=dict)
    """The dialect's own document: KFP Kubernetes executor config, or the Argo template."""


@dataclass(frozen=True, slots=True)
class ImporterWork:
    """Registers an existing artifact; no process."""

    uri: Expr
    type: ArtifactType
    output_key: str = "artifact"
    metadata: Any = None
    """JSON; strings (and keys) may hold placeholders over the task's inputs."""
    reimport: bool = False
    download_to_workspace: bool = False


@dataclass(frozen=True, slots=True)
class VolumeWork:
    """Creates or deletes a named volume (PVC), which is a directory here."""

    action: str
    """`create` or `delete`."""
    platform: Mapping[str, Any] = field(default_factory=dict)


Work = ContainerWork | ImporterWork | VolumeWork


@dataclass(frozen=True, slots=True)
class LeafTemplate:
    """A component that does work."""

    name: str
    """Component name, the same in every run of the same pipeline."""
    work: Work
    parameters: Mapping[str, ParameterSpec] = field(default_factory=dict)
    artifacts: Mapping[str, ArtifactSpec] = field(default_factory=dict)
    output_parameters: Mapping[str, ParameterSpec] = field(default_factory=dict)
    output_artifacts: Mapping[str, ArtifactSpec] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    """Named parts of the cache fingerprint that do not depend on inputs, each a digest: `code`, `image`, `options`, `outputs`.
    A changed part is the reason a user reads for a cache miss."""
    run_fields: tuple[str, ...] = ()
    """Names of the `RunField`s that its text refers to (`run_id`, `parameter:x`); their values take part in the cache fingerprint."""
    deadline_seconds: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the dialect's runtime needs beside (annotations, task-config passthroughs); opaque to the engine."""


Template = GraphTemplate | LeafTemplate


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A pipeline ready to run."""

    dialect: str
    """`kfp` or `argo`: selects the `Dialect` that prepares attempts; the engine's rules never look at it."""
    name: str
    root: str
    templates: Mapping[str, Template]
    parameters: Mapping[str, ParameterSpec] = field(default_factory=dict)
    """What the run accepts."""
    resource_prefix: str = ""
    """Start of the resource names of its runs; empty: the pipeline's name and a dash."""
    fail_fast: bool = True
    """After a failure no further task of the same graph starts; running ones finish."""
    parallelism: int = 0
    """Leaf tasks of the run at once; 0: unlimited."""
    deadline_seconds: float | None = None
    max_nodes: int = 200_000
    max_depth: int = 100
    """Recursion limit; reaching it fails the task with a message that names the limit."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Dialect's own (sdk version, workspace spec, pipeline root default)."""
