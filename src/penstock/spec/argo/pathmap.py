"""Literal paths of a manifest (`/tmp/outputs/Output/data`, mount paths) and where they lie inside one attempt.

Every declared path is replaced in command, arguments, program source and environment, longest first and only where a path really
ends, so a leaf works without any privilege and never sees another attempt's files (kfp 1.8 protocol notes, section 4.1, way 2).
Where the host allows bind mounts the same directories also appear at their literal places, for programs that compute a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any


class PathMap:
    """Replaces declared absolute paths by paths below `root`."""

    def __init__(self, root: PurePosixPath, declared: Iterable[str]) -> None:
        self._root = root
        self._paths = sorted({_clean(path) for path in declared if path.startswith("/") and _clean(path) != "/"}, key=len, reverse=True)
        pattern = "|".join(re.escape(path) for path in self._paths)
        # Left: not in the middle of another path or word. Right: the path ends here, or goes on below it.
        self._pattern = re.compile(rf"(?<![\w./-])(?:{pattern})(?![\w.-])") if pattern else None

    def local(self, path: str) -> PurePosixPath:
        """Where `path` lies in the attempt."""
        return self._root / _clean(path).lstrip("/")

    def apply(self, value: Any) -> Any:
        """Replace declared paths in every string inside `value`."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(lambda match: str(self.local(match.group(0))), value) if "/" in value else value
        if isinstance(value, list | tuple):
            return [self.apply(item) for item in value]
        return value


def _clean(path: str) -> str:
    """Normalise without leaving the root: `..` segments cannot climb."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts)
