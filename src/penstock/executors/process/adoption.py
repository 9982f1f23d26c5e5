"""Attempts that an earlier server started: what their files say, waiting for their end, stopping them without their supervisor's help.

The rules are those of `inside.supervise`: no `started` file, never ran; `exit.json`, over; else it runs for as long as its supervisor
does. A supervisor that vanished took its tasks with it (they die with their parent), so what it left is cleared away and reported as lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.executors.process.inside import tree
from penstock.executors.process.inside.child import SPEC
from penstock.executors.process.inside.python_task import ATTEMPT_VARIABLE
from penstock.executors.process.inside.supervise import EXIT, STARTED, STOP
from penstock.executors.process.layout import RESULT, read_json

MARKER = ATTEMPT_VARIABLE
"""Environment variable that marks every process a task starts with the attempt's directory."""
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Trace:
    """What an attempt left on disk."""

    root: Path
    supervisor: int
    supervisor_start: int
    boot: str
    pid: int | None
    """None: noted neither by the supervisor nor needed, since the attempt is over or about to start."""
    pid_start: int
    is_running: bool
    """It had not ended when looked at."""


def find(root: Path) -> Trace | None:
    """Return the trace of an attempt, None if it never started."""
    if not os.path.exists(root):
        return None
    if (root / RESULT).exists() or (root / EXIT).exists():
        return Trace(root, 0, 0, "", None, 0, is_running=False)
    notes = _notes(root)
    if notes is None:
        return None
    first: dict[str, Any] = notes[0] if notes else {}
    second: dict[str, Any] = notes[1] if len(notes) > 1 else {}
    return Trace(
        root=root,
        supervisor=first.get("supervisor", 0),
        supervisor_start=first.get("supervisor_start", 0),
        boot=first.get("boot", ""),
        pid=second.get("pid"),
        pid_start=second.get("start", 0),
        is_running=True,
    )


def beginning(root: Path) -> tuple[float, dict[str, Any]] | None:
    """Return when an attempt started and what was to be told of it then; None if its files do not say."""
    notes = _notes(root)
    try:
        at = float(notes[0]["at"]) if notes else None
    except (LookupError, TypeError, ValueError):
        at = None
    if not notes or at is None:
        return None
    detail = read_json(root / SPEC) or {}
    detail.pop("image", None)
    if len(notes) > 1:
        detail["pid"] = notes[1].get("pid")
    return at, detail


async def wait(trace: Trace) -> dict[str, Any]:
    """Wait until the attempt is over and return how it ended, as in `exit.json`; `{"lost": True}` if nobody knows."""
    while True:
        is_watched = trace.boot == tree.boot_id() and tree.is_alive(trace.supervisor, trace.supervisor_start)
        end = read_json(trace.root / EXIT)  # read after the look at the supervisor: it may write this file and leave
        if isinstance(end, dict):
            stop = read_json(trace.root / STOP)
            return {**end, "stop": end.get("stop") or (stop or {}).get("reason")}
        if not is_watched:
            await asyncio.to_thread(_clear_away, trace)
            return {"lost": True}
        await asyncio.sleep(_POLL_SECONDS)


async def stop(trace: Trace, reason: str, grace_seconds: float) -> None:
    """Note why, ask the attempt to end, and end it by force after the grace time."""
    trace = find(trace.root) or trace
    if not trace.is_running or trace.pid is None or not tree.is_alive(trace.pid, trace.pid_start):
        return
    with contextlib.suppress(OSError):
        (trace.root / STOP).write_text(json.dumps({"reason": reason, "at": time.time()}), encoding="utf-8")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(trace.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and tree.is_alive(trace.pid, trace.pid_start):  # noqa: ASYNC110  no event tells of a stranger's end
        await asyncio.sleep(_POLL_SECONDS)
    if tree.is_alive(trace.pid, trace.pid_start):
        await asyncio.to_thread(tree.kill_tree, trace.pid)


def _clear_away(trace: Trace) -> None:
    """End what a dead supervisor's task left running: its session and whatever carries its mark."""
    if trace.boot != tree.boot_id():
        return
    left = tree.marked_with(f"{MARKER}={trace.root}".encode())
    if trace.pid is not None:
        left += [pid for pid in tree.members_of_session(trace.pid) if tree.start_ticks(pid) >= trace.pid_start]
    for pid in left:
        tree.kill_tree(pid)


def _notes(root: Path) -> list[dict[str, Any]] | None:
    """Return what the supervisor noted, in order; None if it noted nothing."""
    try:
        lines = (root / STARTED).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return [note for line in lines if isinstance(note := _json(line), dict)]


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
