"""A run as the driver holds it: the core's state, events and reports not yet stored, timers that are set.

What is here beside the state is of no consequence after a restart: sentences of the executor, details for readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from penstock.domain.execution import AttemptFinished, AttemptKey, AttemptNote, AttemptStarted, Failure, FailureKind
from penstock.domain.ids import TaskId
from penstock.domain.states import RuntimeState
from penstock.engine import events, records
from penstock.engine.commands import Command
from penstock.engine.core import apply
from penstock.engine.index import PlanIndex
from penstock.engine.nodes import RunState
from penstock.engine.phases import Phase
from penstock.interfaces.clock import TimerHandle
from penstock.interfaces.journal import (
    ArtifactRecord,
    ArtifactUseRecord,
    AttemptRecord,
    CacheEntryRecord,
    EventRecord,
    JournalBatch,
    MetricRecord,
    NoteRecord,
    RunRecord,
    StoredRun,
    TaskRecord,
)

_WAITING_NOTES = frozenset({"queued", "environment"})
"""Kinds of notes that say why a launched attempt has not started."""


class LiveRun:
    """An open run."""

    def __init__(self, state: RunState, *, stored: int) -> None:
        """Hold `state`, whose first `stored` events are in the journal already."""
        self.state = state
        self._next_seq = 0
        self._stored = stored
        self._events: list[EventRecord] = []
        self._notes: list[NoteRecord] = []
        self._details: dict[tuple[TaskId, int], dict[str, Any]] = {}
        self._waiting: dict[TaskId, str] = {}
        self._recorded: dict[TaskId, RuntimeState] = {}
        self._timers: dict[tuple[str, ...], TimerHandle] = {}
        self._breakdown: str | None = None

    def apply(self, event: events.Event) -> list[Command]:
        """Let `event` happen and remember it for the journal; stale events leave no trace.

        Raises:
            PenstockError: the engine's own fault; call `break_down`.
        """
        commands = apply(self.state, event)
        if commands is None:
            return []
        if self._next_seq >= self._stored:
            self._events.append(events.to_record(self.state.new_run.run_id, self._next_seq, event))
        self._next_seq += 1
        return commands

    def break_down(self, message: str) -> None:
        """The state is no longer usable: the run will be recorded as failed with `message`."""
        self._breakdown = message

    @property
    def is_broken(self) -> bool:
        """Whether the engine gave the run up."""
        return self._breakdown is not None

    @property
    def has_news(self) -> bool:
        """Whether something changed that is not stored."""
        return bool(self.state.changes.nodes)

    @property
    def public_state(self) -> RuntimeState:
        """State of the run for others."""
        return RuntimeState.FAILED if self.is_broken else self.state.state

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be driven."""
        return self._breakdown is not None or self.state.is_final

    def event_of(self, report: AttemptStarted | AttemptFinished) -> events.Event | None:
        """Translate a report; None for tasks this run does not have."""
        node = self.state.by_id.get(report.key.task_id)
        if node is None:
            return None
        attempt = report.key.attempt
        if isinstance(report, AttemptStarted):
            return events.AttemptStarted(report.at, node.path, attempt)
        if report.outputs is not None:
            return events.AttemptSucceeded(report.at, node.path, attempt, report.outputs, report.exit_code)
        failure = report.failure or Failure(FailureKind.SYSTEM, "the executor reported neither outputs nor a failure")
        return events.AttemptFailed(report.at, node.path, attempt, failure, report.exit_code)

    def add_note(self, note: AttemptNote) -> None:
        """Keep a sentence of the executor; one that explains waiting becomes the task's reason."""
        node = self.state.by_id.get(note.key.task_id)
        if node is None:
            return
        self._notes.append(NoteRecord(note.key.run_id, note.key.task_id, note.key.attempt, note.at, note.kind, note.text))
        if note.kind in _WAITING_NOTES and node.phase is Phase.LAUNCHED:
            self._waiting[node.task_id] = note.text
            self.state.touch(node)

    def add_detail(self, key: AttemptKey, detail: Mapping[str, Any]) -> None:
        """Keep what was said about an attempt, for readers."""
        node = self.state.by_id.get(key.task_id)
        if node is not None:
            self._details.setdefault((key.task_id, key.attempt), {}).update(detail)
            self._waiting.pop(key.task_id, None)
            self.state.touch(node)

    def unstored_results(self) -> set[str]:
        """Fingerprints and components of results that look-ups will find once they are stored."""
        entries = records.cache_records(self.state, self.state.changes)
        return {name for entry in entries for name in (entry.fingerprint, entry.component)}

    def set_timer(self, key: tuple[str, ...], handle: TimerHandle) -> None:
        """Remember a timer; one under the same key is canceled first."""
        old = self._timers.pop(key, None)
        if old is not None:
            old.cancel()
        self._timers[key] = handle

    def cancel_timers(self) -> None:
        """No timer of this run fires any more."""
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()

    def collect(self) -> tuple[BatchBuilder, tuple[TaskId, ...]]:
        """Take out everything that is not stored; return it with the tasks that changed."""
        batch = BatchBuilder()
        state = self.state
        changes = state.take_changes()
        details, self._details = self._details, {}
        batch.events.extend(self._events)
        batch.notes.extend(self._notes)
        self._events, self._notes = [], []
        for node in changes.nodes.values():
            detail = details.get((node.task_id, node.leaf.attempts - 1)) if node.leaf is not None else records.plan_detail(state, node)
            previous = self._recorded.get(node.task_id)
            waiting = self._waiting.get(node.task_id, "")
            record = records.task_record(state, node, previous=previous, waiting=waiting, detail=detail)
            batch.tasks.append(record)
            self._recorded[node.task_id] = record.state
        batch.attempts.extend(records.attempt_records(state, changes, details))
        batch.notes.extend(records.note_records(state, changes))
        batch.artifacts.extend(records.artifact_records(state, changes))
        batch.uses.extend(records.use_records(state, changes))
        batch.metrics.extend(records.metric_records(state, changes))
        batch.cache_entries.extend(records.cache_records(state, changes))
        batch.runs.append(self._run_record(records.run_record(state, changes)))
        return batch, tuple(node.task_id for node in changes.nodes.values())

    def broken_batch(self) -> BatchBuilder:
        """Only the news that the engine gave the run up."""
        return BatchBuilder(runs=[self._run_record(records.run_record(self.state, self.state.take_changes()))])

    def _run_record(self, record: RunRecord) -> RunRecord:
        if self._breakdown is None:
            return record
        return records.broken_run_record(record, self._breakdown, self.state.now)


@dataclass(slots=True)
class BatchBuilder:
    """A batch under construction."""

    events: list[EventRecord] = field(default_factory=list)
    runs: list[RunRecord] = field(default_factory=list)
    tasks: list[TaskRecord] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    notes: list[NoteRecord] = field(default_factory=list)
    artifacts: list[ArtifactRecord] = field(default_factory=list)
    uses: list[ArtifactUseRecord] = field(default_factory=list)
    metrics: list[MetricRecord] = field(default_factory=list)
    cache_entries: list[CacheEntryRecord] = field(default_factory=list)

    @classmethod
    def merged(cls, parts: Iterable[BatchBuilder]) -> BatchBuilder:
        """One batch of many."""
        whole = cls()
        for part in parts:
            for item in fields(cls):
                getattr(whole, item.name).extend(getattr(part, item.name))
        return whole

    def build(self) -> JournalBatch:
        """The finished batch."""
        return JournalBatch(
            events=self.events,
            runs=self.runs,
            tasks=self.tasks,
            attempts=self.attempts,
            notes=self.notes,
            artifacts=self.artifacts,
            uses=self.uses,
            metrics=self.metrics,
            cache_entries=self.cache_entries,
        )


def rebuild(stored: StoredRun, index: PlanIndex, *, workspace: str) -> LiveRun:
    """Return the run as its stored events left it, with its open commands in the outbox.

    Raises:
        KeyError: an event was written by a newer version.
    """
    live = LiveRun(RunState(stored.new_run, index, workspace=workspace), stored=len(stored.events))
    for record in stored.events:
        live.apply(events.from_record(record))
    if len(stored.events) > 1:
        # Their projections were stored with them. Only the first event is stored before anything is projected.
        live.state.take_changes()
    return live
