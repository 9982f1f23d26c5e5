"""Reading runs, tasks and artifacts as they were projected, and the few changes of a run that are not the engine's business.

The engine writes these rows through `interfaces.journal`. JSON columns arrive decoded; times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.ids import ArtifactId, Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId, TaskId
from penstock.domain.states import RuntimeState, StorageState, TaskType
from penstock.interfaces.listing import ListQuery, Page


@dataclass(frozen=True, slots=True)
class StateChange:
    """One entry of a state history."""

    at: float
    state: RuntimeState
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as stored."""

    run_id: RunId
    kind: str
    name: str
    description: str
    namespace: str
    experiment_id: ExperimentId | None
    resource_name: str
    pipeline_name: str
    pipeline_id: PipelineId | None
    pipeline_version_id: PipelineVersionId | None
    spec_digest: Digest | None
    recurring_run_id: RecurringRunId | None
    parameters: Mapping[str, Any]
    pipeline_root: str
    service_account: str
    options: Mapping[str, Any]
    tags: Mapping[str, str]
    state: RuntimeState
    """Internal: a terminated run ends CANCELED, whatever a protocol tells its clients."""
    storage_state: StorageState
    history: Sequence[StateChange]
    error_code: int | None
    error_message: str | None
    created_at: float
    scheduled_at: float
    started_at: float | None
    finished_at: float | None
    task_count: int
    done_count: int
    failed_count: int
    cached_count: int


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as stored."""

    task_id: TaskId
    run_id: RunId
    execution_id: int
    parent_task_id: TaskId | None
    path: str
    task_key: str
    display_name: str
    type: TaskType
    component: str
    iteration_index: int | None
    iteration_count: int | None
    position: int
    state: RuntimeState
    reason: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    is_cached: bool
    cached_task_id: TaskId | None
    cache_fingerprint: str | None
    cache_reason: str
    error: Mapping[str, Any] | None
    """`kind`, `message`, `exit_code`."""
    inputs: Mapping[str, Any]
    """`parameters`, `artifacts` (ids by key), `producers`."""
    outputs: Mapping[str, Any]
    """`parameters`, `artifacts` (ids by key)."""
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a task."""

    task_id: TaskId
    attempt: int
    run_id: RunId
    state: RuntimeState
    created_at: float
    started_at: float | None
    finished_at: float | None
    exit_code: int | None
    error: Mapping[str, Any] | None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """An artifact with where it comes from."""

    artifact: ArtifactRef
    run_id: RunId | None
    task_id: TaskId | None
    output_key: str
    created_at: float


@dataclass(frozen=True, slots=True)
class ArtifactUse:
    """A lineage edge between a task and an artifact."""

    task_id: TaskId
    run_id: RunId
    artifact_id: ArtifactId
    direction: str
    """`input` or `output`."""
    key: str
    position: int
    at: float


class RunStore(Protocol):
    """Pipeline runs (kinds `kfp` and `argo`); recorded flows have their own store."""

    async def get(self, run_id: RunId) -> RunView | None:
        """Return the run, or None."""
        ...

    async def list(self, query: ListQuery, *, namespace: str, experiment_id: ExperimentId | None) -> Page[RunView]:
        """Return a page in a fixed number of queries. `total` of lists without predicates (but storage state) costs no scan."""
        ...

    async def set_storage_state(self, run_id: RunId, state: StorageState) -> None:
        """Archive or restore the run."""
        ...

    async def update(self, run_id: RunId, *, name: str, description: str, tags: Mapping[str, str]) -> None:
        """Change what people may edit."""
        ...

    async def move(self, run_id: RunId, experiment_id: ExperimentId) -> bool:
        """Put the run into an experiment; False: it is in the trash or gone, or the experiment is archived or gone."""
        ...

    async def ids_of_experiment(self, experiment_id: ExperimentId) -> Sequence[tuple[RunId, RuntimeState]]:
        """Return every run of the experiment with its state."""
        ...

    async def delete(self, run_id: RunId, *, with_artifacts: bool) -> Sequence[Digest]:
        """Remove the run with tasks, events, metrics and cache entries.

        With `with_artifacts` those of its artifacts that no other run uses go as well.

        Returns:
            Content of removed artifacts, for the blob store to reconsider.
        """
        ...


class TaskStore(Protocol):
    """Tasks and attempts."""

    async def of_run(self, run_id: RunId) -> Sequence[TaskView]:
        """Return every task of the run in order of creation."""
        ...

    async def get(self, task_id: TaskId) -> TaskView | None:
        """Return the task, or None."""
        ...

    async def list(self, query: ListQuery, *, run_id: RunId | None, parent_task_id: TaskId | None) -> Page[TaskView]:
        """Return a page."""
        ...

    async def attempts(self, task_id: TaskId) -> Sequence[AttemptView]:
        """Return the attempts, oldest first."""
        ...

    async def children(self, task_ids: Sequence[TaskId]) -> Mapping[TaskId, Sequence[TaskId]]:
        """Return the children of each task in one query."""
        ...


class ArtifactStore(Protocol):
    """Artifacts and their use."""

    async def get(self, artifact_id: ArtifactId) -> ArtifactView | None:
        """Return the artifact, or None."""
        ...

    async def get_many(self, artifact_ids: Sequence[ArtifactId]) -> Mapping[ArtifactId, ArtifactView]:
        """Return those that exist, in one query."""
        ...

    async def output_of(self, run_id: RunId, task_id: TaskId, key: str) -> ArtifactView | None:
        """Return the first artifact that the task published (or reused) under the output key, or None."""
        ...

    async def find_uri(self, uri: str) -> ArtifactView | None:
        """Return the newest artifact at the URI, or None."""
        ...

    async def list(self, query: ListQuery, *, run_id: RunId | None, task_id: TaskId | None) -> Page[ArtifactView]:
        """Return a page; with a run or task only artifacts that it produced or used."""
        ...

    async def uses(
        self,
        query: ListQuery,
        *,
        run_ids: Sequence[RunId],
        task_ids: Sequence[TaskId],
        artifact_ids: Sequence[ArtifactId],
        direction: str | None,
    ) -> Page[ArtifactUse]:
        """Return a page of lineage edges; empty restrictions mean all."""
        ...
