"""Attempts in the hands of supervisors: handed over, heard of when they start and end, stopped, and found again when a supervisor dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from penstock.domain.execution import AttemptStarted
from penstock.executors.process import adoption
from penstock.executors.process.attempt import Attempt
from penstock.executors.process.parents import Parents
from penstock.executors.process.warm import ParentKind, Supervisor


class Supervision:
    """The supervisors of this server and what each of them runs. Lives on one event loop."""

    def __init__(self, logs: Path, *, on_started: Callable[[AttemptStarted], None]) -> None:
        """Start supervisors when they are first needed.

        Args:
            logs: folder of their own log.
            on_started: told when an attempt's process runs.
        """
        self._on_started = on_started
        self._parents = Parents(logs, on_message=self._on_message, on_lost=self._on_lost)
        self._attempts: dict[str, Attempt] = {}
        self._aside: set[asyncio.Task[None]] = set()

    async def supervisor(self, kind: ParentKind) -> Supervisor:
        """Return a usable supervisor of this kind.

        Raises:
            UnavailableError: it does not start.
        """
        return await self._parents.get(kind)

    async def run(self, attempt: Attempt, supervisor: Supervisor, message: dict[str, Any], detail: dict[str, Any]) -> dict[str, Any]:
        """Have the supervisor start the attempt's process and return how it ended, as in `exit.json`.

        Args:
            attempt: is `running` from now on.
            supervisor: who starts it.
            message: what the supervisor is to do; its `id` is the attempt's name.
            detail: what is told of the start, besides the process id.
        """
        attempt.supervisor, attempt.phase, attempt.detail = supervisor, "running", detail
        attempt.ended = asyncio.get_running_loop().create_future()
        self._attempts[attempt.name] = attempt
        supervisor.send(message)
        if not supervisor.is_usable:
            self._on_lost(supervisor)
        return await asyncio.shield(attempt.ended)

    def stop(self, attempt: Attempt, reason: str, grace_seconds: float) -> None:
        """Ask the attempt's process to end, and end it by force after the grace time."""
        if attempt.supervisor is not None:
            attempt.supervisor.send({"op": "stop", "id": attempt.name, "reason": reason, "grace": grace_seconds})
        elif attempt.adopted is not None:
            self._spawn(adoption.stop(attempt.adopted, reason, grace_seconds))

    def forget(self, attempt: Attempt) -> None:
        """Hear no more of an attempt."""
        self._attempts.pop(attempt.name, None)

    def kill_all(self) -> None:
        """End every supervisor and its tasks."""
        self._parents.kill_all()

    async def settle(self) -> None:
        """Wait until what stops and awaits orphaned attempts is done."""
        await asyncio.gather(*self._aside, return_exceptions=True)

    async def close(self) -> None:
        """Hang up on all supervisors; they leave when their tasks have ended."""
        await self._parents.close()

    def _on_message(self, supervisor: Supervisor, message: dict[str, Any]) -> None:
        attempt = self._attempts.get(message["id"])
        if attempt is None or attempt.supervisor is not supervisor or attempt.ended is None:
            return
        if message["op"] == "started":
            attempt.pid = message["pid"]
            if attempt.detail is not None:
                self._on_started(AttemptStarted(attempt.request.key, message["at"], {**attempt.detail, "pid": message["pid"]}))
                attempt.detail = None
        elif not attempt.ended.done():
            attempt.ended.set_result({"refused": message["text"]} if message["op"] == "refused" else message["exit"])

    def _on_lost(self, supervisor: Supervisor) -> None:
        """A supervisor died: its tasks die with it; those that had ended left their exit file."""
        for attempt in list(self._attempts.values()):
            if attempt.supervisor is supervisor and attempt.ended is not None and not attempt.ended.done():
                attempt.supervisor = None
                trace = adoption.find(attempt.root)
                if trace is None:
                    attempt.ended.set_result({"lost": True})
                else:
                    attempt.adopted = trace
                    self._spawn(_await_into(attempt.ended, trace))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)


async def _await_into(future: asyncio.Future[dict[str, Any]], trace: adoption.Trace) -> None:
    end = await adoption.wait(trace)
    if not future.done():
        future.set_result(end)
