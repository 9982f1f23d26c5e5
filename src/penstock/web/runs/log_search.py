"""Search in the logs of many tasks: the ends of the newest logs of a scope, what is found grouped by what it says.

The work is bounded: so many logs a step, so many bytes of each, and steps until a budget is used; the answer says where to go on.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from penstock.domain.errors import NotFoundError, UnavailableError
from penstock.interfaces.pages import ListQuery, TaskItem
from penstock.web.runs.causes import fingerprint
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import LogFiles, WebServices

ERRORS = r"\b(?:error|critical|fatal|exception)\b|(?-i:\b[A-Z]\w*(?:Error|Exception)\b)"
"""What lines look like that tell of an error; the headline of a traceback says nothing and is left out."""
TAIL_BYTES = 1024 * 1024
"""How much of the end of each log is looked through."""
_LOGS_PER_STEP = 50
_MAX_STEPS = 10
_MAX_BYTES = 96 * 1024 * 1024
_MAX_SECONDS = 3.0
_LINES_PER_LOG = 200
_LINE_CHARACTERS = 2000
_ANSI = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of a task's log."""

    task: TaskItem
    attempt: int
    line: int | None
    """From 1; None: the log is longer than what was looked through, lines before were not counted."""
    text: str

    @property
    def url(self) -> str:
        """Address of the line."""
        anchor = f"#L{self.line}" if self.line else ""
        if "/" in self.task.run_id:
            return f"/flows/{quote(self.task.task_id)}?attempt={self.attempt}{anchor}"
        return f"/ui/runs/{self.task.run_id}?task={self.task.task_id}&tab=logs&attempt={self.attempt}{anchor}"


@dataclass(frozen=True, slots=True)
class HitGroup:
    """Lines that say the same but for numbers, ids, paths and quoted values."""

    fingerprint: str
    hits: Sequence[Hit]
    """Those of the newest tasks first."""

    @property
    def tasks(self) -> Sequence[Hit]:
        """The first hit of each task."""
        return list({hit.task.task_id: hit for hit in reversed(self.hits)}.values())[::-1]

    @property
    def run_count(self) -> int:
        """In how many runs."""
        return len({hit.task.run_id for hit in self.hits})


@dataclass(frozen=True, slots=True)
class LogHits:
    """What a search brought."""

    groups: Sequence[HitGroup]
    """The most frequent first."""
    logs: int
    """Logs looked through."""
    size_bytes: int
    """How much of them."""
    oldest_at: float | None
    """When the oldest task that was looked at was made."""
    next_cursor: str | None
    """Where to go on; None: there are no older tasks in the scope."""


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


async def search_logs(services: WebServices, pattern: re.Pattern[bytes], scope: ListQuery) -> LogHits:
    """Look through the logs of the tasks in `scope`, the newest first, until the budget is used."""
    hits: list[Hit] = []
    logs, size, oldest, cursor = 0, 0, None, scope.cursor
    deadline = time.monotonic() + _MAX_SECONDS
    for _ in range(_MAX_STEPS):
        listing = await services.runs.list_tasks(dataclasses.replace(scope, cursor=cursor, limit=_LOGS_PER_STEP))
        ran = [task for task in listing.items if task.attempts and not task.is_cached]
        own = [task for task in ran if "/" not in task.run_id]
        looks = await asyncio.to_thread(lambda tasks: [_look(services.logs, task, pattern) for task in tasks], own)
        if services.flows is not None:
            looks += [await _look_at_flow(services.flows, task, pattern) for task in ran if "/" in task.run_id]
        for found, count in looks:
            hits += found
            size += count
            logs += count > 0
        oldest = listing.items[-1].created_at if listing.items else oldest
        cursor = listing.next_cursor
        if cursor is None or size >= _MAX_BYTES or time.monotonic() > deadline:
            break
    return LogHits(_grouped(hits), logs, size, oldest, cursor)


def _look(logs: LogFiles, task: TaskItem, pattern: re.Pattern[bytes]) -> tuple[list[Hit], int]:
    attempt = task.attempts - 1
    size = logs.size(task.run_id, task.task_id, attempt) or 0
    start = max(0, size - TAIL_BYTES)
    data = logs.read(task.run_id, task.task_id, attempt, offset=start, length=TAIL_BYTES) if size else b""
    hits: list[Hit] = []
    text = _ANSI.sub(b"", data) if b"\x1b" in data else data
    if pattern.search(text):
        for number, raw in enumerate(text.split(b"\n"), 1):
            line = raw[-_LINE_CHARACTERS:].rsplit(b"\r", 1)[-1].strip()
            if pattern.search(line):
                hits.append(Hit(task, attempt, None if start else number, line.decode("utf-8", "replace")[:400]))
                if len(hits) >= _LINES_PER_LOG:
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
    hits: list[Hit] = []
    for number, line in enumerate(ends.lines, 1):
        text = _ANSI.sub(b"", line.text[-_LINE_CHARACTERS:].encode()).strip()
        if pattern.search(text):
            hits.append(Hit(task, attempt, number if ends.is_whole else None, text.decode("utf-8", "replace")[:400]))
    return hits[:_LINES_PER_LOG], ends.size_bytes


def _grouped(hits: Sequence[Hit]) -> list[HitGroup]:
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(fingerprint(hit.text), []).append(hit)
    found = [HitGroup(text, members) for text, members in groups.items()]
    return sorted(found, key=lambda group: (-group.run_count, -len(group.tasks), -len(group.hits), group.fingerprint))
