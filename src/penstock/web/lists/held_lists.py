"""Lists of a project that are held in memory (sweeps, reports), with all that lists can do: narrowed, in order, in groups, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.requests import Request

from penstock.interfaces.pages import ListQuery, Page
from penstock.interfaces.run_tables import RowGroups
from penstock.web.lists.filters import query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.lists.held_rows import Columns, page_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HeldList(Generic[T]):
    """What kind of list it is."""

    columns: Columns[T]
    """What its columns hold."""
    groupings: Sequence[tuple[str, str]]
    """(column, label) of what may group."""
    at: Callable[[T], float]
    """Which row is the newest."""
    sort: str
    """Column by which it is in order when nothing is asked, the last first."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Numbers that groups sum up, with their labels."""

    def found(self, request: Request, rows: Sequence[T], *, now: float) -> FoundRows[T]:
        """Return what the address of a list, or of its export, shows of all rows."""
        return self.arranged(rows, query_of(request, now=now, sort=self.sort), request.query_params.get("group", ""))

    def arranged(self, rows: Sequence[T], query: ListQuery, by: str) -> FoundRows[T]:
        """Return what a question to the list shows of all rows, in groups of the column `by` if that may group."""
        sort = query.sort if self.columns.has(query.sort) else self.sort
        found = self.columns.in_order(self.columns.matching(rows, query), sort, is_descending=query.is_descending)
        return FoundRows(self, query, sort, found, by if by in dict(self.groupings) else "")


@dataclass(frozen=True, slots=True)
class FoundRows(Generic[T]):
    """Everything that a list shows, in order."""

    of: HeldList[T]
    """What kind of list it is."""
    query: ListQuery
    """What was asked for."""
    sort: str
    """Name of the order."""
    rows: Sequence[T]
    """All of them, those of every page."""
    by: str
    """The column that groups; empty for rows."""

    def groups(self) -> RowGroups:
        """The groups that are asked for."""
        return self.of.columns.groups(self.rows, self.by, self.query, at=self.of.at, numbers=tuple(self.of.numbers))

    def shown(self, request: Request, words: Mapping[str, str] | None = None) -> HeldTable[T]:
        """Return a page of it, or its groups; `words` are what values are called, in English."""
        groups = None
        if self.by:
            label, numbers = dict(self.of.groupings)[self.by], self.of.numbers
            base, wanted = request.url.path, request.query_params
            columns = tuple(name for name in numbers if name != "size")  # sizes have a column of their own
            groups = GroupTable(self.by, label, self.groups(), columns, base, wanted, words=words or {}, labels=numbers)
        sort = ("-" if self.query.is_descending else "") + self.sort
        return HeldTable(page_of(self.rows, self.query), sort, groups, self.of.groupings, tuple(self.of.columns.names))


@dataclass(frozen=True, slots=True)
class HeldTable(Generic[T]):
    """What a page shows of such a list."""

    listing: Page[T]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    groups: GroupTable | None
    """Rows in groups; None: they are shown one by one."""
    group_choices: Sequence[tuple[str, str]]
    """(column, label) of what may group."""
    filter_fields: Sequence[str]
    """Fields the filter bar completes."""
