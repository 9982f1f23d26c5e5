"""Stored artifacts: list, one artifact with preview, usage, versions and lineage, its boxed view and its download."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from penstock.api.downloads import attachment
from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.trash import TrashKind
from penstock.domain.versions import VersionChange
from penstock.interfaces.artifact_notes import ArtifactNote
from penstock.interfaces.page_artifacts import ArtifactView
from penstock.interfaces.pages import ArtifactItem, ArtifactUse, Page
from penstock.web.following import LISTENER, STILL_FOLLOWING_HEADERS, with_listener
from penstock.web.lists.file_rows import MOST_FILES, FileTable, file_table, files_found
from penstock.web.lists.filters import query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.lists.key_columns import NO_KEYS, KeyColumns, key_columns, named
from penstock.web.pages.artifacts.collections import FILTER_FIELDS as COLLECTION_FIELDS
from penstock.web.pages.artifacts.collections import CollectionsTab, collections_tab
from penstock.web.pages.artifacts.row_answers import is_question, row_answer
from penstock.web.pages.tracking.artifacts import CHANGE_WORDS
from penstock.web.pages.tracking.data import boxed, headers_of, stream
from penstock.web.previews.content import Preview, head_of, media_type_of, preview_of, rows_asked
from penstock.web.previews.stored_folders import StoredFolder, entry_of, folder_of, zip_of_folder
from penstock.web.previews.ui_metadata import viewers_of
from penstock.web.previews.viewer_sources import artifact_with_sources, uses_with_sources
from penstock.web.previews.visualizations import Visual, visuals_of
from penstock.web.render import Crumb, Frame, render
from penstock.web.security import BOX_HEADERS, STILL_HEADERS
from penstock.web.services.web import WebServices
from penstock.web.texts.snippets import artifact_snippets
from penstock.web.texts.whole_numbers import whole_number

TABS: Sequence[tuple[str, str]] = (
    ("overview", "Overview"),
    ("preview", "Preview"),
    ("usage", "Usage"),
    ("versions", "Versions"),
    ("lineage", "Lineage"),
    ("history", "History"),
)
FILTER_FIELDS = ("name", "type", "run", "pipeline", "alias", "tag", "uri", "digest", "created", "size")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
_MARKDOWN_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.6 system-ui,sans-serif;color:light-dark(#14181f,#e7ebf0);"
    "background:light-dark(#fff,#12161b);margin:1rem 1.25rem;max-width:56rem}"
    "a{color:light-dark(#0a5fc2,#6cb4ff)}table{border-collapse:collapse}"
    "td,th{border:1px solid light-dark(#cbd2db,#38414d);padding:.25rem .6rem}"
    "pre,code{font-family:ui-monospace,monospace;background:light-dark(#f1f3f6,#0e1216);border-radius:4px}"
    "pre{padding:.6rem}code{padding:.1rem .25rem}"
    "img{max-width:100%}"
)


GROUPINGS = (("type", "Type"), ("name", "Name"), ("pipeline", "Pipeline"), ("run", "Run"))
"""Columns that group stored artifacts, `interfaces.run_tables.ARTIFACT_GROUPINGS`."""


@dataclass(frozen=True, slots=True)
class ArtifactListPage:
    """Context of `artifacts/list.html`."""

    tab: str
    """`collections` or `stored`."""
    collections: CollectionsTab | None = None
    """On the first tab."""
    listing: Page[ArtifactItem] | None = None
    """The rows of the second tab."""
    sort: str = ""
    """Its sort name, with `-` in front for descending."""
    groups: GroupTable | None = None
    """Stored artifacts in groups; None when they are shown one by one."""
    keys: KeyColumns = NO_KEYS
    """Metadata of stored artifacts, as columns."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes."""
    group_choices: Sequence[tuple[str, str]] = GROUPINGS
    """(column, label) of what may group."""


@dataclass(frozen=True, slots=True)
class ArtifactPage:
    """Context of `artifacts/artifact.html`."""

    view: ArtifactView
    """The artifact with what surrounds it."""
    tab: str
    """Key of the open tab."""
    tabs: Sequence[tuple[str, str]]
    """All tabs."""
    note: ArtifactNote
    """What people say of it, and how long it is kept."""
    labels: Mapping[int, ArtifactNote]
    """Names of it and of its other versions."""
    preview: Preview | None
    """Beginning of the content, on Overview and Preview; of nothing once it was let go."""
    visual: Visual | None
    """Drawing, for metric types."""
    snippets: Sequence[tuple[str, str]]
    """(client, code that fetches it)."""
    folder: StoredFolder | None = None
    """The open level or file of one that is a folder, on Files."""
    files: FileTable | None = None
    """What the open level holds."""
    changes: Sequence[VersionChange] = ()
    """The history, last first."""
    words: Mapping[str, str] = field(default_factory=lambda: CHANGE_WORDS)
    """Kinds of changes in words."""
    trash_item: int = 0
    """Its place in the trash; 0: it does not lie there."""

    @property
    def artifact(self) -> ArtifactItem:
        """The artifact."""
        return self.view.artifact


async def list_page(services: WebServices, request: Request) -> Response:
    """Collections, or all stored artifacts one by one."""
    if request.query_params.get("tab") == "stored":
        query, by = query_of(request, now=services.clock.now()), request.query_params.get("group", "")
        sort, groups = ("-" if query.is_descending else "") + query.sort, None
        listing: Page[ArtifactItem] = Page([], None, 0)
        if by in dict(GROUPINGS):
            found = await services.run_tables.artifact_groups(query, by)
            groups = GroupTable(by, dict(GROUPINGS)[by], found, (), request.url.path, request.query_params)
        else:
            listing = await services.artifacts.list_artifacts(query)
        keys = key_columns(request.query_params, {str(item.artifact_id): named("meta", item.metadata) for item in listing.items})
        page = ArtifactListPage("stored", listing=listing, sort=sort, groups=groups, keys=keys)
    else:
        page = ArtifactListPage("collections", await collections_tab(services, request), filter_fields=COLLECTION_FIELDS)
    frame = Frame(title="Artifacts", section="artifacts", crumbs=(Crumb("Artifacts"),), live="", scripts=("table",))
    return render(services, request, "artifacts/list.html", frame=frame, page=page)


async def _artifact(services: WebServices, text: str) -> ArtifactView:
    view = await services.artifacts.artifact(number) if (number := whole_number(text)) is not None else None
    if view is None:
        raise NotFoundError(f"There is no artifact {text}.")
    return view


async def artifact_with_bytes(services: WebServices, text: str) -> ArtifactItem:
    """Return the artifact of this id, whose bytes may be read: those of one that was deleted stay hidden, also while others hold them.

    Raises:
        NotFoundError: there is none, or it was deleted.
    """
    artifact = (await _artifact(services, text)).artifact
    note = await services.notes.note(artifact.artifact_id)
    if note.ended_at is not None:
        raise NotFoundError("This artifact was deleted, or its time to live has passed.")
    return artifact


async def artifact_page(services: WebServices, request: Request) -> Response:
    """One artifact."""
    view = await _artifact(services, request.path_params["artifact_id"])
    tab = request.query_params.get("tab", "overview")
    return await _page(services, request, view, tab if tab in dict(TABS) else "overview")


async def files_page(services: WebServices, request: Request) -> Response:
    """A level of an artifact that is a folder, or one file in it."""
    view = await _artifact(services, request.path_params["artifact_id"])
    if view.artifact.digest is None or not view.artifact.is_directory:
        raise NotFoundError("This artifact is no folder.")
    await artifact_with_bytes(services, request.path_params["artifact_id"])
    folder = await asyncio.to_thread(
        folder_of,
        services.blobs,
        view.artifact.digest,
        request.path_params.get("path", "").strip("/"),
        rows_asked(request.query_params.get("rows", "")),
    )
    return await _page(services, request, view, "files", folder)


def _file_table(services: WebServices, request: Request, artifact: ArtifactItem, opened: StoredFolder | None) -> FileTable | None:
    if opened is None or not opened.files:
        return None
    found = files_found(request, opened.files[:MOST_FILES], opened.folder, now=services.clock.now())
    return file_table(request, found, ("artifact", str(artifact.artifact_id)), is_cut=len(opened.files) > MOST_FILES)


async def file_content(services: WebServices, request: Request) -> Response:
    """The bytes of a file in a folder, boxed or as a download."""
    artifact = await artifact_with_bytes(services, request.path_params["artifact_id"])
    path = request.path_params["path"]
    entry = None
    if artifact.digest is not None and artifact.is_directory:
        entry = await asyncio.to_thread(entry_of, services.blobs, artifact.digest, path)
    if entry is None:
        raise NotFoundError(f"The artifact has no file {path}.")
    return await boxed(services, request, entry.digest, path, entry.size_bytes)


async def _page(services: WebServices, request: Request, view: ArtifactView, tab: str, folder: StoredFolder | None = None) -> Response:
    artifact = view.artifact
    note = await services.notes.note(artifact.artifact_id)
    preview = None if folder is None else folder.preview
    if tab in {"overview", "preview"}:
        preview = await asyncio.to_thread(
            preview_of,
            services.blobs,
            digest=artifact.digest if note.ended_at is None else None,
            type_=artifact.type,
            is_directory=artifact.is_directory,
            size=artifact.size_bytes,
            rows=rows_asked(request.query_params.get("rows", "")),
        )
    use = ArtifactUse("output", artifact.output_key, 0, artifact, artifact.task_id or "", artifact.task_name)
    drawn = visuals_of(await uses_with_sources(services, [use]))
    tabs = TABS if not artifact.is_directory else [tab for tab in (TABS[0], ("files", "Files"), *TABS[1:]) if tab[0] != "preview"]
    snippets = artifact_snippets(services.url, artifact)
    lying = await services.trash.of_subject(TrashKind.ARTIFACT, str(artifact.artifact_id)) if services.trash and note.is_trashed else None
    page = ArtifactPage(
        view,
        tab,
        tabs,
        note,
        await services.notes.labels_of([artifact.artifact_id, *(other.artifact_id for other in view.siblings)]),
        preview,
        drawn[0] if drawn else None,
        snippets,
        folder,
        _file_table(services, request, view.artifact, folder),
        await services.notes.changes(artifact.artifact_id) if tab == "history" else (),
        trash_item=0 if lying is None else lying.item_id,
    )
    siblings = [(f"{other.run_name} \u00b7 {other.name}", f"/ui/artifacts/{other.artifact_id}") for other in view.siblings[:12]]
    frame = Frame(
        title=artifact.name or artifact.output_key,
        section="artifacts",
        crumbs=(Crumb("Artifacts", "/ui/artifacts"), Crumb(artifact.name or artifact.output_key, "", siblings)),
        scripts=("table", "lineage", "preview", "visuals"),
    )
    return render(services, request, "artifacts/artifact.html", frame=frame, page=page)


async def view(services: WebServices, request: Request) -> Response:
    """The content itself, in a box: an opaque origin that reaches nothing of ours."""
    artifact = await artifact_with_bytes(services, request.path_params["artifact_id"])
    if artifact.digest is None or artifact.is_directory:
        raise NotFoundError("There are no bytes to show for this artifact.")
    digest = artifact.digest
    if is_question(request):
        return await row_answer(services, request, Digest(digest), artifact.size_bytes or services.blobs.size(Digest(digest)))
    head = await asyncio.to_thread(head_of, services.blobs, digest, 1024)
    media = media_type_of(head, artifact.type)
    if media == "text/markdown":
        data = await asyncio.to_thread(head_of, services.blobs, digest, 10 * 1024 * 1024)
        return _markdown(request, data.decode("utf-8", "replace"))
    if media == "text/html" and request.query_params.get("follow"):
        content = with_listener(services.blobs.read(Digest(digest)))
        return StreamingResponse(content, media_type="text/html; charset=utf-8", headers=BOX_HEADERS)
    content_type = f"{media}; charset=utf-8" if media.startswith("text/") else media
    size = artifact.size_bytes if artifact.size_bytes is not None else await asyncio.to_thread(services.blobs.size, Digest(digest))
    return stream(services, request, Digest(digest), size, content_type, headers_of(media))


def _markdown(request: Request, text: str) -> Response:
    """Markdown as a document in its box; with `?follow=1` it scrolls with those beside it."""
    page = f"<!DOCTYPE html><meta charset=utf-8><style>{_MARKDOWN_STYLE}</style>{_MARKDOWN.render(text)}"
    if request.query_params.get("follow"):
        return HTMLResponse(page + LISTENER, headers=STILL_FOLLOWING_HEADERS)
    return HTMLResponse(page, headers=STILL_HEADERS)


async def viewer(services: WebServices, request: Request) -> Response:
    """Markdown or HTML of a UI metadata file, in the same box as stored documents."""
    artifact = await artifact_with_sources(services, (await _artifact(services, request.path_params["artifact_id"])).artifact)
    wanted = request.path_params["index"]
    for item in viewers_of(artifact.metadata):
        if str(item.index) == wanted and item.kind == "html":
            return HTMLResponse(item.text + (LISTENER if request.query_params.get("follow") else ""), headers=BOX_HEADERS)
        if str(item.index) == wanted and item.kind == "markdown":
            return _markdown(request, item.text)
    raise NotFoundError("This artifact has no such viewer.")


async def download(services: WebServices, request: Request) -> Response:
    """The content as a file; directories as a zip archive."""
    artifact = await artifact_with_bytes(services, request.path_params["artifact_id"])
    if artifact.digest is None:
        raise NotFoundError("The bytes of this artifact are not stored here.")
    present = await asyncio.to_thread(services.blobs.has, Digest(artifact.digest))
    if not present:
        raise NotFoundError("The bytes of this artifact are gone from the store.")
    name = artifact.name or artifact.output_key or "artifact"
    headers = {"content-disposition": attachment(f"{name}{'.zip' if artifact.is_directory else ''}")} | STILL_HEADERS
    if artifact.is_directory:
        chunks = zip_of_folder(services.blobs, artifact.digest, request.query_params.get("path", "").strip("/"))
        return StreamingResponse(chunks, media_type="application/zip", headers=headers)
    if artifact.size_bytes is not None:
        headers["content-length"] = str(artifact.size_bytes)
    return StreamingResponse(services.blobs.read(Digest(artifact.digest)), media_type="application/octet-stream", headers=headers)
