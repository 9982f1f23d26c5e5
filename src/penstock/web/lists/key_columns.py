"""Keys as columns: parameters, metrics or metadata of the rows of a list, chosen in the address (`columns=chosen&column=KEY`).

Offered are the keys of the rows shown; any other key may be named, and its column is empty where no row has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from penstock.web.lists.filters import is_chip_field

MOST_COLUMNS = 30
MOST_CHOICES = 300
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """The columns that a list shows beside its own, and the values of its rows."""

    names: Sequence[str]
    """Keys shown, in order."""
    choices: Sequence[str]
    """Keys that the rows shown have, by name."""
    values: Mapping[str, Mapping[str, Any]]
    """Row -> key -> value."""

    @property
    def chips(self) -> tuple[str, ...]:
        """Keys that the filter bar completes."""
        return tuple(name for name in dict.fromkeys((*self.names, *self.choices)) if is_chip_field(name))

    def cell(self, row: object, name: str) -> Any:
        """Return the value of a row; None when it has none."""
        return self.values.get(str(row), {}).get(name)


NO_KEYS = KeyColumns((), (), {})


def chosen_keys(wanted: QueryParams) -> list[str]:
    """Return the keys that an address shows as columns, each once, in its order."""
    if wanted.get("columns") != "chosen":
        return []
    names = (name.strip()[:_LONGEST] for name in wanted.getlist("column"))
    return list(dict.fromkeys(name for name in names if name))[:MOST_COLUMNS]


def key_columns(wanted: QueryParams, values: Mapping[str, Mapping[str, Any]], more: Iterable[str] = ()) -> KeyColumns:
    """Return the columns of a list from its address and the values of the rows shown; `more` keys are offered, too."""
    choices = sorted({name for one in values.values() for name in one} | {*more})[:MOST_CHOICES]
    return KeyColumns(chosen_keys(wanted), choices, values)


def named(prefix: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return values by `PREFIX.KEY`; what holds further objects by its path."""
    return {f"{prefix}.{name}": value for name, value in flat(values or {})}


def flat(values: Mapping[str, Any], *, depth: int = 3) -> Iterable[tuple[str, Any]]:
    """Yield values by path (`a.b`), objects down to a depth."""
    for name, value in values.items():
        if isinstance(value, dict) and value and depth > 1:
            yield from ((f"{name}.{below}", found) for below, found in flat(value, depth=depth - 1))
        else:
            yield str(name), value
