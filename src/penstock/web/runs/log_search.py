"""Search in many logs: the ends of the newest logs of a scope, of tasks and of tracked runs, what is found grouped by what it says.

The work is bounded: so many logs a step, so many bytes of each, and steps until a budget is used; the answer says where to go on.
Tasks and tracked runs are read in turn, whichever has come less far back in time.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from urllib.parse import quote

from penstock.domain.errors import InvalidArgumentError, NotFoundError, UnavailableError
from penstock.interfaces.line_finder import LineFinder
from penstock.interfaces.pages import ListQuery, TaskItem
from penstock.web.runs.console_search import FIELDS, Consoles
from penstock.web.runs.found_lines import (
    LINE_CHARACTERS,
    LOGS_PER_STEP,
    TAIL_BYTES,
    Hit,
    LogEnd,
    LoggedBy,
    LogReader,
    Looked,
    hits_in,
)
from penstock.web.runs.wanted import Wanted, errors_wanted, expression_wanted, words_wanted
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import LogFiles, WebServices

_MAX_STEPS = 10
_MAX_BYTES = 96 * 1024 * 1024
_MAX_SECONDS = 3.0
_OVER = "!"


@dataclass(frozen=True, slots=True)
class LogHits:
    """What a search brought."""

    hits: Sequence[Hit]
    """Lines, those of the newest logs first."""
    logs: int
    """Logs looked through."""
    size_bytes: int
    """How much of them."""
    oldest_at: float | None
    """Until when everything was looked at."""
    next_cursor: str | None
    """Where to go on; None: there are no older logs in the scope."""


def wanted_of(text: str, finder: LineFinder, *, is_errors: bool) -> Wanted | None:
    """Return what to look for: words as they are, or `/regular expression/`; None: nothing was asked.

    Raises:
        ExpressionError: the expression is not valid.
    """
    regex = re.fullmatch(r"/(.+?)/?", text)
    wanted = expression_wanted(regex[1], finder) if regex else words_wanted(text) if text else None
    return errors_wanted(wanted) if is_errors else wanted


async def search_logs(services: WebServices, wanted: Wanted, scope: ListQuery, readable: Callable[[str], bool]) -> LogHits:
    """Look through the logs of the tasks and tracked runs in `scope`, the newest first, until the budget is used.

    Args:
        services: what is read from.
        wanted: what to look for.
        scope: what the filter means; its cursor is where a search before went on.
        readable: whether the reader may see what belongs to an entity.

    Raises:
        InvalidArgumentError: the cursor is none of a search.
        ExpressionError: the expression takes too long on the lines that it came to.
    """
    readers = _readers(services, scope, readable)
    hits: list[Hit] = []
    logs, size = 0, 0
    deadline = time.monotonic() + _MAX_SECONDS
    for _ in range(_MAX_STEPS):
        going = [reader for reader in readers if reader.position != _OVER]
        if not going or size >= _MAX_BYTES or time.monotonic() > deadline:
            break
        looked = await max(going, key=lambda reader: reader.reached).step(wanted, deadline)
        hits += looked.hits
        size += looked.size
        logs += looked.logs
    hits.sort(key=lambda hit: -hit.log.created_at)
    is_left = any(reader.position != _OVER for reader in readers)
    return LogHits(hits, logs, size, _reached(readers), ".".join(reader.position for reader in readers) if is_left else None)


def _reached(readers: Sequence[LogReader]) -> float | None:
    """Until when every log of both kinds was looked at; None: nothing is known of that."""
    left = [reader.reached for reader in readers if reader.position != _OVER]
    ended = [reader.reached for reader in readers if reader.reached != inf]
    found = max(left) if left else min(ended, default=inf)
    return None if found == inf else found


def _readers(services: WebServices, scope: ListQuery, readable: Callable[[str], bool]) -> list[LogReader]:
    """Readers of both kinds of logs where the cursor says; no tasks where the scope asks for what only tracked runs have."""
    tasks, _, consoles = (scope.cursor or "").partition(".")
    if consoles not in {"", _OVER} and not (consoles.isdecimal() and len(consoles) < 17):
        raise InvalidArgumentError("older: this is not where a search in logs goes on")
    if any(condition.field in FIELDS for condition in scope.conditions):
        tasks = _OVER
    readers: list[LogReader] = [TaskLogs(services, scope, tasks)]
    if services.tracking is not None:
        readers.append(Consoles(services.tracking, scope, readable, consoles))
    return readers


@dataclass
class TaskLogs:
    """Reads logs of tasks of pipelines and flows (`found_lines.LogReader`)."""

    services: WebServices
    scope: ListQuery
    position: str = ""
    reached: float = inf

    async def step(self, wanted: Wanted, deadline: float) -> Looked:
        """See `LogReader`."""
        query = dataclasses.replace(self.scope, cursor=self.position or None, limit=LOGS_PER_STEP)
        listing = await self.services.runs.list_tasks(query)
        ran = [task for task in listing.items if task.attempts and not task.is_cached]
        own = [task for task in ran if "/" not in task.run_id]
        ends = await asyncio.to_thread(lambda tasks: [_end_of(self.services.logs, task) for task in tasks], own)
        looked = [(end, len(end.text)) for end in ends]
        if self.services.flows is not None:
            looked += [await _flow_end(self.services.flows, task) for task in ran if "/" in task.run_id]
        hits = await hits_in([end for end, size in looked if size], wanted)
        if listing.items:
            self.reached = listing.items[-1].created_at
        self.position = listing.next_cursor or _OVER
        return Looked(hits, sum(size > 0 for _, size in looked), sum(size for _, size in looked))


def _log_of(task: TaskItem, attempt: int) -> LoggedBy:
    about = partial(
        LoggedBy, log_id=task.task_id, run_id=task.run_id, run_name=task.run_name, created_at=task.created_at,
        iteration_index=task.iteration_index,
    )  # fmt: skip
    if "/" in task.run_id:
        address = f"/flows/{quote(task.task_id)}?attempt={attempt}"
        return about("flow", task.label, log_url=address, run_url=f"/flows/{quote(task.run_id)}")
    run_url = f"/ui/runs/{task.run_id}"
    return about("task", task.display_name, log_url=f"{run_url}?task={task.task_id}&tab=logs&attempt={attempt}", run_url=run_url)


def _end_of(logs: LogFiles, task: TaskItem) -> LogEnd:
    attempt = task.attempts - 1
    size = logs.size(task.run_id, task.task_id, attempt) or 0
    start = max(0, size - TAIL_BYTES)
    data = logs.read(task.run_id, task.task_id, attempt, offset=start, length=TAIL_BYTES) if size else b""
    return LogEnd(_log_of(task, attempt), data, lambda place: None if start else place + 1)


async def _flow_end(flows: FlowWeb, task: TaskItem) -> tuple[LogEnd, int]:
    """The same for a task of a flow, whose logs are in its datastore, and how much was read; nothing where it cannot be."""
    flow_id, run_id, step, name = task.task_id.split("/", 3)
    attempt = task.attempts - 1
    log = _log_of(task, attempt)
    try:
        ends = await flows.reader.log_ends(flow_id, run_id, step, name, attempt, limit=TAIL_BYTES)
    except (NotFoundError, UnavailableError):
        return LogEnd(log, b"", lambda _: None), 0
    text = b"\n".join(line.text[-LINE_CHARACTERS:].replace("\n", " ").encode("utf-8", "replace") for line in ends.lines)
    return LogEnd(log, text, lambda place: place + 1 if ends.is_whole else None), ends.size_bytes
