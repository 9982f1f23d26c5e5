"""Stores behind event triggers, backfills and the change log of recurring runs. Every method that changes something is durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from penstock.domain.catalog import RecurringRun
from penstock.domain.ids import RecurringRunId, RunId
from penstock.domain.triggers import (
    Backfill,
    BackfillState,
    EventDecision,
    EventKind,
    EventSubject,
    EventTrigger,
    NotedEvent,
    RecurringEdit,
)


class TriggerStore(Protocol):
    """What was noted for triggers. Runs, metrics, versions and aliases are noted by the database in the transaction that writes them."""

    async def note(
        self, recurring_run_id: RecurringRunId, subject: str, *, source: str, at: float, facts: Mapping[str, Any], is_decided: bool = False
    ) -> bool:
        """Note an event that the database cannot see (a delivery, a file); return False when the subject was noted before.

        With `is_decided` nothing fires; later changes are compared with it.
        """
        ...

    async def open_events(self, *, limit: int) -> Sequence[tuple[RecurringRun, int, Sequence[NotedEvent]]]:
        """Return every trigger with undecided events, the number of its active runs and its oldest `limit` such events."""
        ...

    async def watching(self, kind: EventKind) -> Sequence[RecurringRun]:
        """Return the enabled triggers of a kind."""
        ...

    async def members(self, together: str) -> Sequence[RecurringRun]:
        """Return the triggers that are one condition, disabled ones too, by id."""
        ...

    async def subject(self, event: NotedEvent) -> EventSubject | None:
        """Return what the event is about, or None when it is gone."""
        ...

    async def last_subject(self, recurring_run_id: RecurringRunId | None, trigger: EventTrigger) -> EventSubject | None:
        """Return the newest thing of the past that the trigger may wait for, whether or not it fired; None when there is none."""
        ...

    async def chain_of(self, run_id: RunId) -> Sequence[str]:
        """Return the triggers that led to a run one after the other, oldest first; empty for a run that none started."""
        ...

    async def fired_since(self, recurring_run_id: RecurringRunId, since: float) -> int:
        """Return how often the trigger fired since then."""
        ...

    async def decide(self, decision: EventDecision) -> None:
        """Record what became of an event, and count a firing. Repeating is fine; the first decision stays."""
        ...

    async def claim(self, event_ids: Sequence[int], run_id: RunId) -> None:
        """Record that these undecided events are about to start the run `run_id`; they stay undecided. All of them or none."""
        ...

    async def decide_all(self, decisions: Sequence[EventDecision]) -> None:
        """Record several decisions as `decide` does; all of them or none."""
        ...

    async def forget(self, event_ids: Sequence[int]) -> None:
        """Remove events that the trigger does not wait for."""
        ...

    async def history(self, recurring_run_id: RecurringRunId, *, limit: int, before: int | None = None) -> Sequence[NotedEvent]:
        """Return the newest events, newest first; of those before the event of that number when one is given."""
        ...

    async def newest(self, recurring_run_id: RecurringRunId, source: str) -> NotedEvent | None:
        """Return the newest event of a source, or None."""
        ...


class BackfillStore(Protocol):
    """Backfills of schedules."""

    async def create(self, backfill: Backfill, times: Sequence[float]) -> None:
        """Store a backfill with the times it is to start."""
        ...

    async def open(self) -> Sequence[tuple[Backfill, RecurringRun, int, Sequence[float]]]:
        """Return running backfills with their schedule, the number of their active runs, and the oldest times left (at most 100)."""
        ...

    async def record(self, backfill_id: str, planned_at: float, *, outcome: str, reason: str, run_id: RunId | None) -> None:
        """Record what became of a time. Repeating is fine."""
        ...

    async def finish(self, backfill_id: str, state: BackfillState, *, at: float) -> None:
        """End a running backfill; one that has ended stays as it is."""
        ...

    async def list(self, recurring_run_id: RecurringRunId, *, limit: int) -> Sequence[Backfill]:
        """Return the newest backfills of a schedule, newest first."""
        ...

    async def fired(self, recurring_run_id: RecurringRunId, *, from_at: float, until_at: float) -> Mapping[float, RunId]:
        """Return the planned times that fired, by the schedule or a backfill, with their runs."""
        ...

    async def usual_seconds(self, recurring_run_id: RecurringRunId) -> tuple[float, int] | None:
        """Return the median duration of the newest 20 runs that succeeded, else of its version's, and how many; None without."""
        ...

    async def usual_cpu_seconds(self, pipeline_name: str) -> Mapping[str, float]:
        """Return the mean processor time of a task by component, over the newest 20 runs of a pipeline (5,000 tasks) that executed it."""
        ...


class EditLog(Protocol):
    """Who changed what about recurring runs."""

    async def add(self, recurring_run_id: RecurringRunId, edit: RecurringEdit) -> None:
        """Append an edit."""
        ...

    async def list(self, recurring_run_id: RecurringRunId, *, limit: int) -> Sequence[RecurringEdit]:
        """Return the newest edits, newest first."""
        ...
