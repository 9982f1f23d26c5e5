"""Looks at files and folders that triggers watch (`pipelines.triggers.FileProbe`)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from pathlib import Path

_MOST_ENTRIES = 20_000
"""Files of a folder that are looked at; changes beyond are not seen."""


class WatchedFiles:
    """Fingerprints from names, sizes and times; contents are not read."""

    async def fingerprint(self, path: str) -> str:
        """See `FileProbe`."""
        return await asyncio.to_thread(_fingerprint, Path(path))


def _fingerprint(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    lines = _entries(path) if stat.S_ISDIR(status.st_mode) else [f"{status.st_size}:{status.st_mtime_ns}"]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _entries(folder: Path) -> list[str]:
    """Return a line for each file below `folder`, in a fixed order."""
    lines: list[str] = []
    for root, folders, files in os.walk(folder):
        folders.sort()
        for path in (Path(root, name) for name in sorted(files)):
            try:
                status = path.stat()
            except OSError:
                continue
            lines.append(f"{path}:{status.st_size}:{status.st_mtime_ns}")
            if len(lines) >= _MOST_ENTRIES:
                return lines
    return lines
