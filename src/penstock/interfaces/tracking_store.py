"""Stores behind the tracking use cases: records (SQL) and series (columns). Every acknowledged change is durable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.domain.data_losses import DataLoss
from penstock.domain.ids import Digest, RunId, TaskId, TrackedRunId
from penstock.domain.tracking import ConsoleLine, RunChange, RunFile, SeriesInfo, TrackedProject, TrackedProjectId, TrackedRun, TrackedState
from penstock.interfaces.run_tables import RowGroups
from penstock.interfaces.tracking_query import Filter, RunPage, RunQuery

SHARED_SILENCE_SECONDS = 60.0
"""How long one of several writers of a run may be silent before the others do not wait for it. Clients post at least every 30 s."""


@dataclass(frozen=True, slots=True)
class RunBirth:
    """What a run gets when an upsert has to create it."""

    run_id: TrackedRunId
    project_id: TrackedProjectId
    """For the project, when that has to be created too."""
    name: str
    display_base: str
    """`happy-river`; the store appends the run's ordinal in its project."""
    created_at: float
    user_name: str
    task_id: TaskId | None = None
    """A task-scoped key writes: the task's automatic record is adopted instead of creating a second one."""
    is_shared: bool = False
    """The first writer announced shared mode."""


@dataclass(frozen=True, slots=True)
class RunUpserted:
    """Outcome of an upsert."""

    run: TrackedRun
    is_inserted: bool
    adopted_from: str | None = None
    """Name under which the server had recorded the task, when that record was adopted."""


class ProjectStore(Protocol):
    """Projects."""

    async def get(self, entity: str, name: str) -> TrackedProject | None:
        """Return the project, or None."""
        ...

    async def get_by_id(self, project_id: TrackedProjectId) -> TrackedProject | None:
        """Return the project, or None."""
        ...

    async def list(self, entity: str, *, after: str | None, limit: int) -> tuple[Sequence[TrackedProject], bool]:
        """Return projects by name, those after the name `after`, and whether more follow."""
        ...

    async def entities(self) -> Sequence[str]:
        """Return entities that own projects, by name."""
        ...

    async def upsert(
        self,
        entity: str,
        name: str,
        *,
        project_id: TrackedProjectId,
        at: float,
        user_name: str,
        description: str | None,
        settings: Mapping[str, Any],
    ) -> tuple[TrackedProject, bool]:
        """Create the project under `project_id`, or change the existing one; the flag tells which."""
        ...

    async def rename(self, project_id: TrackedProjectId, name: str) -> None:
        """Give the project another name.

        Raises:
            NotFoundError: no such project.
            AlreadyExistsError: the entity has a project of that name.
        """
        ...

    async def delete(self, project_id: TrackedProjectId, *, at: float) -> Sequence[TrackedRunId]:
        """Remove the project with its runs, collections, sweeps and reports; return the runs, whose series are still to be removed.

        Links to its versions go from other projects, too. What the project knew of bytes stays for housekeeping to judge, since versions
        of other projects may name them. Repeating is fine.
        """
        ...


class TrackedRunStore(Protocol):
    """Records of runs."""

    async def get(self, entity: str, project: str, name: str) -> TrackedRun | None:
        """Return the run, or None."""
        ...

    async def get_by_id(self, run_id: TrackedRunId) -> TrackedRun | None:
        """Return the run, or None."""
        ...

    async def of_tasks(self, task_ids: Sequence[TaskId]) -> Mapping[TaskId, Sequence[TrackedRun]]:
        """Return the runs recorded for pipeline tasks, oldest first."""
        ...

    async def heard_last(self, *, seconds: float, limit: int) -> Sequence[TrackedRun]:
        """Return runs heard of within `seconds` before the newest sign of life of any run, newest first; not those made for tasks."""
        ...

    async def upsert(self, entity: str, project: str, birth: RunBirth, change: RunChange) -> RunUpserted:
        """Create or change the run `birth.name`; project included. Only non-None parts of `change` have an effect.

        In shared runs `config` and `summary` are merged by top-level key instead of replaced.
        """
        ...

    async def update(self, run_id: TrackedRunId, change: RunChange, *, at: float) -> TrackedRun:
        """Change an existing run.

        Raises:
            NotFoundError: no such run.
        """
        ...

    async def write(self, run_id: TrackedRunId, write: StreamWrite) -> None:
        """Apply what a file-stream request says beside series rows, in one transaction.

        Raises:
            NotFoundError: the run is gone.
        """
        ...

    async def beat(self, beats: Mapping[TrackedRunId, float]) -> None:
        """Store times of last heartbeats (only forward)."""
        ...

    async def put_history_keys(self, keys: Mapping[TrackedRunId, Sequence[str]]) -> None:
        """Note which keys the histories of these runs have, so that lists can filter by them; never removes any."""
        ...

    async def refresh_index(self) -> None:
        """Do some of the work that the next filtered list would have to do; called by a timer."""
        ...

    async def crash_silent(self, before: float, *, shared_before: float) -> Sequence[TrackedRun]:
        """Turn live runs with no heartbeat since `before` into crashed (preempting: preempted) ones; return them.

        A run of several writers (shared mode) of which some are done ends as those did, when nobody was heard since `shared_before`:
        writers that may not decide over the run's end go without a word.
        """
        ...

    async def set_state(self, run_id: TrackedRunId, state: TrackedState, *, from_states: Iterable[TrackedState], at: float) -> bool:
        """Move the run to `state` if it is in one of `from_states`; return whether it was."""
        ...

    async def request_stop(self, run_id: TrackedRunId, *, at: float, by: str) -> bool:
        """Set the stop flag unless the program has said goodbye; return whether the run exists. Who asked first is kept."""
        ...

    async def delete(self, run_id: TrackedRunId) -> bool:
        """Remove the record with files, console and values; return whether it existed."""
        ...

    async def find(self, query: RunQuery) -> RunPage:
        """Return a page of runs.

        Raises:
            InvalidArgumentError: a cursor or a regular expression is malformed.
        """
        ...

    async def count(self, project_id: TrackedProjectId, filter: Filter) -> int:
        """Return how many runs match."""
        ...

    async def groups(self, project_id: TrackedProjectId, filter: Filter, by: str, columns: Sequence[str]) -> RowGroups:
        """Group the matching runs by `group`, `job_type`, `state`, `sweep`, `user_name` or `config.KEY`; bounded as other groups are.

        `columns` names values whose numbers are summed up, as they are indexed: `c.lr`, `s.loss`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ConsoleWrite:
    """Console lines of one request: consecutive, from `offset`."""

    offset: int
    lines: Sequence[str]
    """As sent."""


@dataclass(frozen=True, slots=True)
class StreamWrite:
    """What one file-stream request changes in the record of a run."""

    at: float
    state: TrackedState | None = None
    """New state; None leaves it."""
    exit_code: int | None = None
    summary: str | None = None
    console: ConsoleWrite | None = None
    writer: str = ""
    """Client id in shared mode; empty for the only writer of a run."""
    is_complete: bool = False
    """This writer is done."""
    is_leaving: bool = False
    """The program of this writer ends, though it may have no say over the run."""
    starts_over: bool = False
    """A run that had ended is written to again: forget end, stop flag and that it was preemptible."""
    is_preempting: bool = False
    """The program says that it may be preempted; when it then ends in error or falls silent, it was."""
    losses: Sequence[DataLoss] = ()
    """What the client left out; the first of each kind is kept."""


class RunFileStore(Protocol):
    """Files of runs; their bytes are blobs."""

    async def put(self, file: RunFile) -> RunFile:
        """Register the file under its name, replacing an earlier one; return it with its id."""
        ...

    async def get(self, run_id: TrackedRunId, name: str) -> RunFile | None:
        """Return the file, or None."""
        ...

    async def get_by_id(self, file_id: int) -> RunFile | None:
        """Return the file, or None."""
        ...

    async def list(
        self, run_id: TrackedRunId, *, names: Sequence[str], pattern: str | None, after: str | None, limit: int
    ) -> tuple[Sequence[RunFile], bool]:
        """Return files by name, restricted to `names` when there are any and to the LIKE `pattern`, and whether more follow."""
        ...

    async def of_runs(
        self, run_ids: Sequence[TrackedRunId], *, names: Sequence[str], beginnings: Sequence[str], per_run: int
    ) -> Sequence[RunFile]:
        """Return files of several runs (at most 400) that have one of these names or begin with one of these texts, by run and name, the
        first `per_run` of each.
        """
        ...

    async def count(self, run_id: TrackedRunId) -> int:
        """Return how many files the run has."""
        ...

    async def delete(self, file_ids: Sequence[int]) -> Sequence[RunFile]:
        """Remove files; return those that existed."""
        ...


@dataclass(frozen=True, slots=True)
class ConsoleEnds:
    """The end of a console, as much of it as was asked for."""

    lines: Sequence[ConsoleLine]
    """Ascending."""
    size: int
    """Characters that were read."""


class ConsoleStore(Protocol):
    """Console lines; written through `TrackedRunStore.write`. With `writers` (client ids of shared mode) only what those sent is seen."""

    async def read(
        self, run_id: TrackedRunId, *, after: int, before: int | None, limit: int, from_end: bool, writers: Sequence[str] = ()
    ) -> Sequence[ConsoleLine]:
        """Return lines with `after < number < before`, ascending: the first `limit`, or the last with `from_end`."""
        ...

    async def line_count(self, run_id: TrackedRunId, *, writers: Sequence[str] = ()) -> int:
        """Return the highest line number plus one."""
        ...

    async def search(
        self, run_id: TrackedRunId, text: str, *, after: int, limit: int, writers: Sequence[str] = ()
    ) -> Sequence[ConsoleLine]:
        """Return lines that contain `text` (case-insensitive), ascending."""
        ...

    async def first_lines(self, run_id: TrackedRunId) -> Mapping[str, ConsoleLine]:
        """Return the first line of each writer of a shared run, by writer."""
        ...

    async def ends(self, run_id: TrackedRunId, *, characters: int, per_line: int) -> ConsoleEnds:
        """Return the last lines, ascending, as many as have so many characters together; of each line the first `per_line`."""
        ...


@dataclass(frozen=True, slots=True)
class SeriesAppend:
    """Lines for one stream of a run."""

    run_id: TrackedRunId
    stream: str
    """`history` or `events`."""
    offset: int
    """Line number of the first line."""
    lines: Sequence[str]
    """JSON object texts; bare NaN and Infinity are accepted."""
    writer: str = ""
    """Client id in shared mode: offsets count per writer and the store assigns steps."""


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """A numeric key prepared for drawing: per bucket of rows the extremes and the last value, so that no spike is lost."""

    key: str
    x: Sequence[float]
    """X of the last row of each bucket."""
    low: Sequence[float]
    high: Sequence[float]
    last: Sequence[float]
    low_x: Sequence[float] = ()
    """X of the row with the lowest value."""
    high_x: Sequence[float] = ()
    rows: int = 0
    """Rows that have the key in the range."""


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """Rows that have all of `keys`, projected to them."""

    keys: tuple[str, ...]
    samples: int
    min_step: int | None = None
    """Inclusive."""
    max_step: int | None = None
    """Exclusive."""
    every_row: bool = field(default=False)
    """Never thin out."""


class SeriesStore(Protocol):
    """History and system metrics as columns. Rows are never thinned out at rest."""

    async def append(self, appends: Sequence[SeriesAppend]) -> None:
        """Make the lines durable and visible; all or none. Repeated, overlapping and reordered lines change nothing.

        Rows of the history are keyed by their integer `_step` (else by line number); of rows with the same step the one with the
        highest line number holds, then the one that came last.

        Raises:
            InvalidArgumentError: a line is not a JSON object; nothing was stored.
            UnavailableError: the disk did not take it; nothing is acknowledged.
        """
        ...

    async def info(self, run_id: TrackedRunId) -> SeriesInfo:
        """Return counts, tails and keys."""
        ...

    async def kinds(self, run_ids: Sequence[TrackedRunId]) -> Sequence[Mapping[str, Mapping[str, int]]]:
        """Return, for each run, the keys of its history with their values by type (`KeyStats.counts`): much cheaper than `info`."""
        ...

    async def rows(
        self, run_id: TrackedRunId, stream: str, *, min_step: int | None, max_step: int | None, samples: int | None
    ) -> Sequence[str]:
        """Return rows as JSON texts by ascending step, `min_step` inclusive, `max_step` exclusive.

        With more rows than `samples` an even choice that keeps first and last. Events take line numbers for steps.
        """
        ...

    async def sample(self, run_id: TrackedRunId, spec: SampleSpec) -> Sequence[Mapping[str, Any]]:
        """Return projected rows by ascending step, at most `samples`; extremes of numeric keys are among the chosen."""
        ...

    async def chart(
        self, run_id: TrackedRunId, stream: str, *, key: str, x_key: str, points: int, min_step: int | None, max_step: int | None
    ) -> ChartSeries:
        """Return the drawing of `key` over `x_key` in at most `points` buckets."""
        ...

    async def truncate(self, run_id: TrackedRunId, last_step: int) -> None:
        """Remove history rows after `last_step`; the line count becomes the number of rows kept."""
        ...

    async def fork(self, source: TrackedRunId, target: TrackedRunId, last_step: int) -> None:
        """Copy history up to and including `last_step` into the empty run `target`."""
        ...

    async def settle(self, run_id: TrackedRunId) -> None:
        """Bring a run that ended into its compact form; changes nothing that can be seen."""
        ...

    async def delete(self, run_id: TrackedRunId) -> None:
        """Remove all series of a run; repeating is fine."""
        ...


@dataclass(frozen=True, slots=True)
class FileRegistration:
    """A run file whose bytes have been stored."""

    name: str
    digest: Digest
    size_bytes: int
    md5: str
    """Hex."""
    mimetype: str = ""


@dataclass(frozen=True, slots=True)
class KeyedTask:
    """A pipeline task whose id fits a key."""

    task_id: TaskId
    run_id: RunId
    finished_at: float | None
