"""Resolvers of the whole schema: the tables of the noun modules, put together."""

from __future__ import annotations

from penstock.api.wandb.fields import FieldTable, Resolver
from penstock.api.wandb.resolvers import (
    accounts,
    automations,
    collection_edits,
    collections,
    files,
    projects,
    reports,
    runs,
    series,
    sweeps,
    version_edits,
    versions,
)

_TABLES: tuple[FieldTable, ...] = (
    accounts.FIELDS,
    projects.FIELDS,
    runs.FIELDS,
    series.FIELDS,
    files.FIELDS,
    versions.FIELDS,
    version_edits.FIELDS,
    collections.FIELDS,
    collection_edits.FIELDS,
    sweeps.FIELDS,
    reports.FIELDS,
    automations.FIELDS,
)


def _joined() -> dict[str, dict[str, Resolver]]:
    tables: dict[str, dict[str, Resolver]] = {}
    for table in _TABLES:
        for type_name, fields in table.items():
            tables.setdefault(type_name, {}).update(fields)
    return tables


FIELDS = _joined()
"""Resolvers by type and field; later tables override earlier ones (registries add filters to lists of projects)."""
