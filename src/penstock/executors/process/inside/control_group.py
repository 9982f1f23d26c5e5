"""The control group of one task as its supervisor uses it: kill all that is in it, count what the kernel killed, and take it away.

A task's message names the files: `kill` (`cgroup.kill`, where the kernel has it), `events` (`memory.events`, or `memory.oom_control` of
cgroup v1) and `remove` (the folders, innermost first).
"""

from __future__ import annotations

import contextlib
import os
from typing import Any


def kill(cgroup: dict[str, Any]) -> None:
    """Kill every process of the group, where the kernel can do so at once; nothing happens elsewhere."""
    path = cgroup.get("kill")
    if path:
        with contextlib.suppress(OSError), open(path, "w", encoding="ascii") as file:
            file.write("1")


def oom_kills(cgroup: dict[str, Any]) -> int:
    """Read how many processes of the group the kernel killed for want of memory; 0 if that cannot be read."""
    try:
        with open(cgroup["events"], encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    except (OSError, KeyError, ValueError):
        return 0


def remove(cgroup: dict[str, Any]) -> None:
    """Take the folders of the group away; those that still hold something stay."""
    for path in cgroup["remove"]:
        with contextlib.suppress(OSError):
            os.rmdir(path)
