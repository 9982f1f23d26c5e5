"""What a file-stream request means: rows, console, summary, signs of life, the end of a run (wandb.md sections 6.5 and 7).

Everything a request carries is durable when `post` returns. A request that is malformed anywhere stores nothing.

A chunk that begins beyond the known end of a stream is accepted: the clients never go back to fill what a server refused, history rows
are identified by their step and console lines by their number, so the line number only says where the stream goes on. A chunk that
arrives late fills its place; one that arrives twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.data_losses import DataLoss, losses_in
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.runs import TrackedRunChanged
from penstock.domain.tracking import TrackedState
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.tracking_store import ConsoleWrite, SeriesAppend, SeriesStore, StreamWrite, TrackedRunStore
from penstock.tracking.console import parse_line
from penstock.tracking.heartbeats import Heartbeats
from penstock.tracking.history import EVENTS, HISTORY
from penstock.tracking.live_runs import LiveRun, LiveRuns
from penstock.tracking.projects import DEFAULT_PROJECT
from penstock.tracking.runs import checked_document

_ENDED = frozenset(
    {TrackedState.FINISHED, TrackedState.FAILED, TrackedState.CRASHED, TrackedState.KILLED, TrackedState.PREEMPTED, TrackedState.PENDING}
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines of one file."""

    offset: int
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A file-stream request, taken apart."""

    history: Chunk | None = None
    events: Chunk | None = None
    console: Chunk | None = None
    summary: str | None = None
    """The whole summary document."""
    uploaded: Sequence[str] = ()
    """Run files whose upload is done; nothing to do, the upload itself registers them."""
    is_preempting: bool = False
    is_complete: bool = False
    exit_code: int | None = None
    dropped_chunks: int = 0
    """Requests that the client gave up, counted from its start; old clients alone tell."""

    @property
    def has_data(self) -> bool:
        """Whether it carries lines or a summary."""
        return any(part is not None for part in (self.history, self.events, self.console, self.summary))


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """What the client is told."""

    is_stop_requested: bool
    """The program is to stop."""


class FileStreamService:
    """Takes file-stream requests."""

    def __init__(
        self,
        store: TrackedRunStore,
        series: SeriesStore,
        live_runs: LiveRuns,
        heartbeats: Heartbeats,
        clock: Clock,
        notifier: Notifier,
    ) -> None:
        self._store = store
        self._series = series
        self._live_runs = live_runs
        self._heartbeats = heartbeats
        self._clock = clock
        self._notifier = notifier

    async def post(self, entity: str, project: str | None, name: str, message: StreamMessage, *, writer: str = "") -> StreamAnswer:
        """Store what a request carries; repeating it changes nothing.

        Args:
            entity: owner of the project.
            project: its name; None or empty means `uncategorized`.
            name: the run id.
            message: the request.
            writer: `X-WANDB-ASYNC-CLIENT-ID`: one of several writers (shared mode); offsets and steps are per writer.

        Raises:
            NotFoundError: no such run.
            InvalidArgumentError: a row or the summary is no JSON object, or an offset is no line number; nothing was stored.
            UnavailableError: a store did not take it.
        """
        project = project or DEFAULT_PROJECT
        run = await self._live_runs.find(entity, project, name)
        if run is None:
            raise NotFoundError(f"no run {name!r} in {entity}/{project}")
        now = self._clock.now()
        checked_document(message.summary, "wandb-summary.json")
        if message.console is not None and message.console.offset < 0:
            raise InvalidArgumentError(f"{message.console.offset} is not a line number")
        await self._series.append(
            [
                SeriesAppend(run.run_id, stream, chunk.offset, chunk.lines, writer)
                for stream, chunk in ((HISTORY, message.history), (EVENTS, message.events))
                if chunk is not None
            ]
        )
        write = _record_change(run, message, writer, now)
        if write is not None:
            await self._store.write(run.run_id, write)
            self._live_runs.forget(entity, project, name)
        self._heartbeats.beat(run.run_id, now)
        is_leaving = write is not None and (write.is_complete or write.is_leaving)
        if is_leaving:
            await self._finish(run)
        self._tell(entity, project, name, message, state_changed=is_leaving or (write is not None and write.state is not None))
        is_resumed = write is not None and write.starts_over
        return StreamAnswer(is_stop_requested=run.is_stop_requested and not is_resumed)

    async def _finish(self, run: LiveRun) -> None:
        """The run (or one of its writers) is done: make its series compact and its keys searchable."""
        self._heartbeats.forget(run.run_id)
        await self._series.settle(run.run_id)
        info = await self._series.info(run.run_id)
        await self._store.put_history_keys({run.run_id: [stats.key for stats in info.keys]})

    def _tell(self, entity: str, project: str, name: str, message: StreamMessage, *, state_changed: bool) -> None:
        kinds = {"history": message.history, "events": message.events, "console": message.console, "summary": message.summary}
        for what, part in kinds.items():
            if part is not None:
                self._notifier.publish(TrackedRunChanged(entity, project, name, what))
        if state_changed:
            self._notifier.publish(TrackedRunChanged(entity, project, name, "state"))


def _record_change(run: LiveRun, message: StreamMessage, writer: str, now: float) -> StreamWrite | None:
    """Return what the request changes in the run's record, or None when it is only rows and a sign of life.

    Only data or a plain heartbeat revives a run that has ended; a list of uploaded files does not (wandb.md section 18, trap 10).
    """
    state: TrackedState | None = None
    starts_over = False
    if message.is_complete:
        state = TrackedState.FAILED if message.exit_code else TrackedState.FINISHED
    elif message.is_preempting:
        state = TrackedState.PREEMPTING
    elif run.state in _ENDED and (message.has_data or not message.uploaded):
        state, starts_over = TrackedState.RUNNING, True
    elif run.state is TrackedState.PREEMPTING and message.has_data:
        state = TrackedState.RUNNING
    if state is run.state and not message.is_complete:
        state = None
    losses = _losses_of(message)
    is_new_writer = bool(writer) and not run.is_shared
    if state is None and message.summary is None and message.console is None and not writer and not is_new_writer and not losses:
        return None
    return StreamWrite(
        at=now,
        state=state,
        exit_code=(message.exit_code or 0) if message.is_complete else None,
        summary=message.summary,
        console=ConsoleWrite(message.console.offset, message.console.lines) if message.console is not None else None,
        writer=writer,
        is_complete=message.is_complete,
        is_leaving=bool(writer) and message.summary is not None and _is_last(message.summary),
        starts_over=starts_over,
        is_preempting=message.is_preempting,
        losses=losses,
    )


def _is_last(summary: str) -> bool:
    """Whether a client sends this summary because its program ends: it then tells the run's time in whole seconds, before with fractions.

    It is the only sign of the end that a writer with `x_update_finish_state=False` gives.
    """
    return type(json.loads(summary).get("_runtime")) is int


def _losses_of(message: StreamMessage) -> list[DataLoss]:
    """Return what the request says is missing."""
    console = message.console.lines if message.console is not None else ()
    # Most lines are a program's own: only those that name the client are taken apart.
    found = losses_in(parse_line(0, raw).text for raw in console if "wandb" in raw)
    if message.dropped_chunks > 0 and all(loss.kind != "dropped" for loss in found):
        found.append(DataLoss("dropped", f"requests dropped: {message.dropped_chunks}"))
    return found
