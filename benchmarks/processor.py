"""Processor time that a server, its supervisors and their tasks have used, from `/proc`: says something on a busy machine too."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_SETTLE_SECONDS = 1.0
"""Until files of ended attempts are removed, which belongs to what a task costs."""


@dataclass(frozen=True)
class Spent:
    """Seconds, or seconds a task."""

    server: float
    supervisors: float
    tasks: float

    @classmethod
    def until_now(cls, server: int) -> Spent:
        """Return what the server with this pid, its supervisors and the tasks that they have reaped used so far."""
        supervisors = [fields for fields in map(_fields, _children(server)) if fields]
        return cls(sum(_fields(server)[:2]), sum(sum(fields[:2]) for fields in supervisors), sum(sum(fields[2:]) for fields in supervisors))

    def since(self, earlier: Spent, tasks: int) -> Spent:
        """Return the difference, a task."""
        return Spent(
            (self.server - earlier.server) / tasks,
            (self.supervisors - earlier.supervisors) / tasks,
            (self.tasks - earlier.tasks) / tasks,
        )

    @property
    def whole(self) -> float:
        """All of it."""
        return self.server + self.supervisors + self.tasks

    def __str__(self) -> str:
        """Milliseconds: all, then server, supervisors, task processes."""
        parts = (self.server, self.supervisors, self.tasks)
        return f"{self.whole * 1000:.1f} ms ({' + '.join(f'{part * 1000:.1f}' for part in parts)})"


@dataclass(frozen=True)
class Host:
    """Ticks of all processors since the machine began."""

    stolen: int
    """In which something was to be done here, and the host of a virtual machine did something else."""
    whole: int

    @classmethod
    def until_now(cls) -> Host:
        """Return what the kernel has counted so far."""
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return cls(ticks[7], sum(ticks))

    def stolen_since(self, earlier: Host) -> float:
        """Return the share of the processors' time that the host kept, 0 to 1."""
        return (self.stolen - earlier.stolen) / max(1, self.whole - earlier.whole)


def tree_seconds(root: int) -> float:
    """Return what a process, everything below it and whatever they have reaped used so far."""
    return sum(_fields(root)) + sum(tree_seconds(int(entry.name)) for entry in _entries() if _parent(entry) == root)


def settled(server: int) -> Spent:
    """Return what was used once the server has come to rest after a run."""
    time.sleep(_SETTLE_SECONDS)
    return Spent.until_now(server)


def _children(server: int) -> list[int]:
    """Return the supervisors of a server."""
    found = []
    for entry in _entries():
        try:
            if b"inside.supervise" in (entry / "cmdline").read_bytes() and _parent(entry) == server:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _entries() -> list[Path]:
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(entry: Path) -> int | None:
    """Return the parent of a process, None for one that is gone."""
    try:
        return int(_after_name((entry / "stat").read_text())[1])
    except OSError:
        return None


def _fields(pid: int) -> list[float]:
    """Return utime, stime, cutime, cstime in seconds; nothing for a process that is gone."""
    try:
        words = _after_name(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return []
    return [int(word) * _TICK_SECONDS for word in words[11:15]]


def _after_name(text: str) -> list[str]:
    return text[text.rindex(")") + 2 :].split()
