"""Memory and CPU limits of an attempt: control groups where this process may make them, else resource limits.

Three kinds behind `Limiter`: `CgroupV2` (one tree, limits and atomic kill), `CgroupV1` (separate memory and cpu trees, as on hybrid
hosts) and `RlimitOnly`. `find_limiter` probes in this order by really making a group. Groups are made here before the start, joined by
the task itself, and removed by its supervisor (`inside.supervise`), which also reads whether the kernel killed for memory.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from penstock.domain.execution import Resources

_PERIOD_MICROSECONDS = 100_000
_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Held:
    """How one attempt is held to its limits; sent to its supervisor."""

    join: tuple[str, ...] = ()
    """Files that the task writes `0` to."""
    cgroup: dict[str, Any] | None = None
    """`events`, `kill` and `remove` for the supervisor; None: no group."""
    rlimits: dict[str, int] = field(default_factory=dict)
    """By `resource` constant."""


class Limiter(Protocol):
    """Makes limits for attempts."""

    name: str
    """For `penstock doctor` and the task's details."""

    def hold(self, name: str, resources: Resources) -> Held:
        """Prepare limits under a name unique on this machine; nothing is made when nothing is limited."""
        ...


class RlimitOnly:
    """Resource limits: memory as the size of data segments, no CPU share."""

    name = "rlimit"

    def hold(self, name: str, resources: Resources) -> Held:
        """Limit memory of each process of the task; a process over it sees failing allocations."""
        return Held(rlimits={"RLIMIT_DATA": resources.memory_limit_bytes} if resources.memory_limit_bytes else {})


class CgroupV1:
    """The memory and cpu trees of version 1."""

    name = "cgroup v1"

    def __init__(self, memory: Path, cpu: Path | None) -> None:
        self._memory = memory
        self._cpu = cpu

    def hold(self, name: str, resources: Resources) -> Held:
        """See `Limiter.hold`."""
        made: list[Path] = []
        events = None
        try:
            if resources.memory_limit_bytes:
                group = _make(self._memory / name, made)
                _write(group / "memory.limit_in_bytes", str(resources.memory_limit_bytes))
                with contextlib.suppress(OSError):  # absent where swap is not accounted
                    _write(group / "memory.memsw.limit_in_bytes", str(resources.memory_limit_bytes))
                events = str(group / "memory.oom_control")
            if resources.cpu_limit and self._cpu is not None:
                group = _make(self._cpu / name, made)
                _write(group / "cpu.cfs_period_us", str(_PERIOD_MICROSECONDS))
                _write(group / "cpu.cfs_quota_us", str(max(1000, round(resources.cpu_limit * _PERIOD_MICROSECONDS))))
        except OSError:
            _unmake(made)
            return RlimitOnly().hold(name, resources)
        if not made:
            return Held()
        cgroup: dict[str, Any] = {"remove": [str(group) for group in made]}
        if events is not None:
            cgroup["events"] = events
        return Held(join=tuple(str(group / "cgroup.procs") for group in made), cgroup=cgroup)


class CgroupV2:
    """The unified tree of version 2."""

    name = "cgroup v2"

    def __init__(self, base: Path) -> None:
        self._base = base

    def hold(self, name: str, resources: Resources) -> Held:
        """See `Limiter.hold`."""
        if not resources.memory_limit_bytes and not resources.cpu_limit:
            return Held()
        made: list[Path] = []
        try:
            group = _make(self._base / name, made)
            if resources.memory_limit_bytes:
                _write(group / "memory.max", str(resources.memory_limit_bytes))
                with contextlib.suppress(OSError):
                    _write(group / "memory.swap.max", "0")
            if resources.cpu_limit:
                _write(group / "cpu.max", f"{max(1000, round(resources.cpu_limit * _PERIOD_MICROSECONDS))} {_PERIOD_MICROSECONDS}")
        except OSError:
            _unmake(made)
            return RlimitOnly().hold(name, resources)
        cgroup = {"events": str(group / "memory.events"), "kill": str(group / "cgroup.kill"), "remove": [str(group)]}
        return Held(join=(str(group / "cgroup.procs"),), cgroup=cgroup)


def find_limiter(root: Path = _ROOT) -> Limiter:
    """Return the best limiter that works for this process."""
    own = _own_groups()
    return _find_v2(root, own.get("", "/")) or _find_v1(root, own) or RlimitOnly()


def _own_groups() -> dict[str, str]:
    """Return this process's group by controller; the key of the v2 tree is empty."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    groups = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _find_v2(root: Path, own: str) -> Limiter | None:
    if not (root / "cgroup.controllers").exists():
        return None
    base = root / own.strip("/")
    group = base / "penstock-tasks"
    try:
        if not {"memory", "cpu"} <= set((base / "cgroup.controllers").read_text(encoding="ascii").split()):
            return None
        group.mkdir(exist_ok=True)
        _delegate(base)
        _write(group / "cgroup.subtree_control", "+memory +cpu")
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return None
    return CgroupV2(group)


def _delegate(base: Path) -> None:
    """Hand memory and cpu down from `base`; a group with processes in it cannot, so this process moves aside if it is alone there."""
    try:
        _write(base / "cgroup.subtree_control", "+memory +cpu")
    except OSError:
        if (base / "cgroup.procs").read_text(encoding="ascii").split() != [str(os.getpid())]:
            raise
        aside = base / "penstock-server"
        aside.mkdir(exist_ok=True)
        _write(aside / "cgroup.procs", str(os.getpid()))
        _write(base / "cgroup.subtree_control", "+memory +cpu")


def _find_v1(root: Path, own: dict[str, str]) -> Limiter | None:
    memory = _v1_base(root / "memory", own.get("memory"), "memory.limit_in_bytes")
    return CgroupV1(memory, _v1_base(root / "cpu", own.get("cpu"), "cpu.cfs_quota_us")) if memory is not None else None


def _v1_base(tree: Path, own: str | None, needed: str) -> Path | None:
    if own is None:
        return None
    base = tree / own.strip("/") / "penstock-tasks"
    try:
        base.mkdir(exist_ok=True)
    except OSError:
        return None
    return base if (base / needed).exists() and os.access(base / needed, os.W_OK) else None


def _make(group: Path, made: list[Path]) -> Path:
    group.mkdir(exist_ok=True)
    made.append(group)
    return group


def _unmake(made: list[Path]) -> None:
    for group in made:
        with contextlib.suppress(OSError):
            group.rmdir()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")
