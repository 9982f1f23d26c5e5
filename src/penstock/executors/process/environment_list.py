"""Which environments there are below a root, read from their records."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from penstock.interfaces.system_status import EnvironmentItem, FolderItem

RECORD = "environment.json"
"""In every whole environment; its time of change is when a task last asked for the environment."""


def touch(path: Path) -> None:
    """Note that the environment at `path` is used now."""
    with contextlib.suppress(OSError):
        os.utime(f"{path}/{RECORD}")


def list_environments(root: Path) -> list[EnvironmentItem]:
    """Return whole environments, last used first; blocking, reads every directory below `root`."""
    found = []
    with contextlib.suppress(OSError):
        for path in root.iterdir():
            with contextlib.suppress(OSError, ValueError, KeyError):
                record = json.loads((path / RECORD).read_text(encoding="utf-8"))
                used_at = (path / RECORD).stat().st_mtime
                size = folder_size(path).size_bytes
                found.append(EnvironmentItem(path.name, record.get("python", ""), tuple(record["packages"]), size, used_at))
    return sorted(found, key=lambda item: -item.last_used_at)


def folder_size(path: Path, *, limit: int = 200_000) -> FolderItem:
    """Return how much is in a folder, at most `limit` files of it; links are not followed, what vanishes meanwhile is not counted."""
    files = size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            if files >= limit:
                return FolderItem(path.name, files, size, is_whole=False)
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(folder, name)).st_size
                files += 1
    return FolderItem(path.name, files, size, is_whole=True)
