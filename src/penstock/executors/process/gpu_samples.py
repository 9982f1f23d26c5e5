"""Notes what running attempts use of GPUs, beside their logs in `usage.gpu`, where there is an `nvidia-smi`.

Records are those of `usage_samples` with other numbers: milliseconds (Unix time), how busy the GPUs are that the attempt's processes
are on (the sum over them, in thousandths of one GPU, whoever keeps them busy), and bytes of GPU memory of these processes.
Attempts have records from when one of their processes is first seen on a GPU, and those that asked for an accelerator from their start.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from penstock.executors.process import gpus
from penstock.executors.process.inside import tree
from penstock.executors.process.usage_samples import Noted, is_due, note

NAME = "usage.gpu"
_CHECK_SECONDS = 5.0
"""Each look starts a program that takes a part of a second."""
_REST = 20
_MOST_GENERATIONS = 200


class GpuSamples:
    """Knows how much was noted of each running attempt."""

    def __init__(self) -> None:
        self._noted: dict[Path, Noted] = {}

    async def watch(
        self, running: Callable[[], Mapping[int, Path]], asked: Callable[[], Iterable[Path]], now: Callable[[], float]
    ) -> None:
        """Until canceled: look at the processes that are `running`, as `UsageSamples.watch` does. Without `nvidia-smi` nothing happens.

        Args:
            running: folder of each running attempt, by the pid of its first process.
            asked: folders of those that asked for an accelerator.
            now: the time.
        """
        pause = _CHECK_SECONDS
        while gpus.program() is not None:
            if folders := running():
                took = await asyncio.to_thread(self.look, folders, frozenset(asked()), now())
                pause = max(_CHECK_SECONDS, _REST * took)
            await asyncio.sleep(pause if folders else 1.0)

    def look(self, running: Mapping[int, Path], asked: Iterable[Path], at: float) -> float:
        """Note what is used `at` this time, and return the seconds that took. What cannot be noted is left out."""
        began = time.monotonic()
        asked = frozenset(asked)
        self._noted = {folder: noted for folder, noted in self._noted.items() if folder in running.values()}
        used = _used_by(running)
        for pid, folder in running.items():
            if pid not in used and folder not in asked and folder not in self._noted:
                continue
            noted = self._noted.setdefault(folder, Noted())
            if is_due(noted, at):
                with contextlib.suppress(OSError):
                    note(folder / NAME, noted, used.get(pid, (0, 0)), at)
        return time.monotonic() - began


def _used_by(roots: Mapping[int, Path]) -> dict[int, tuple[int, int]]:
    """Return how busy the GPUs of each process tree below `roots` are, and the memory it has there; trees on no GPU have no entry."""
    trees: dict[int, tuple[set[str], int]] = {}
    for process in gpus.processes():
        root = _root_of(process.pid, roots)
        if root is not None:
            uuids, memory = trees.get(root, (set(), 0))
            trees[root] = uuids | {process.uuid}, memory + process.memory_bytes
    busy = {device.uuid: device.busy_percent for device in gpus.devices()} if trees else {}
    return {root: (sum(busy.get(uuid, 0) * 10 for uuid in uuids), memory) for root, (uuids, memory) in trees.items()}


def _root_of(pid: int, roots: Mapping[int, Path]) -> int | None:
    """Return which of `roots` the process belongs to: as itself, by its session or by an ancestor."""
    for _ in range(_MOST_GENERATIONS):
        if pid in roots:
            return pid
        stat = tree.stat_of(pid) if pid > 1 else None
        if stat is None:
            return None
        _, parent, _, session, _ = stat
        if session in roots:
            return session
        pid = parent
    return None
