"""Groups of rows of a list as pages show them: what they are made of, and where each one leads.

A group is a line that is closed: its counts, states and durations. Its name leads to its rows, the same list with one chip more. Facets
are the same counts as a menu: a value that is chosen takes the place of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from penstock.interfaces.pages import Condition
from penstock.interfaces.run_tables import RowGroup, RowGroups
from penstock.web.lists.filters import chip_text, filter_text, parse

_FIELDS: Mapping[str, str] = {"state": "status"}
"""Column that groups -> field of its chip, where they differ."""
MOST_CHOICES = 50
"""Values that a menu offers."""


@dataclass(frozen=True, slots=True)
class GroupTable:
    """A list in groups."""

    by: str
    """The column whose values are groups."""
    label: str
    """What it is called, in English where the pages name it."""
    found: RowGroups
    """The groups."""
    columns: Sequence[str]
    """Numbers of the rows that are summed up, beside the durations."""
    base: str
    """Address of the page."""
    query: QueryParams
    """What the page shows."""
    looks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Words and icons of states that are not those of pipelines."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What values are called, in English, that the pages name."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What those of `columns` are called, in English, that the pages name."""
    is_of_last_runs: bool = False
    """States and durations are those of the last run of each row."""
    leads: Callable[[str], str] | None = None
    """Finds the address of the rows with a value, where no chip of the filter does."""

    def members_url(self, group: RowGroup) -> str:
        """Address of the rows of a group; empty for those without a value."""
        if not group.value:
            return ""
        if self.leads is not None:
            return self.leads(group.value)
        kept = [(name, text) for name, text in self.query.multi_items() if name not in {"q", "group", "cursor"}]
        text = f"{self.query.get('q', '')} {chip_text(condition_of(self.by, group.value))}".strip()
        return f"{self.base}?{urlencode([*kept, ('q', text)])}"


@dataclass(frozen=True, slots=True)
class FacetMenu:
    """Values of a column, to narrow a list by."""

    by: str
    """The column."""
    choices: Sequence[tuple[str, int, str]]
    """(value, rows, text of the filter with it), the most frequent first."""
    chosen: str
    """The value in the filter now; empty for none."""
    cleared: str
    """Text of the filter without it."""
    is_complete: bool
    """Whether every row and every value was looked at."""


def condition_of(by: str, value: str) -> Condition:
    """Return the chip of a group."""
    kind, _, key = by.partition(".")
    return Condition("tag", ":", f"{key}={value}") if kind == "tag" and key else Condition(_FIELDS.get(by, by), "=", value)


def without(text: str, by: str) -> tuple[str, str]:
    """Return the text of a filter without its chips of a column, and the value that the first of them had."""
    words, conditions = parse(text)
    fields = {by, _FIELDS.get(by, by)}
    chosen = next((condition.value for condition in conditions if condition.field in fields), "")
    return filter_text(words, [condition for condition in conditions if condition.field not in fields]), chosen


def facet_menu(found: RowGroups, by: str, text: str) -> FacetMenu:
    """Return the menu of a column from the groups of what the filter `text` matches without it."""
    cleared, chosen = without(text, by)
    counted = sorted(((group.value, group.count) for group in found.groups if group.value), key=lambda pair: (-pair[1], pair[0]))
    choices = [
        (value, count, f"{cleared} {chip_text(condition_of(by, value))}".strip()) for value, count in counted[:MOST_CHOICES]
    ]
    return FacetMenu(by, choices, chosen, cleared, is_complete=found.is_complete and len(counted) <= MOST_CHOICES)
