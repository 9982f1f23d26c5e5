"""Where an attempt lives on disk, and the files in which its fate is written."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import struct
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from penstock.domain.execution import AttemptKey, AttemptLayout
from penstock.domain.ids import RunId
from penstock.executors.process import gpu_samples, log_times, usage_samples
from penstock.executors.process.inside import stderr_marks
from penstock.executors.process.inside.child import SPEC

LOG = "log"
RESULT = "result.json"
_GET_FLAGS, _SET_FLAGS, _TOP_DIRECTORY = 0x80086601, 0x40086602, 0x00020000
"""Linux: `FS_IOC_GETFLAGS`, `FS_IOC_SETFLAGS` (of 64-bit machines) and `FS_TOPDIR_FL`, which `chattr +T` sets."""
_NOTES = {stderr_marks.NAME, log_times.NAME, usage_samples.NAME, gpu_samples.NAME}
_KEPT = frozenset({LOG, *_NOTES, SPEC, RESULT, "started", "exit.json", "stop.json", "start_error"})


class Folders:
    """Paths below `<data>/runs`."""

    def __init__(self, runs: Path, *, has_namespace: bool) -> None:
        self._runs = runs
        self._links = runs.parent / "t"
        runs.parent.mkdir(parents=True, exist_ok=True)
        _spread(runs.parent)
        for directory in (runs, self._links):
            directory.mkdir(exist_ok=True)
        _spread(runs)
        self._has_namespace = has_namespace

    def attempt(self, key: AttemptKey) -> Path:
        """Directory of an attempt; it need not exist."""
        return Path(f"{self._runs}/{key.run_id}/{key.task_id}/{key.attempt}")

    def make(self, key: AttemptKey) -> None:
        """Make the attempt's directory; what an earlier launch prepared that never came to a start is removed."""
        task = f"{self._runs}/{key.run_id}/{key.task_id}"
        attempt = f"{task}/{key.attempt}"
        try:
            os.mkdir(task)
        except FileExistsError:
            pass
        except FileNotFoundError:
            run = self._runs / key.run_id
            run.mkdir(parents=True, exist_ok=True)
            _spread(run)
            os.makedirs(task, exist_ok=True)
        try:
            os.mkdir(attempt)
        except FileExistsError:
            shutil.rmtree(attempt)
            os.mkdir(attempt)

    def tmp_link(self, key: AttemptKey) -> str:
        """Short stand-in for the attempt's temporary directory.

        Programs put sockets below TMPDIR (`multiprocessing` does), and the system allows 107 characters for the whole path.
        """
        return f"{self._links}/{hashlib.sha256(f'{key.run_id}/{key.task_id}/{key.attempt}'.encode()).hexdigest()[:10]}"

    def layout(self, run_id: RunId, attempt: Path) -> AttemptLayout:
        """Return the directories of the attempt at `attempt`, and the one that its run shares; nothing is created."""
        root = PurePosixPath(attempt)
        return AttemptLayout(
            root=root,
            work=root / "work",
            tmp=root / "tmp",
            inputs=root / "inputs",
            outputs=root / "outputs",
            mounts=root / "mounts",
            workspace=PurePosixPath(self._runs, run_id, "workspace"),
            has_namespace=self._has_namespace,
        )


def _spread(directory: Path) -> None:
    """Tell the file system that the entries of `directory` have nothing to do with one another, so that each gets a region of its own.

    ext4 looks for a free inode where the parent directory is, and without a journal steps over every one that was freed there in the
    last seconds: where attempts come and go by the hundred, making a file cost ten times as much. A hint only; others refuse it.
    """
    if not sys.platform.startswith("linux") or struct.calcsize("l") != 8:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)))
            fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("l", flags | _TOP_DIRECTORY))
        finally:
            os.close(descriptor)


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
