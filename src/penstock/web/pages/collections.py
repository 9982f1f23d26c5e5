"""Collections of artifacts over the whole server: what runs log under a name, and what a task puts out in every run of a pipeline."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from starlette.requests import Request

from penstock.interfaces.pages import Condition, ListQuery, OutputItem, Page
from penstock.interfaces.tracking_pages import CollectionItem, CollectionUse
from penstock.web.filters import chip_text, filter_text, parse, query_of
from penstock.web.pages.tracking_run import run_url
from penstock.web.services import WebServices
from penstock.web.tracking_services import TrackingServices, readable_by

FILTER_FIELDS = ("name", "type", "project", "pipeline", "alias", "tag")
FACETS: Sequence[tuple[str, str]] = (("type", "Type"), ("project", "Project"), ("pipeline", "Pipeline"))
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
    """Older artifacts of pipelines were not looked at."""


_SORTS: Mapping[str, Callable[[CollectionRow], str | float]] = {
    "name": lambda row: row.name.lower(),
    "type": lambda row: row.type_key,
    "versions": lambda row: row.version_count,
    "size": lambda row: row.size_bytes,
    "updated": lambda row: row.updated_at,
}


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
    """Older artifacts of pipelines were not looked at."""


async def collections_of(services: WebServices, request: Request, wanted: Mapping[str, str]) -> FoundCollections:
    """Return what the list matches and the caller may see; the number of queries does not depend on it."""
    query = query_of(request, wanted, now=services.clock.now(), sort="updated")
    namespace = query.scope.get("namespace", "")
    outputs, is_cut = await services.artifacts.outputs(namespace=namespace)
    rows = [_output_row(item) for item in outputs]
    if services.tracking is not None:
        rows += await _tracked_rows(services.tracking, request, namespace)
    if services.tracking is not None and (named := {condition.field for condition in query.conditions} & {"alias", "tag"}):
        rows = [row for row in rows if row.collection_id is not None]
        rows = await _with_aliases(services.tracking, rows) if "alias" in named else rows
        rows = await _with_tags(services.tracking, rows) if "tag" in named else rows
    found = [row for row in rows if _matches(row, query.words, query.conditions)]
    sort = query.sort if query.sort in _SORTS else "updated"
    found.sort(key=_SORTS[sort], reverse=query.is_descending)
    return FoundCollections(query, sort, found, rows, is_cut)


async def collections_tab(services: WebServices, request: Request) -> CollectionsTab:
    """Return a page of the list."""
    of = await collections_of(services, request, request.query_params)
    query, found = of.query, of.rows
    first = int(query.cursor) if query.cursor and query.cursor.isdigit() and len(query.cursor) < 8 else 0
    shown = found[first : first + query.limit]
    shown = await in_full(services, shown)
    order = ("-" if query.is_descending else "") + of.sort
    last = first + len(shown)
    listing = Page(shown, str(last) if last < len(found) else None, len(found), is_total_exact=True)
    return CollectionsTab(listing, order, facets_of(of.all_rows, request.query_params.get("q", "")[:2000]), of.is_cut)


async def in_full(services: WebServices, rows: Sequence[CollectionRow]) -> Sequence[CollectionRow]:
    """Return rows with aliases, tags, producers and uses, which a list reads for those alone that it shows."""
    if services.tracking is None:
        return rows
    found = await _with_tags(services.tracking, await _with_aliases(services.tracking, rows))
    return await _with_uses(services.tracking, found)


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
        newest=item.run_name or str(item.newest_id),
        newest_url=url,
        last_used_at=item.last_used_at,
        producer=item.task_name,
        producer_url=f"/ui/runs/{item.run_id}" if item.run_id else "",
    )


async def _with_aliases(tracking: TrackingServices, rows: Sequence[CollectionRow]) -> list[CollectionRow]:
    ids = [row.collection_id for row in rows if row.collection_id is not None]
    known: dict[int, Sequence[tuple[str, int]]] = {}
    for start in range(0, len(ids), _BATCH):
        known |= await tracking.pages.collection_aliases(ids[start : start + _BATCH])
    return [
        replace(row, aliases=[(alias, f"{row.url}/v{index}") for alias, index in known.get(row.collection_id or 0, ())]) for row in rows
    ]


async def _with_tags(tracking: TrackingServices, rows: Sequence[CollectionRow]) -> list[CollectionRow]:
    ids = [row.collection_id for row in rows if row.collection_id is not None]
    known: dict[int, Sequence[str]] = {}
    for start in range(0, len(ids), _BATCH):
        known |= await asyncio.to_thread(tracking.collections.tags, ids[start : start + _BATCH])
    return [replace(row, tags=known.get(row.collection_id or 0, ())) for row in rows]


async def _with_uses(tracking: TrackingServices, rows: Sequence[CollectionRow]) -> list[CollectionRow]:
    known = await tracking.pages.collection_uses([row.collection_id for row in rows if row.collection_id is not None])
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


def _matches(row: CollectionRow, words: Sequence[str], conditions: Sequence[Condition]) -> bool:
    text = f"{row.name} {row.type} {row.project} {row.pipeline}".lower()
    return all(word.lower() in text for word in words) and all(_fits(row, condition) for condition in conditions)


def _fits(row: CollectionRow, condition: Condition) -> bool:
    """Whether a row has what a chip asks for; `:` is contains, `=` is; unknown fields are ignored, as in the other lists."""
    values = {
        "name": [row.name],
        "type": [row.type_key, row.type],
        "project": [row.project],
        "pipeline": [row.pipeline],
        "alias": [alias for alias, _ in row.aliases],
        "tag": list(row.tags),
    }.get(condition.field)
    if values is None:
        return True
    wanted = condition.value.lower()
    is_there = any(wanted == value.lower() if condition.operator in {"=", "!="} else wanted in value.lower() for value in values)
    return not is_there if condition.operator == "!=" else is_there


def facets_of(rows: Sequence[CollectionRow], text: str) -> list[Facet]:
    """Return the choices of every facet with their counts over all rows, the most frequent first."""
    words, conditions = parse(text)
    found = []
    for field, label in FACETS:
        cleared = filter_text(words, [condition for condition in conditions if condition.field != field])
        counts = Counter(value for row in rows if (value := _facet_value(row, field)))
        choices = [
            (value, count, f"{cleared} {chip_text(Condition(field, '=', value))}".strip())
            for value, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:_MAX_CHOICES]
        ]
        chosen = next((condition.value for condition in conditions if condition.field == field), "")
        found.append(Facet(field, label, choices, chosen, cleared))
    return found


def _facet_value(row: CollectionRow, field: str) -> str:
    return {"type": row.type_key, "project": row.project, "pipeline": row.pipeline}[field]
