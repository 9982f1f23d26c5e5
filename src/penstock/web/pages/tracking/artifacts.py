"""Artifacts of a project: collections, one version with files, preview, usage and lineage, bytes of its files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.tracking import TrackedProject, TrackedRun
from penstock.domain.versions import REGISTRY_PREFIX, ArtifactVersion, Collection, ManifestEntry, VersionChange
from penstock.interfaces.pages import Condition
from penstock.interfaces.tracking_pages import VersionItem
from penstock.tracking.accounts import ORGANIZATION_ENTITY
from penstock.web.comparisons.files import FileDiff
from penstock.web.comparisons.versions import VersionDiff, compare_versions
from penstock.web.lists.file_rows import MOST_FILES, FileTable, file_table, files_found
from penstock.web.lists.filters import chip_text
from penstock.web.pages.artifacts.collections import CollectionsTab, collections_tab
from penstock.web.pages.compare.versions import LoggedMetrics, compared_file, logged_metrics, stored_content
from penstock.web.pages.tracking.data import boxed
from penstock.web.pages.tracking.run import project_crumb
from penstock.web.pages.tracking.workspace import PROJECT_TABS, first_crumb, project_frame, project_url, section_of
from penstock.web.previews.content import Preview, preview_of, rows_asked
from penstock.web.previews.file_levels import FileEntry
from penstock.web.render import Crumb, Frame, render
from penstock.web.services.tracking import SETTLE_SECONDS, TrackingServices, caller_of, project_named, project_of
from penstock.web.services.web import WebServices
from penstock.web.texts.prose import prose
from penstock.web.texts.snippets import version_snippets
from penstock.web.texts.whole_numbers import whole_number
from penstock.web.tracking.documents import Tree, read_document, tree_of

TABS: Sequence[tuple[str, str]] = (
    ("overview", "Overview"),
    ("files", "Files"),
    ("preview", "Preview"),
    ("versions", "Versions"),
    ("usage", "Usage"),
    ("lineage", "Lineage"),
    ("history", "History"),
)
_ALIASES = {"graph": "lineage", "metadata": "overview", "api": "overview", "consumers": "usage", "action_history": "history"}
_MAX_CHOICES = 500
"""Files offered on Preview; the others are on Files."""
_SHOWN_FIRST = (".csv", ".parquet", ".jsonl", ".npz", ".npy", ".png", ".jpg", ".jpeg", ".html", ".md", ".ipynb", ".json", ".txt", ".yaml")
_STRIP = 30
"""Versions in the strip below the title."""

CHANGE_WORDS: Mapping[str, str] = {
    "created": "logged",
    "alias": "alias",
    "tag": "tag",
    "description": "description",
    "metadata": "metadata",
    "labels": "labels",
    "ttl": "time to live",
    "link": "linked",
    "unlink": "unlinked",
    "delete": "deleted",
    "restore": "restored",
    "name": "name",
    "type": "type",
    "card": "collection card",
    "approval": "approval",
}
"""Kinds of changes in words; translated by the template."""


@dataclass(frozen=True, slots=True)
class CollectionListPage:
    """Context of `tracking/collections.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    collections: CollectionsTab
    """The list of all collections, narrowed to the project."""
    protected: Mapping[str, str]
    """Protected aliases, and who protected each."""
    locked: Mapping[str, str]
    """Those of them that the reader may not free."""


@dataclass(frozen=True, slots=True)
class ArtifactVersionPage:
    """Context of `tracking/version.html`."""

    version: ArtifactVersion
    """The version."""
    collection: Collection
    """Where the reader came to it: its sequence, or a collection that links it."""
    version_index: int
    """Its number there."""
    base: str
    """Its address."""
    tab: str
    """Key of the open tab."""
    tabs: Sequence[tuple[str, str]]
    """All tabs."""
    versions: Sequence[VersionItem]
    """All members of the collection, newest first."""
    aliases: Sequence[str]
    """Of this version in this collection."""
    tags: Sequence[str]
    """Of this version."""
    metadata: Tree
    """What the client attached."""
    creator: TrackedRun | None
    """The run that logged it."""
    users: Sequence[TrackedRun] = ()
    """Runs that used it."""
    files: FileTable | None = None
    """Entries of the open level."""
    folder: str = ""
    """The open level."""
    entry: ManifestEntry | None = None
    """The open file."""
    preview: Preview | None = None
    """Its beginning."""
    choices: Sequence[str] = ()
    """Files that Preview offers."""
    snippets: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """(client, code that fetches it)."""
    strip: Sequence[VersionItem] = ()
    """The newest versions and this one."""
    other: VersionItem | None = None
    """The version beside which this one is laid, on Versions."""
    diff: VersionDiff | None = None
    """What changed since the other one, the older of the two first."""
    file_diff: FileDiff | None = None
    """One file of both, laid beside each other."""
    old_version: int = 0
    """Id of the older of the two."""
    new_version: int = 0
    """Id of the newer."""
    metrics: LoggedMetrics | None = None
    """Of the runs when they logged the versions, on Versions."""
    changes: Sequence[VersionChange] = ()
    """The history, last first."""
    words: Mapping[str, str] = field(default_factory=lambda: CHANGE_WORDS)
    """Kinds of changes in words."""
    links: Sequence[Collection] = ()
    """Collections that link it, on Usage."""
    protected: Mapping[str, str] = field(default_factory=dict)
    """Protected aliases of the project or registry, and who protected each."""
    locks: Mapping[str, str] = field(default_factory=dict)
    """Protected aliases that it has and the reader may not change: while there are some, the reader cannot delete it."""
    locked: Mapping[str, str] = field(default_factory=dict)
    """Protected aliases of the project or registry that the reader may not give or take away."""
    approvals: Sequence[VersionChange] = ()
    """Verdicts on this version in this collection, last first; on Overview."""

    @property
    def card(self) -> Markup:
        """What the collection says about itself: Markdown, markup in it stays text."""
        return prose(self.collection.description or "")

    @property
    def expires_at(self) -> float | None:
        """When it will be deleted by itself; None: never."""
        ttl = self.version.ttl_seconds
        return self.version.created_at + ttl if ttl is not None and ttl > 0 else None


async def list_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Collections of a project; the address of one type leads to the list with that filter."""
    project = await project_of(tracking, request)
    if type_name := request.path_params.get("type"):
        text = chip_text(Condition("type", "=", type_name.lower().removeprefix("system.")))
        kept = [(key, value) for key, value in request.query_params.multi_items() if key != "q"]
        return RedirectResponse(f"{project_url(project)}/artifacts?{urlencode([('q', text), *kept])}", status_code=303)
    await asyncio.to_thread(tracking.task_versions.settle, project.project_id, seconds=SETTLE_SECONDS)
    found = await collections_tab(services, request, project)
    protected = await asyncio.to_thread(tracking.registries.protected_aliases, project.project_id)
    locked = await asyncio.to_thread(tracking.registries.locked_aliases, project.project_id, caller_of(tracking, request).user_name)
    page = CollectionListPage(project, project_url(project), PROJECT_TABS, found, protected, locked)
    frame = project_frame(project, "Artifacts", crumb="Artifacts", scripts=("table",))
    return render(services, request, "tracking/collections.html", frame=frame, page=page)


async def newest_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """A collection without a version: its newest one."""
    project = await project_of(tracking, request)
    collection = await asyncio.to_thread(tracking.collections.named, project.project_id, request.path_params["name"])
    if collection is None:
        raise NotFoundError(f"There is no artifact {request.path_params['name']} in {project.entity}/{project.name}.")
    versions = await tracking.pages.versions(collection.collection_id, limit=1)
    if not versions:
        raise NotFoundError(f"{collection.name} has no version any more.")
    return RedirectResponse(version_url(collection, versions[0].version_index), status_code=303)


async def registry_address(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The address that `Artifact.url` gives for what is linked into a registry: the version, its collection's newest, or the registry."""
    entity, project_name, collection_name = [*request.query_params.get("selectionPath", "").split("/"), "", ""][:3]
    project = await project_named(
        tracking, request, entity or ORGANIZATION_ENTITY, project_name or REGISTRY_PREFIX + request.path_params["registry"]
    )
    if not collection_name:
        return RedirectResponse(project_url(project) + "/artifacts", status_code=303)
    collection = await asyncio.to_thread(tracking.collections.named, project.project_id, collection_name)
    if collection is None:
        raise NotFoundError(f"There is no artifact {collection_name} in {project.entity}/{project.name}.")
    index = whole_number(request.query_params.get("version", "").removeprefix("v"))
    newest = version_url(collection, 0).removesuffix("/v0")
    return RedirectResponse(newest if index is None else version_url(collection, index), status_code=303)


def version_url(collection: Collection, index: int) -> str:
    """Return the address of a version in a collection."""
    names = (collection.entity, collection.project, "artifacts", collection.type_name, collection.name, f"v{index}")
    return "/" + "/".join(quote(name, safe="") for name in names)


async def version_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """One version."""
    project = await project_of(tracking, request)
    name, alias = request.path_params["name"], request.path_params["version"]
    wanted = request.path_params.get("tab", "overview")
    tab = _ALIASES.get(wanted, wanted)
    if tab not in dict(TABS):
        raise NotFoundError(f"An artifact version has no page {wanted!r}.")
    resolved = await asyncio.to_thread(tracking.collections.resolve, project.project_id, f"{name}:{alias}")
    version = await asyncio.to_thread(tracking.artifacts.get, resolved[1].version_id) if resolved is not None else None
    if resolved is None or version is None:
        raise NotFoundError(f"There is no version {name}:{alias} in {project.entity}/{project.name}. It may have been deleted.")
    collection, member = resolved
    versions = await tracking.pages.versions(collection.collection_id)
    aliases = next((item.aliases for item in versions if item.version_id == version.version_id), ())
    tags, by = await asyncio.to_thread(tracking.artifacts.tags, [version.version_id]), caller_of(tracking, request).user_name
    page = ArtifactVersionPage(
        version=version,
        collection=collection,
        version_index=member.version_index,
        base=version_url(collection, member.version_index),
        tab=tab,
        tabs=TABS,
        versions=versions,
        aliases=aliases,
        tags=tags.get(version.version_id, ()),
        metadata=tree_of(read_document(version.metadata or "{}")),
        creator=await tracking.runs.get_by_id(version.creator_run_id) if version.creator_run_id is not None else None,
        strip=_strip(versions, version.version_id),
        protected=await asyncio.to_thread(tracking.registries.protected_aliases, project.project_id),
        locks=await asyncio.to_thread(tracking.registries.locks_of, version.version_id, by),
        locked=await asyncio.to_thread(tracking.registries.locked_aliases, project.project_id, by),
        **await _of_tab(services, tracking, request, version, tab),
        **await _around(services, tracking, request, collection, member.version_index, version, versions, tab),
    )
    siblings = [(f"v{item.version_index} {' '.join(item.aliases)}", version_url(collection, item.version_index)) for item in versions[:12]]
    frame = Frame(
        title=f"{collection.name}:v{member.version_index}",
        section=section_of(project),
        crumbs=(
            first_crumb(project),
            project_crumb(project.entity, project.name, project_url(project)),
            Crumb("Artifacts", f"{project_url(project)}/artifacts", is_word=True),
            Crumb(f"{collection.name}:v{member.version_index}", "", siblings),
        ),
        scripts=("table", "lineage", "preview", "visuals") if tab == "lineage" else ("tracked_run", "table", "preview"),
    )
    return render(services, request, "tracking/version.html", frame=frame, page=page)


async def _of_tab(
    services: WebServices, tracking: TrackingServices, request: Request, version: ArtifactVersion, tab: str
) -> dict[str, Any]:
    """Return the fields of the page that the open tab needs."""
    if tab in {"overview", "usage"}:
        ids = list(await asyncio.to_thread(tracking.artifacts.runs_using, version.version_id))[:200]
        found = await tracking.pages.runs(ids)
        return {"users": [found[run_id] for run_id in ids if run_id in found]}
    if tab == "files":
        limit = rows_asked(request.query_params.get("rows", ""))
        path = request.path_params.get("path", "").strip("/")
        if (opened := await asyncio.to_thread(_opened, services, tracking, version, path, limit)) is not None:
            return opened
        entries, is_cut = await asyncio.to_thread(version_entries, tracking, version, path, MOST_FILES)
        if path and not entries:
            raise NotFoundError(f"The artifact has no file {path}.")
        files = files_found(request, entries, path, now=services.clock.now())
        of = ("version", str(version.version_id))
        return {"files": file_table(request, files, of, is_cut=is_cut) if entries else None, "folder": path}
    if tab == "preview":
        limit, wanted = rows_asked(request.query_params.get("rows", "")), request.query_params.get("file", "")
        return await asyncio.to_thread(previewed, services, tracking, version, wanted, limit)
    return {}


async def _around(
    services: WebServices,
    tracking: TrackingServices,
    request: Request,
    collection: Collection,
    index: int,
    version: ArtifactVersion,
    versions: Sequence[VersionItem],
    tab: str,
) -> dict[str, Any]:
    """Return the fields that depend on the collection where the reader stands."""
    if tab == "history":
        return {"changes": await tracking.pages.changes(collection.collection_id, version.version_id)}
    if tab == "overview":

        def snippets() -> list[tuple[str, str]]:
            first = tracking.artifacts.listing(version).page(0, 1) if version.file_count else ()
            return version_snippets(services.url, collection, index, version, first[0].path if first else "")

        changes = await tracking.pages.changes(collection.collection_id, version.version_id, limit=500)
        verdicts = [change for change in changes if change.kind == "approval" and change.version_id == version.version_id]
        return {"snippets": await asyncio.to_thread(snippets), "approvals": verdicts}
    if tab == "usage":
        return {
            "links": await asyncio.to_thread(_links, tracking, version),
            "snippets": version_snippets(services.url, collection, index, version, ""),
        }
    if tab == "versions":
        other = _other(versions, version.version_id, index, request.query_params.get("other", ""))
        metrics = await logged_metrics(tracking, request, versions)
        beside = await _beside(services, tracking, version, other, request.query_params.get("file", ""))
        return {"other": other, "metrics": metrics, **beside}
    return {}


def _links(tracking: TrackingServices, version: ArtifactVersion) -> list[Collection]:
    members = tracking.collections.memberships_of([version.version_id]).get(version.version_id, ())
    found = tracking.collections.many([member.collection_id for member in members])
    return [collection for collection in found.values() if collection.collection_id != version.collection_id]


def _strip(versions: Sequence[VersionItem], version_id: int) -> list[VersionItem]:
    """Return the newest versions; the open one stands at the end when it is older than all of them."""
    newest = list(versions[:_STRIP])
    return newest + [item for item in versions[_STRIP:] if item.version_id == version_id]


def _other(versions: Sequence[VersionItem], version_id: int, index: int, wanted: str) -> VersionItem | None:
    """Return the version to compare with: the one named, else the one before, else the one after."""
    others = [item for item in versions if item.version_id != version_id]
    named = next((item for item in others if f"v{item.version_index}" == wanted), None)
    older = next((item for item in others if item.version_index < index), None)
    return named or older or (others[-1] if others else None)


async def _beside(
    services: WebServices, tracking: TrackingServices, version: ArtifactVersion, other: VersionItem | None, path: str
) -> dict[str, Any]:
    """Return what differs between a version and another one, the older first, and in one file of both where a path is given."""
    beside = None if other is None else await asyncio.to_thread(tracking.artifacts.get, other.version_id)
    if beside is None:
        return {}
    old, new = sorted((version, beside), key=lambda item: item.version_id)
    listing = tracking.artifacts.listing
    diff = await asyncio.to_thread(lambda: compare_versions(listing(old), listing(new), old.metadata, new.metadata))
    found = await compared_file(services, tracking, old, new, path) if path else None
    return {"diff": diff, "file_diff": found, "old_version": old.version_id, "new_version": new.version_id}


def previewed(services: WebServices, tracking: TrackingServices, version: ArtifactVersion, wanted: str, limit: int) -> dict[str, Any]:
    """Return the file that the reader chose, else the one that shows most of what the version is, with its preview and the choices."""
    entries = tracking.artifacts.listing(version).page(0, _MAX_CHOICES)
    choices = [entry.path for entry in entries]
    if not choices and not wanted:
        return {}
    first = min(choices, key=_rank, default="")
    return {**(_opened(services, tracking, version, wanted or first, limit) or {}), "choices": choices}


def _rank(path: str) -> int:
    """Return how soon a file is looked at: tables of the client first, then other data and pictures, then the rest."""
    name = path.lower()
    if name.endswith(".table.json"):
        return 0
    return 1 if name.endswith(_SHOWN_FIRST) else 2


def version_entries(tracking: TrackingServices, version: ArtifactVersion, folder: str, limit: int) -> tuple[Sequence[FileEntry], bool]:
    """Return the first files of a version below a folder, and whether there are more. Blocks."""
    found = tracking.artifacts.listing(version).below(folder, limit + 1)
    return [(entry.path, entry.size_bytes or 0, None) for entry in found[:limit]], len(found) > limit


def _opened(services: WebServices, tracking: TrackingServices, version: ArtifactVersion, path: str, limit: int) -> dict[str, Any] | None:
    """Return the file of a path with its preview; None where there is none. Blocks."""
    named = tracking.artifacts.listing(version).named([path]) if path else ()
    if not named:
        return None
    entry = named[0]
    digest, size = stored_content(tracking, version, entry)
    kind = "system.HTML" if path.lower().endswith((".html", ".htm")) else ""
    preview = Preview("none")
    if digest is not None:
        preview = preview_of(services.blobs, digest=digest, type_=kind, is_directory=False, size=size, name=path, rows=limit)
    return {"entry": entry, "preview": preview, "folder": path.rpartition("/")[0]}


async def version_by_id(tracking: TrackingServices, request: Request, version_id: int | None = None) -> ArtifactVersion:
    """Return the version that the address names, or that has this id.

    Raises:
        NotFoundError: there is none, or it is not the reader's to see.
    """
    version = await asyncio.to_thread(tracking.artifacts.get, request.path_params["version_id"] if version_id is None else version_id)
    if version is None or not tracking.accounts.is_readable(caller_of(tracking, request), version.entity):
        raise NotFoundError("There is no such version.")
    return version


async def file_content(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The bytes of a file of a version, boxed or as a download."""
    version = await version_by_id(tracking, request)
    path = request.path_params["path"]

    def find() -> tuple[Digest | None, int]:
        named = tracking.artifacts.listing(version).named([path])
        return stored_content(tracking, version, named[0]) if named else (None, 0)

    digest, size = await asyncio.to_thread(find)
    if digest is None:
        raise NotFoundError(f"The bytes of {path} are not stored here.")
    return await boxed(services, request, digest, path, size)
