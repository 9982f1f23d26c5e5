"""Read models of the pages that list what runs come from and go to: experiments, pipelines, schedules, home, search, system.

Companion of `interfaces.pages`; the same rules hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.domain.tracking import TrackedState
from penstock.interfaces.pages import ListQuery, Page, RunItem, TaskItem


@dataclass(frozen=True, slots=True)
class RunDot:
    """One of the last runs of something, as a dot or a bar."""

    run_id: str
    name: str
    state: str
    created_at: float
    duration_seconds: float | None


@dataclass(frozen=True, slots=True)
class ExperimentItem:
    """An experiment as lists show it."""

    experiment_id: str
    name: str
    description: str
    storage_state: str
    created_at: float
    last_run_created_at: float | None
    run_count: int
    last_runs: Sequence[RunDot] = ()
    notes: str = ""
    """What people wrote about it on its page."""


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A number of a run, for drawings over runs."""

    name: str
    number: float
    format: str
    """`RAW` or `PERCENTAGE`."""
    run_id: str
    run_name: str
    state: str
    created_at: float


@dataclass(frozen=True, slots=True)
class BestMetric:
    """The best number of an experiment."""

    number: float
    format: str
    """`RAW` or `PERCENTAGE`."""
    run_id: str
    run_name: str


@dataclass(frozen=True, slots=True)
class VersionItem:
    """A pipeline version."""

    pipeline_version_id: str
    pipeline_id: str
    name: str
    display_name: str
    description: str
    spec_digest: str
    created_at: float
    package_url: str | None = None
    code_source_url: str | None = None
    run_count: int = 0


@dataclass(frozen=True, slots=True)
class PipelineItem:
    """A pipeline as lists show it."""

    pipeline_id: str
    name: str
    display_name: str
    description: str
    tags: Mapping[str, str]
    created_at: float
    version_count: int
    latest: VersionItem | None
    schedule_count: int = 0
    last_runs: Sequence[RunDot] = ()
    median_seconds: float | None = None
    """Median duration of the last runs that succeeded."""


@dataclass(frozen=True, slots=True)
class TaskDot:
    """A task name in one run; a loop's iterations are taken together."""

    run_id: str
    run_name: str
    state: str
    """`FAILED` when one of them failed, else what they have in common, else `RUNNING`."""
    is_cached: bool
    """All of them were reused."""
    seconds: float | None
    """Mean of those that ran."""
    place: int
    """Of the run among those looked at, oldest first; the task may be missing in some."""


@dataclass(frozen=True, slots=True)
class ComponentStatistics:
    """History of one task name in a pipeline over its recent runs."""

    display_name: str
    component: str
    count: int
    failed: int
    cached: int
    mean_seconds: float | None
    max_seconds: float | None
    history: Sequence[TaskDot] = ()
    """By run, oldest first."""


LISTED_VERSIONS = 500
"""Versions of a pipeline that are looked at together."""


@dataclass(frozen=True, slots=True)
class PipelineView:
    """What the pipeline page shows."""

    pipeline: PipelineItem
    versions: Sequence[VersionItem]
    statistics: Sequence[ComponentStatistics]
    schedules: Sequence[RecurringItem]


@dataclass(frozen=True, slots=True)
class RecurringItem:
    """A schedule as lists show it."""

    recurring_run_id: str
    name: str
    description: str
    experiment_id: str
    experiment_name: str
    pipeline_id: str | None
    pipeline_name: str
    pipeline_version_id: str | None
    version_name: str
    spec_digest: str | None
    runtime_config: Mapping[str, Any]
    trigger: Mapping[str, Any]
    """`cron` or `interval_seconds`, with optional `start` and `end`."""
    max_concurrency: int
    is_catchup: bool
    is_enabled: bool
    status: str
    error: str | None
    created_at: float
    updated_at: float
    enabled_at: float | None
    last_trigger_at: float | None
    trigger_index: int
    anchored_at: float
    """When its trigger was set: a period counts from there."""
    service_account: str = ""
    last_runs: Sequence[RunDot] = ()

    @property
    def is_orphan(self) -> bool:
        """Its pipeline, or the version that it names, is not there any more."""
        return bool((self.pipeline_id and not self.pipeline_name) or (self.pipeline_version_id and not self.version_name))


MOST_TICKS = 100
"""Planned times of a schedule that are read at once."""


@dataclass(frozen=True, slots=True)
class TickItem:
    """One planned time of a schedule and what became of it."""

    planned_at: float
    decided_at: float
    outcome: str
    reason: str
    run_id: str | None
    run_name: str = ""
    run_state: str = ""
    overlapped: Sequence[tuple[str, str]] = ()
    """(id, name) of its earlier runs that had not ended when this time came."""


@dataclass(frozen=True, slots=True)
class ExperimentChoice:
    """An experiment to choose."""

    experiment_id: str
    name: str
    namespace: str


class CatalogPages(Protocol):
    """Experiments, pipelines and schedules."""

    async def list_experiments(self, query: ListQuery) -> Page[ExperimentItem]:
        """Return experiments with their last five runs. Sorts: `created`, `name`, `activity`, `description`, `runs`, `last`, and by
        the best number of a metric `best.NAME` (the greatest) or `least.NAME`.
        """
        ...

    async def experiment(self, experiment_id: str) -> ExperimentItem | None:
        """Return an experiment, or None."""
        ...

    async def best_metrics(self, experiment_ids: Sequence[str], name: str, *, is_least: bool) -> Mapping[str, BestMetric]:
        """Return the best number that a run of each experiment has under `name`, by experiment; archived runs do not count."""
        ...

    async def metric_points(self, experiment_id: str, *, limit: int = 200) -> Sequence[MetricPoint]:
        """Return the numbers of the newest `limit` runs of an experiment, archived ones aside; the largest where a run has several."""
        ...

    async def experiment_names(self, *, limit: int = 200) -> Sequence[tuple[str, str]]:
        """Return (id, name) of listed experiments, most recently used first."""
        ...

    async def find_experiments(self, text: str, *, limit: int = 20) -> Sequence[ExperimentChoice]:
        """Return active experiments whose name contains `text` or whose id it is: those that are named so exactly first, then the
        most recently used.
        """
        ...

    async def list_pipelines(self, query: ListQuery) -> Page[PipelineItem]:
        """Return pipelines with latest version and last 20 runs. Sorts: `created`, `name`."""
        ...

    async def pipeline(self, pipeline_id: str, *, version_id: str = "", before: float | None = None) -> PipelineView | None:
        """Return a pipeline with its newest `LISTED_VERSIONS` versions, or None.

        `version_id` is among them though it is an older one, as the last. With `before` they are the newest of those made earlier.
        """
        ...

    async def version(self, pipeline_version_id: str) -> VersionItem | None:
        """Return a version, or None."""
        ...

    async def list_recurring(self, query: ListQuery) -> Page[RecurringItem]:
        """Return schedules with their last ten runs. Sorts: `created`, `name`."""
        ...

    async def recurring(self, recurring_run_id: str, *, before: float | None = None) -> tuple[RecurringItem, Sequence[TickItem]] | None:
        """Return a schedule and its newest `MOST_TICKS` ticks, of those planned `before` a time when that is given; or None."""
        ...


@dataclass(frozen=True, slots=True)
class RecentTracked:
    """A run that a client made, as the start page shows it."""

    entity: str
    project: str
    name: str
    """Its id in addresses."""
    display_name: str
    state: TrackedState
    created_at: float
    ended_at: float | None
    """End, or the last sign of life of a run that crashed; None while it runs."""
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class LossItem:
    """A record from which something is missing: a task's log, or rows that the client of a tracked run left out."""

    name: str
    detail: str
    """What is missing, in the words of who left it out."""
    at: float
    run_id: str = ""
    """Of the task's run."""
    task_id: str = ""
    entity: str = ""
    """Of the tracked run, whose it is."""
    project: str = ""
    run: str = ""
    """Its id in addresses."""


@dataclass(frozen=True, slots=True)
class HomeView:
    """What the start page shows."""

    recent: Sequence[RunItem]
    """Runs of the last day, newest first, at most 300."""
    attention: Sequence[RunItem]
    """Failed lately."""
    counts: Mapping[str, int]
    """Runs of the last day by state."""
    tracked: Sequence[RecentTracked]
    """Runs of the last day that clients made, in the eight projects that changed last, newest first, at most 300."""
    crashed: Sequence[RecentTracked]
    """Runs of clients that failed or crashed in the last seven days, newest first, at most 6."""
    schedules: Sequence[RecurringItem]
    """Enabled schedules."""
    running_tasks: Sequence[TaskItem]
    latest: Sequence[SearchHit]
    """What was added or changed last, newest first: `run`, `flow`, `pipeline`, `project`, `artifact`; empty: nothing was ever here."""
    stuck: Sequence[tuple[RunItem, str]] = ()
    """Open runs that are paused, or of which nothing has run for ten minutes, with the reason of the first task that waits; at most 4."""
    losses: Sequence[LossItem] = ()
    """Data that went missing in the last seven days, newest first; at most 4 of tasks and of tracked runs each."""
    tracked_counts: Mapping[str, int] = field(default_factory=dict)
    """Runs of the last day that clients made, by `TrackedState`, among the newest 10,000 of all."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """Something the search found."""

    kind: str
    """`run`, `experiment`, `pipeline`, `recurring`, `artifact`, `execution`, `project`, `tracked`, `collection`, `sweep`, `report`,
    `tagged` (a run, by a tag); in `HomeView.latest` also `flow`."""
    object_id: str
    """Of what is tracked: its address without the first slash, not yet encoded."""
    title: str
    detail: str
    state: str = ""
    at: float | None = None
    entity: str = ""
    """Whose it is; empty for what belongs to pipelines."""


@dataclass(frozen=True, slots=True)
class TableSize:
    """Rows of one table."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class QueueItem:
    """What waits to be done by a background service."""

    name: str
    """`events` (of triggers) or `deliveries` (of automations)."""
    count: int
    """At most 1,000, which means that many or more."""
    oldest_at: float | None
    """Since when the oldest of those counted waits; of a delivery when it is due."""


@dataclass(frozen=True, slots=True)
class NewsItem:
    """Something that a reader may have missed."""

    kind: str
    """`failed` (a run), `fired` or `error` (an event trigger), `delivered` or `undelivered` (an automation of a tracking project),
    `pipeline_budget` or `project_budget` (one that was passed)."""
    at: float
    title: str
    """Name of the run, the trigger or the automation."""
    detail: str
    """Why, or what came of it."""
    object_id: str
    """Id of the run or of the trigger; `entity/project` of an automation."""
    entity: str = ""
    """Whose it is; empty for what belongs to everybody."""


@dataclass(frozen=True, slots=True)
class StorageShare:
    """What lies in the store for one pipeline or tracking project; content that several share counts for each."""

    kind: str
    """`pipeline`, `project`, `type` (of artifacts of pipelines) or `version_type` (of one entity's versions, each whole)."""
    name: str
    """Of the pipeline or type; `entity/project`."""
    contents: int
    """Distinct contents."""
    size_bytes: int
    entity: str = ""
    """Whose the project is; empty for pipelines."""


@dataclass(frozen=True, slots=True)
class SlowRead:
    """A way of reading the database that took long since the server started."""

    name: str
    """Of the function that reads."""
    count: int
    """How often it took long."""
    longest_seconds: float
    last_at: float


class HomePages(Protocol):
    """Overviews over everything."""

    async def namespaces(self) -> Mapping[str, Sequence[str]]:
        """Return names by client: `kfp` (namespaces of pipelines and runs) and `metaflow` (users of flows); each sorted."""
        ...

    async def home(self, now: float, *, namespace: str = "", reader: str | None = None) -> HomeView:
        """Return the start page's rows, as far as the user `reader` may see them; None: all. So with what follows."""
        ...

    async def news(self, since: float, *, limit: int = 20, reader: str | None = None) -> Sequence[NewsItem]:
        """Return failed runs (of the newest 500), decisions of event triggers and what came of automations (of the newest 200 each), and
        budgets that were passed, after `since`, newest first.
        """
        ...

    async def search(self, text: str, *, limit: int = 8, reader: str | None = None) -> Sequence[SearchHit]:
        """Return objects whose name contains `text` or whose id starts with it, at most `limit` of each kind."""
        ...

    async def storage(self, *, limit: int = 20) -> Sequence[StorageShare]:
        """Return the pipelines, projects and types that hold most, `limit` of each, largest first; the answer may be a minute old."""
        ...

    async def queues(self) -> Sequence[QueueItem]:
        """Count what waits for event triggers and automations."""
        ...

    def slow_reads(self) -> Sequence[SlowRead]:
        """Return what took long to read since the server started, longest first."""
        ...

    async def run_states(self) -> Mapping[str, int]:
        """Count runs that are not in the trash by state; may be 15 seconds old."""
        ...

    async def sizes(self) -> tuple[Sequence[TableSize], int, int]:
        """Return rows per table, bytes of the database and bytes of known artifacts; the answer may be a minute old."""
        ...
