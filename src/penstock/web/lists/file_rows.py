"""The entries of a folder in the order that the reader asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.web.lists.held_rows import Columns
from penstock.web.previews.file_levels import FileRow

_COLUMNS: Columns[FileRow] = Columns(
    words=lambda row: row.path,
    texts={"name": lambda row: [row.name]},
    numbers={"size": lambda row: row.size_bytes},
    times={"changed": lambda row: row.updated_at},
)


def files_in_order(rows: Sequence[FileRow], query: Mapping[str, str]) -> Sequence[FileRow]:
    """Return entries by the column that `sort` of an address names (`-size` is descending); as they are without one."""
    wanted = query.get("sort", "")
    column = wanted.removeprefix("-")
    return _COLUMNS.in_order(rows, column, is_descending=wanted.startswith("-")) if _COLUMNS.has(column) else rows
