"""Follows a run in the terminal: one live line per task, or one line per change where the output is not a terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from penstock.cli.client import Client
from penstock.domain.errors import PenstockError
from penstock.domain.execution import first_line_of
from penstock.domain.log_lines import meaningful_lines
from penstock.executors.process.logs import decode

FINAL = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})
_TASK_FINAL = FINAL | {"CACHED"}
_SHOWN_TYPES = frozenset({"RUNTIME", "IMPORTER"})
_MARKS = {
    "SUCCEEDED": ("✓", "green"),
    "CACHED": ("↺", "cyan"),
    "SKIPPED": ("-", "dim"),
    "FAILED": ("✗", "bold red"),
    "CANCELED": ("■", "yellow"),
    "CANCELING": ("■", "yellow"),
    "RUNNING": ("▶", "blue"),
    "PENDING": ("·", "dim"),
    "PAUSED": ("=", "yellow"),
}
_INDEX = re.compile(r"\[\d+\]")
_LOG_LINES = 20
_LOG_BYTES = 64 * 1024
_LINE_CHARACTERS = 1000
_MAX_LINES = 40


@dataclass(frozen=True, slots=True)
class TaskLine:
    """What is shown of one task."""

    task_id: str
    name: str
    state: str
    seconds: float | None
    """Run time so far; None before the start."""
    note: str
    """Why it is in this state, when there is something to say."""
    at: str
    """When it ended, else when it started: lines are printed in this order."""


def follow(client: Client, run_id: str, console: Console) -> dict[str, Any]:
    """Show the run until it ends; return it. Ctrl-C leaves the run alone and stops following."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8, transient=False) as live:
            return _poll(client, run_id, lambda lines, run: live.update(_picture(lines, run, console)))
    shown: dict[str, str] = {}

    def print_changes(lines: list[TaskLine], run: Mapping[str, Any]) -> None:
        for line in sorted(lines, key=lambda line: line.at):
            if line.state != "PENDING" and shown.get(line.task_id) != line.state:
                shown[line.task_id] = line.state
                console.print(_text(line).plain, markup=False, highlight=False, soft_wrap=True)

    return _poll(client, run_id, print_changes)


def show_failures(client: Client, run_id: str, console: Console) -> None:
    """Print the error of each task that failed by itself, and the last lines that its component wrote."""
    for task in leaf_tasks(client.tasks(run_id)):
        if task.get("state") != "FAILED":
            continue
        console.print(Text(f"\n{task_name(task)} failed: {first_line_of(task_note(task))}", style="bold red"), soft_wrap=True)
        try:
            end, is_all = client.log_end(str(task["task_id"]), size_bytes=_LOG_BYTES)
        except PenstockError:
            continue  # it failed before it had a log
        lines = meaningful_lines(decode(end))
        command = f"`penstock runs logs {run_id} {task_name(task)}`"
        if len(lines) > _LOG_LINES or not is_all:
            before = f"{len(lines) - _LOG_LINES} lines before" if is_all else "the lines before"
            console.print(f"  ... {before}; see {command}", style="dim", markup=False, soft_wrap=True)
        for line in lines[-_LOG_LINES:]:
            shown = line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]}... ({len(line):,} characters; see {command})"
            console.print(f"  {shown}", markup=False, highlight=False, soft_wrap=True)


def leaf_tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks that execute something, as they began; those that did not come last."""
    shown = [task for task in tasks if task.get("type") in _SHOWN_TYPES]
    return sorted(shown, key=lambda task: str(task.get("start_time") or task.get("end_time") or "9999"))


def task_name(task: Mapping[str, Any]) -> str:
    """Return the name by which a task is shown: its own, with the index of each loop around it."""
    indexes = "".join(_INDEX.findall("/".join(str(part) for part in task.get("scope_path") or ())))
    return f"{task.get('display_name') or task.get('name')}{indexes}"


def task_note(task: Mapping[str, Any]) -> str:
    """Return the sentence that explains a task's state, or nothing."""
    status = task.get("status_metadata") or {}
    error = task.get("error") or {}
    return str(status.get("message") or error.get("message") or "")


def run_state(run: Mapping[str, Any]) -> str:
    """Return the state word of a run."""
    return str(run.get("state") or "PENDING")


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Return the time from `start` to `end` (now when missing), both RFC 3339; None without a start."""
    if not start:
        return None
    stop = datetime.fromisoformat(end).timestamp() if end else time.time()
    return max(0.0, stop - datetime.fromisoformat(start).timestamp())


def _poll(client: Client, run_id: str, show: Callable[[list[TaskLine], Mapping[str, Any]], None]) -> dict[str, Any]:
    while True:
        begun = time.monotonic()
        run: dict[str, Any] = client.call("GET", f"/runs/{run_id}")
        tasks = client.tasks(run_id)  # after the run: when it is final, so are they
        show([_line(task) for task in leaf_tasks(tasks)], run)
        if run_state(run) in FINAL:
            return run
        time.sleep(max(0.2, 4 * (time.monotonic() - begun)))  # following must not cost the run its processor


def _line(task: Mapping[str, Any]) -> TaskLine:
    state = str(task.get("state") or "PENDING")
    start = task.get("start_time") or (task.get("create_time") if state not in {"PENDING", "SKIPPED"} else None)
    seconds = None if state == "CACHED" else seconds_between(start, task.get("end_time"))
    note = task_note(task) if state != "SUCCEEDED" else ""
    return TaskLine(str(task.get("task_id")), task_name(task), state, seconds, note, str(task.get("end_time") or start or ""))


def _text(line: TaskLine) -> Text:
    mark, style = _MARKS.get(line.state, ("?", ""))
    time_text = f"{line.seconds:7.1f} s" if line.seconds is not None else "         "
    text = Text.assemble((f"{mark} ", style), (f"{line.state.lower():<10}", style), f"{time_text}  ", line.name)
    if line.note:
        text.append(f"  {first_line_of(line.note)[:160]}", style="dim")
    return text


def _picture(lines: list[TaskLine], run: Mapping[str, Any], console: Console) -> Group:
    """Return the live view; when there are more tasks than lines, those that have ended well go first."""
    done = sum(line.state in _TASK_FINAL for line in lines)
    space = max(5, min(_MAX_LINES, console.height - 3))
    shown = lines
    if len(lines) > space:
        open_lines = [line for line in lines if line.state not in {"SUCCEEDED", "CACHED", "SKIPPED", "PENDING"}]
        rest = [line for line in lines if line.state in {"SUCCEEDED", "CACHED", "SKIPPED", "PENDING"}]
        shown = (open_lines + rest[::-1])[:space]
    head = Text(f"{run.get('display_name', '')}  {run_state(run)}  {done}/{len(lines)} tasks", style="bold", no_wrap=True)
    more = [Text(f"  ... and {len(lines) - len(shown)} more", style="dim")] if len(shown) < len(lines) else []
    for text in (texts := [_text(line) for line in shown]):
        text.no_wrap = True
        text.overflow = "ellipsis"
    return Group(head, *texts, *more)
