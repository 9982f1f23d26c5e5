"""Tasks side by side: how each went, which of its values differ, and the ends of their logs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.interfaces.pages import TaskItem
from penstock.web.comparisons.runs import DiffBlock, text_blocks
from penstock.web.render import Crumb, Frame, render
from penstock.web.runs.logs import last_lines
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import component_name, duration

MOST = 6
"""Tasks that stand beside each other."""
LINES = 200
"""Lines of each log, from its end."""
_LONGEST = 2_000
_FLOW_PARTS = 6


@dataclass(frozen=True, slots=True)
class ComparedFact:
    """A row of the comparison."""

    label: str
    values: Sequence[str]
    """One of each task."""
    is_own: bool = False
    """The label is the name of a value of the tasks, not a word of these pages."""

    @property
    def is_different(self) -> bool:
        """Whether the tasks are not alike in it."""
        return len(set(self.values)) > 1


@dataclass(frozen=True, slots=True)
class TaskComparePage:
    """Context of `tasks/compare.html`."""

    tasks: Sequence[TaskItem]
    """The columns."""
    facts: Sequence[ComparedFact]
    """How each went, and its values."""
    logs: Sequence[str]
    """Ends of their logs; empty where there is none."""
    diff: Sequence[DiffBlock]
    """Where the two logs differ; empty unless there are two that do."""
    most_lines: int = LINES


def row_of(text: str) -> tuple[str, str]:
    """Return run and task of a row of executions, `RUN/TASK`; those of flows have slashes themselves: `Flow/1/Flow/1/step/2`."""
    parts = text.split("/")
    head = 2 if len(parts) == _FLOW_PARTS else 1
    return "/".join(parts[:head]), "/".join(parts[head:])


async def compare_page(services: WebServices, request: Request) -> Response:
    """Two to six tasks, of one run or of several: `?tasks=RUN/TASK,RUN/TASK`.

    Raises:
        InvalidArgumentError: fewer than two are named.
        NotFoundError: one of them is gone.
    """
    wanted = list(dict.fromkeys(row_of(text) for text in request.query_params.get("tasks", "")[:4000].split(",") if "/" in text))[:MOST]
    if len(wanted) < 2:
        raise InvalidArgumentError("Name two tasks or more to lay side by side: tasks=RUN/TASK,RUN/TASK")
    found = [await services.runs.tasks_of(run_id, [task_id]) for run_id, task_id in wanted]
    tasks = [task for one in found for task in one]
    if len(tasks) < len(wanted):
        raise NotFoundError("One of these tasks is gone.")
    logs = await asyncio.gather(*(_log(services, task) for task in tasks))
    is_pair = len(logs) == 2 and all(logs) and logs[0] != logs[1]
    diff = await asyncio.to_thread(text_blocks, logs[0], logs[1]) if is_pair else []
    run = tasks[0] if len({task.run_id for task in tasks}) == 1 else None
    crumbs = [Crumb("Executions", "/ui/executions")]
    if run is not None:
        crumbs = [Crumb("Runs", "/ui/runs"), Crumb(run.run_name, f"/ui/runs/{run.run_id}?view=tasks")]
    frame = Frame("Compare tasks", "executions" if run is None else "runs", [*crumbs, Crumb("Compare tasks", is_word=True)])
    page = TaskComparePage(tasks, facts_of(tasks), logs, diff)
    return render(services, request, "tasks/compare.html", frame=frame, page=page)


async def _log(services: WebServices, task: TaskItem) -> str:
    if not task.is_leaf or not task.attempts:
        return ""
    return await last_lines(services.logs, task.run_id, task.task_id, task.attempts - 1, count=LINES)


def facts_of(tasks: Sequence[TaskItem]) -> list[ComparedFact]:
    """Return how tasks went and what they took and put out, without rows that all of them lack."""

    def took(task: TaskItem) -> str:
        return "" if task.started_at is None or task.finished_at is None else duration(task.finished_at - task.started_at)

    told = {
        "Duration": [took(task) for task in tasks],
        "Attempts": [str(task.attempts or "") for task in tasks],
        "Why": [task.error_message or task.reason or task.cache_reason for task in tasks],
        "Component": [component_name(task.component) for task in tasks],
        "Code": [task.code_digest[:12] for task in tasks],
        "Worker": [task.worker for task in tasks],
    }
    facts = [ComparedFact(label, values) for label, values in told.items() if any(values)]
    for side, mark in (("inputs", ""), ("outputs", "→ ")):
        values = [_texts(getattr(task, side)) for task in tasks]
        names = sorted({name for one in values for name in one})
        facts += [ComparedFact(mark + name, [one.get(name, "") for one in values], is_own=True) for name in names]
    return facts


def parameters_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters among what a task took or put out, by name."""
    found = given.get("parameters")
    return found if isinstance(found, dict) else {}


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    values = parameters_of(given).items()
    return {str(name): (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:_LONGEST] for name, value in values}
