"""Everything that looks at running attempts once a second: the full disk, times of logs, what processes and GPUs are used for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from penstock.executors.process import full_disk
from penstock.executors.process.attempt import Attempt
from penstock.executors.process.gpu_samples import GpuSamples
from penstock.executors.process.layout import LOG
from penstock.executors.process.log_times import LogTimes
from penstock.executors.process.supervision import Supervision
from penstock.executors.process.usage_samples import UsageSamples
from penstock.interfaces.clock import Clock


class Watches:
    """The watches of one executor, as tasks of the event loop."""

    def __init__(self, attempts: Collection[Attempt], disk: full_disk.FullDisk, supervision: Supervision, clock: Clock) -> None:
        """Args: attempts: a view of all that the executor has in hand, at any time."""
        self._attempts = attempts
        self._disk = disk
        self._supervision = supervision
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch."""
        now = self._clock.now
        watches = (
            self._disk.watch(self._logs, self._stop_writer_of),
            LogTimes().watch(self._logs, now),
            UsageSamples().watch(self._processes, now),
            GpuSamples().watch(self._processes, self._that_asked_for_accelerators, now),
        )
        self._tasks = [asyncio.create_task(watch) for watch in watches]

    def stop(self) -> None:
        """Watch no more."""
        for task in self._tasks:
            task.cancel()

    def _running(self) -> list[Attempt]:
        return [attempt for attempt in self._attempts if attempt.phase == "running"]

    def _logs(self) -> list[Path]:
        return [attempt.root / LOG for attempt in self._running()]

    def _processes(self) -> dict[int, Path]:
        return {attempt.pid: attempt.root for attempt in self._running() if attempt.pid is not None}

    def _that_asked_for_accelerators(self) -> list[Path]:
        return [attempt.root for attempt in self._attempts if attempt.accelerators]

    def _stop_writer_of(self, log: Path) -> None:
        for attempt in self._attempts:
            if attempt.root == log.parent:
                self._supervision.stop(attempt, full_disk.REASON, 0.0)
