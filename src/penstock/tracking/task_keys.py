"""Keys of pipeline tasks: derived, not stored, so that starting a task writes nothing.

A key is the first 14 hex digits of the task id and 26 of an HMAC over the whole id with the server's secret. It is good while its task
is not final, and a while longer for what a program sends at its end.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from penstock.domain.accounts import ApiKey
from penstock.domain.ids import TaskId
from penstock.interfaces.tracking_store import KeyedTask

_PREFIX = 14
_MAC = 26
GRACE_SECONDS = 3600.0
"""How long after a task's end its key still works."""


TaskFinder = Callable[[str], Sequence[KeyedTask]]
"""Tasks whose id begins with the given text."""


TASK_HEADER = "X-Penstock-Task"
"""Header in which the client in a task sends the task's key beside whatever key its author set."""


class TaskKeys:
    """Makes and recognises keys of tasks."""

    def __init__(self, secret: bytes, find: TaskFinder, *, user_name: str) -> None:
        self._secret = secret
        self._find = find
        self._user = user_name

    def key_of(self, task_id: TaskId) -> str:
        """Return the key of a task: 40 hex digits, always the same."""
        digest = hmac.new(self._secret, b"task-key:" + task_id.encode(), hashlib.sha256).hexdigest()
        return task_id.replace("-", "")[:_PREFIX] + digest[:_MAC]

    def recognise(self, text: str) -> ApiKey | None:
        """Return the key that `text` is, with the task as its scope, or None. One look-up in the database."""
        plain = text[:_PREFIX]
        prefix = f"{plain[:8]}-{plain[8:12]}-{plain[12:]}"
        for task in self._find(prefix):
            if hmac.compare_digest(self.key_of(task.task_id), text):
                return ApiKey(
                    key_id=f"task-{plain}",
                    prefix=plain[:6],
                    user_name=self._user,
                    description="pipeline task",
                    created_at=0.0,
                    scope={"run_id": task.run_id, "task_id": task.task_id},
                    expires_at=None if task.finished_at is None else task.finished_at + GRACE_SECONDS,
                    last_used_at=float("inf"),
                )
        return None
