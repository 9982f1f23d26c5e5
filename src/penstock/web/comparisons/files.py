"""What differs between two states of one file: rows of tables by key, lines of texts, pictures beside each other.

Works on previews, so it sees as much of each file as they read and says when that was not all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from penstock.web.comparisons.runs import DiffBlock, text_blocks
from penstock.web.previews.content import Preview
from penstock.web.previews.tables import Picture, TableHead

MAX_SHOWN = 200
"""Rows listed that differ."""


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that is not the same in both tables."""

    change: str
    """`added`, `removed` or `changed`, seen from the older file."""
    cells: Sequence[tuple[str, str]]
    """(before, after) by column; the same text twice where nothing changed, and in rows that only one side has."""


@dataclass(frozen=True, slots=True)
class RowDiff:
    """Two tables beside each other."""

    columns: Sequence[str]
    """Of the newer table, then those that only the older one has."""
    new_columns: Sequence[str]
    """Columns that only the newer one has."""
    old_columns: Sequence[str]
    """Columns that only the older one has."""
    key: str
    """The column by which rows are the same row; empty where rows are compared whole."""
    rows: Sequence[ChangedRow]
    """The first `MAX_SHOWN`: in the order of the newer table, then what is gone."""
    added: int
    removed: int
    changed: int
    same: int
    is_cut: bool
    """A table has more rows or columns than were compared."""


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file in two versions."""

    path: str
    kind: str
    """`rows`, `image`, `text`, or `other`: what has no comparison of its own."""
    rows: RowDiff | None = None
    """Of tables."""
    blocks: Sequence[DiffBlock] = ()
    """Of texts."""
    is_cut: bool = False
    """There is more of it than was compared."""


def compare_previews(path: str, old: Preview, new: Preview) -> FileDiff:
    """Return what differs from the older to the newer state of a file."""
    if old.table is not None and new.table is not None:
        rows = compare_tables(old.table, new.table, is_cut=old.is_cut or new.is_cut)
        return FileDiff(path, "rows", rows=rows, is_cut=rows.is_cut)
    if old.kind == new.kind == "image":
        return FileDiff(path, "image")
    plain = {"text", "json", "prose"}
    if old.kind in plain and new.kind in plain:
        return FileDiff(path, "text", blocks=text_blocks(old.text, new.text), is_cut=old.is_cut or new.is_cut)
    return FileDiff(path, "other")


def compare_tables(old: TableHead, new: TableHead, *, is_cut: bool = False) -> RowDiff:
    """Return what differs between two tables: by the first column whose values name rows in both, else by whole rows.

    Values are compared in the columns that both have; what a column that came or went holds makes no row a changed one.
    """
    columns = [*new.columns, *(name for name in old.columns if name not in new.columns)]
    both = [at for at, name in enumerate(columns) if name in old.columns and name in new.columns]
    before, after = _records(old, columns), _records(new, columns)
    key = next((at for at in both if _names(before, after, at)), None)
    rows, same = _by_key(before, after, key, both) if key is not None else _whole(before, after, both)
    counts = Counter(row.change for row in rows)
    return RowDiff(
        columns,
        [name for name in new.columns if name not in old.columns],
        [name for name in old.columns if name not in new.columns],
        "" if key is None else columns[key],
        rows[:MAX_SHOWN],
        added=counts["added"],
        removed=counts["removed"],
        changed=counts["changed"],
        same=same,
        is_cut=is_cut,
    )


Record = tuple[str, ...]


def _records(table: TableHead, columns: Sequence[str]) -> list[Record]:
    """Return the rows with their cells in the order of `columns`, as texts; columns that the table has not are empty."""
    places = [table.columns.index(name) if name in table.columns else None for name in columns]
    return [tuple("" if at is None or at >= len(row) else _text(row[at]) for at in places) for row in table.rows]


def _text(cell: Any) -> str:
    return cell.path if isinstance(cell, Picture) else str(cell)


def _names(before: Sequence[Record], after: Sequence[Record], at: int) -> bool:
    """Whether the values of a column name rows: none is empty and none is there twice, and some are in both tables."""
    sides = [[row[at] for row in side] for side in (before, after)]
    if not all(all(values) and len(set(values)) == len(values) for values in sides):
        return False
    return not set(sides[0]).isdisjoint(sides[1])


def _alone(change: str, row: Record) -> ChangedRow:
    return ChangedRow(change, [(cell, cell) for cell in row])


def _by_key(before: Sequence[Record], after: Sequence[Record], key: int, both: Sequence[int]) -> tuple[list[ChangedRow], int]:
    known, kept = {row[key]: row for row in before}, {row[key] for row in after}
    found, same = [], 0
    for row in after:
        earlier = known.get(row[key])
        if earlier is None:
            found.append(_alone("added", row))
        elif all(earlier[at] == row[at] for at in both):
            same += 1
        else:
            sides = ((earlier[at], row[at]) if at in both else (row[at] or earlier[at],) * 2 for at in range(len(row)))
            found.append(ChangedRow("changed", list(sides)))
    gone = (_alone("removed", row) for row in before if row[key] not in kept)
    return list(chain(found, gone)), same


def _whole(before: Sequence[Record], after: Sequence[Record], both: Sequence[int]) -> tuple[list[ChangedRow], int]:
    """Compare rows that nothing names: as many as both have of a row are the same, the rest is new or gone."""
    found: list[ChangedRow] = []
    same = 0
    for change, rows, others in (("added", after, before), ("removed", before, after)):
        left = Counter(tuple(row[at] for at in both) for row in others)
        same = 0
        for row in rows:
            part = tuple(row[at] for at in both)
            if left[part]:
                left[part] -= 1
                same += 1
            else:
                found.append(_alone(change, row))
    return found, same
