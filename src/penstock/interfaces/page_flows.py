"""Read models of the flow pages: recorded runs of flows, their tasks and attempts, and the tracked runs that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.interfaces.flow_files import DatastoreRoot
from penstock.interfaces.pages import Condition
from penstock.interfaces.run_tables import RowGroups


@dataclass(frozen=True, slots=True)
class FlowQuery:
    """Which recorded runs to list; empty fields do not restrict."""

    flow_id: str = ""
    user: str = ""
    namespace: str = ""
    """User in whose namespace (`user:NAME`) they are."""
    status: str = ""
    """`running`, `completed` or `failed`."""
    tags: Sequence[str] = ()
    """User or system tags that a run must all have."""
    since: float | None = None
    """Started at this time or later."""
    until: float | None = None
    """Started before this time."""
    text: str = ""
    """Part of the flow's name or of the run's id."""
    parameters: Sequence[Condition] = ()
    """What parameters must be, by the name of each; only the newest `FlowListing.looked_at` runs are judged by it."""
    offset: int = 0
    limit: int = 50
    sort: str = "started"
    """`started`, or among the newest `FlowListing.looked_at` runs: `run`, `status`, `duration`, `tasks`, `user`, `tags`, `param.NAME`."""
    is_descending: bool = True

    @property
    def is_judged_by_run(self) -> bool:
        """Whether every run must be looked at, and no index of flows, users and times says which ones match."""
        return bool(self.status or self.tags or self.text)


@dataclass(frozen=True, slots=True)
class FlowTrigger:
    """An event that started a run, as its client told."""

    name: str
    """Of the event; of a run of another flow that ended, what it is called."""
    event_id: str
    at: float | None
    run: str = ""
    """`Flow/run` of the run whose end it was; empty for events."""


@dataclass(frozen=True, slots=True)
class FlowRunItem:
    """A recorded run in lists and at the head of its page."""

    flow_id: str
    run_id: str
    """As users see it."""
    user: str
    tags: Sequence[str]
    system_tags: Sequence[str]
    state: str
    started_at: float
    finished_at: float | None
    last_heartbeat_at: float | None
    task_count: int
    done_count: int
    failed_count: int
    error_message: str
    end_step: str = "end"
    pipeline_run_id: str | None = None
    """Run of the engine that executes it here, if one does."""
    title: str = ""
    """What people read: `Flow/run`, with the run's number where its id is a UUID."""
    triggers: Sequence[FlowTrigger] = ()
    """What started it, where events did."""
    recurring_run_id: str = ""
    """Schedule or trigger that started it here; empty when none did."""
    recurring_name: str = ""

    @property
    def is_started_by_itself(self) -> bool:
        """Whether events or a schedule started it, no person."""
        return bool(self.triggers or self.recurring_run_id)

    @property
    def short_title(self) -> str:
        """The same without the flow."""
        return self.title.partition("/")[2]

    @property
    def is_final(self) -> bool:
        """Whether it came to an end."""
        return self.state in {"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"}

    @property
    def shared_id(self) -> str:
        """Id in the shared run table."""
        return f"{self.flow_id}/{self.run_id}"


@dataclass(frozen=True, slots=True)
class FlowListing:
    """A page of recorded runs, newest first."""

    items: Sequence[FlowRunItem]
    total: int
    """Matching runs, counted up to `pages.COUNT_LIMIT`; up to a tenth of it where every run must be judged by its state, tags or name."""
    is_total_exact: bool
    has_more: bool
    """Whether older runs follow."""
    flow_ids: Sequence[str]
    """Flows among the newest matching runs, in order of their names; `users` likewise."""
    users: Sequence[str]
    looked_at: int = 0
    """The rows are among so many newest ones, beyond which nothing was sorted or judged; 0: all were."""


@dataclass(frozen=True, slots=True)
class TrackedLink:
    """A tracked run that a flow task made."""

    entity: str
    project: str
    name: str
    display_name: str
    state: str

    @property
    def url(self) -> str:
        """Address of its page, as `wandb` clients print it."""
        return f"/{self.entity}/{self.project}/runs/{self.name}"


@dataclass(frozen=True, slots=True)
class FlowAttempt:
    """One try of a task."""

    attempt: int
    state: str
    started_at: float | None
    finished_at: float | None
    error_message: str = ""
    """Why it failed, as far as it was told."""


@dataclass(frozen=True, slots=True)
class FlowTaskItem:
    """A recorded task."""

    step_name: str
    task_id: str
    state: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    error_message: str
    foreach: str
    """Values of the surrounding foreach steps (`items=b, inner=1`); empty outside."""
    origin: str
    """Task of an earlier run whose result a resumed run took over."""
    attempts: Sequence[FlowAttempt] = ()
    tracked: Sequence[TrackedLink] = ()
    origin_run: str = ""
    """The run that is resumed; empty when none is."""
    is_caught: bool = False
    """Its step failed, and `@catch` caught that: the task succeeded all the same."""

    @property
    def data_ids(self) -> tuple[str, str, str]:
        """Run ("" for its own), step and task that have its log and cards: the client stores nothing of what it takes over but values."""
        return (self.origin_run, self.step_name, self.origin) if self.origin_run and self.origin else ("", self.step_name, self.task_id)

    @property
    def newest_attempt(self) -> int:
        """Number of the newest attempt."""
        return max((item.attempt for item in self.attempts), default=0)


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A step of a run that began."""

    name: str
    states: Mapping[str, int]
    """How many of its tasks are in each state."""

    @property
    def count(self) -> int:
        """How many tasks it has so far."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class FlowTaskQuery:
    """Which tasks of a run to list; empty fields do not restrict."""

    steps: Sequence[str] | None = None
    """None: of all steps."""
    state: str = ""
    text: str = ""
    """Part of `step/task`, or of the values of the surrounding foreach steps."""
    task_id: str = ""
    """As users see it."""
    has_begun: bool = False
    """Those that have an attempt."""
    sort: str = ""
    """`task`, `status`, `attempts`, `duration` or `started`; empty: in the order in which they were recorded."""
    is_descending: bool = False
    offset: int = 0
    limit: int = 200


@dataclass(frozen=True, slots=True)
class FlowTaskPage:
    """A page of the tasks of a run, without the pseudo step `_parameters`."""

    items: Sequence[FlowTaskItem]
    total: int
    """Tasks that match."""


@dataclass(frozen=True, slots=True)
class FlowRunView:
    """What the page of a run needs beside its tasks, which come by pages."""

    run: FlowRunItem
    steps: Sequence[FlowStep] = ()
    """Those that began, in that order, without the pseudo step `_parameters`."""
    neighbours: Sequence[FlowRunItem] = ()
    """Newest runs of the same flow."""
    first_failure: FlowTaskItem | None = None
    """The task that failed first."""
    origin_run: str = ""
    """The run that this one resumes; empty unless it resumes one."""
    expected: Mapping[str, int] = field(default_factory=dict)
    """How many tasks steps are known to get, by their names: those that a foreach leads to."""

    @property
    def task_count(self) -> int:
        """How many tasks it has so far."""
        return sum(step.count for step in self.steps)


@dataclass(frozen=True, slots=True)
class FlowRunFacts:
    """What a run began with, for comparisons."""

    flow_id: str
    parameters: Mapping[str, Any]
    """Plain values by name, as they were read once."""
    digests: Mapping[str, str]
    """Content of every value that the run began with, by name: parameters and class variables of the flow."""
    script: str = ""
    """File of the flow."""
    code_sha: str = ""
    """Name of the code package; empty when none was kept."""
    root: DatastoreRoot | None = None
    """Where the run keeps its data, as far as it told."""


class FlowPages(Protocol):
    """What the flow pages read."""

    async def runs(self, query: FlowQuery) -> FlowListing:
        """A page of the recorded runs that match, with how many there are."""
        ...

    async def groups(self, query: FlowQuery, by: str) -> RowGroups:
        """Group the matching runs by `flow`, `user` or `status`; bounded as other groups are."""
        ...

    async def rows(self, query: FlowQuery) -> Sequence[FlowRunItem]:
        """Only the rows of such a page: for exports and bulk actions, which need no counts."""
        ...

    async def run(self, flow_id: str, run_id: str) -> FlowRunView | None:
        """A recorded run with its steps, or None."""
        ...

    async def tasks(self, flow_id: str, run_id: str, query: FlowTaskQuery) -> FlowTaskPage:
        """Return the tasks of a run that match, a page at a time; none of a run that there is not."""
        ...

    async def facts(self, shared_ids: Sequence[str]) -> Mapping[str, FlowRunFacts]:
        """What these runs began with, by id in the shared run table; others are left out."""
        ...
