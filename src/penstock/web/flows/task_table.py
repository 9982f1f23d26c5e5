"""The tasks of a flow's run as a table: narrowed by step, state and words, sorted, a page at a time. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.interfaces.page_flows import FlowTaskItem

PAGE = 200
SORTS: Mapping[str, Callable[[FlowTaskItem], Any]] = {
    "task": lambda task: (task.step_name, len(task.task_id), task.task_id),
    "attempts": lambda task: len(task.attempts),
    "duration": lambda task: (task.finished_at or 0.0) - (task.started_at or 0.0) if task.finished_at and task.started_at else -1.0,
    "started": lambda task: task.started_at or task.created_at,
}
"""What the table is sorted by; without a choice tasks stand in the order in which they were recorded."""


@dataclass(frozen=True, slots=True)
class TaskTable:
    """What one page of the table shows."""

    rows: Sequence[FlowTaskItem] = ()
    found: int = 0
    """Tasks that match."""
    states: Sequence[tuple[str, int]] = ()
    """State -> tasks of the step that have it."""
    state: str = ""
    """The one that was chosen."""
    text: str = ""
    sort: str = ""
    offset: int = 0
    next_offset: int | None = None


def task_table(tasks: Sequence[FlowTaskItem], step: str, wanted: Mapping[str, str]) -> TaskTable:
    """Narrow and sort the tasks of a run as the address asks; unknown words are ignored."""
    own = [task for task in tasks if not step or task.step_name == step]
    states = sorted(Counter(task.state for task in own).items())
    state = wanted.get("state", "").upper()
    state = state if state in dict(states) else ""
    text = wanted.get("q", "").strip().lower()
    found = [task for task in own if (not state or task.state == state) and text in _words(task)]
    sort = wanted.get("sort", "")
    if key := SORTS.get(sort.removeprefix("-")):
        found.sort(key=key, reverse=sort.startswith("-"))
    given = wanted.get("offset", "")
    offset = min(int(given), len(found)) if given.isdecimal() and len(given) < 7 else 0
    last = offset + PAGE
    return TaskTable(found[offset:last], len(found), states, state, text, sort, offset, last if last < len(found) else None)


def _words(task: FlowTaskItem) -> str:
    return f"{task.step_name}/{task.task_id} {task.foreach}".lower()
