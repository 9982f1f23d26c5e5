"""Stores of what people keep on the server: experiments, pipelines, versions, definitions, schedules, secrets.

Every method that changes something is one durable transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.domain.catalog import Experiment, Pipeline, PipelineVersion, RecurringRun, StoredSpec, Tick
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId
from penstock.domain.states import StorageState
from penstock.interfaces.listing import ListQuery, Page


class ExperimentStore(Protocol):
    """Experiments."""

    async def create(self, experiment: Experiment) -> None:
        """Store a new experiment.

        Raises:
            AlreadyExistsError: its namespace has one of that name.
        """
        ...

    async def get(self, experiment_id: ExperimentId) -> Experiment | None:
        """Return the experiment, or None."""
        ...

    async def find(self, name: str, *, namespace: str) -> Experiment | None:
        """Return the experiment of that name, or None."""
        ...

    async def list(self, query: ListQuery, *, namespace: str) -> Page[Experiment]:
        """Return a page; an empty namespace means all, rows without one are in every namespace."""
        ...

    async def archive(self, experiment_id: ExperimentId, *, at: float) -> None:
        """Archive the experiment with all its runs and disable its recurring runs."""
        ...

    async def set_storage_state(self, experiment_id: ExperimentId, state: StorageState) -> None:
        """Change the experiment only."""
        ...

    async def set_notes(self, experiment_id: ExperimentId, notes: str) -> None:
        """Keep what people wrote about it."""
        ...

    async def note_run(self, experiment_id: ExperimentId, *, at: float) -> None:
        """Remember when its newest run was created."""
        ...

    async def delete(self, experiment_id: ExperimentId) -> None:
        """Remove the experiment and its recurring runs; runs are removed by the caller first."""
        ...


class SpecStore(Protocol):
    """Pipeline definitions by content."""

    async def put(self, spec: StoredSpec) -> None:
        """Store the definition; repeating is fine."""
        ...

    async def get_many(self, digests: Sequence[Digest]) -> Mapping[Digest, StoredSpec]:
        """Return those that exist, in one query."""
        ...


class PipelineStore(Protocol):
    """Pipelines and their versions."""

    async def create(self, pipeline: Pipeline, version: PipelineVersion | None, spec: StoredSpec | None) -> None:
        """Store a pipeline, with its first version and that one's definition if given; all or nothing.

        Raises:
            AlreadyExistsError: its namespace has a pipeline of that name.
        """
        ...

    async def get(self, pipeline_id: PipelineId) -> Pipeline | None:
        """Return the pipeline, or None."""
        ...

    async def find(self, name: str, *, namespace: str) -> Pipeline | None:
        """Return the pipeline of that name, or None; an empty namespace means any."""
        ...

    async def list(self, query: ListQuery, *, namespace: str) -> Page[Pipeline]:
        """Return a page; an empty namespace means all, rows without one are in every namespace."""
        ...

    async def update(self, pipeline: Pipeline) -> None:
        """Store display name, tags and default version."""
        ...

    async def delete(self, pipeline_id: PipelineId) -> None:
        """Remove the pipeline and its versions; runs keep their definitions."""
        ...


class VersionStore(Protocol):
    """Versions of pipelines."""

    async def create(self, version: PipelineVersion, spec: StoredSpec) -> None:
        """Store a version and its definition.

        Raises:
            AlreadyExistsError: the pipeline has a version of that name.
        """
        ...

    async def get(self, version_id: PipelineVersionId) -> PipelineVersion | None:
        """Return the version, or None."""
        ...

    async def latest(self, pipeline_id: PipelineId) -> PipelineVersion | None:
        """Return the newest version, or None."""
        ...

    async def list(self, query: ListQuery, *, pipeline_id: PipelineId | None) -> Page[PipelineVersion]:
        """Return a page; None: of all pipelines."""
        ...

    async def update(self, version: PipelineVersion) -> None:
        """Store display name and tags."""
        ...

    async def delete(self, version_id: PipelineVersionId) -> None:
        """Remove the version."""
        ...


class RecurringRunStore(Protocol):
    """Schedules and the record of their planned times."""

    async def create(self, recurring: RecurringRun) -> None:
        """Store a new schedule."""
        ...

    async def get(self, recurring_run_id: RecurringRunId) -> RecurringRun | None:
        """Return the schedule, or None."""
        ...

    async def list(self, query: ListQuery, *, namespace: str, experiment_id: ExperimentId | None) -> Page[RecurringRun]:
        """Return a page."""
        ...

    async def update(self, recurring: RecurringRun) -> None:
        """Store everything about it but what `record` maintains (last trigger, index, error)."""
        ...

    async def delete(self, recurring_run_id: RecurringRunId) -> None:
        """Remove the schedule and its ticks; its runs stay."""
        ...

    async def enabled(self, recurring_run_id: RecurringRunId | None = None) -> Sequence[tuple[RecurringRun, int]]:
        """Return every enabled schedule, or the one of that id, with the number of its runs that are not in a final state.

        The number of queries is fixed.
        """
        ...

    async def record(self, ticks: Sequence[Tick], *, trigger_index: int, error: str | None) -> None:
        """Store ticks of one schedule, its index and error, and the newest planned time as last trigger. Repeating is fine."""
        ...

    async def ticks(self, recurring_run_id: RecurringRunId, *, limit: int) -> Sequence[Tick]:
        """Return the newest ticks, newest first."""
        ...


class SecretStore(Protocol):
    """Secrets and config maps (`kind` is `secret` or `configmap`)."""

    async def put(self, kind: str, name: str, entries: Mapping[str, bytes], *, at: float) -> None:
        """Store all entries under the name, replacing what was there."""
        ...

    async def read(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """Return the entries, or None."""
        ...

    async def names(self, kind: str) -> Sequence[tuple[str, Sequence[str], float]]:
        """Return name, entry keys and time of the last change of each, by name; never values."""
        ...

    async def delete(self, kind: str, name: str) -> bool:
        """Remove it; return whether it existed."""
        ...
