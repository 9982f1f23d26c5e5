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
from penstock.domain.terminal_text import without_escapes
from penstock.interfaces.pages import ListQuery, TaskItem
from penstock.web.runs.console_search import FIELDS, Consoles
from penstock.web.runs.found_lines import (
    LINE_CHARACTERS,
    LINES_PER_LOG,
    LOGS_PER_STEP,
    TAIL_BYTES,
    Hit,
    LoggedBy,
    LogReader,
    Looked,
    hit_of,
    plain_line,
)
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import LogFiles, WebServices

ERRORS = r"\b(?:error|critical|fatal|exception)\b|(?-i:\b[A-Z]\w*(?:Error|Exception)\b)"
"""What lines look like that tell of an error; the headline of a traceback says nothing and is left out."""
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


def pattern_of(text: str, *, is_errors: bool) -> re.Pattern[bytes] | None:
    """Return what to look for: words as they are, or `/regular expression/`; None: nothing was asked.

    Raises:
        re.error: the expression is not valid.
    """
    regex = re.fullmatch(r"/(.+?)/?", text)
    wanted = regex[1] if regex else re.escape(text)
    if is_errors:
        wanted = f"(?=.*(?:{ERRORS})).*{wanted}" if text else ERRORS
    return re.compile(wanted.encode(), re.IGNORECASE) if wanted else None


async def search_logs(services: WebServices, pattern: re.Pattern[bytes], scope: ListQuery, readable: Callable[[str], bool]) -> LogHits:
    """Look through the logs of the tasks and tracked runs in `scope`, the newest first, until the budget is used.

    Args:
        services: what is read from.
        pattern: what to look for.
        scope: what the filter means; its cursor is where a search before went on.
        readable: whether the reader may see what belongs to an entity.

    Raises:
        InvalidArgumentError: the cursor is none of a search.
    """
    readers = _readers(services, scope, readable)
    hits: list[Hit] = []
    logs, size = 0, 0
    deadline = time.monotonic() + _MAX_SECONDS
    for _ in range(_MAX_STEPS):
        going = [reader for reader in readers if reader.position != _OVER]
        if not going or size >= _MAX_BYTES or time.monotonic() > deadline:
            break
        looked = await max(going, key=lambda reader: reader.reached).step(pattern, deadline)
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

    async def step(self, pattern: re.Pattern[bytes], deadline: float) -> Looked:
        """See `LogReader`."""
        query = dataclasses.replace(self.scope, cursor=self.position or None, limit=LOGS_PER_STEP)
        listing = await self.services.runs.list_tasks(query)
        ran = [task for task in listing.items if task.attempts and not task.is_cached]
        own = [task for task in ran if "/" not in task.run_id]
        looks = await asyncio.to_thread(lambda tasks: [_look(self.services.logs, task, pattern) for task in tasks], own)
        if self.services.flows is not None:
            looks += [await _look_at_flow(self.services.flows, task, pattern) for task in ran if "/" in task.run_id]
        if listing.items:
            self.reached = listing.items[-1].created_at
        self.position = listing.next_cursor or _OVER
        found = [hit for hits, _ in looks for hit in hits]
        return Looked(found, sum(count > 0 for _, count in looks), sum(count for _, count in looks))


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


def _look(logs: LogFiles, task: TaskItem, pattern: re.Pattern[bytes]) -> tuple[list[Hit], int]:
    attempt = task.attempts - 1
    size = logs.size(task.run_id, task.task_id, attempt) or 0
    start = max(0, size - TAIL_BYTES)
    data = logs.read(task.run_id, task.task_id, attempt, offset=start, length=TAIL_BYTES) if size else b""
    hits: list[Hit] = []
    text = without_escapes(data)
    if pattern.search(text):
        log = _log_of(task, attempt)
        for number, raw in enumerate(text.split(b"\n"), 1):
            line = plain_line(raw)
            if pattern.search(line):
                hits.append(hit_of(log, None if start else number, line))
                if len(hits) >= LINES_PER_LOG:
                    break
    return hits, len(data)


async def _look_at_flow(flows: FlowWeb, task: TaskItem, pattern: re.Pattern[bytes]) -> tuple[list[Hit], int]:
    """The same for a task of a flow, whose logs are in its datastore; nothing where that cannot be read from here."""
    flow_id, run_id, step, name = task.task_id.split("/", 3)
    attempt = task.attempts - 1
    try:
        ends = await flows.reader.log_ends(flow_id, run_id, step, name, attempt, limit=TAIL_BYTES)
    except (NotFoundError, UnavailableError):
        return [], 0
    log = _log_of(task, attempt)
    lines = ((number, plain_line(line.text[-LINE_CHARACTERS:].encode())) for number, line in enumerate(ends.lines, 1))
    hits = [hit_of(log, number if ends.is_whole else None, line) for number, line in lines if pattern.search(line)]
    return hits[:LINES_PER_LOG], ends.size_bytes
