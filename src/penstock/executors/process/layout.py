"""Where an attempt lives on disk, and the files in which its fate is written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

from penstock.domain.execution import AttemptKey, AttemptLayout
from penstock.domain.ids import RunId

LOG = "log"
SPEC = "spec.json"
RESULT = "result.json"
_KEPT = frozenset({LOG, SPEC, RESULT, "started", "exit.json", "stop.json", "start_error"})


class Folders:
    """Paths below `<data>/runs`."""

    def __init__(self, runs: Path, *, has_namespace: bool) -> None:
        self._runs = runs
        self._links = runs.parent / "t"
        self._links.mkdir(parents=True, exist_ok=True)
        self._has_namespace = has_namespace

    def attempt(self, key: AttemptKey) -> Path:
        """Directory of an attempt; it need not exist."""
        return self._runs / key.run_id / key.task_id / str(key.attempt)

    def tmp_link(self, key: AttemptKey) -> Path:
        """Short stand-in for the attempt's temporary directory.

        Programs put sockets below TMPDIR (`multiprocessing` does), and the system allows 107 characters for the whole path.
        """
        return self._links / hashlib.sha256(f"{key.run_id}/{key.task_id}/{key.attempt}".encode()).hexdigest()[:10]

    def workspace(self, run_id: RunId) -> Path:
        """Directory that the tasks of a run share."""
        return self._runs / run_id / "workspace"

    def layout(self, key: AttemptKey) -> AttemptLayout:
        """Return the attempt's directories; nothing is created."""
        root = PurePosixPath(self.attempt(key))
        return AttemptLayout(
            root=root,
            work=root / "work",
            tmp=root / "tmp",
            inputs=root / "inputs",
            outputs=root / "outputs",
            mounts=root / "mounts",
            workspace=PurePosixPath(self.workspace(key.run_id)),
            has_namespace=self._has_namespace,
        )


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, None if it is missing or unreadable."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def strip(attempt: Path) -> None:
    """Remove everything of a finished attempt but its log, description and result. What cannot be removed stays."""
    with os.scandir(attempt) as entries:
        for entry in entries:
            if entry.name not in _KEPT and not entry.name.startswith("sidecar-"):
                _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    """Remove a file or tree; leaner than `shutil.rmtree`, safe because nobody works in the tree any more."""
    with contextlib.suppress(OSError):
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.path)
            return
        try:
            os.rmdir(entry.path)
        except OSError:
            with os.scandir(entry.path) as entries:
                for inner in entries:
                    _remove(inner)
            os.rmdir(entry.path)
