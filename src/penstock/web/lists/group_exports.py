"""Groups of a list as a file: what they are made of, counts by state, mean and range of numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.interfaces.run_tables import RowGroups, Span
from penstock.web.lists.exporting import Export, Field
from penstock.web.lists.parquet_writing import Kind


def group_export(name: str, by: str, found: RowGroups, spreads: Mapping[str, str], *, has_states: bool = True) -> Export:
    """Return the groups of the list `name`. `spreads`: field -> number of the groups (empty: the duration) of which it has the spread."""
    states = (Field("states", is_document=True),) if has_states else ()
    fields = [Field("group"), Field("count", Kind.INTEGER), *states, Field("newest_at", Kind.MOMENT)]
    fields += [field for spread in spreads for field in _spread(spread)]

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        for group in found.groups:
            row: dict[str, Any] = {"group": group.value, "count": group.count, "states": group.states, "newest_at": group.newest_at or None}
            for spread, column in spreads.items():
                row |= _spread_values(spread, group.columns.get(column) if column else group.duration)
            yield row

    return Export(f"{name}-by-{by}", fields, rows())


def _spread(name: str) -> tuple[Field, ...]:
    return tuple(Field(f"{name}_{part}", Kind.NUMBER) for part in ("mean", "min", "max"))


def _spread_values(name: str, span: Span | None) -> dict[str, float | None]:
    values = (None, None, None) if span is None else (span.mean, span.minimum, span.maximum)
    return dict(zip((field.name for field in _spread(name)), values, strict=True))
