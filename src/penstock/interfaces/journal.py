"""Durable record of engine runs: events (the truth), projections (what people read), and how runs come back after a restart.

Records here are plain values in the domain's words; the SQL behind them lives in `stores.sql.journal`. JSON-like fields hold
plain Python values; numbers that are not finite are kept exactly in events and become the texts `NaN`, `Infinity` and
`-Infinity` in projection columns, so that every JSON reader can read those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.execution import Failure, TaskOutputs
from penstock.domain.ids import ArtifactId, RunId, TaskId, TaskPath
from penstock.domain.runs import NewRun
from penstock.domain.states import RuntimeState, TaskType


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One stored event of a run."""

    run_id: RunId
    seq: int
    """0, 1, 2 ... within the run, without gaps."""
    at: float
    type: str
    """Class name of the event (`engine.events`)."""
    payload: str
    """JSON text of its fields."""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as it is now. Written whole whenever something about it changed; `detail` None leaves the stored one alone."""

    run: NewRun
    """The run it belongs to, as submitted (name, pipeline name, namespace, experiment, tags, options)."""
    task_id: TaskId
    execution_id: int
    """Number for clients that want one; derived from the task id, below 2**53."""
    parent_task_id: TaskId | None
    path: TaskPath
    task_key: str
    display_name: str
    type: TaskType
    component: str
    """Name of the template."""
    is_leaf: bool
    """Does work itself (RUNTIME and IMPORTER tasks, also as loop iterations)."""
    iteration_index: int | None
    iteration_count: int | None
    """Loops only: number of items."""
    position: int
    state: RuntimeState
    previous_state: RuntimeState | None
    """State in the last record of this task in this server life; None for the first."""
    reason: str
    """Why it is in this state, a sentence; may be empty while RUNNING or SUCCEEDED."""
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    """How many attempts were launched so far."""
    is_cached: bool
    cached_task_id: TaskId | None
    cache_fingerprint: str | None
    cache_reason: str
    error: Failure | None
    parameters: Mapping[str, Any]
    """Resolved inputs, defaults included."""
    input_artifacts: Mapping[str, tuple[ArtifactRef, ...]]
    producers: Mapping[str, Mapping[str, str]]
    """Input name to `{"task": key, "path": task path, "key": output key}` of the task whose output it is."""
    outputs: TaskOutputs
    detail: Mapping[str, Any] | None = None
    """What `AttemptStarted.detail` and usage said, newest attempt."""
    flow: str = ""
    """Metaflow flow whose step it runs; empty for tasks of other pipelines."""
    code_digest: str = ""
    """Identity of the component's code, the part `code` of its cache key; empty for tasks that hold others."""
    value_types: Mapping[str, str] = field(default_factory=dict)
    """Types of inputs and outputs that are texts on the wire (kfp 1.8), as far as the component declares them, by name."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt as it is now; `detail` None leaves the stored one alone."""

    run_id: RunId
    task_id: TaskId
    attempt: int
    state: RuntimeState
    created_at: float
    started_at: float | None
    finished_at: float | None
    exit_code: int | None
    error: Failure | None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """A sentence for a task's Events tab; numbered by the store."""

    run_id: RunId
    task_id: TaskId
    attempt: int | None
    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What changed about a run."""

    run_id: RunId
    state: RuntimeState
    history: tuple[tuple[float, RuntimeState, str | None], ...]
    """State changes to append: time, state, error message."""
    error_code: int | None
    error_message: str | None
    started_at: float | None
    finished_at: float | None
    task_count: int
    done_count: int
    failed_count: int
    cached_count: int


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A published artifact. A second record with the same id changes nothing."""

    artifact: ArtifactRef
    run_id: RunId
    task_id: TaskId
    output_key: str
    created_at: float


@dataclass(frozen=True, slots=True)
class ArtifactUseRecord:
    """A lineage edge between a task and an artifact."""

    run_id: RunId
    task_id: TaskId
    artifact_id: ArtifactId
    direction: str
    """`input` or `output`."""
    key: str
    position: int
    at: float


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """A scalar metric of a task."""

    run_id: RunId
    task_id: TaskId
    name: str
    number: float | None
    text: str | None
    """Set when the value is not a finite number."""
    format: str = "RAW"
    """How to show it: RAW or PERCENTAGE."""


@dataclass(frozen=True, slots=True)
class CacheEntryRecord:
    """A result that later tasks may reuse."""

    fingerprint: str
    run_id: RunId
    task_id: TaskId
    scope: str
    """`<namespace>/<pipeline name>`."""
    component: str
    parts: Mapping[str, str]
    outputs: TaskOutputs
    created_at: float


@dataclass(frozen=True, slots=True)
class JournalBatch:
    """Everything one turn of the driver has to make durable, over all runs."""

    events: Sequence[EventRecord] = ()
    runs: Sequence[RunRecord] = ()
    tasks: Sequence[TaskRecord] = ()
    attempts: Sequence[AttemptRecord] = ()
    notes: Sequence[NoteRecord] = ()
    artifacts: Sequence[ArtifactRecord] = ()
    uses: Sequence[ArtifactUseRecord] = ()
    metrics: Sequence[MetricRecord] = ()
    cache_entries: Sequence[CacheEntryRecord] = ()


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What is needed to rebuild a run's state."""

    new_run: NewRun
    content: Mapping[str, Any]
    """The stored definition, for `PlanLoader.load(new_run.kind, content)`."""
    events: Sequence[EventRecord] = field(default=())
    """In order of `seq`."""
    version: int = 0


Projection = Callable[[Any, Sequence[TaskRecord]], None]
"""`(transaction, records)`: runs inside the transaction that stores `records`, in registration order.

It must not have effects outside the transaction. If it raises, its own changes are undone and logged; the run goes on.
"""

Hook = Callable[[Any], None]
"""`(transaction)`: runs inside the transaction that creates a run; raising prevents the run."""


class RunJournal(Protocol):
    """The engine's durable memory. Every write is atomic and durable when the call returns."""

    def add_projection(self, projection: Projection) -> None:
        """Let `projection` run in every later `append`."""
        ...

    async def create(self, new_run: NewRun, first: EventRecord, hook: Hook | None = None) -> None:
        """Store a new run (state PENDING, its parameters) and its first event.

        Raises:
            AlreadyExistsError: the run id is taken; nothing was stored.
            UnavailableError: the store could not be reached; nothing was stored.
        """
        ...

    async def append(self, batch: JournalBatch) -> Mapping[RunId, int]:
        """Store everything in `batch` in one transaction; return the new `version` of each run in it.

        Raises:
            UnavailableError: the store could not be reached; nothing was stored.
        """
        ...

    async def open_runs(self) -> list[RunId]:
        """Ids of engine runs that are not in a final state, oldest first."""
        ...

    async def load(self, run_id: RunId) -> StoredRun:
        """Everything needed to rebuild a run.

        Raises:
            NotFoundError: no such engine run.
        """
        ...

    async def load_content(self, spec_digest: str) -> Mapping[str, Any] | None:
        """The stored definition with this digest, for `PlanLoader.load`; None when there is none."""
        ...

    async def find_identical_artifact(self, wanted: ArtifactRef) -> ArtifactRef | None:
        """Newest stored artifact with the same uri, type and metadata."""
        ...

    async def find_content(self, uri: str) -> ArtifactRef | None:
        """Content at `uri`: of the newest stored artifact with a digest there, else of the embedded store's object of that name."""
        ...
