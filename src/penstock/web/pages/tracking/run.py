"""The page of one tracked run: overview, charts, system metrics, logs, files, artifacts, code."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.data_losses import DataLoss
from penstock.domain.errors import NotFoundError
from penstock.domain.tracking import RunFile, SeriesInfo, TrackedRun
from penstock.domain.versions import ArtifactVersion, UseDirection
from penstock.interfaces.tracking_pages import TaskPlace
from penstock.web.comparisons.subjects import told_facts
from penstock.web.lists.file_rows import MOST_FILES, FileTable, file_table, files_found
from penstock.web.previews.content import Preview, preview_of, rows_asked
from penstock.web.previews.file_levels import FileEntry
from penstock.web.render import Crumb, Frame, render
from penstock.web.services.tracking import SETTLE_SECONDS, TrackingServices, project_of, run_of
from penstock.web.services.web import WebServices
from penstock.web.texts.i18n import translate
from penstock.web.tracking.chart_panels import ChartPanel, panel_list, panels_of
from penstock.web.tracking.documents import (
    ComparedRow,
    Tree,
    branch_of,
    client_facts,
    compared,
    config_of,
    look_of,
    read_document,
    story_of,
    summary_of,
    tree_of,
)
from penstock.web.tracking.machine_facts import machine_of, runtime_of
from penstock.web.tracking.run_colors import color_of
from penstock.web.tracking.system_metrics import system_panels

TABS: Sequence[tuple[str, str]] = (
    ("overview", "Overview"),
    ("charts", "Charts"),
    ("system", "System"),
    ("logs", "Logs"),
    ("files", "Files"),
    ("artifacts", "Artifacts"),
    ("code", "Code"),
    ("diff", "Config diff"),
)
LOSS_WORDS: Mapping[str, str] = {
    "steps": "The client ignored rows whose step was over already:",
    "size": "The client did not send what was too large for it:",
    "dropped": "The client gave up sending some of its data:",
}
"""Kind of loss -> what happened, before the client's own words."""
_ALIASES = {"workspace": "charts", "log": "logs", "model": "charts", "config": "overview", "summary": "overview", "": "overview"}
_MAX_PATCH = 2000
_SYSTEM_ROWS = 200
"""Rows of system metrics in which the keys of all writers of a shared run are looked for."""
_OTHERS = 50
_METADATA = "wandb-metadata.json"


@dataclass(frozen=True, slots=True)
class TrackedRunPage:
    """Context of `tracking/run.html`."""

    run: TrackedRun
    """The run."""
    base: str
    """Its address."""
    tab: str
    """Key of the open tab."""
    tabs: Sequence[tuple[str, str]]
    """All tabs."""
    look: tuple[str, str]
    """Word and icon of the state."""
    story: tuple[str, Mapping[str, object]]
    """Sentence that explains the state, with its values."""
    info: SeriesInfo
    """Counts and keys of the series."""
    place: TaskPlace | None
    """The pipeline task whose record this is."""
    config: Tree
    """Config, on Overview."""
    summary: Tree
    """Summary, on Overview."""
    environment: Mapping[str, Any]
    """What the client said about machine, program and git, on Overview and Code."""
    panels: Sequence[ChartPanel] = ()
    """Drawings, on Charts and System."""
    files: FileTable | None = None
    """Entries at the open level or below it, on Files."""
    folder: str = ""
    """The open level."""
    file: RunFile | None = None
    """The open file."""
    preview: Preview | None = None
    """Its beginning."""
    used: Sequence[ArtifactVersion] = ()
    """Versions that the run used."""
    logged: Sequence[ArtifactVersion] = ()
    """Versions that the run logged."""
    code: Sequence[tuple[str, str]] = ()
    """(name, text) of code, requirements and diff."""
    query_tail: str = ""
    """Kept on the tabs' links: `?kfp=true` when embedded."""
    others: Sequence[TrackedRun] = ()
    """On Config diff: runs of the project to compare with, newest first."""
    other: TrackedRun | None = None
    """The one compared with."""
    differences: Sequence[tuple[str, Sequence[ComparedRow]]] = ()
    """What differs: heading and rows."""
    patches: Sequence[tuple[str, str]] = ()
    """(name, unified diff) of saved code and requirements that differ."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Names and versions of the client."""
    labels: Sequence[str] = ()
    """On Logs: the labels of the writers of a shared run."""
    label: str = ""
    """The one whose lines alone are shown."""
    losses: Sequence[DataLoss] = ()
    """What the client said that it left out."""
    loss_words: Mapping[str, str] = field(default_factory=lambda: LOSS_WORDS)

    @property
    def machine(self) -> Sequence[tuple[str, str]]:
        """Facts of the machine: (message, value)."""
        return machine_of(self.environment)

    @property
    def branch(self) -> tuple[str, int] | None:
        """Run and step that its history goes on from: of another run a fork, of itself a rewind; on Overview."""
        return branch_of(self.facts)

    @property
    def runtime(self) -> float | None:
        """Seconds that the program itself counted."""
        return runtime_of(read_document(self.run.summary))

    @property
    def color(self) -> int:
        """Number of the run's colour."""
        return color_of(self.run)

    def panel_list(self, language: str) -> list[dict[str, Any]]:
        """Return the drawings as the page's script reads them, titled in the reader's language."""
        return panel_list(self.panels, partial(translate, language))


def project_crumb(entity: str, name: str, address: str = "") -> Crumb:
    """Return the step of a project in the breadcrumbs; its dropdown leads to the other projects, by entity."""
    return Crumb(f"{entity}/{name}", address, siblings_url=f"/ui/projects/switcher?{urlencode({'of': f'{entity}/{name}'})}")


def run_url(entity: str, project: str, name: str) -> str:
    """Return the address of a run."""
    return f"/{quote(entity, safe='')}/{quote(project, safe='')}/runs/{quote(name, safe='')}"


async def run_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """One run."""
    run = await run_of(tracking, request)
    wanted = request.path_params.get("tab", "files" if "path" in request.path_params else "")
    tab = _ALIASES.get(wanted, wanted)
    if tab not in dict(TABS):
        raise NotFoundError(f"A run has no page {wanted!r}.")
    info = await tracking.history.info(run.run_id)
    is_bare = request.query_params.get("kfp") == "true"
    page = TrackedRunPage(
        run=run,
        base=run_url(run.entity, run.project, run.name),
        tab=tab,
        tabs=TABS,
        look=look_of(run.state),
        story=story_of(run),
        info=info,
        place=await tracking.pages.task_place(run.task_id) if run.task_id else None,
        query_tail="?kfp=true" if is_bare else "",
        losses=await tracking.pages.losses(run.run_id),
        **await _of_tab(services, tracking, request, run, info, tab),
    )
    project_url = run_url(run.entity, run.project, "").rpartition("/runs/")[0]
    frame = Frame(
        title=run.display_name or run.name,
        section="projects",
        crumbs=(
            Crumb("Projects", "/ui/projects"), project_crumb(run.entity, run.project, project_url), Crumb(run.display_name or run.name),
        ),
        live=f"project={quote(f'{run.entity}/{run.project}', safe='')}",
        scripts=("tracked_run", "table", "preview"),
        is_bare=is_bare,
    )  # fmt: skip
    return render(services, request, "tracking/run.html", frame=frame, page=page)


async def _of_tab(
    services: WebServices, tracking: TrackingServices, request: Request, run: TrackedRun, info: SeriesInfo, tab: str
) -> dict[str, Any]:
    """Return the fields of the page that the open tab needs."""
    fields: dict[str, Any] = {"config": Tree((), False), "summary": Tree((), False), "environment": {}}
    if tab in {"overview", "artifacts"}:
        if run.task_id is not None:
            await asyncio.to_thread(tracking.task_versions.settle_run, run.run_id, seconds=SETTLE_SECONDS)
        fields["used"], _ = await asyncio.to_thread(tracking.artifacts.of_run, run.run_id, UseDirection.INPUT, limit=100)
        fields["logged"], _ = await asyncio.to_thread(tracking.artifacts.of_run, run.run_id, UseDirection.OUTPUT, limit=100)
    if tab == "overview":
        fields |= {
            "config": tree_of(config_of(run), is_sorted=True),
            "summary": tree_of(summary_of(run), is_sorted=True),
            "facts": client_facts(run),
            "environment": await _metadata(services, tracking, run),
        }
    elif tab == "charts":
        fields["panels"] = panels_of(run, info)
    elif tab == "system":
        rows = await tracking.history.events(run.run_id, samples=_SYSTEM_ROWS) if run.is_shared else ()
        fields["panels"] = system_panels([*rows, info.events_tail or "{}"])
    elif tab == "logs":
        labels = await tracking.console.labels(run.run_id)
        wanted = request.query_params.get("label", "")
        fields |= {"labels": labels, "label": wanted if wanted in labels else ""}
    elif tab == "files":
        limit = rows_asked(request.query_params.get("rows", ""))
        fields |= await _files(services, tracking, request, run, limit)
    elif tab == "diff":
        fields |= await _differences(services, tracking, request, run)
    elif tab == "code":
        fields |= {"environment": await _metadata(services, tracking, run), "code": await code_of(services, tracking, run)}
    return fields


async def _differences(services: WebServices, tracking: TrackingServices, request: Request, run: TrackedRun) -> dict[str, Any]:
    """Return what differs from another run: the one that `against` names, else the newest older run of the same job type."""
    project = await project_of(tracking, request)
    listing = await tracking.runs.list(project, limit=_OTHERS)
    others = [entry.run for entry in listing.entries if entry.run.run_id != run.run_id]
    wanted = request.query_params.get("against")
    if wanted:
        other = await tracking.runs.get(run.entity, run.project, wanted)
    else:
        older = [one for one in others if one.created_at <= run.created_at]
        other = next((one for one in older if one.job_type == run.job_type), None) or next(iter(older or others), None)
    if other is None:
        return {"others": others}
    pair = (other, run)
    parts = [
        ("Config", [config_of(one) for one in pair]),
        ("Summary", [_without_media(summary_of(one)) for one in pair]),
        ("About this run", [told_facts(one) for one in pair]),
    ]
    told = [(heading, [row for row in compared(documents) if row.is_different]) for heading, documents in parts]
    mine, theirs = [dict(await code_of(services, tracking, one)) for one in (run, other)]
    for texts in (mine, theirs):
        texts.pop("config.yaml", None)  # said above, key by key
    return {"others": others, "other": other, "differences": told, "patches": patches_of(theirs, mine)}


def _without_media(document: Mapping[str, Any]) -> dict[str, Any]:
    return {leaf.path: leaf.value for leaf in tree_of(document).leaves if leaf.kind != "media"}


def patches_of(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (name, unified diff) of the texts that differ, at most `_MAX_PATCH` lines each."""
    found = []
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name, ""), after.get(name, "")
        if one != other:
            lines = difflib.unified_diff(one.splitlines()[:_MAX_PATCH], other.splitlines()[:_MAX_PATCH], name, name, lineterm="", n=2)
            found.append((name, "\n".join(islice(lines, _MAX_PATCH))))
    return found


async def _text(services: WebServices, file: RunFile, limit: int = 512 * 1024) -> str:
    digest = file.digest
    if digest is None:
        return ""
    data = await asyncio.to_thread(lambda: b"".join(services.blobs.read(digest, offset=0, length=limit)))
    return data.decode("utf-8", "replace")


async def _metadata(services: WebServices, tracking: TrackingServices, run: TrackedRun) -> Mapping[str, Any]:
    file = await tracking.files.get(run.run_id, _METADATA)
    return read_document(await _text(services, file)) if file is not None and file.digest is not None else {}


async def run_entries(tracking: TrackingServices, run: TrackedRun, folder: str, limit: int) -> tuple[Sequence[FileEntry], bool]:
    """Return the first files of a run below a folder, and whether there are more."""
    pattern = folder.replace("%", "_") + "/%" if folder else None
    found: list[FileEntry] = []
    while True:
        after = found[-1][0] if found else None
        page = await tracking.files.list(run.run_id, pattern=pattern, after=after, limit=limit - len(found))
        found += [(file.name, file.size_bytes, file.updated_at) for file in page.files]
        if not page.has_next or len(found) >= limit:
            return found, page.has_next


async def _files(services: WebServices, tracking: TrackingServices, request: Request, run: TrackedRun, limit: int) -> dict[str, Any]:
    """Return the entries below the path of the address, or the open file with its preview."""
    path = request.path_params.get("path", "").strip("/")
    file = await tracking.files.get(run.run_id, path) if path else None
    if file is not None and file.digest is not None:
        kind = "system.HTML" if file.name.lower().endswith((".html", ".htm")) else ""
        preview = await asyncio.to_thread(
            preview_of, services.blobs, digest=file.digest, type_=kind, is_directory=False, size=file.size_bytes, name=file.name, rows=limit
        )
        return {"file": file, "preview": preview, "folder": path.rpartition("/")[0]}
    entries, is_cut = await run_entries(tracking, run, path, MOST_FILES)
    if path and not entries:
        raise NotFoundError(f"The run has no file {path}.")
    found = files_found(request, entries, path, now=services.clock.now())
    table = file_table(request, found, ("run", str(run.run_id)), is_cut=is_cut) if entries else None
    return {"files": table, "folder": path}


async def code_of(services: WebServices, tracking: TrackingServices, run: TrackedRun) -> list[tuple[str, str]]:
    """Return saved code, requirements and diffs."""
    names = ["requirements.txt", "diff.patch", "conda-environment.yaml", "config.yaml"]
    saved = await tracking.files.list(run.run_id, pattern="code/%", limit=20)
    listed = await tracking.files.list(run.run_id, names=names)
    patches = await tracking.files.list(run.run_id, pattern="%.patch", limit=5)
    seen: dict[str, RunFile] = {file.name: file for file in (*saved.files, *listed.files, *patches.files) if file.digest is not None}
    return [(name, await _text(services, file)) for name, file in seen.items()]
