"""Lines that a search in logs found: whose they are, and which of them say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.terminal_text import without_escapes
from penstock.web.runs.causes import fingerprint
from penstock.web.runs.wanted import Wanted

TAIL_BYTES = 1024 * 1024
"""How much of the end of each log is looked through."""
LOGS_PER_STEP = 50
LINES_PER_LOG = 200
LINE_CHARACTERS = 2000
_SHOWN = 400


@dataclass(frozen=True, slots=True)
class LoggedBy:
    """Whose log it is: an attempt of a task, or a tracked run."""

    kind: str
    """`task`, `flow` (a task of a flow) or `tracked`."""
    name: str
    """Of the task, or of the tracked run."""
    log_id: str
    """Tells it from others."""
    log_url: str
    """Address of the log."""
    run_id: str
    """The run that it belongs to: of a pipeline, of a flow, or the tracked run itself."""
    run_name: str
    run_url: str
    created_at: float
    iteration_index: int | None = None
    place: str = ""
    """Entity and project of a tracked run."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of a log."""

    log: LoggedBy
    line: int | None
    """From 1; None: the log is longer than what was looked through, lines before were not counted."""
    text: str

    @property
    def url(self) -> str:
        """Address of the line."""
        return f"{self.log.log_url}#L{self.line}" if self.line else self.log.log_url

    @property
    def fingerprint(self) -> str:
        """What it says but for numbers, ids, paths and quoted values."""
        return fingerprint(self.text)


@dataclass(frozen=True, slots=True)
class HitGroup:
    """Lines that say the same but for numbers, ids, paths and quoted values."""

    fingerprint: str
    hits: Sequence[Hit]
    """Those of the newest logs first."""

    @property
    def logs(self) -> Sequence[Hit]:
        """The first hit of each log."""
        return list({hit.log.log_id: hit for hit in reversed(self.hits)}.values())[::-1]

    @property
    def run_count(self) -> int:
        """In how many runs."""
        return len({hit.log.run_id for hit in self.hits})


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a log that a search looks through."""

    log: LoggedBy
    text: bytes
    """As it was written; it begins with a line, or inside one."""
    number_of: Callable[[int], int | None]
    """Number (from 1) in the whole log of each of these lines (from 0); None: not known."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a step of a search brought."""

    hits: Sequence[Hit]
    logs: int
    """Logs that had something in them."""
    size: int
    """How much of them was looked through."""


class LogReader(Protocol):
    """Reads logs of one kind step by step, the newest first."""

    position: str
    """Where the next step begins; empty: at the newest, `!`: there are no more."""
    reached: float
    """When what was looked at last was made; infinite before the first step."""

    async def step(self, wanted: Wanted, deadline: float) -> Looked:
        """Look through the next logs; not many more after `deadline` (of `time.monotonic`).

        Raises:
            ExpressionError: the expression takes too long on their lines.
        """
        ...


def plain_line(raw: bytes) -> bytes:
    """Return what a terminal shows at last of a line, without colours."""
    return without_escapes(raw).rstrip(b"\r")[-LINE_CHARACTERS:].rsplit(b"\r", 1)[-1].strip()


async def hits_in(ends: Sequence[LogEnd], wanted: Wanted) -> list[Hit]:
    """Return the lines that are wanted, at most `LINES_PER_LOG` of each log, in its order.

    Raises:
        ExpressionError: the expression takes too long on these lines.
    """
    hits: list[Hit] = []
    found = await wanted.numbers([end.text for end in ends], plain_line, most=LINES_PER_LOG)
    for end, places in zip(ends, found, strict=True):
        lines = end.text.split(b"\n") if places else []
        hits += [Hit(end.log, end.number_of(place), plain_line(lines[place]).decode("utf-8", "replace")[:_SHOWN]) for place in places]
    return hits


def groups_of(hits: Sequence[Hit]) -> list[HitGroup]:
    """Return lines by what they say, those of most runs first."""
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.fingerprint, []).append(hit)
    found = [HitGroup(text, members) for text, members in groups.items()]
    return sorted(found, key=lambda group: (-group.run_count, -len(group.logs), -len(group.hits), group.fingerprint))
