"""Failed tasks by cause: messages that differ only in numbers, ids, paths and quoted values count as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from penstock.interfaces.pages import TaskItem
from penstock.web.texts.formats import headline

_VARIABLE = (
    (re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{12,}\b"), "#"),
    (re.compile(r"(?:/[\w.\-@+]+){2,}/?"), "/…"),
    (re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`"), "'…'"),
    (re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"), "#"),
    (re.compile(r"\s+"), " "),
)
_NO_MESSAGE = "no message"


@dataclass(frozen=True, slots=True)
class Cause:
    """Failures that look alike."""

    fingerprint: str
    """The message without what varies."""
    example: str
    """The newest message, in one line."""
    tasks: Sequence[TaskItem]
    """Newest first."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the tasks, each once."""
        return [name for name, _ in self.named]

    @property
    def named(self) -> Sequence[tuple[str, TaskItem]]:
        """The newest task of each name; those of a flow, which have numbers only, are called by their step."""
        return list({_name_of(task): task for task in reversed(self.tasks)}.items())[::-1]

    @property
    def run_count(self) -> int:
        """In how many runs it happened."""
        return len({task.run_id for task in self.tasks})


def _name_of(task: TaskItem) -> str:
    parts = task.path.split("/")
    return parts[1] if "/" in task.run_id and len(parts) == 3 else task.display_name


def fingerprint(message: str) -> str:
    """Return the part of a failure's headline that other failures of the same kind share."""
    text = headline(message) or _NO_MESSAGE
    for pattern, stand_in in _VARIABLE:
        text = pattern.sub(stand_in, text)
    return text.strip()


def causes_of(tasks: Iterable[TaskItem]) -> list[Cause]:
    """Group failed tasks by cause, the most frequent first."""
    groups: dict[str, list[TaskItem]] = {}
    for task in tasks:
        groups.setdefault(fingerprint(task.error_message), []).append(task)
    causes = []
    for text, members in groups.items():
        members.sort(key=lambda task: -(task.finished_at or task.created_at))
        causes.append(Cause(text, headline(members[0].error_message) or _NO_MESSAGE, members))
    return sorted(causes, key=lambda cause: (-len(cause.tasks), cause.fingerprint))
