"""Logs of attempts in the data folder: `<data>/runs/<run>/<task>/<attempt>/log`, raw bytes, read by range."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"^[A-Za-z0-9][\w.-]{0,127}$")


class AttemptLogFiles:
    """Reads logs by ids; ids that could leave the folder name no log."""

    def __init__(self, data: Path) -> None:
        self._runs = data / "runs"

    def size(self, run_id: str, task_id: str, attempt: int) -> int | None:
        """Return the log's length in bytes now, or None when there is none."""
        path = self._path(run_id, task_id, attempt)
        try:
            return path.stat().st_size if path is not None else None
        except OSError:
            return None

    def read(self, run_id: str, task_id: str, attempt: int, *, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset`; empty beyond the end or without a log."""
        path = self._path(run_id, task_id, attempt)
        try:
            if path is None or length <= 0:
                return b""
            with path.open("rb") as log:
                log.seek(offset)
                return log.read(length)
        except OSError:
            return b""

    def _path(self, run_id: str, task_id: str, attempt: int) -> Path | None:
        if not _NAME.match(run_id) or not _NAME.match(task_id) or attempt < 0:
            return None
        return self._runs / run_id / task_id / str(attempt) / "log"
