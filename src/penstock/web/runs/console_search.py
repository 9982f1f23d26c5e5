"""Search in the consoles of tracked runs, as the search in logs reads them: the newest runs of all projects that its reader may see."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from urllib.parse import quote

from penstock.domain.ids import TrackedRunId
from penstock.interfaces.pages import ListQuery
from penstock.interfaces.tracking_pages import RunRecord
from penstock.interfaces.tracking_store import ConsoleEnds
from penstock.web.lists.held_rows import Columns
from penstock.web.runs.found_lines import LOGS_PER_STEP, TAIL_BYTES, LogEnd, LoggedBy, Looked, hits_in
from penstock.web.runs.wanted import Wanted
from penstock.web.services.tracking import TrackingServices
from penstock.web.tracking.documents import STATES

RUNS_PER_STEP = 2000
"""Records of runs that a step reads at most, to find those that match."""
_LINE = 8000
"""Characters that are read of a line with what the client wraps it in."""
_COLUMNS: Columns[RunRecord] = Columns(
    words=lambda run: f"{run.display_name} {run.name} {run.entity}/{run.project}",
    texts={
        "name": lambda run: [run.display_name, run.name],
        "run": lambda run: [run.display_name, run.name],
        "id": lambda run: [run.name],
        "status": lambda run: [run.state, STATES.get(run.state, "").lower()],
        "state": lambda run: [run.state, STATES.get(run.state, "").lower()],
        "project": lambda run: [run.project, f"{run.entity}/{run.project}"],
        "user": lambda run: [run.user_name],
        "group": lambda run: [run.group],
        "job": lambda run: [run.job_type],
        "sweep": lambda run: [run.sweep],
        "host": lambda run: [run.host],
        "tag": lambda run: run.tags,
    },
    times={"started": lambda run: run.created_at, "created": lambda run: run.created_at, "finished": lambda run: run.finished_at},
)
FIELDS = ("project", "user", "group", "job", "sweep", "host", "tag")
"""Fields of a scope that tracked runs have and tasks have not: with one of them no task matches."""


@dataclass
class Consoles:
    """Reads consoles of tracked runs (`found_lines.LogReader`)."""

    tracking: TrackingServices
    scope: ListQuery
    readable: Callable[[str], bool]
    """Whether the reader may see what belongs to an entity."""
    position: str = ""
    reached: float = inf
    held: list[RunRecord] = field(default_factory=list)
    """Runs that match and were not looked at yet."""
    read_until: str = ""
    """Where the next runs are read from once those are looked at."""

    def __post_init__(self) -> None:
        if any(condition.field not in _COLUMNS.names for condition in self.scope.conditions) or self.scope.is_archived:
            self.position = "!"
        self.read_until = self.position

    async def step(self, wanted: Wanted, deadline: float) -> Looked:
        """See `LogReader`."""
        if not self.held:
            await self._read_runs()
        ends: list[LogEnd] = []
        size = 0
        for run in self.held[:LOGS_PER_STEP]:
            console = await self.tracking.console.ends(run.run_id, characters=TAIL_BYTES, per_line=_LINE)
            if console.lines:
                ends.append(_end_of(run, console))
            size += console.size
            self.position, self.reached = str(run.run_id), run.created_at
            self.held = self.held[1:]
            if time.monotonic() > deadline:
                break
        if not self.held:
            self.position = self.read_until
        return Looked(await hits_in(ends, wanted), len(ends), size)

    async def _read_runs(self) -> None:
        """Hold the next runs that match."""
        below = TrackedRunId(int(self.read_until)) if self.read_until else None
        records = await self.tracking.pages.newest_runs(below=below, limit=RUNS_PER_STEP)
        self.read_until = str(records[-1].run_id) if len(records) == RUNS_PER_STEP else "!"
        self.held = [run for run in matching(records, self.scope) if self.readable(run.entity)]
        if records and not self.held:
            self.reached = records[-1].created_at


def matching(records: Sequence[RunRecord], scope: ListQuery) -> list[RunRecord]:
    """Return the runs that a scope means; those that no client wrote to have no console of their own, their tasks' logs are searched."""
    written = [run for run in records if not run.is_automatic]
    if namespace := scope.scope.get("namespace"):
        written = [run for run in written if run.entity == namespace]
    for condition in scope.conditions:
        if condition.field in {"status", "state"} and condition.operator == ":":
            wanted = [replace(scope, words=(), conditions=(replace(condition, value=one),)) for one in condition.value.split(",") if one]
            fitting = {run.run_id for one in wanted for run in _COLUMNS.matching(written, one)}
            written = [run for run in written if run.run_id in fitting]
    rest = [one for one in scope.conditions if one.field not in {"status", "state"} or one.operator != ":"]
    return _COLUMNS.matching(written, replace(scope, conditions=tuple(rest)))


def _end_of(run: RunRecord, console: ConsoleEnds) -> LogEnd:
    base = f"/{quote(run.entity, safe='')}/{quote(run.project, safe='')}"
    address = f"{base}/runs/{quote(run.name, safe='')}"
    place = f"{run.entity}/{run.project}"
    log = LoggedBy(
        "tracked", run.display_name or run.name, f"{place}/{run.name}", f"{address}/logs", run.pipeline_run_id or f"{place}/{run.name}",
        run.display_name or run.name, address, run.created_at, place=place,
    )  # fmt: skip
    text = b"\n".join(line.text.replace("\n", " ").encode("utf-8", "replace") for line in console.lines)
    return LogEnd(log, text, lambda row: console.lines[row].number + 1)
