"""Process trees, read from `/proc`: who descends from whom, whether a pid is still the process it was, and how to end all of it.

Used by supervisors (see `supervise`) and by the server for attempts that an earlier server started. Linux only; elsewhere the
functions see no processes and kill the process group alone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable


def boot_id() -> str:
    """Return the kernel's id of this boot, so that a pid noted before a reboot is never taken for alive; empty if unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def fields_of(pid: int) -> list[bytes] | None:
    """Return what `/proc/PID/stat` says of `pid` from its state on (the third field of proc(5)), or None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            raw = file.read()
    except OSError:
        return None
    return raw[raw.rindex(b")") + 2 :].split()  # the command name before may hold blanks and brackets


def stat_of(pid: int) -> tuple[str, int, int, int, int] | None:
    """Return (state, parent pid, process group, session, start ticks) of `pid`, or None if there is none."""
    fields = fields_of(pid)
    if fields is None:
        return None
    return fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19])


def start_ticks(pid: int) -> int:
    """Return when `pid` started, in clock ticks since boot; 0 if there is no such process. With the pid it names a process for good."""
    stat = stat_of(pid)
    return stat[4] if stat else 0


def is_alive(pid: int, ticks: int) -> bool:
    """Whether `pid` is still the process that started at `ticks` and has not ended (zombies count as ended)."""
    stat = stat_of(pid)
    return stat is not None and stat[4] == ticks and stat[0] not in "ZX"


def children_of(pid: int) -> list[int]:
    """Return the direct children of `pid`, zombies included."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return [child for child, parent in _parents().items() if parent == pid]


def descendants_of(pid: int) -> list[int]:
    """Return every process below `pid`, parents before their children."""
    by_parent: dict[int, list[int]] = {}
    for child, parent in _parents().items():
        by_parent.setdefault(parent, []).append(child)
    found: list[int] = []
    pending = list(by_parent.get(pid, ()))
    while pending:
        found.extend(pending)
        pending = [child for one in pending for child in by_parent.get(one, ())]
    return found


def members_of_session(session: int) -> list[int]:
    """Return the processes of a session, whoever their parent is."""
    return [pid for pid in pids() if (stat := stat_of(pid)) is not None and stat[3] == session]


def marked_with(variable: bytes) -> list[int]:
    """Return the processes whose initial environment holds `variable` (`NAME=value`)."""
    found = []
    for pid in pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if variable in file.read().split(b"\0"):
                    found.append(pid)
        except OSError:
            continue
    return found


def kill_all(pids: Iterable[int], number: int = signal.SIGKILL) -> None:
    """Send a signal to each of `pids`; those that are gone are fine."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def kill_tree(root: int) -> None:
    """End `root`, its process group and everything below it, at once and for good.

    Stops each generation before it looks for the next one, so that a tree that keeps forking cannot outrun the walk.
    """
    seen: set[int] = set()
    while True:
        fresh = [pid for pid in [root, *descendants_of(root)] if pid not in seen]
        if not fresh:
            break
        kill_all(fresh, signal.SIGSTOP)
        seen.update(fresh)
    _kill_group(root)
    kill_all(seen)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def pids() -> list[int]:
    """Return all processes of this machine, as far as they can be seen."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _parents() -> dict[int, int]:
    return {pid: stat[1] for pid in pids() if (stat := stat_of(pid)) is not None}
