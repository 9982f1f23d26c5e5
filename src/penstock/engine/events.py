"""What happened to a run, past tense. Events are the truth: a run's state is its plan, its parameters and these, in order.

Each event names its task by path. `to_record` and `from_record` are the stored form; a name or field here is stored forever,
so fields are only ever added, with defaults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

import msgspec

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.execution import Failure, TaskOutputs
from penstock.domain.ids import Digest, RunId, TaskId, TaskPath
from penstock.interfaces.journal import EventRecord


@dataclass(frozen=True, slots=True)
class RunSubmitted:
    """The run was accepted."""

    at: float


@dataclass(frozen=True, slots=True)
class LoopContinued:
    """The next stretch of a long loop may be expanded; long loops grow in stretches so that other runs get their turn."""

    at: float
    path: TaskPath


@dataclass(frozen=True, slots=True)
class CacheHit:
    """An earlier result was found and is complete."""

    at: float
    path: TaskPath
    task_id: TaskId
    """The task that computed it."""
    run_id: RunId
    run_name: str
    outputs: TaskOutputs


@dataclass(frozen=True, slots=True)
class CacheMissed:
    """There is no usable earlier result."""

    at: float
    path: TaskPath
    reason: str


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """The process of an attempt runs."""

    at: float
    path: TaskPath
    attempt: int


@dataclass(frozen=True, slots=True)
class AttemptSucceeded:
    """An attempt ended well and its outputs are stored."""

    at: float
    path: TaskPath
    attempt: int
    outputs: TaskOutputs
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt ended otherwise."""

    at: float
    path: TaskPath
    attempt: int
    failure: Failure
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class RetryDue:
    """The delay before attempt number `attempt` is over."""

    at: float
    path: TaskPath
    attempt: int


@dataclass(frozen=True, slots=True)
class ArtifactImported:
    """An importer's artifact is registered."""

    at: float
    path: TaskPath
    output_key: str
    artifact: ArtifactRef


@dataclass(frozen=True, slots=True)
class ImportFailed:
    """An importer's artifact could not be registered."""

    at: float
    path: TaskPath
    message: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody wants the run to stop. A second request also stops exit tasks."""

    at: float
    reason: str
    exit_limit_seconds: float
    """How long exit tasks may take before they are stopped too."""


@dataclass(frozen=True, slots=True)
class DeadlineExpired:
    """A time limit of the run passed: `run` (its own deadline) or `exit` (the limit of exit tasks after a cancel)."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """Somebody wants a finished run to go on: what succeeded is kept, the rest runs again."""

    at: float
    lost: tuple[Digest, ...] = ()
    """Contents of artifacts of the run that are there no more: who made one that is needed runs again, too."""


@dataclass(frozen=True, slots=True)
class PauseRequested:
    """Somebody wants the run to start nothing more for now."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class ContinueRequested:
    """Somebody wants a paused run to go on."""

    at: float


Event = (
    RunSubmitted
    | LoopContinued
    | CacheHit
    | CacheMissed
    | AttemptStarted
    | AttemptSucceeded
    | AttemptFailed
    | RetryDue
    | ArtifactImported
    | ImportFailed
    | CancelRequested
    | DeadlineExpired
    | RetryRequested
    | PauseRequested
    | ContinueRequested
)

EVENT_TYPES: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RunSubmitted,
        LoopContinued,
        CacheHit,
        CacheMissed,
        AttemptStarted,
        AttemptSucceeded,
        AttemptFailed,
        RetryDue,
        ArtifactImported,
        ImportFailed,
        CancelRequested,
        DeadlineExpired,
        RetryRequested,
        PauseRequested,
        ContinueRequested,
    )
}
_FIELDS: Mapping[type[Event], tuple[str, ...]] = {
    kind: tuple(item.name for item in fields(kind) if item.name != "at") for kind in EVENT_TYPES.values()
}
# The standard encoder, not a faster one: metadata may hold NaN and infinities, which must come back as they were.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def to_record(run_id: RunId, seq: int, event: Event) -> EventRecord:
    """Return the stored form of `event` as number `seq` of its run."""
    kind = type(event)
    body = {name: msgspec.to_builtins(getattr(event, name)) for name in _FIELDS[kind]}
    return EventRecord(run_id, seq, event.at, kind.__name__, _encode(body))


def from_record(record: EventRecord) -> Event:
    """Return the event that `record` holds.

    Raises:
        KeyError: the record was written by a newer version with an event that this one does not know.
    """
    body = json.loads(record.payload)
    body["at"] = record.at
    event: Event = msgspec.convert(body, EVENT_TYPES[record.type])
    return event
