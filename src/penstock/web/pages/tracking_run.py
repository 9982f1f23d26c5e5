"""The page of one tracked run: overview, charts, system metrics, logs, files, artifacts, code."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from penstock.tracking.files import FilePage
from penstock.web.artifact_content import Preview, preview_of, rows_asked
from penstock.web.machine_facts import machine_of, runtime_of
from penstock.web.panel_specs import chart_of, mapping, text
from penstock.web.render import Crumb, Frame, render
from penstock.web.run_colors import color_of
from penstock.web.services import WebServices
from penstock.web.step_metrics import StepMetrics, step_metrics
from penstock.web.tracking_documents import (
    ComparedRow,
    Tree,
    client_facts,
    compared,
    config_of,
    look_of,
    read_document,
    story_of,
    summary_of,
    tree_of,
)
from penstock.web.tracking_services import SETTLE_SECONDS, TrackingServices, project_of, run_of

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
_ALIASES = {"workspace": "charts", "log": "logs", "model": "charts", "": "overview"}
_MAX_FILES = 1000
_MAX_PATCH = 2000
_LANE = re.compile(r"\.\d+\.")
"""Number of a device or process within a system metric."""
_WRITER = re.compile(r"/l:[^/]*$")
"""Label of the process at the end of a system metric, in runs that several write (shared mode)."""
_SYSTEM_ROWS = 200
"""Rows of system metrics in which the keys of all writers of a shared run are looked for."""
_OTHERS = 50
_METADATA = "wandb-metadata.json"
_SCALAR = "number"
_MEDIA_KINDS = {
    "image-file": "images", "images/separated": "images", "table-file": "table", "joined-table": "table", "partitioned-table": "table",
    "histogram": "histogram", "html-file": "html", "html": "html", "audio-file": "audio", "audio": "audio", "video-file": "video",
    "videos": "video", "plotly-file": "plotly", "object3D-file": "object3D", "object3D": "object3D", "molecule-file": "molecule",
    "molecule": "molecule",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChartPanel:
    """One drawing: a key, and how it is drawn."""

    key: str
    """Of the history, or of the system metrics."""
    kind: str
    """`line`, or a kind of media."""
    plot: Mapping[str, Any] | None = None
    """How the client wants its table drawn (`wandb.plot.*`): `{kind, fields}`."""
    lanes: Sequence[str] = ()
    """Keys that are drawn together, when there are several: one per device or process."""
    step: str = ""
    """Key that it is drawn over where nobody chose another; empty for the step."""

    @property
    def section(self) -> str:
        """Prefix before the first slash, under which panels stand together, as a workspace of W&B has them."""
        prefix, slash, _ = self.key.partition("/")
        return prefix if slash and prefix else "Charts" if self.kind == "line" else "Media"

    @property
    def title(self) -> str:
        """Key without its section; of a table that is drawn, the key under which the program logged the drawing."""
        name = self.key.partition("/")[2] or self.key
        return name if self.plot is None else name.removesuffix("_table") or name


@dataclass(frozen=True, slots=True)
class SystemPanel(ChartPanel):
    """A drawing of a system metric: `system.cpu.0.util` stands under `cpu`."""

    @property
    def section(self) -> str:
        """What is measured: `cpu`, `memory`, `disk`, ..."""
        return _WRITER.sub("", self.title).partition(".")[0].partition("_")[0]

    @property
    def title(self) -> str:
        """Key without the prefix that all have."""
        return self.key.removeprefix("system.")


@dataclass(frozen=True, slots=True)
class FileRow:
    """An entry of the file list: a file or a folder at the open level."""

    name: str
    path: str
    is_folder: bool
    size_bytes: int
    count: int
    updated_at: float | None


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
    files: Sequence[FileRow] = ()
    """Entries at the open level, on Files."""
    folder: str = ""
    """The open level."""
    file: RunFile | None = None
    """The open file."""
    preview: Preview | None = None
    """Its beginning."""
    is_cut: bool = False
    """There are more files than are shown."""
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
    def runtime(self) -> float | None:
        """Seconds that the program itself counted."""
        return runtime_of(read_document(self.run.summary))

    @property
    def color(self) -> int:
        """Number of the run's colour."""
        return color_of(self.run)

    @property
    def panel_list(self) -> list[dict[str, Any]]:
        """Drawings as the page's script reads them."""
        return panel_list(self.panels)


def project_crumb(entity: str, name: str, address: str = "") -> Crumb:
    """Return the step of a project in the breadcrumbs; its dropdown leads to the other projects, by entity."""
    return Crumb(f"{entity}/{name}", address, siblings_url=f"/ui/projects/switcher?{urlencode({'of': f'{entity}/{name}'})}")


def run_url(entity: str, project: str, name: str) -> str:
    """Return the address of a run."""
    return f"/{quote(entity, safe='')}/{quote(project, safe='')}/runs/{quote(name, safe='')}"


def panels_of(run: TrackedRun, info: SeriesInfo) -> list[ChartPanel]:
    """Return a drawing for every key of a run's history: lines before media, keys without a prefix first, then sections by name."""
    return panels_of_kinds({stats.key: stats.counts for stats in info.keys}, client_plots(run), step_metrics([run]))


def panels_of_kinds(
    kinds: Mapping[str, Iterable[str]], plots: Mapping[str, Mapping[str, Any]], steps: StepMetrics
) -> list[ChartPanel]:
    """Return a drawing for every key, given the types of its values, the tables to draw (`client_plots`) and what lines are drawn over."""
    panels = []
    for key, types in kinds.items():
        if key.startswith("_"):
            continue
        if _SCALAR in types or "boolean" in types:
            step = steps.of(key)
            panels.append(ChartPanel(key, "line", step=step if step in kinds else ""))
        for kind in types:
            if kind in _MEDIA_KINDS:
                plot = plots.get(key)
                panels.append(ChartPanel(key, "vega" if plot and plot["kind"] == "vega" else _MEDIA_KINDS[kind], plot))
                break
            if kind.endswith("-file"):
                panels.append(ChartPanel(key, "file"))
                break
    return in_order(panels)


def in_order(panels: Iterable[ChartPanel]) -> list[ChartPanel]:
    """Return panels as a board lists them: of names that differ in a number, 2 before 10."""
    return sorted(panels, key=lambda panel: (panel.kind != "line", "/" in panel.key, _counted(panel.section), _counted(panel.title)))


def _counted(name: str) -> list[tuple[int, str]]:
    """Return what orders names by their letters and by the size of the numbers in them."""
    parts = re.split(r"(\d+)", name)
    return [(len(part.lstrip("0")) if at % 2 else 0, part) for at, part in enumerate(parts)]


def client_plots(run: TrackedRun) -> dict[str, Mapping[str, Any]]:
    """Return the drawings that the client asked for with `wandb.plot.*` and `wandb.plot_table`, by the key of their table.

    Semantics: `config._wandb.value.visualize`, observed with client 0.31; its own presets are named `wandb/<kind>/v<n>`, those that
    people made `<entity>/<name>`.
    """
    wanted = client_facts(run).get("visualize")
    found: dict[str, Mapping[str, Any]] = {}
    for key, entry in (wanted.items() if isinstance(wanted, Mapping) else ()):
        chart = chart_of(mapping(mapping(entry).get("panel_config")))
        preset = text(chart.get("preset"))
        table = chart.get("table") or f"{key}_table"
        if preset.startswith("wandb/"):
            found[table] = {"kind": preset.split("/")[1], "fields": {**chart["fields"], **chart["strings"]}}
        elif chart:
            found[table] = {"kind": "vega", **chart, "table": table, "title": chart["strings"].get("title") or key}
    return found


def system_panels(rows: Iterable[str]) -> list[ChartPanel]:
    """Return a drawing for every number in some rows of system metrics; devices and processes of a kind share one, a lane each."""
    documents = [read_document(row) for row in rows]
    keys = {key for row in documents for key, value in _flat(row) if isinstance(value, int | float) and not isinstance(value, bool)}
    lanes: dict[str, list[str]] = {}
    for key in sorted((key for key in keys if not key.startswith("_")), key=_natural):
        lanes.setdefault(_LANE.sub(".*.", _WRITER.sub("", key)), []).append(key)
    return [SystemPanel(name if len(held) > 1 else held[0], "line", lanes=held if len(held) > 1 else ()) for name, held in lanes.items()]


def _natural(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", key)]


def _flat(row: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in row.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(prefix + key, value)]
    return found


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
        scripts=("tracked_run", "preview"),
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
        fields |= await _files(services, tracking, run, request.path_params.get("path", ""), limit)
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


def told_facts(run: TrackedRun) -> dict[str, Any]:
    """Return what a run says of itself beside config and summary, for comparisons."""
    return {
        "program": run.program, "commit": run.commit, "host": run.host, "group": run.group, "job type": run.job_type,
        "tags": list(run.tags), "client": client_facts(run).get("cli_version"), "python": client_facts(run).get("python_version"),
    }  # fmt: skip


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


async def _files(services: WebServices, tracking: TrackingServices, run: TrackedRun, path: str, limit: int) -> dict[str, Any]:
    """Return the entries below `path`, or the open file with its preview."""
    path = path.strip("/")
    file = await tracking.files.get(run.run_id, path) if path else None
    if file is not None and file.digest is not None:
        kind = "system.HTML" if file.name.lower().endswith((".html", ".htm")) else ""
        preview = await asyncio.to_thread(
            preview_of, services.blobs, digest=file.digest, type_=kind, is_directory=False, size=file.size_bytes, name=file.name, rows=limit
        )
        return {"file": file, "preview": preview, "folder": path.rpartition("/")[0]}
    pattern = path.replace("%", "_") + "/%" if path else None
    listing: FilePage = await tracking.files.list(run.run_id, pattern=pattern, limit=_MAX_FILES)
    rows = level_of([(found.name, found.size_bytes, found.updated_at) for found in listing.files], path)
    if path and not rows:
        raise NotFoundError(f"The run has no file {path}.")
    return {"files": rows, "folder": path, "is_cut": listing.has_next}


def level_of(files: Sequence[tuple[str, int, float | None]], folder: str) -> list[FileRow]:
    """Return the entries of one level of a tree of (name, bytes, time), folders first."""
    prefix = f"{folder}/" if folder else ""
    rows: dict[str, FileRow] = {}
    for name, size, at in files:
        if not name.startswith(prefix):
            continue
        rest = name[len(prefix) :]
        first, separator, _ = rest.partition("/")
        known = rows.get(first)
        if separator:
            rows[first] = FileRow(
                first, prefix + first, True, (known.size_bytes if known else 0) + size, (known.count if known else 0) + 1,
                max(filter(None, (at, known.updated_at if known else None)), default=None),
            )  # fmt: skip
        else:
            rows[first] = FileRow(first, name, False, size, 1, at)
    return sorted(rows.values(), key=lambda row: (not row.is_folder, row.name))


async def code_of(services: WebServices, tracking: TrackingServices, run: TrackedRun) -> list[tuple[str, str]]:
    """Return saved code, requirements and diffs."""
    names = ["requirements.txt", "diff.patch", "conda-environment.yaml", "config.yaml"]
    saved = await tracking.files.list(run.run_id, pattern="code/%", limit=20)
    listed = await tracking.files.list(run.run_id, names=names)
    patches = await tracking.files.list(run.run_id, pattern="%.patch", limit=5)
    seen: dict[str, RunFile] = {file.name: file for file in (*saved.files, *listed.files, *patches.files) if file.digest is not None}
    return [(name, await _text(services, file)) for name, file in seen.items()]


def panel_list(panels: Sequence[ChartPanel]) -> list[dict[str, Any]]:
    """Return panels as the page's script reads them."""
    plain: list[dict[str, Any]] = [
        {"key": panel.key, "kind": panel.kind, "section": panel.section, "title": panel.title} for panel in panels
    ]
    return [entry | _extra(panel) for entry, panel in zip(plain, panels, strict=True)]


def _extra(panel: ChartPanel) -> dict[str, Any]:
    if panel.plot is not None:
        return dict(panel.plot) if panel.kind == "vega" else {"plot": panel.plot}
    if panel.step:
        return {"stepMetric": panel.step}
    return {"keys": list(panel.lanes)} if panel.lanes else {}
