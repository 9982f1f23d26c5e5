"""One level of a tree of files: folders with what is in them, then files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

FileEntry: TypeAlias = tuple[str, int, float | None]
"""Path, bytes and time of change of a file; the time where one is known."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """An entry of the file list: a file or a folder at the open level."""

    name: str
    path: str
    is_folder: bool
    size_bytes: int
    count: int
    updated_at: float | None

    @property
    def kind(self) -> str:
        """What kind of file it is: how its name ends, `folder`, or nothing."""
        return "folder" if self.is_folder else PurePosixPath(self.path).suffix.removeprefix(".").lower()


def level_of(files: Sequence[FileEntry], folder: str) -> list[FileRow]:
    """Return the entries of one level of a tree of (name, bytes, time), folders first."""
    prefix = f"{folder}/" if folder else ""
    rows: dict[str, FileRow] = {}
    for name, size, at in files:
        if not name.startswith(prefix):
            continue
        rest = name[len(prefix) :]
        first, separator, _ = rest.partition("/")
        known = rows.get(first)
        if separator:
            rows[first] = FileRow(
                first, prefix + first, True, (known.size_bytes if known else 0) + size, (known.count if known else 0) + 1,
                max(filter(None, (at, known.updated_at if known else None)), default=None),
            )  # fmt: skip
        else:
            rows[first] = FileRow(first, name, False, size, 1, at)
    return sorted(rows.values(), key=lambda row: (not row.is_folder, row.name))
