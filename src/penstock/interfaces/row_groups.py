"""Groups that are made of rows already read: counts by state, mean and range of numbers, those with the newest rows first.

For lists whose rows are few enough to be held (`interfaces.pages.LOOKED_AT`); longer ones are summed up by the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from penstock.interfaces.run_tables import MOST_GROUPS, RowGroup, RowGroups, Span


@dataclass(frozen=True, slots=True)
class GroupedRow:
    """What groups need of a row."""

    values: Sequence[str | None]
    """The values of the column that groups; a row with several (tags, aliases) is in the group of each. None: without one."""
    at: float
    """By which the newest row of a group is found."""
    state: str | None = None
    """None: the row has no state."""
    seconds: float | None = None
    """How long it took; None when that is not known."""
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    """Numbers to sum up, by column."""


def day_of(at: float | None, zone: tzinfo) -> str | None:
    """Return the day of a time, as filters write it: `2026-11-20`."""
    return None if at is None else datetime.fromtimestamp(at, zone).date().isoformat()


def gather(rows: Iterable[GroupedRow], *, is_whole: bool) -> RowGroups:
    """Group rows by each of their values; `is_whole`: no matching row was left out."""
    members: dict[str | None, list[GroupedRow]] = {}
    for row in rows:
        for value in row.values or (None,):
            members.setdefault(value or None, []).append(row)
    groups = sorted((_group(value, inside) for value, inside in members.items()), key=lambda group: -group.newest_at)
    return RowGroups(groups[:MOST_GROUPS], is_complete=is_whole and len(groups) <= MOST_GROUPS)


def _group(value: str | None, rows: Sequence[GroupedRow]) -> RowGroup:
    names = dict.fromkeys(name for row in rows for name in row.numbers)
    spans = {name: _span(row.numbers.get(name) for row in rows) for name in names}
    return RowGroup(
        value=value,
        count=len(rows),
        newest_at=max(row.at for row in rows),
        states=dict(Counter(row.state for row in rows if row.state is not None)),
        duration=_span(row.seconds for row in rows),
        columns={name: span for name, span in spans.items() if span is not None},
    )


def _span(values: Iterable[float | None]) -> Span | None:
    numbers = [float(value) for value in values if value is not None]
    return Span(len(numbers), min(numbers), sum(numbers) / len(numbers), max(numbers)) if numbers else None
