"""Tracked runs as values: projects, runs, files and console lines of programs that log here. How they are stored is not said here.

Vocabulary is W&B's where it has a word (design.md: tracking is one store for all protocols). Documents (`config`, `summary`) are kept
as JSON text exactly as the client sent them, because bare `NaN` tokens and integers over 2**53 must survive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

from penstock.domain.ids import Digest, RunId, TaskId, TrackedRunId

TrackedProjectId = NewType("TrackedProjectId", int)
"""Row id of a project; stable over renames, below 2**53."""


class TrackedState(StrEnum):
    """State of a tracked run, in the words that W&B clients read (wandb.md section 6.5)."""

    PENDING = "pending"
    """Created, nothing has written to it yet."""
    RUNNING = "running"
    FINISHED = "finished"
    """Completed with exit code 0."""
    FAILED = "failed"
    """Completed with another exit code."""
    CRASHED = "crashed"
    """No heartbeat for a while; a late one brings it back to `running`."""
    KILLED = "killed"
    """Ended from outside on purpose."""
    PREEMPTING = "preempting"
    PREEMPTED = "preempted"
    """Announced preemption and then ended in error or went silent; a sweep hands its trial out again."""

    @property
    def is_live(self) -> bool:
        """Whether a writer is expected to be alive."""
        return self in {TrackedState.RUNNING, TrackedState.PREEMPTING}


@dataclass(frozen=True, slots=True)
class TrackedProject:
    """Holds runs; comes into existence with the first of them."""

    project_id: TrackedProjectId
    entity: str
    name: str
    description: str
    created_at: float
    updated_at: float
    """Time of the newest change of a run in it."""
    run_count: int
    user_name: str = ""
    """Who created it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What clients set on a project and nobody here interprets (access, views, framework, repo, ...)."""
    is_described: bool = False
    """Whether somebody gave a description, be it an empty one."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """One tracked run with its documents; its series are read through `tracking.history`."""

    run_id: TrackedRunId
    project_id: TrackedProjectId
    entity: str
    project: str
    name: str
    """The run id that users see and choose; unique in its project."""
    display_name: str
    description: str
    notes: str
    tags: tuple[str, ...]
    group: str
    job_type: str
    config: str
    """JSON object text; every key is wrapped: `{"lr": {"value": 0.1}}`."""
    summary: str
    """JSON object text."""
    state: TrackedState
    """As of now: silence longer than the limit is already taken into account."""
    exit_code: int | None
    created_at: float
    updated_at: float
    """Last change of the record (not of series)."""
    heartbeat_at: float
    finished_at: float | None
    host: str
    program: str
    commit: str
    repo: str
    user_name: str
    sweep: str
    """Name of the sweep it belongs to, or empty."""
    is_stop_requested: bool
    task_id: TaskId | None = None
    """The pipeline task that this run is the record of."""
    pipeline_run_id: RunId | None = None
    """The pipeline (or flow) run of that task."""
    is_automatic: bool = False
    """Made by the server for a task; no client has written to it."""
    is_shared: bool = False
    """Several writers stream to it (shared mode)."""
    stop_asked_at: float | None = None
    """When its program was asked to stop, the first time since it was begun or resumed."""
    stop_asked_by: str = ""
    """Who asked for that."""
    place: int = 0
    """How manieth run of its project it is, counted from 1; two that began at the same moment may share one."""

    @property
    def duration_seconds(self) -> float:
        """Seconds from creation to the end or the last sign of life."""
        return max((self.finished_at or self.heartbeat_at) - self.created_at, 0.0)


@dataclass(frozen=True, slots=True)
class RunChange:
    """What an upsert asks for; None leaves the stored value alone (wandb.md 6.2)."""

    display_name: str | None = None
    description: str | None = None
    notes: str | None = None
    tags: Sequence[str] | None = None
    group: str | None = None
    job_type: str | None = None
    config: str | None = None
    """Replaces the whole document (in shared mode: merged by key)."""
    summary: str | None = None
    state: TrackedState | None = None
    host: str | None = None
    program: str | None = None
    commit: str | None = None
    repo: str | None = None
    sweep: str | None = None


@dataclass(frozen=True, slots=True)
class KeyStats:
    """What is known about one (flattened, dotted) key of a run's history."""

    key: str
    counts: Mapping[str, int]
    """Values by type: `number`, `string`, `boolean`, `nil`, `list`, `map`, or the `_type` of media objects."""
    previous_value: float | int | None
    """Last number logged; None when there was none."""
    is_monotonic: bool
    """Numbers never decreased."""


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """State of a run's series without their rows; cheap, kept up to date while rows arrive."""

    history_lines: int = 0
    """Offset at which the next history line belongs: highest `offset + length` received."""
    history_rows: int = 0
    """Distinct rows (steps) stored."""
    events_lines: int = 0
    first_step: int | None = None
    last_step: int | None = None
    history_tail: str | None = None
    """JSON text of the row with the highest step."""
    events_tail: str | None = None
    """JSON text of the newest system metrics row (`Run.systemMetrics`)."""
    keys: tuple[KeyStats, ...] = ()
    """Keys of the history in order of first appearance."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run."""

    file_id: int
    """0 for a name that has no file yet."""
    run_id: TrackedRunId
    name: str
    """Normalised relative path."""
    digest: Digest | None
    """Blob with the bytes; None for a name that has no file yet."""
    size_bytes: int
    md5: str | None
    """Hex."""
    mimetype: str
    updated_at: float | None


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One line of a run's console."""

    number: int
    """0-based line number; numbers may have gaps."""
    text: str
    """Without prefix and line end."""
    timestamp: str | None
    """ISO 8601, UTC, as sent; None when the line carried none."""
    level: str
    """`error` (stderr) or `info`."""
    label: str
    """Writer's label in shared mode, or empty."""
