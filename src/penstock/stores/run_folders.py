"""Folders of runs below the data folder: logs of attempts, and their removal (`interfaces.run_files.RunFiles`).

Ids become path parts only when they look like ids; anything else has no files.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock.domain.ids import RunId, TaskId

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_CHUNK = 256 * 1024
_LOG = "log"


class RunFolders:
    """`<root>/<run>/<task>/<attempt>/log`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def attempts(self, run_id: RunId, task_id: TaskId) -> Sequence[int]:
        """Return the numbers of attempts that have a log, ascending."""
        folder = self._folder(run_id, task_id)
        if folder is None:
            return []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal() and (entry / _LOG).is_file())
        return []

    def log_size(self, run_id: RunId, task_id: TaskId, attempt: int) -> int | None:
        """Return the bytes written so far, or None."""
        path = self._log(run_id, task_id, attempt)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return None if path is None else path.stat().st_size
        return None

    def read_log(self, run_id: RunId, task_id: TaskId, attempt: int, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the log from `offset` to its present end or `length` bytes."""
        path = self._log(run_id, task_id, attempt)
        if path is None:
            return
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), path.open("rb") as log:
            log.seek(offset)
            left = length
            while left is None or left > 0:
                chunk = log.read(_CHUNK if left is None else min(_CHUNK, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    def run_ids(self) -> Sequence[RunId]:
        """Return the runs that have a folder."""
        with contextlib.suppress(FileNotFoundError):
            return [RunId(entry.name) for entry in self._root.iterdir() if _ID.fullmatch(entry.name)]
        return []

    def remove_run(self, run_id: RunId) -> None:
        """Remove everything the run left."""
        if _ID.fullmatch(run_id):
            shutil.rmtree(self._root / run_id, ignore_errors=True)

    def _folder(self, run_id: RunId, task_id: TaskId) -> Path | None:
        return self._root / run_id / task_id if _ID.fullmatch(run_id) and _ID.fullmatch(task_id) else None

    def _log(self, run_id: RunId, task_id: TaskId, attempt: int) -> Path | None:
        folder = self._folder(run_id, task_id)
        return None if folder is None or attempt < 0 else folder / str(attempt) / _LOG
