"""Read models behind the tracking pages: what a list or a graph needs in a fixed number of queries. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.domain.data_losses import DataLoss
from penstock.domain.ids import TaskId, TrackedRunId
from penstock.domain.tracking import TrackedProjectId, TrackedRun
from penstock.domain.versions import VersionChange


@dataclass(frozen=True, slots=True)
class ProjectItem:
    """A project in a list."""

    project_id: TrackedProjectId
    entity: str
    name: str
    description: str
    run_count: int
    live_count: int
    """Runs with a writer alive."""
    failed_count: int
    """Runs that failed or crashed."""
    active_at: float
    """Last change of a run in it, or its creation."""
    is_registry: bool = False
    """A registry: holds links, no runs."""
    collection_count: int = 0


@dataclass(frozen=True, slots=True)
class CollectionItem:
    """A collection in a list."""

    collection_id: int
    entity: str
    project: str
    name: str
    kind: str
    """`sequence` or `portfolio`."""
    type_name: str
    description: str
    version_count: int
    newest_index: int | None
    size_bytes: int
    """Of all versions together."""
    updated_at: float
    aliases: Sequence[tuple[str, int]] = ()
    """(alias, version number)."""


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """Who fills a collection and when it was last read."""

    last_used_at: float | None
    """Newest use of a version by a run."""
    producer: RunItem | None
    """The run that logged the newest version."""
    producer_count: int
    """Runs that logged versions."""


@dataclass(frozen=True, slots=True)
class VersionItem:
    """A member of a collection in a table or a graph."""

    version_id: int
    entity: str
    project: str
    collection: str
    type_name: str
    version_index: int
    size_bytes: int
    file_count: int
    created_at: float
    digest: str
    creator_run_id: TrackedRunId | None = None
    aliases: Sequence[str] = ()
    history_step: int | None = None
    """Step of its run at which it was logged."""


@dataclass(frozen=True, slots=True)
class RunItem:
    """A run in a graph."""

    run_id: TrackedRunId
    entity: str
    project: str
    name: str
    display_name: str
    state: str
    job_type: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run without its documents, as a search over all projects reads it."""

    run_id: TrackedRunId
    entity: str
    project: str
    name: str
    display_name: str
    state: str
    tags: Sequence[str]
    group: str
    job_type: str
    user_name: str
    sweep: str
    host: str
    created_at: float
    finished_at: float | None
    pipeline_run_id: str
    """Run of the pipeline or flow in a task of which a client wrote it; empty: in none."""
    is_automatic: bool
    """Made for a task; no client wrote to it."""


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """Where the pipeline task of a tracked run stands."""

    task_id: TaskId
    task_name: str
    run_id: str
    run_name: str
    kind: str
    """`kfp`, `argo` or `flow`."""


@dataclass(frozen=True, slots=True)
class RunTracking:
    """The tracked runs of one project that belong to a run of a pipeline or flow."""

    entity: str
    project: str
    run_id: str
    """The pipeline run, or `Flow/run`."""
    count: int


@dataclass(frozen=True, slots=True)
class RunVersion:
    """A version that a tracked run used or logged."""

    run_id: TrackedRunId
    direction: str
    """`input` or `output`."""
    collection: str
    type_name: str
    digest: str


class TrackingPages(Protocol):
    """Questions of the tracking pages."""

    async def tracking_of(self, run_ids: Sequence[str]) -> Sequence[RunTracking]:
        """Return where the tracked runs of these runs are, the projects with most of them first; at most 20."""
        ...

    async def logged_by_tasks_of(self, run_ids: Sequence[str], *, per_run: int) -> tuple[Sequence[TrackedRun], Mapping[str, int]]:
        """Return the tracked runs that clients logged in tasks of these runs of pipelines or flows, the first `per_run` of each, and how
        many each has.
        """
        ...

    async def versions_of_runs(self, run_ids: Sequence[TrackedRunId], *, limit: int = 2000) -> Sequence[RunVersion]:
        """Return the versions that these runs (at most 400) used and logged, by run, collection and number."""
        ...

    async def projects(self, *, registries: bool = False) -> Sequence[ProjectItem]:
        """Return all projects, or all registries, last active first."""
        ...

    async def keys(self, project_id: TrackedProjectId, *, limit: int = 2000) -> Sequence[str]:
        """Return indexed keys of a project by name: `c.lr` of configs, `s.loss` of summaries, `h.loss` of histories."""
        ...

    async def runs(self, run_ids: Sequence[TrackedRunId]) -> Mapping[TrackedRunId, TrackedRun]:
        """Return those runs that exist."""
        ...

    async def newest_runs(self, *, below: TrackedRunId | None, limit: int) -> Sequence[RunRecord]:
        """Return the newest runs of all projects, the newest first; with `below` those older than that one."""
        ...

    async def run_values(self, project_id: TrackedProjectId, field: str, text: str, *, limit: int) -> Sequence[str]:
        """Return different values that contain `text`, whatever its case, of the newest `LOOKED_AT` runs, in order.

        Args:
            project_id: whose runs.
            field: `name`, `group`, `job`, `user`, `sweep`, `host`, `tag`, `config.KEY` or `summary.KEY`; others name a key of the summary.
            text: part of the value.
            limit: how many values.
        """
        ...

    async def sweep_runs(self, project_id: TrackedProjectId, sweep: str, *, limit: int = 1000) -> Sequence[TrackedRun]:
        """Return the runs of a sweep, oldest first."""
        ...

    async def losses(self, run_id: TrackedRunId) -> Sequence[DataLoss]:
        """Return what the run's client said that it left out."""
        ...

    async def task_place(self, task_id: TaskId) -> TaskPlace | None:
        """Return where a pipeline task stands, or None."""
        ...

    async def collections(self, project_id: TrackedProjectId, *, words: Sequence[str] = (), limit: int = 500) -> Sequence[CollectionItem]:
        """Return the collections of a project that changed last, those that have every word in name, type or description, by type and
        name.
        """
        ...

    async def all_collections(self, *, entity: str = "", limit: int = 2000) -> Sequence[CollectionItem]:
        """Return the collections of all projects, or of an entity's, last changed first, without aliases and descriptions; not those that
        only stand for outputs of pipeline tasks.
        """
        ...

    async def collection_uses(self, collection_ids: Sequence[int]) -> Mapping[int, CollectionUse]:
        """Return who fills and reads these collections (at most 400), by id."""
        ...

    async def collection_metadata(self, collection_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """Return the metadata of the newest version of each collection, of at most 400."""
        ...

    async def collection_aliases(self, collection_ids: Sequence[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
        """Return (alias, version number) of these collections (at most 400), highest number first."""
        ...

    async def versions(self, collection_id: int, *, limit: int = 500) -> Sequence[VersionItem]:
        """Return the members of a collection, newest first."""
        ...

    async def changes(self, collection_id: int, version_id: int, *, limit: int = 200) -> Sequence[VersionChange]:
        """Return the history of a collection and of a version in it, last first."""
        ...
