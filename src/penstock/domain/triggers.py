"""What a recurring run may wait for instead of the clock, what was noted for it, and backfills of schedules. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.domain.ids import RecurringRunId, RunId


class EventKind(StrEnum):
    """What kind of thing a trigger waits for."""

    RUN_FINISHED = "run_finished"
    """A pipeline run, recorded flow or tracked run reached a final state."""
    ARTIFACT = "artifact"
    """A collection got a version, or one of its aliases moved."""
    METRIC = "metric"
    """A metric of a run passed a threshold."""
    WEBHOOK = "webhook"
    """Somebody posted to the trigger's own address."""
    FILE = "file"
    """A file or folder on the server's machine changed."""


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """When a recurring run fires without a clock. Only the fields of its kind count; an empty filter matches everything."""

    kind: EventKind
    pipeline: str = ""
    """Run finished, metric: name of the pipeline or flow."""
    project: str = ""
    """Run finished, metric: `entity/project` of tracked runs; then pipeline runs do not count."""
    states: tuple[str, ...] = ("SUCCEEDED",)
    """Run finished: final states that count, in the words of runs; a tracked run's are mapped to them."""
    collection: str = ""
    """Artifact: `entity/project/collection`."""
    alias: str = ""
    """Artifact: fires when this alias moves; empty: for every new version."""
    metric: str = ""
    """Metric: its name."""
    comparison: str = ">"
    """Metric: `>`, `>=`, `<` or `<=`."""
    threshold: float = 0.0
    """Metric: what its value is compared with."""
    path: str = ""
    """File: absolute path on the server's machine."""
    token_digest: str = ""
    """Webhook: SHA-256 of the token, hex; the token itself is shown once."""
    name: str = ""
    """Webhook: name of an event; when somebody publishes it, every trigger of that name gets it."""
    together: str = ""
    """Triggers with the same text here are one condition: a run starts when each of them got its event, with the parameters of all."""
    ring_limit: int = 1
    """How often the trigger may stand in a chain of runs that started one another; 1: it never starts what led to itself again."""
    max_per_hour: int = 60
    """Firings in any hour; what comes beyond is skipped."""


def event_from_fields(fields: Mapping[str, Any]) -> EventTrigger:
    """Return an event trigger from its fields as they are stored."""
    return EventTrigger(**{**fields, "kind": EventKind(fields["kind"]), "states": tuple(fields.get("states", ()))})


class EventOutcome(StrEnum):
    """What became of a noted event."""

    FIRED = "fired"
    """A run was created."""
    SKIPPED = "skipped"
    """Deliberately left out; the reason says why."""
    ERROR = "error"
    """The run could not be created; the reason says why."""
    NOTED = "noted"
    """The state that later changes are compared with (files)."""


@dataclass(frozen=True, slots=True)
class NotedEvent:
    """Something happened that a trigger waits for."""

    event_id: int
    recurring_run_id: RecurringRunId
    subject: str
    """What happened; a trigger gets each subject once."""
    source: str
    """`run`, `tracked`, `version`, `alias`, `metric`, `webhook` or `file`."""
    source_id: str
    at: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What `[[Event.name]]` in parameters stands for."""
    outcome: EventOutcome | None = None
    """None: not decided yet."""
    reason: str = ""
    run_id: RunId | None = None
    decided_at: float | None = None


@dataclass(frozen=True, slots=True)
class EventSubject:
    """What an event is about, looked up where it is stored."""

    facts: Mapping[str, Any]
    """Flat names; always holds `kind`."""
    origin_run_id: RunId | None = None
    """Pipeline run that made it happen, if one did."""


@dataclass(frozen=True, slots=True)
class EventDecision:
    """What is recorded about an event."""

    event_id: int
    recurring_run_id: RecurringRunId
    outcome: EventOutcome
    decided_at: float
    reason: str = ""
    run_id: RunId | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    chain: Sequence[str] = ()


class BackfillState(StrEnum):
    """How far a backfill is."""

    RUNNING = "RUNNING"
    """Times are left to start."""
    FINISHED = "FINISHED"
    """Every time was started, skipped or failed to start."""
    CANCELED = "CANCELED"
    """Stopped by a person; what was started goes on."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A schedule's planned times of the past that are run on purpose."""

    backfill_id: str
    recurring_run_id: RecurringRunId
    from_at: float
    until_at: float
    is_again: bool
    """Also times that fired before."""
    max_concurrency: int
    state: BackfillState
    created_at: float
    finished_at: float | None = None
    total: int = 0
    done: int = 0
    """Times that were started, skipped or could not be started."""
    failed: int = 0
    """Times that could not be started."""


@dataclass(frozen=True, slots=True)
class RecurringEdit:
    """Who changed what about a recurring run."""

    at: float
    user_name: str
    changes: Sequence[tuple[str, Any, Any]]
    """(field, before, after)."""
