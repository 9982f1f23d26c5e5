"""Performs commands: each becomes a call of a port, and its answer comes back as an event.

Every command may be performed twice, because the server can die after storing it and before or after performing it:
launching and canceling are idempotent by attempt key, look-ups and imports only read or find what they made before, timers
carry absolute times, and an answer that is no longer waited for changes nothing in the core.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.domain.errors import PenstockError
from penstock.domain.execution import Failure, FailureKind
from penstock.domain.ids import Digest, RunId
from penstock.engine import events
from penstock.engine.commands import (
    CancelAttempt,
    Command,
    ContinueLoop,
    FinishRun,
    ImportArtifact,
    LaunchAttempt,
    LookupCache,
    ScheduleDeadline,
    ScheduleRetry,
)
from penstock.engine.importing import ArtifactImporter
from penstock.engine.live import LiveRun
from penstock.interfaces.cache import CacheAnswer, CacheHitAnswer, CacheLookup, TaskCache
from penstock.interfaces.clock import Clock, IdSource, Timers
from penstock.interfaces.executor import Executor
from penstock.interfaces.importing import WorkspaceStager
from penstock.interfaces.journal import RunJournal
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.plans import PlanLoader

_log = logging.getLogger(__name__)


def _default_workspace(run_id: RunId) -> str:
    return f"/kfp-workspace/{run_id}"


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the driver works with."""

    journal: RunJournal
    cache: TaskCache
    executor: Executor
    plans: PlanLoader
    notifier: Notifier
    clock: Clock
    timers: Timers
    ids: IdSource
    stager: WorkspaceStager | None = None
    workspace_of: Callable[[RunId], str] = _default_workspace
    """Path of a run's workspace, as `{{$.workspace_path}}` shows it."""
    has_content: Callable[[Digest], bool] = lambda digest: True
    """Whether the bytes of an artifact are there. May block."""


class Send(Protocol):
    """Brings an event to the driver's next turn."""

    def __call__(self, run_id: RunId, event: events.Event) -> None:
        """Queue `event`; never blocks."""
        ...


class Performer:
    """Performs commands on the ports; answers go to `send`."""

    def __init__(self, ports: Ports, *, grace_seconds: float, send: Send) -> None:
        self._ports = ports
        self._grace_seconds = grace_seconds
        self._send = send
        self._importer = ArtifactImporter(ports.journal, ports.ids, ports.stager)
        self._tasks: set[asyncio.Task[None]] = set()

    async def perform(self, commands: Sequence[tuple[LiveRun, Command]]) -> None:
        """Perform the commands of one turn in order; look-ups of the cache together."""
        lookups: list[tuple[RunId, LookupCache]] = []
        for live, command in commands:
            if isinstance(command, LookupCache):
                lookups.append((live.state.new_run.run_id, command))
            else:
                await self._perform_one(live, command)
        if lookups:
            self._spawn(self._look_up(lookups))

    async def resume(self, live: LiveRun, command: Command) -> None:
        """Perform a command that was open when the last server ended; attempts that left a trace are adopted."""
        if isinstance(command, LaunchAttempt):
            if not await self._ports.executor.adopt(command.request):
                await self._launch(live, command)
        else:
            await self.perform([(live, command)])

    async def abandon(self, command: Command) -> None:
        """End what an open command of a run that is being forgotten has set going."""
        if isinstance(command, LaunchAttempt):
            await self._ports.executor.cancel(command.request.key, reason="the run was deleted", grace_seconds=self._grace_seconds)

    async def close(self) -> None:
        """Give up what is under way; it will be performed again."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _perform_one(self, live: LiveRun, command: Command) -> None:
        run_id = live.state.new_run.run_id
        match command:
            case LaunchAttempt():
                await self._launch(live, command)
            case CancelAttempt(_, key, reason):
                await self._ports.executor.cancel(key, reason=reason, grace_seconds=self._grace_seconds)
            case ImportArtifact():
                self._spawn(self._import(run_id, command))
            case ScheduleRetry(path, attempt, due_at):
                self._set_timer(live, ("retry", path), due_at, lambda at: events.RetryDue(at, path, attempt))
            case ScheduleDeadline(what, due_at):
                self._set_timer(live, ("deadline", what), due_at, lambda at: events.DeadlineExpired(at, what))
            case ContinueLoop(path):
                self._send(run_id, events.LoopContinued(self._ports.clock.now(), path))
            case FinishRun() | LookupCache():
                pass  # the driver drops finished runs itself; look-ups are gathered by `perform`

    def _set_timer(self, live: LiveRun, key: tuple[str, ...], due_at: float, make: Callable[[float], events.Event]) -> None:
        run_id = live.state.new_run.run_id

        def fire() -> None:
            self._send(run_id, make(self._ports.clock.now()))

        live.set_timer(key, self._ports.timers.call_at(due_at, fire))

    async def _launch(self, live: LiveRun, command: LaunchAttempt) -> None:
        try:
            await self._ports.executor.launch(command.request)
        except Exception as error:
            # The executor's contract is to report; if it cannot even take the request, the attempt still has to end.
            _log.exception("attempt %s could not be launched", command.request.key)
            failure = Failure(FailureKind.SYSTEM, f"the executor could not take the attempt: {error}")
            key = command.request.key
            self._send(key.run_id, events.AttemptFailed(self._ports.clock.now(), command.path, key.attempt, failure))

    async def ask_cache(self, lookups: Sequence[tuple[RunId, LookupCache]]) -> list[tuple[RunId, events.Event]]:
        """Return the answers of the cache to look-ups, as events."""
        questions = [CacheLookup(ask.fingerprint, ask.scope, ask.component, ask.parts, ask.max_age_seconds) for _, ask in lookups]
        try:
            answers = await self._ports.cache.look_up_many(questions, now=self._ports.clock.now())
        except Exception as error:
            # The cache saves work; without it the work is done.
            _log.exception("the cache could not be asked")
            reason = f"the cache could not be asked: {error}"
            return [(run_id, events.CacheMissed(self._ports.clock.now(), ask.path, reason)) for run_id, ask in lookups]
        now = self._ports.clock.now()
        return [(run_id, _answered(now, ask, answer)) for (run_id, ask), answer in zip(lookups, answers, strict=True)]

    async def _look_up(self, lookups: Sequence[tuple[RunId, LookupCache]]) -> None:
        for run_id, event in await self.ask_cache(lookups):
            self._send(run_id, event)

    async def _import(self, run_id: RunId, command: ImportArtifact) -> None:
        try:
            artifact = await self._importer.perform(run_id, command)
        except PenstockError as error:
            self._send(run_id, events.ImportFailed(self._ports.clock.now(), command.path, str(error)))
        except Exception as error:
            _log.exception("artifact %s could not be imported", command.uri)
            self._send(run_id, events.ImportFailed(self._ports.clock.now(), command.path, f"the artifact could not be imported: {error}"))
        else:
            self._send(run_id, events.ArtifactImported(self._ports.clock.now(), command.path, command.output_key, artifact))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _answered(now: float, ask: LookupCache, answer: CacheAnswer) -> events.Event:
    if isinstance(answer, CacheHitAnswer):
        return events.CacheHit(now, ask.path, answer.task_id, answer.run_id, answer.run_name, answer.outputs)
    return events.CacheMissed(now, ask.path, answer.reason)
