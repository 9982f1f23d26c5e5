"""Drives runs: feeds events to the core, makes their effects durable, then performs the commands.

Theory of operation: docs/engine.md. One loop serves all runs. Each turn takes every event that is waiting, lets the core
apply them, asks the cache what the core wants to know (that changes nothing, so it needs no record before), stores events and
projections of all touched runs in one journal transaction, and only then performs the commands. What arrives during the
transaction is the next turn's batch, so the cost of a durable commit is shared by whatever happens at the same time. A command
that was stored as open but not performed (the server was killed in between) is performed by the next server; that is why each of
them is safe to perform twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import ConflictError, NotFoundError
from penstock.domain.execution import AttemptFinished, AttemptNote, AttemptReport, AttemptStarted
from penstock.domain.ids import RunId, TaskId
from penstock.domain.plan import RunPlan
from penstock.domain.runs import NewRun, RunChanged, RunFinished
from penstock.engine import events
from penstock.engine.commands import Command, LookupCache
from penstock.engine.live import BatchBuilder, LiveRun, rebuild
from penstock.engine.nodes import RunState
from penstock.engine.performer import Performer, Ports
from penstock.engine.plan_indexes import PlanIndexes
from penstock.engine.rerun import contents_of
from penstock.engine.turn_store import TurnStore
from penstock.interfaces.journal import Hook

_log = logging.getLogger(__name__)

_START_SECONDS = 0.02
"""How long the word that an attempt runs may wait for others, to be stored with them. Nothing is done upon it, and a server that is
killed meanwhile leaves it to the executor, whose trace of the attempt tells the next one.
"""
_MOST_ROUNDS = 8
"""Of look-ups in one turn: where one hit follows another, what is known so far is stored from time to time."""


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """What an operator may choose."""

    grace_seconds: float = 10.0
    """Between SIGTERM and SIGKILL when an attempt is canceled."""
    exit_limit_seconds: float = 300.0
    """How long exit tasks may take after a cancel."""


class RunDriver:
    """Owner of every open run. All methods are called on the event loop."""

    def __init__(self, ports: Ports, settings: DriverSettings | None = None) -> None:
        self._ports = ports
        self._settings = settings or DriverSettings()
        self._runs: dict[RunId, LiveRun] = {}
        self._inbox: list[tuple[RunId, events.Event]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._touched: dict[RunId, LiveRun] = {}
        self._indexes = PlanIndexes(ports.plans)
        self._turns = TurnStore(ports.journal)
        self._wake = asyncio.Event()
        self._wake_later: asyncio.TimerHandle | None = None
        self._loop_task: asyncio.Task[None] | None = None
        self._is_closing = False
        self._performer = Performer(ports, grace_seconds=self._settings.grace_seconds, send=self._send)

    async def start(self) -> None:
        """Start the executor, take up every open run where it stood, and begin to work."""
        await self._ports.executor.start(self._on_report)
        for run_id in await self._ports.journal.open_runs():
            try:
                await self._take_up(run_id)
            except Exception:
                # One unreadable run (a spec of a newer version, say) must not keep the others from going on.
                _log.exception("run %s could not be taken up again", run_id)
        self._loop_task = asyncio.create_task(self._run_loop(), name="penstock-driver")

    async def close(self, *, leave_running: bool = False) -> None:
        """Stop driving. Open runs stay open and are taken up by the next server.

        With `leave_running` their processes go on meanwhile; else they are ended and their attempts run again.
        """
        self._is_closing = True
        self._turns.close()
        self._wake.set()
        if self._loop_task is not None:
            await self._loop_task
            self._loop_task = None
        await self._performer.close()
        for live in self._runs.values():
            live.cancel_timers()
        await self._ports.executor.close(leave_running=leave_running)

    async def submit(
        self, new_run: NewRun, *, plan: RunPlan | None = None, content: Mapping[str, Any] | None = None, hook: Hook | None = None
    ) -> None:
        """Accept a run; durable when this returns.

        Args:
            new_run: the run; its spec must be stored.
            plan: its plan, when the caller has it at hand; else it is loaded from `content` or from the stored spec.
            content: the stored definition.
            hook: runs in the transaction that stores the run; raising prevents the run.

        Raises:
            AlreadyExistsError: the run id is taken.
            NotFoundError: neither plan nor content is given and the spec is not stored.
            SpecError: the definition cannot be lowered.
            UnavailableError: the store could not be reached; nothing was stored.
        """
        index = self._indexes.find(new_run, plan, content)
        if index is None:
            index = self._indexes.find(new_run, None, await self._ports.journal.load_content(new_run.spec_digest))
        if index is None:
            raise NotFoundError(f"the definition {new_run.spec_digest} is not stored")
        first = events.RunSubmitted(new_run.created_at)
        await self._ports.journal.create(new_run, events.to_record(new_run.run_id, 0, first), hook)
        state = RunState(new_run, index, workspace=self._ports.workspace_of(new_run.run_id))
        self._runs[new_run.run_id] = LiveRun(state, stored=1)
        self._send(new_run.run_id, first)

    async def cancel(self, run_id: RunId, *, reason: str = "terminated by user") -> None:
        """Ask an open run to stop; durable when this returns. A second call also stops its exit tasks.

        A run that has ended, or is unknown, is left alone.
        """
        if run_id not in self._runs:
            return
        event = events.CancelRequested(self._ports.clock.now(), reason, self._settings.exit_limit_seconds)
        await self._send_and_wait(run_id, event)

    async def pause(self, run_id: RunId, *, reason: str = "") -> None:
        """Let an open run start nothing more; durable when this returns. One that has ended, is unknown or paused is left alone."""
        if run_id in self._runs:
            await self._send_and_wait(run_id, events.PauseRequested(self._ports.clock.now(), reason))

    async def unpause(self, run_id: RunId) -> None:
        """Let a paused run go on; durable when this returns. Others are left alone."""
        if run_id in self._runs:
            await self._send_and_wait(run_id, events.ContinueRequested(self._ports.clock.now()))

    async def retry(self, run_id: RunId) -> None:
        """Let a finished run go on: what succeeded is kept, but for what is needed again and gone; durable when this returns.

        Raises:
            NotFoundError: no such run.
            ConflictError: the run has not ended.
            SpecError: its stored definition can no longer be lowered.
        """
        if run_id in self._runs:
            raise ConflictError(f"run {run_id} has not ended")
        live = await self._load(run_id)
        if run_id in self._runs or not live.state.is_final:
            raise ConflictError(f"run {run_id} has not ended")
        contents = contents_of(live.state)
        lost = await asyncio.to_thread(lambda: tuple(sorted(digest for digest in contents if not self._ports.has_content(digest))))
        if run_id in self._runs:
            raise ConflictError(f"run {run_id} has not ended")
        self._runs[run_id] = live
        await self._send_and_wait(run_id, events.RetryRequested(self._ports.clock.now(), lost))

    async def discard(self, run_id: RunId) -> None:
        """Stop and forget a run, for a caller who then deletes it. Nothing more of it is stored when this returns."""
        live = self._runs.pop(run_id, None)
        if live is None:
            return
        self._touched.pop(run_id, None)
        live.cancel_timers()
        self._inbox = [(owner, event) for owner, event in self._inbox if owner != run_id]
        await self._turn_over()
        for command in live.state.outbox.values():
            await self._performer.abandon(command)

    def has_run(self, run_id: RunId) -> bool:
        """Whether the run is open and driven here."""
        return run_id in self._runs

    async def _take_up(self, run_id: RunId) -> None:
        live = await self._load(run_id)
        self._runs[run_id] = live
        if live.state.is_final:
            del self._runs[run_id]
            return
        if live.has_news:
            self._touched[run_id] = live
            self._wake.set()
        for command in list(live.state.outbox.values()):
            await self._performer.resume(live, command)

    async def _load(self, run_id: RunId) -> LiveRun:
        stored = await self._ports.journal.load(run_id)
        index = self._indexes.find(stored.new_run, None, stored.content)
        if index is None:
            raise NotFoundError(f"the definition {stored.new_run.spec_digest} is not stored")
        return rebuild(stored, index, workspace=self._ports.workspace_of(run_id))

    def _on_report(self, report: AttemptReport) -> None:
        """Take a report of the executor; called on the event loop, never blocks, never raises."""
        live = self._runs.get(report.key.run_id)
        if live is None:
            return
        if isinstance(report, AttemptNote):
            live.add_note(report)
            self._touched[report.key.run_id] = live
            self._wake.set()
            return
        if isinstance(report, AttemptStarted):
            live.add_detail(report.key, report.detail)
        elif isinstance(report, AttemptFinished) and report.usage:
            live.add_detail(report.key, {"usage": dict(report.usage)})
        event = live.event_of(report)
        if event is None:
            return
        if isinstance(report, AttemptStarted):
            self._send_later(report.key.run_id, event)
        else:
            self._send(report.key.run_id, event)

    def _send(self, run_id: RunId, event: events.Event) -> None:
        self._inbox.append((run_id, event))
        self._wake.set()

    def _send_later(self, run_id: RunId, event: events.Event) -> None:
        """Have `event` taken by the next turn, and see that there is one soon."""
        self._inbox.append((run_id, event))
        if self._wake_later is None:
            self._wake_later = asyncio.get_running_loop().call_later(_START_SECONDS, self._wake.set)

    async def _send_and_wait(self, run_id: RunId, event: events.Event) -> None:
        self._send(run_id, event)
        await self._turn_over()

    async def _turn_over(self) -> None:
        """Wait until everything sent so far is durable."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        await waiter

    async def _run_loop(self) -> None:
        while not self._is_closing:
            await self._wake.wait()
            self._wake.clear()
            waiters, self._waiters = self._waiters, []
            try:
                await self._turn()
            except Exception:
                # Other runs go on. What was stored of this turn is performed by the next start, which finds it open.
                _log.exception("a turn of the engine failed")
            finally:
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(None)

    async def _turn(self) -> None:
        """Apply everything that waits, store it, perform what follows. Commands of runs that were given up are not performed."""
        inbox, self._inbox = self._inbox, []
        if self._wake_later is not None:
            self._wake_later.cancel()
            self._wake_later = None
        commands = await self._with_answers(self._apply_all(inbox))
        touched, self._touched = self._touched, {}
        if not touched:
            return
        changed = [(live, *self._collect(live)) for live in touched.values()]
        versions = await self._turns.store([(live, batch) for live, batch, _ in changed])
        if versions is None:
            return
        for live, _, task_ids in changed:
            run_id = live.state.new_run.run_id
            self._ports.notifier.publish(RunChanged(run_id, versions.get(run_id, 0), live.public_state, task_ids))
        await self._performer.perform([(live, command) for live, command in commands if not live.is_broken])
        for live in touched.values():
            if live.is_over:
                await self._drop(live)

    def _apply_all(self, arrived: Sequence[tuple[RunId, events.Event]]) -> list[tuple[LiveRun, Command]]:
        commands: list[tuple[LiveRun, Command]] = []
        for run_id, event in arrived:
            live = self._runs.get(run_id)
            if live is not None and not live.is_broken:
                self._touched[run_id] = live
                commands.extend((live, command) for command in self._apply(live, event))
        return commands

    async def _with_answers(self, commands: list[tuple[LiveRun, Command]]) -> list[tuple[LiveRun, Command]]:
        """Have look-ups answered and their answers applied, so that one task after another costs one transaction and not two.

        A look-up that would miss what this very turn is going to store stays among the commands, to be performed after it.
        """
        for _ in range(_MOST_ROUNDS):
            if not any(isinstance(command, LookupCache) for _, command in commands):
                break
            unstored = {name for live in self._touched.values() for name in live.unstored_results()}
            lookups, others = [], []
            for live, command in commands:
                if isinstance(command, LookupCache) and unstored.isdisjoint((command.fingerprint, command.component)):
                    lookups.append((live.state.new_run.run_id, command))
                else:
                    others.append((live, command))
            if not lookups:
                break
            commands = others + self._apply_all(await self._performer.ask_cache(lookups))
        return commands

    def _apply(self, live: LiveRun, event: events.Event) -> list[Command]:
        try:
            return live.apply(event)
        except Exception as error:
            # A fault of the engine must cost one run, not all of them.
            _log.exception("run %s cannot go on", live.state.new_run.run_id)
            live.break_down(f"internal error of the engine: {error}")
            return []

    @staticmethod
    def _collect(live: LiveRun) -> tuple[BatchBuilder, tuple[TaskId, ...]]:
        try:
            return live.collect()
        except Exception as error:
            # Likewise: what other runs have to be stored is not lost with it.
            _log.exception("the progress of run %s cannot be written down", live.state.new_run.run_id)
            live.break_down(f"internal error of the engine: {error}")
            return live.broken_batch(), ()

    async def _drop(self, live: LiveRun) -> None:
        """Forget a run that is over."""
        run_id = live.state.new_run.run_id
        if self._runs.get(run_id) is not live:
            return
        del self._runs[run_id]
        live.cancel_timers()
        for command in list(live.state.outbox.values()):
            await self._performer.abandon(command)
        self._ports.notifier.publish(RunFinished(run_id, live.public_state))
