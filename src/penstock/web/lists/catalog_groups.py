"""Lists of pipelines, experiments and schedules in groups, as their pages and exports show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from starlette.datastructures import QueryParams

from penstock.interfaces.pages import ListQuery
from penstock.interfaces.run_tables import CATALOG_GROUPINGS
from penstock.web.lists.exporting import Export
from penstock.web.lists.group_exports import group_export
from penstock.web.lists.groups import GroupTable
from penstock.web.services.web import WebServices

LABELS: Mapping[str, str] = {
    "last": "Last run", "version": "Latest version", "versions": "Versions", "schedules": "Schedules", "created": "Created",
    "description": "Description", "activity": "Last activity", "status": "Status", "kind": "Trigger", "pipeline": "Pipeline",
    "experiment": "Experiment", "concurrency": "Concurrency", "runs": "Runs",
}  # fmt: skip
"""What columns are called."""
_NUMBERS: Mapping[str, Sequence[str]] = {"pipelines": ("versions", "schedules"), "experiments": ("runs",), "recurring": ("concurrency",)}
"""Numbers that are summed up."""
_KINDS: Mapping[str, str] = {"event": "Event", "schedule": "Schedule"}
"""What kinds of triggers are called."""
_TAG = "tag."
_MOST_TAGS = 40


def choices_of(table: str, tags: Iterable[Mapping[str, str]] = ()) -> list[tuple[str, str]]:
    """Return (column, label) of what may group a list; `tags` are those of the rows shown."""
    keys = sorted({f"{_TAG}{key}" for each in tags for key in each})[:_MOST_TAGS]
    return [*((name, LABELS[name]) for name in CATALOG_GROUPINGS[table]), *((key, key) for key in keys)]


def wanted_group(table: str, wanted: QueryParams) -> str:
    """Return the column by which an address groups a list; empty for rows."""
    by = wanted.get("group", "")[:200]
    is_tag = table == "pipelines" and by.startswith(_TAG) and len(by) > len(_TAG)
    return by if by in CATALOG_GROUPINGS[table] or is_tag else ""


async def group_table(services: WebServices, table: str, query: ListQuery, wanted: QueryParams, base: str) -> GroupTable | None:
    """Return the groups that an address asks for; None: it asks for rows."""
    by = wanted_group(table, wanted)
    if not by:
        return None
    found = await services.run_tables.catalog_groups(table, query, by)
    labels = {name: LABELS[name] for name in _NUMBERS[table]}
    words = _KINDS if by == "kind" else {}
    return GroupTable(by, LABELS.get(by, by), found, _NUMBERS[table], base, wanted, words=words, labels=labels, is_of_last_runs=True)


async def exported_groups(services: WebServices, table: str, query: ListQuery, by: str) -> Export:
    """Return the groups as a file."""
    found = await services.run_tables.catalog_groups(table, query, by)
    return group_export(table, by, found, {"last_run_seconds": "", **{name: name for name in _NUMBERS[table]}})
