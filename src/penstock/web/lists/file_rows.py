"""Files of a tracked run, a version or a stored folder as a list: one level of the tree, or all files below it when they are narrowed or
grouped, or when the reader asks for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request

from penstock.web.lists.filters import query_of
from penstock.web.lists.held_lists import FoundRows, HeldList, HeldTable
from penstock.web.lists.held_rows import Columns
from penstock.web.previews.file_levels import FileEntry, FileRow, level_of

MOST_FILES = 10_000
"""Files that a page looks at; an export has more."""
FILES: HeldList[FileRow] = HeldList(
    Columns(
        words=lambda row: row.path,
        texts={
            "name": lambda row: [row.name],
            "kind": lambda row: [row.kind],
            "folder": lambda row: [row.path.rpartition("/")[0]],
        },
        numbers={"size": lambda row: row.size_bytes},
        times={"changed": lambda row: row.updated_at},
    ),
    groupings=(("kind", "Kind"), ("folder", "Folder")),
    at=lambda row: row.updated_at or 0.0,
    sort="name",
    numbers={"size": "Size"},
)
"""The list; where the times of files are known they group, too."""
_TIMED = replace(FILES, groupings=(*FILES.groupings, ("changed", "Last change")))


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """What an address shows of the files below a folder."""

    folder: str
    """Its path; empty for the top."""
    is_flat: bool
    """All files below it, not one level."""
    has_times: bool
    """Whether any has a time of change."""
    found: FoundRows[FileRow]
    """The rows, in order."""


@dataclass(frozen=True, slots=True)
class FileTable:
    """What a page shows of them."""

    folder: str
    """Path of the open folder; empty for the top."""
    is_flat: bool
    """All files below it are shown, not one level."""
    has_times: bool
    """Whether any has a time of change."""
    is_cut: bool
    """More files are there than are looked at."""
    table: HeldTable[FileRow]
    """A page of the rows, or their groups."""
    of: tuple[str, str]
    """Whose files they are, as exports and values are asked for: (`run`, id), (`version`, id) or (`artifact`, id)."""


def files_found(request: Request, entries: Sequence[FileEntry], folder: str, *, now: float) -> FoundFiles:
    """Return what the address of a list of files, or of its export, shows of the files below `folder`."""
    wanted = request.query_params
    query, by = query_of(request, now=now, sort="", descending=False), wanted.get("group", "")
    has_times = any(at is not None for _, _, at in entries)
    kind = _TIMED if has_times else FILES
    by = by if by in dict(kind.groupings) else ""
    is_flat = bool(query.words or query.conditions or by) or wanted.get("flat") == "1"
    rows = _all_below(entries, folder) if is_flat else level_of(entries, folder)
    found = kind.arranged(rows, query, by)
    if not kind.columns.has(query.sort):
        found = replace(found, rows=kind.columns.matching(rows, query), sort="")  # as they are: folders first
    return FoundFiles(folder, is_flat, has_times, found)


def file_table(request: Request, found: FoundFiles, of: tuple[str, str], *, is_cut: bool) -> FileTable:
    """Return what a page shows of found files."""
    return FileTable(found.folder, found.is_flat, found.has_times, is_cut, found.found.shown(request), of)


def _all_below(entries: Sequence[FileEntry], folder: str) -> list[FileRow]:
    """Return the files below a folder, each under its path from there."""
    prefix = f"{folder}/" if folder else ""
    return [FileRow(name[len(prefix) :], name, False, size, 1, at) for name, size, at in entries if name.startswith(prefix)]
