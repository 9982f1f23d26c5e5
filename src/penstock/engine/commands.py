"""What the driver is asked to do, imperative. Each is safe to perform twice: after a crash every open one is performed again.

A command stays open (`RunState.outbox`) until the event that answers it arrives; open commands are therefore a function of
the events, like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.artifacts import ArtifactType
from penstock.domain.execution import AttemptKey, LaunchRequest
from penstock.domain.ids import TaskId, TaskPath


@dataclass(frozen=True, slots=True)
class LookupCache:
    """Answer with `CacheHit` or `CacheMissed`."""

    path: TaskPath
    task_id: TaskId
    fingerprint: str
    scope: str
    component: str
    parts: Mapping[str, str]
    max_age_seconds: float | None


@dataclass(frozen=True, slots=True)
class LaunchAttempt:
    """Run an attempt; answered by `AttemptStarted` and then `AttemptSucceeded` or `AttemptFailed`."""

    path: TaskPath
    request: LaunchRequest


@dataclass(frozen=True, slots=True)
class CancelAttempt:
    """End a launched attempt; its end is still reported."""

    path: TaskPath
    key: AttemptKey
    reason: str


@dataclass(frozen=True, slots=True)
class ImportArtifact:
    """Register an existing artifact; answered by `ArtifactImported` or `ImportFailed`."""

    path: TaskPath
    task_id: TaskId
    output_key: str
    uri: str
    type: ArtifactType
    metadata: Mapping[str, Any]
    reimport: bool
    download_to_workspace: bool


@dataclass(frozen=True, slots=True)
class ScheduleRetry:
    """Send `RetryDue` at `due_at`."""

    path: TaskPath
    attempt: int
    due_at: float


@dataclass(frozen=True, slots=True)
class ScheduleDeadline:
    """Send `DeadlineExpired(what)` at `due_at` unless the run has ended."""

    what: str
    due_at: float


@dataclass(frozen=True, slots=True)
class ContinueLoop:
    """Send `LoopContinued` in a later turn."""

    path: TaskPath


@dataclass(frozen=True, slots=True)
class FinishRun:
    """The run is final: forget it, tell listeners."""


Command = LookupCache | LaunchAttempt | CancelAttempt | ImportArtifact | ScheduleRetry | ScheduleDeadline | ContinueLoop | FinishRun
