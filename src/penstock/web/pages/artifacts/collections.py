"""Collections of artifacts over the whole server: what runs log under a name, and what a task puts out in every run of a pipeline.

The same list narrowed to one project stands on that project's pages.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse

from penstock.domain.tracking import TrackedProject
from penstock.interfaces.page_artifacts import OutputItem
from penstock.interfaces.pages import LOOKED_AT, Condition, ListQuery, Page
from penstock.interfaces.run_tables import RowGroups
from penstock.interfaces.tracking_pages import CollectionItem, CollectionUse
from penstock.web.lists.filters import chip_text, filter_text, parse, query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.lists.held_rows import Columns, page_of
from penstock.web.lists.key_columns import NO_KEYS, KeyColumns, key_columns, named
from penstock.web.lists.namespaces import namespace_of
from penstock.web.pages.tracking.run import run_url
from penstock.web.services.tracking import TrackingServices, readable_by
from penstock.web.services.web import WebServices

FILTER_FIELDS = ("name", "type", "project", "pipeline", "alias", "tag", "producer", "versions", "size", "updated", "used")
FACETS: Sequence[tuple[str, str]] = (("type", "Type"), ("project", "Project"), ("pipeline", "Pipeline"))
GROUPINGS = (
    ("type", "Type"), ("project", "Project"), ("pipeline", "Pipeline"), ("alias", "Alias"), ("tag", "Tag"), ("producer", "Producer"),
    ("updated", "Last change"), ("used", "Last used"),
)  # fmt: skip
"""Columns that group."""
GROUPED_NUMBERS = ("versions", "size")
OF_PIPELINES = frozenset({"project", "pipeline"})
"""Columns, chips and groups that say nothing in the list of one project."""
_MAX_TRACKED = 2000
_MAX_CHOICES = 30
_BATCH = 400


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """One line of the list, whichever world it is from."""

    name: str
    url: str
    type: str
    """As it was given: `dataset` or `system.Dataset`."""
    project: str
    """`entity/project`; empty for outputs of a pipeline."""
    pipeline: str
    """Empty for collections of a project."""
    version_count: int
    size_bytes: int
    """Of all versions together."""
    updated_at: float
    newest: str
    """Name of the newest version: `v3`, or the run that made it."""
    newest_url: str
    collection_id: int | None = None
    """None for outputs of a pipeline."""
    output: tuple[str, str, str] | None = None
    """(pipeline, task, output) of an output of a pipeline."""
    is_link: bool = False
    """Holds links to versions of other collections."""
    aliases: Sequence[tuple[str, str]] = ()
    """(alias, address of the version)."""
    last_used_at: float | None = None
    producer: str = ""
    """Name of the run or task that made the newest version."""
    producer_url: str = ""
    producer_count: int = 0
    """Runs that made versions; 0 where it is not known."""
    tags: Sequence[str] = ()
    """Of the collection itself."""
    subject: str = ""
    """What names the row in a bulk action: `collection:ID`, or `artifact:ID` of the last artifact."""
    description: str = ""
    """In the list of a project."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Of the latest version, by key (`meta.rows`); read where the list is narrowed or sorted by it."""

    @property
    def type_key(self) -> str:
        """The type without its family, to tell `dataset` and `system.Dataset` alike."""
        return self.type.removeprefix("system.").lower()


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to narrow the list."""

    field: str
    """Name of the chip."""
    label: str
    choices: Sequence[tuple[str, int, str]]
    """(value, how many, text of the filter with it)."""
    chosen: str
    """The value in the filter now; empty for none."""
    cleared: str
    """Text of the filter without it."""


@dataclass(frozen=True, slots=True)
class CollectionsTab:
    """What the tab shows."""

    listing: Page[CollectionRow]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    facets: Sequence[Facet]
    """Type, project, pipeline."""
    is_cut: bool
    """Older artifacts of pipelines were not looked at; in the list of a project, some of its collections."""
    groups: GroupTable | None = None
    """Collections in groups; None: they are shown one by one."""
    group_choices: Sequence[tuple[str, str]] = GROUPINGS
    """(column, label) of what may group."""
    keys: KeyColumns = NO_KEYS
    """Metadata of the latest versions, as columns."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """What the filter bar completes."""
    count: int = 0
    """Collections without the filter."""


COLUMNS: Columns[CollectionRow] = Columns(
    words=lambda row: f"{row.name} {row.type} {row.project} {row.pipeline} {row.description}",
    texts={
        "name": lambda row: [row.name],
        "type": lambda row: [row.type_key],
        "project": lambda row: [row.project],
        "pipeline": lambda row: [row.pipeline],
        "place": lambda row: [row.project or row.pipeline],
        "latest": lambda row: [row.newest],
        "alias": lambda row: [alias for alias, _ in row.aliases],
        "tag": lambda row: list(row.tags),
        "producer": lambda row: [row.producer],
        "description": lambda row: [row.description],
    },
    numbers={"versions": lambda row: row.version_count, "size": lambda row: row.size_bytes},
    times={"updated": lambda row: row.updated_at, "used": lambda row: row.last_used_at},
    keys="meta",
    values=lambda row: row.metadata,
)
_READ_FOR = {"alias": "aliases", "tag": "tags", "producer": "uses", "used": "uses"}
"""Column -> what has to be read for every row when the list is narrowed, sorted or grouped by it."""


@dataclass(frozen=True, slots=True)
class FoundCollections:
    """Everything that a filter matches, in order."""

    query: ListQuery
    """What was asked for."""
    sort: str
    """Name of the order."""
    rows: Sequence[CollectionRow]
    """What matches, without what only a shown row needs."""
    all_rows: Sequence[CollectionRow]
    """What there is to count for the facets."""
    is_cut: bool
    """Older artifacts of pipelines were not looked at; in the list of a project, some of its collections."""
    by: str = ""
    """The column that groups; empty for rows."""


async def collections_of(
    services: WebServices, request: Request, wanted: Mapping[str, str], project: TrackedProject | None = None
) -> FoundCollections:
    """Return what the list matches and the caller may see; the number of queries does not depend on it.

    Args:
        services: what pages work with.
        request: whose list it is.
        wanted: the address of the list.
        project: the one whose collections they are, which the caller may see; None: of all, and outputs of pipelines.
    """
    query = _with_plain_types(query_of(request, wanted, now=services.clock.now(), sort="updated"))
    if project is None:
        rows, is_cut = await _all_rows(services, request, query.scope.get("namespace", ""))
        all_rows = rows
    else:
        all_rows = rows = await _project_rows(services, project, ())
        if len(rows) == LOOKED_AT and (words := _words_of(query, project)):
            rows = await _project_rows(services, project, words)
        is_cut = len(rows) == LOOKED_AT
    sort = query.sort if COLUMNS.has(query.sort) else "updated"
    by = group_of(wanted)
    asked = {sort, by, *(condition.field for condition in query.conditions)}
    rows = await _read(services, rows, {_READ_FOR[name] for name in asked & _READ_FOR.keys()})
    if any(name and COLUMNS.key_of(name) for name in asked):
        values = await values_of(services, rows)
        rows = [replace(row, metadata=values.get(row.subject, {})) for row in rows]
    found = COLUMNS.in_order(COLUMNS.matching(rows, query), sort, is_descending=query.is_descending)
    return FoundCollections(query, sort, found, all_rows, is_cut, by)


def _with_plain_types(query: ListQuery) -> ListQuery:
    """Return a query whose types are named without their family: `type:system.Dataset` means what `type:dataset` does."""
    plain = [
        replace(condition, value=condition.value.lower().removeprefix("system.")) if condition.field == "type" else condition
        for condition in query.conditions
    ]
    return replace(query, conditions=tuple(plain))


def group_of(wanted: Mapping[str, str]) -> str:
    """Return the column by which an address groups the list; empty for rows."""
    by = wanted.get("group", "")
    return by if by in dict(GROUPINGS) else ""


def groups_of(of: FoundCollections) -> RowGroups:
    """Return what the list matches in the groups that it asks for."""
    return COLUMNS.groups(of.rows, of.by, of.query, at=lambda row: row.updated_at, numbers=GROUPED_NUMBERS)


async def _read(services: WebServices, rows: list[CollectionRow], named: Collection[str]) -> list[CollectionRow]:
    if services.tracking is None:
        return rows
    for name, read in (("aliases", partial(_with_aliases, services)), ("tags", _with_tags), ("uses", _with_uses)):
        rows = await read(services.tracking, rows) if name in named else rows
    return rows


async def collections_tab(services: WebServices, request: Request, project: TrackedProject | None = None) -> CollectionsTab:
    """Return a page of the list, of the whole server or of a project."""
    of = await collections_of(services, request, request.query_params, project)
    unused = OF_PIPELINES if project is not None else frozenset[str]()
    found = page_of(of.rows, of.query)
    listing = replace(found, items=await in_full(services, found.items))
    groups = None
    if of.by:
        labels = {"versions": "Versions"}
        label = dict(GROUPINGS)[of.by]
        groups = GroupTable(of.by, label, groups_of(of), ("versions",), request.url.path, request.query_params, labels=labels)
    order = ("-" if of.query.is_descending else "") + of.sort
    facets = [facet for facet in facets_of(of.all_rows, request.query_params.get("q", "")[:2000]) if facet.field not in unused]
    keys = key_columns(request.query_params, {} if of.by else await values_of(services, listing.items))
    choices = tuple((name, label) for name, label in GROUPINGS if name not in unused)
    fields = tuple(name for name in FILTER_FIELDS if name not in unused)
    return CollectionsTab(listing, order, facets, of.is_cut, groups, choices, keys, fields, len(of.all_rows))


async def values(services: WebServices, request: Request) -> JSONResponse:
    """Values that the filter bar of the list offers for `field`, those that contain `text`."""
    return JSONResponse(await offered(services, request), headers={"cache-control": "no-store"})


async def offered(services: WebServices, request: Request, project: TrackedProject | None = None) -> Sequence[str]:
    """Return the values of `field` that contain `text`, as the address has them."""
    wanted, field = request.query_params, request.query_params.get("field", "")
    # What only some lists need is read for the column that groups and the key that sorts.
    asked = {"namespace": namespace_of(request), "group": field, "sort": f"-{field}"}
    return COLUMNS.offered((await collections_of(services, request, asked, project)).rows, field, wanted.get("text", ""))


async def values_of(services: WebServices, rows: Sequence[CollectionRow]) -> Mapping[str, Mapping[str, Any]]:
    """Return the metadata of the latest version of each row, by its subject."""
    ids = [row.collection_id for row in rows if row.collection_id is not None]
    outputs = {int(row.subject.partition(":")[2]): row.subject for row in rows if row.collection_id is None and row.subject}
    found: dict[int, Mapping[str, Any]] = {}
    stored: dict[int, Mapping[str, Any]] = {}
    if services.tracking is not None:
        for start in range(0, len(ids), _BATCH):
            found |= await services.tracking.pages.collection_metadata(ids[start : start + _BATCH])
    for start in range(0, len(outputs), _BATCH):
        stored |= await services.artifacts.metadata(list(outputs)[start : start + _BATCH])
    return {
        **{f"collection:{key}": named("meta", value) for key, value in found.items()},
        **{outputs[key]: named("meta", value) for key, value in stored.items()},
    }


async def in_full(services: WebServices, rows: Sequence[CollectionRow]) -> Sequence[CollectionRow]:
    """Return rows with aliases, tags, producers and uses, which a list reads for those alone that it shows."""
    if services.tracking is None:
        return rows
    found = await _with_tags(services.tracking, await _with_aliases(services, services.tracking, rows))
    return await _with_uses(services.tracking, found)


async def _all_rows(services: WebServices, request: Request, namespace: str) -> tuple[list[CollectionRow], bool]:
    """Return what there is on the whole server, and whether older artifacts of pipelines were left out."""
    outputs, is_cut = await services.artifacts.outputs(namespace=namespace)
    rows = [_output_row(item) for item in outputs]
    if services.tracking is not None:
        rows += await _tracked_rows(services.tracking, request, namespace)
    return rows, is_cut


async def _project_rows(services: WebServices, project: TrackedProject, words: Sequence[str]) -> list[CollectionRow]:
    """Return the collections of a project with these words, the newest `LOOKED_AT` of them."""
    if services.tracking is None:
        return []
    return [_tracked_row(item) for item in await services.tracking.pages.collections(project.project_id, words=words, limit=LOOKED_AT)]


def _words_of(query: ListQuery, project: TrackedProject) -> list[str]:
    """Return the words of a filter by which the database can tell which collections of a project may match."""
    place = f"{project.entity}/{project.name}".lower()
    asked = [*query.words, *(one.value for one in query.conditions if one.field in {"name", "type"} and one.operator in {":", "="})]
    # What the database and Python may not take for the same is left to `Columns.matching`.
    return [word for word in asked if word.isascii() and " " not in word and word.lower() not in place]


async def _tracked_rows(tracking: TrackingServices, request: Request, namespace: str) -> list[CollectionRow]:
    items = await tracking.pages.all_collections(entity=namespace, limit=_MAX_TRACKED)
    readable = readable_by(tracking, request)
    return [_tracked_row(item) for item in items if readable(item.entity)]


def _tracked_row(item: CollectionItem) -> CollectionRow:
    url = "/" + "/".join(quote(name, safe="") for name in (item.entity, item.project, "artifacts", item.type_name, item.name))
    newest = "" if item.newest_index is None else f"v{item.newest_index}"
    return CollectionRow(
        name=item.name,
        url=url,
        type=item.type_name,
        project=f"{item.entity}/{item.project}",
        pipeline="",
        version_count=item.version_count,
        size_bytes=item.size_bytes,
        updated_at=item.updated_at,
        newest=newest,
        newest_url=f"{url}/{newest}" if newest else "",
        collection_id=item.collection_id,
        subject=f"collection:{item.collection_id}",
        is_link=item.kind == "portfolio",
        description=item.description or "",
    )


def _output_row(item: OutputItem) -> CollectionRow:
    url = f"/ui/artifacts/{item.newest_id}"
    return CollectionRow(
        name=f"{item.task_name} · {item.output_key}",
        url=f"{url}?tab=versions",
        type=item.type,
        project="",
        pipeline=item.pipeline_name,
        version_count=item.artifact_count,
        size_bytes=item.size_bytes,
        updated_at=item.updated_at,
        subject=f"artifact:{item.newest_id}",
        output=(item.pipeline_name, item.task_name, item.output_key),
        newest=item.run_name or str(item.newest_id),
        newest_url=url,
        last_used_at=item.last_used_at,
        producer=item.task_name,
        producer_url=f"/ui/runs/{item.run_id}" if item.run_id else "",
    )


async def _with_aliases(services: WebServices, tracking: TrackingServices, rows: Sequence[CollectionRow]) -> list[CollectionRow]:
    ids = [row.collection_id for row in rows if row.collection_id is not None]
    known: dict[int, Sequence[tuple[str, int]]] = {}
    for start in range(0, len(ids), _BATCH):
        known |= await tracking.pages.collection_aliases(ids[start : start + _BATCH])
    noted = await services.notes.aliases_of([row.output for row in rows if row.output is not None])

    def named(row: CollectionRow) -> list[tuple[str, str]]:
        if row.output is not None:
            return [(alias, f"/ui/artifacts/{number}") for alias, number in noted.get(row.output, ())]
        return [(alias, f"{row.url}/v{index}") for alias, index in known.get(row.collection_id or 0, ())]

    return [replace(row, aliases=named(row)) for row in rows]


async def _with_tags(tracking: TrackingServices, rows: Sequence[CollectionRow]) -> list[CollectionRow]:
    ids = [row.collection_id for row in rows if row.collection_id is not None]
    known: dict[int, Sequence[str]] = {}
    for start in range(0, len(ids), _BATCH):
        known |= await asyncio.to_thread(tracking.collections.tags, ids[start : start + _BATCH])
    return [replace(row, tags=known.get(row.collection_id or 0, ())) for row in rows]


async def _with_uses(tracking: TrackingServices, rows: Sequence[CollectionRow]) -> list[CollectionRow]:
    ids = [row.collection_id for row in rows if row.collection_id is not None]
    known: dict[int, CollectionUse] = {}
    for start in range(0, len(ids), _BATCH):
        known |= await tracking.pages.collection_uses(ids[start : start + _BATCH])
    return [_used(row, use) if (use := known.get(row.collection_id or 0)) is not None else row for row in rows]


def _used(row: CollectionRow, use: CollectionUse) -> CollectionRow:
    run = use.producer
    return replace(
        row,
        last_used_at=use.last_used_at,
        producer="" if run is None else run.display_name or run.name,
        producer_url="" if run is None else run_url(run.entity, run.project, run.name),
        producer_count=use.producer_count,
    )


def facets_of(rows: Sequence[CollectionRow], text: str) -> list[Facet]:
    """Return the choices of every facet with their counts over all rows, the most frequent first."""
    words, conditions = parse(text)
    found = []
    for name, label in FACETS:
        cleared = filter_text(words, [condition for condition in conditions if condition.field != name])
        counts = Counter(value for row in rows if (value := _facet_value(row, name)))
        choices = [
            (value, count, f"{cleared} {chip_text(Condition(name, '=', value))}".strip())
            for value, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:_MAX_CHOICES]
        ]
        chosen = next((condition.value for condition in conditions if condition.field == name), "")
        found.append(Facet(name, label, choices, chosen, cleared))
    return found


def _facet_value(row: CollectionRow, field: str) -> str:
    return {"type": row.type_key, "project": row.project, "pipeline": row.pipeline}[field]
