"""An `Executor` whose outcomes a test writes down: succeed, fail, wait, get lost, be adopted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.execution import (
    AttemptFinished,
    AttemptKey,
    AttemptNote,
    AttemptStarted,
    Failure,
    FailureKind,
    LaunchRequest,
    TaskOutputs,
)
from penstock.interfaces.clock import Clock
from penstock.interfaces.executor import ReportSink


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an attempt."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[ArtifactRef, ...]] = field(default_factory=dict)
    failure: Failure | None = None
    waits: bool = False
    """Starts, and ends only when the test calls `release` (or the attempt is canceled)."""
    detail: Mapping[str, Any] = field(default_factory=dict)


SUCCESS = Outcome()
WAIT = Outcome(waits=True)


def failing(message: str = "exit code 1", *, kind: FailureKind = FailureKind.EXIT_CODE, exit_code: int | None = 1) -> Outcome:
    """An attempt that fails."""
    return Outcome(failure=Failure(kind, message, exit_code))


Script = Callable[[LaunchRequest], Outcome] | Outcome | Sequence[Outcome]
"""What a task does: one outcome for every attempt, one per attempt (the last repeats), or a function."""


class ScriptedExecutor:
    """Runs nothing; reports what the script says, at once and in order of launch.

    `scripts` are looked up by task path, then task key; others succeed without outputs. `world` may be shared by several
    executors to stand for processes that outlive a server.
    """

    def __init__(self, clock: Clock, scripts: Mapping[str, Script] | None = None, world: dict[AttemptKey, Outcome] | None = None) -> None:
        self.clock = clock
        self.scripts: dict[str, Script] = dict(scripts or {})
        self.world = {} if world is None else world
        """What became of every attempt that was started, as the files of an attempt would tell the next server."""
        self.requests: list[LaunchRequest] = []
        """Every launch, in order; repeated ones too."""
        self.canceled: list[tuple[AttemptKey, str]] = []
        self.adopted: list[AttemptKey] = []
        self._seen: set[AttemptKey] = set()
        self._names: dict[AttemptKey, tuple[str, str]] = {}
        self._waiting: dict[AttemptKey, Outcome] = {}
        self._sink: ReportSink | None = None
        self.is_closed = False

    async def start(self, sink: ReportSink) -> None:
        """Remember where reports go."""
        self._sink = sink

    async def launch(self, request: LaunchRequest) -> None:
        """Report what the script says for this attempt; a repeated launch changes nothing."""
        self.requests.append(request)
        if request.key in self._seen:
            return
        self._seen.add(request.key)
        self._names[request.key] = (request.task_path, request.task_key)
        outcome = self._outcome(request)
        self.world[request.key] = outcome
        self._begin(request.key, outcome)

    async def adopt(self, request: LaunchRequest) -> bool:
        """True when the attempt is in the shared world; it then goes on as scripted."""
        if request.key not in self.world:
            return False
        self.adopted.append(request.key)
        self._seen.add(request.key)
        self._names[request.key] = (request.task_path, request.task_key)
        self._begin(request.key, self.world[request.key])
        return True

    async def cancel(self, key: AttemptKey, *, reason: str, grace_seconds: float) -> None:
        """End a waiting attempt as canceled."""
        self.canceled.append((key, reason))
        if self._waiting.pop(key, None) is not None:
            self._finish(key, Outcome(failure=Failure(FailureKind.SIGNAL, reason, was_canceled=True)))

    async def close(self, *, leave_running: bool) -> None:
        """Stop reporting; without `leave_running` the waiting attempts vanish."""
        self.is_closed = True
        if not leave_running:
            for key in self._waiting:
                self.world.pop(key, None)

    def release(self, task: str, outcome: Outcome = SUCCESS) -> None:
        """End the waiting attempt of the task with this path or key.

        Raises:
            LookupError: no such attempt waits.
        """
        for key in list(self._waiting):
            if task in self._names[key]:
                del self._waiting[key]
                self._finish(key, outcome)
                return
        raise LookupError(f"no attempt of {task} is waiting")

    def note(self, key: AttemptKey, kind: str, text: str) -> None:
        """Report a sentence about an attempt."""
        self._report(AttemptNote(key, self.clock.now(), kind, text))

    def launched(self) -> list[str]:
        """Paths of the attempts launched, in order."""
        return [request.task_path for request in self.requests]

    def waiting(self) -> list[AttemptKey]:
        """Attempts that wait for `release`."""
        return list(self._waiting)

    def _outcome(self, request: LaunchRequest) -> Outcome:
        script = self.scripts.get(request.task_path, self.scripts.get(request.task_key, SUCCESS))
        if isinstance(script, Outcome):
            return script
        if callable(script):
            return script(request)
        return script[min(request.key.attempt, len(script) - 1)]

    def _begin(self, key: AttemptKey, outcome: Outcome) -> None:
        self._report(AttemptStarted(key, self.clock.now(), outcome.detail))
        if outcome.waits:
            self._waiting[key] = outcome
        else:
            self._finish(key, outcome)

    def _finish(self, key: AttemptKey, outcome: Outcome) -> None:
        self.world[key] = outcome
        at = self.clock.now()
        if outcome.failure is not None:
            self._report(AttemptFinished(key, at, failure=outcome.failure, exit_code=outcome.failure.exit_code))
        else:
            outputs = TaskOutputs(outcome.parameters, outcome.artifacts)
            self._report(AttemptFinished(key, at, outputs=outputs, exit_code=0, usage={"run_seconds": 0.0}))

    def _report(self, report: AttemptStarted | AttemptNote | AttemptFinished) -> None:
        if self._sink is not None and not self.is_closed:
            self._sink(report)
