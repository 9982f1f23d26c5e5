"""Executors run attempts. The contract is the same for processes, containers and clusters."""

from __future__ import annotations

from typing import Protocol

from penstock.domain.execution import AttemptKey, AttemptReport, LaunchRequest


class ReportSink(Protocol):
    """Receives an executor's reports on the event loop; never blocks, never raises."""

    def __call__(self, report: AttemptReport) -> None:
        """Take one report."""
        ...


class Executor(Protocol):
    """Runs attempts and reports on them. All methods run on the event loop.

    For every launched (or adopted) attempt exactly one `AttemptFinished` is reported per server life, after its log is
    complete and its process tree is gone. Reports may repeat across server lives; the engine ignores what it already knows.
    """

    async def start(self, sink: ReportSink) -> None:
        """Make ready; called once before anything else."""
        ...

    async def launch(self, request: LaunchRequest) -> None:
        """Queue the attempt and return at once. Safe to repeat for the same key: a second call changes nothing."""
        ...

    async def adopt(self, request: LaunchRequest) -> bool:
        """After a restart: take the attempt up again if it left any trace.

        True: it is running or has ended and its `AttemptFinished` will come (failure kind LOST if it vanished half-way).
        False: it never started, so `launch` is safe.
        """
        ...

    async def cancel(self, key: AttemptKey, *, reason: str, grace_seconds: float) -> None:
        """End the attempt's whole process tree: SIGTERM, then SIGKILL after the grace time. Queued ones never start.

        The attempt's `AttemptFinished` then carries a failure with `was_canceled`. Unknown keys are ignored.
        """
        ...

    async def close(self, *, leave_running: bool) -> None:
        """Stop taking work. With `leave_running` tasks go on and can be adopted by the next server; else they are ended."""
        ...
