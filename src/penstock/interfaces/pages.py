"""Read models of the web pages about runs, tasks and artifacts: what a page shows, gathered in a fixed number of queries.

Only reading lives here; changes go through the use cases. Lists use keyset paging: `cursor` is opaque text from the page before.
Times are seconds since the epoch, UTC. JSON columns arrive decoded. Implemented by `stores.sql.pages_*`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
_ITERATION = re.compile(r"\[\d+\]")


def with_iterations(name: str, path: str) -> str:
    """Return a task's name with the numbers of the loop iterations in its path, as the command line writes it: `train[3]`."""
    return name + "".join(_ITERATION.findall(path))


def with_rounds_in_order(uses: Iterable[ArtifactUse]) -> list[ArtifactUse]:
    """Return uses in their order, but those of a run's loop by the numbers of its iterations, where the first of them was."""
    held = list(uses)
    looped = [(use.run_id, _ITERATION.sub("", use.task_path) or use.task_id) for use in held]
    first = {task: place for place, task in reversed([*enumerate(looped)])}
    rounds = [[int(part[1:-1]) for part in _ITERATION.findall(use.task_path)] for use in held]
    return [held[place] for place in sorted(range(len(held)), key=lambda place: (first[looped[place]], rounds[place]))]


COUNT_LIMIT = 10_000
"""Matching rows are counted up to this many; beyond, pages say "more than"."""
LOOKED_AT = 8_000
"""Newest matching rows that are sorted, judged or grouped by what has to be worked out for each of them; pages say so."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One screenful of a list."""

    items: Sequence[T]
    next_cursor: str | None
    """Pass it as `cursor` for the following rows; None at the end."""
    total: int
    """Matching rows, counted up to `COUNT_LIMIT`."""
    is_total_exact: bool = True
    looked_at: int = 0
    """The rows are among so many newest ones, beyond which nothing was sorted or judged; 0: all were."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One chip of a filter bar, for example `accuracy>0.9`."""

    field: str
    """`status`, `pipeline`, `tag`, ... or the name of a parameter or metric."""
    operator: str
    """One of `:` (is, contains) `=` `!=` `<` `<=` `>` `>=`."""
    value: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list shows; every list takes the same, and ignores conditions on fields it does not have."""

    words: tuple[str, ...] = ()
    """Free text; each must occur in the name or be the start of the id."""
    conditions: tuple[Condition, ...] = ()
    is_archived: bool = False
    sort: str = "created"
    is_descending: bool = True
    cursor: str | None = None
    limit: int = 50
    scope: Mapping[str, str] = field(default_factory=dict)
    """Fixed restrictions of the page: `experiment_id`, `pipeline_id`, `pipeline_version_id`, `recurring_run_id`, `run_id`, `component`;
    and the reader's `namespace`."""
    now: float = 0.0
    """Reference for relative times such as `started:<24h`."""
    zone: str = "UTC"
    """Time zone in which dates such as `started>=2026-01-31` are read."""


@dataclass(frozen=True, slots=True)
class ScalarMetric:
    """A scalar as logged: number or text."""

    name: str
    number: float | None
    text: str | None
    format: str = "RAW"
    """`RAW` or `PERCENTAGE`."""
    task_id: str = ""
    count: int = 1
    """How many values of its name it stands for: itself, or all that tasks of the run logged (see `by_name`)."""


def by_name(metrics: Sequence[ScalarMetric]) -> dict[str, ScalarMetric]:
    """Return one metric of each name: the largest number that tasks of a run logged, by which lists of runs are sorted, too.

    Texts count as less than any number; of equal values the one whose task has the greater id stands.
    """
    found: dict[str, list[ScalarMetric]] = {}
    for metric in metrics:
        found.setdefault(metric.name, []).append(metric)

    def place(metric: ScalarMetric) -> tuple[float, str]:
        return (-math.inf if metric.number is None or math.isnan(metric.number) else metric.number, metric.task_id)

    return {name: replace(max(values, key=place), count=sum(one.count for one in values)) for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class RunItem:
    """A run as lists and headers show it."""

    run_id: str
    kind: str
    name: str
    description: str
    state: str
    storage_state: str
    created_at: float
    scheduled_at: float
    started_at: float | None
    finished_at: float | None
    experiment_id: str | None
    experiment_name: str
    pipeline_name: str
    """Of its definition."""
    pipeline_id: str | None
    pipeline_version_id: str | None
    version_name: str
    recurring_run_id: str | None
    recurring_name: str
    spec_digest: str | None
    task_count: int
    done_count: int
    failed_count: int
    cached_count: int
    version: int
    error: Mapping[str, Any] | None
    parameters: Mapping[str, Any]
    """As given by the caller."""
    tags: Mapping[str, str]
    options: Mapping[str, Any]
    pipeline_root: str
    service_account: str
    state_history: Sequence[Mapping[str, Any]] = ()
    metrics: Sequence[ScalarMetric] = ()
    pipeline_title: str = ""
    """What people called the pipeline, else the name of its definition."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens without a retry."""
        return self.state in {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}

    @property
    def error_message(self) -> str:
        """Why it failed, or empty."""
        return str(self.error.get("message", "")) if self.error else ""


class TaskState(NamedTuple):
    """As little of a task as a coloured cell needs; a loop has thousands."""

    task_id: str
    task_key: str
    iteration_index: int | None
    state: str
    is_cached: bool


@dataclass(frozen=True, slots=True)
class TaskItem:
    """A task as graphs, tables and the executions list show it."""

    task_id: str
    run_id: str
    execution_id: int
    parent_task_id: str | None
    path: str
    task_key: str
    display_name: str
    type: str
    component: str
    iteration_index: int | None
    iteration_count: int | None
    position: int
    state: str
    reason: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    is_cached: bool
    cached_task_id: str | None
    cache_fingerprint: str | None
    cache_reason: str
    error: Mapping[str, Any] | None
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    detail: Mapping[str, Any]
    run_name: str = ""
    pipeline_name: str = ""
    worker: str = ""
    """Machine of the newest attempt; empty: it ran nowhere, or that was not told."""
    code_digest: str = ""
    """Identity of the component's code; of a flow's task, that of its code package; empty: not known."""

    @property
    def label(self) -> str:
        """Name with the numbers of the loop iterations it belongs to, as the command line writes it: `train[3]`.

        A task of a flow is named by its step and the begin of its id: `train/12`, `train/b2777f57`.
        """
        parts = self.path.split("/")
        if "/" in self.run_id and len(parts) == 3:
            return f"{parts[1]}/{parts[2] if parts[2].isdecimal() else parts[2][:8]}"
        return with_iterations(self.display_name, self.path)

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens without a retry."""
        return self.state in {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}

    @property
    def is_leaf(self) -> bool:
        """Whether it does work itself (as opposed to holding other tasks)."""
        return self.type in {"RUNTIME", "IMPORTER"}

    @property
    def error_message(self) -> str:
        """Why it failed, or empty."""
        return str(self.error.get("message", "")) if self.error else ""


@dataclass(frozen=True, slots=True)
class AttemptItem:
    """One try at a task."""

    attempt: int
    state: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    exit_code: int | None
    error: Mapping[str, Any] | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaskTry:
    """An attempt as a list of a run's attempts shows it."""

    task_id: str
    display_name: str
    attempt: int
    state: str
    created_at: float


@dataclass(frozen=True, slots=True)
class IterationItem:
    """An iteration of a loop, or of a loop inside it, as a grid shows it."""

    task_id: str
    path: str
    index: int
    state: str
    seconds: float | None
    """How long it took; None while it has not ended."""
    parameters: Mapping[str, Any]
    """Resolved inputs, loop items among them."""
    numbers: Mapping[str, float]
    """Metrics and numeric output parameters of the tasks in it; of several of one name the first."""


@dataclass(frozen=True, slots=True)
class NoteItem:
    """A line of the Events tab."""

    seq: int
    attempt: int | None
    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class ArtifactItem:
    """A stored artifact."""

    artifact_id: int
    name: str
    output_key: str
    type: str
    uri: str
    digest: str | None
    size_bytes: int | None
    is_directory: bool
    metadata: Mapping[str, Any]
    created_at: float
    run_id: str | None
    task_id: str | None
    run_name: str = ""
    task_name: str = ""
    task_path: str = ""
    pipeline_name: str = ""
    """That of its definition."""
    pipeline_title: str = ""
    """That which people gave to it."""

    @property
    def task_label(self) -> str:
        """Name of the task with the numbers of the loop iterations it belongs to."""
        return with_iterations(self.task_name, self.task_path)


@dataclass(frozen=True, slots=True)
class ArtifactUse:
    """An edge between a task and an artifact."""

    direction: str
    """`input` or `output`."""
    key: str
    position: int
    artifact: ArtifactItem
    task_id: str
    task_name: str = ""
    run_id: str = ""
    run_name: str = ""
    task_state: str = ""
    task_path: str = ""

    @property
    def task_label(self) -> str:
        """Name of the task with the numbers of the loop iterations it belongs to."""
        return with_iterations(self.task_name, self.task_path)


@dataclass(frozen=True, slots=True)
class TaskView:
    """Everything the node panel shows."""

    task: TaskItem
    run: RunItem
    attempts: Sequence[AttemptItem]
    notes: Sequence[NoteItem]
    uses: Sequence[ArtifactUse]
    metrics: Sequence[ScalarMetric]
    cached_from: TaskItem | None
    """Original of a cache hit, when it still exists."""
    parent: TaskItem | None
    child_states: Mapping[str, int]
    """How many direct children are in each state; empty for leaves."""


@dataclass(frozen=True, slots=True)
class StateCount:
    """Tasks below a group node by state, for the ring on a collapsed box."""

    parent_task_id: str
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class RunView:
    """What the run page needs besides the view that is open."""

    run: RunItem
    root: TaskItem | None
    first_failure: TaskItem | None
    """The leaf task that failed first."""
    waiting: TaskItem | None
    """Some task that has not started yet and says why."""
    last_good: RunItem | None
    """Newest earlier run of the same pipeline that succeeded."""
    neighbours: Sequence[RunItem]
    """A few newest runs of the same pipeline, for the sibling menu."""


LOOKED_BACK = 1000
"""Runs before another one among which the last good one is looked for."""


class RunPages(Protocol):
    """Runs and the tasks in them."""

    async def list_runs(self, query: ListQuery) -> Page[RunItem]:
        """Return runs with their metrics and names resolved. Sorts: `created`, `name`, `state`, `duration`, `finished`; also
        `metric.NAME` and `param.NAME`, which leave out runs without that number.
        """
        ...

    async def task_metrics(self, task_ids: Sequence[str]) -> Mapping[str, Sequence[ScalarMetric]]:
        """Return what each task logged as metrics, by task; of at most 1,000 tasks, 40 of each."""
        ...

    async def metric_names(self, *, limit: int = 200) -> Sequence[str]:
        """Return names of scalar metrics in use, for column choosers and completion."""
        ...

    async def run(self, run_id: str) -> RunView | None:
        """Return a run, or None."""
        ...

    async def runs(self, run_ids: Sequence[str]) -> Sequence[RunItem]:
        """Return the existing ones of `run_ids`, in that order, with metrics."""
        ...

    async def last_good(self, run_ids: Sequence[str]) -> Mapping[str, RunItem]:
        """Return, by the id of each of these runs, the newest one of the same pipeline or flow before it that succeeded.

        Of each the `LOOKED_BACK` runs before it are looked at; those without one are left out.
        """
        ...

    async def children(self, run_id: str, parent_task_id: str, *, offset: int = 0, limit: int = 2000) -> Sequence[TaskItem]:
        """Return direct children of a group node in order of creation."""
        ...

    async def cells(self, run_id: str, parent_task_id: str, *, limit: int | None) -> Sequence[TaskState]:
        """Return state and little else of the direct children of a node, in order; narrow, for nodes with very many. None: all."""
        ...

    async def component_states(self, run_id: str, parent_task_id: str) -> Sequence[tuple[str, str, bool, int]]:
        """Count the direct children of a node by component, state and whether they were cached."""
        ...

    async def tasks_of(self, run_id: str, task_ids: Sequence[str]) -> Sequence[TaskItem]:
        """Return the run's tasks of those ids (at most 1,000), in order of creation."""
        ...

    async def child_states(self, run_id: str, parent_task_ids: Sequence[str]) -> Sequence[StateCount]:
        """Count the direct children of each given node by state."""
        ...

    async def list_tasks(self, query: ListQuery) -> Page[TaskItem]:
        """Return leaf executions, over all runs or with `scope.run_id` / `scope.component`. Sorts: `created`, `position`, `duration`."""
        ...

    async def timeline(self, run_id: str, *, limit: int = 500) -> Sequence[TaskItem]:
        """Return leaf tasks in order of start, at most `limit`, the unfinished and the longest first when there are more."""
        ...

    async def timelines(self, run_ids: Sequence[str], *, limit: int = 200) -> Sequence[TaskItem]:
        """Return the leaf tasks that started in any of the runs, at most `limit` of each as in `timeline`, in order of start by run."""
        ...

    async def environments(self, run_ids: Sequence[str], *, limit: int = 200) -> Mapping[str, Mapping[str, Any]]:
        """Return what the last attempt of the tasks of `timelines` recorded, by task id; a cached task has that of its source."""
        ...

    async def task(self, run_id: str, task_id: str) -> TaskView | None:
        """Return a task with attempts, notes and artifacts, or None."""
        ...

    async def previous_attempt(self, task: TaskItem) -> tuple[TaskItem, Mapping[str, Any]] | None:
        """Return the task at the same path in the newest earlier run of the same pipeline that ran it itself, with what its last
        attempt recorded; looks at the 50 runs before. None: there is none.
        """
        ...

    async def iterations(self, run_id: str, path: str, *, limit: int = 10_000) -> Sequence[IterationItem]:
        """Return the iterations of the loop at `path` and of the loops inside it, at most `limit`, in order."""
        ...

    async def tries(self, run_id: str, *, limit: int = 500) -> Sequence[TaskTry]:
        """Return attempts of the tasks of a run, failed ones first and then the newest first, at most `limit`."""
        ...

    async def spec(self, digest: str) -> tuple[str, Mapping[str, Any], str | None] | None:
        """Return a stored definition as (kind, content, source text), or None."""
        ...

    async def specs(self, digests: Sequence[str]) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        """Return the stored ones of these definitions as (kind, content) by digest."""
        ...
