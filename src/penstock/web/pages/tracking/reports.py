"""Reports of a project as their clients stored them: text, live panels over the runs they name, comments; an export as one still file.

Nothing in a report runs: text is escaped, panels are drawn by our own boards from the description in the document.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.downloads import attachment
from penstock.domain.accounts import Caller
from penstock.domain.errors import NotFoundError
from penstock.domain.reports import COMMENT_KIND, Report
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.interfaces.pages import LOOKED_AT
from penstock.tracking.reports import ReportService
from penstock.web.lists.filters import parse
from penstock.web.lists.held_lists import HeldList, HeldTable
from penstock.web.lists.held_rows import Columns
from penstock.web.pages.compare.runs import COLUMNS
from penstock.web.pages.tracking.workspace import PROJECT_TABS, project_frame, project_url
from penstock.web.render import Notice, redirect, render
from penstock.web.reports.comparisons import MOST_LIVE, Comparison, frozen_comparison_of, live_comparison, wanted_of
from penstock.web.reports.export import Still, StillLine, columns_of, ink_of, still_lines, still_values, swatch, value_rows
from penstock.web.reports.freezing import FrozenGrid, frozen_grid_of, frozen_id_of
from penstock.web.reports.grids import GridReader, ReportGrid
from penstock.web.reports.names import report_id_of
from penstock.web.security import BOX_HEADERS, check_own_form, safe_next
from penstock.web.services.tracking import TrackingServices, caller_of, check_writable, checked_id, project_of, readable_by
from penstock.web.services.web import WebServices
from penstock.web.texts.prose import prose
from penstock.web.tracking.documents import read_document
from penstock.web.tracking.panel_specs import listed

_HEADINGS = {"heading1": 1, "heading2": 2, "heading3": 3, "heading": 2}
_MAX_BLOCKS = 500
_MAX_STILLS = 100
_MAX_COMMENT = 10_000
KINDS = ("runs", "runs/draft")
"""Kinds of documents that are reports."""
REPORTS: HeldList[Report] = HeldList(
    Columns(
        words=lambda one: f"{one.display_name or one.name} {one.description}",
        texts={
            "title": lambda one: [one.display_name or one.name],
            "description": lambda one: [one.description],
            "kind": lambda one: ["draft" if one.kind.endswith("draft") else "report"],
            "user": lambda one: [one.user_name],
        },
        times={"changed": lambda one: one.updated_at, "created": lambda one: one.created_at},
    ),
    groupings=(("user", "User"), ("kind", "Kind"), ("changed", "Last change"), ("created", "Created")),
    at=lambda one: one.updated_at,
    sort="changed",
)
"""The list of a project's reports."""
KIND_WORDS = {"draft": "draft", "report": "report"}
"""What kinds are called, in English."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a report."""

    kind: str
    """`html` (rendered Markdown), `heading`, `code`, `rule`, `contents`, `grid`, `comparison`, `hidden` or `other`."""
    text: str
    html: Markup = field(default_factory=Markup)
    level: int = 0
    grid: ReportGrid | None = None
    """Panels and runs of a `grid`."""
    frozen: FrozenGrid | None = None
    """The grid as it was, of one that is frozen."""
    comparison: Comparison | None = None
    """Runs side by side, of a `comparison`."""
    is_hidden: bool = False
    """It is frozen with runs that are not the reader's to see."""
    place: int = 0
    """Of the block in the document."""
    anchor: str = ""
    """Name of a heading in the address."""


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote below a report."""

    comment_id: int
    user_name: str
    text: str
    created_at: float
    is_changeable: bool = False
    """The reader may remove it."""


@dataclass(frozen=True, slots=True)
class ReportListPage:
    """Context of `tracking/reports.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    found: HeldTable[Report]
    """Those that are shown."""
    count: int
    """How many the project has."""
    most: int
    """How many were looked at, those that changed last, where more may match; else 0."""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Context of `tracking/report.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    report: Report
    """The report."""
    blocks: Sequence[Block]
    """What it says."""
    comments: Sequence[Comment]
    """Oldest first."""
    stills: Sequence[Sequence[tuple[str, str, Markup]]] = ()
    """In an export: (id, title, drawing) of the panels of each block."""
    columns: str = "auto"
    """How many drawings of a comparison stand side by side."""

    @property
    def has_grids(self) -> bool:
        """Whether there is anything to draw."""
        return any(block.grid is not None or block.frozen is not None or block.comparison is not None for block in self.blocks)

    @staticmethod
    def ink(number: int) -> tuple[str, str]:
        """See `ink_of`."""
        return ink_of(number)

    @staticmethod
    def swatch(number: int) -> Markup:
        """See `web.reports.export.swatch`."""
        return swatch(number)


async def reports_of(tracking: TrackingServices, project: TrackedProject, filter_text: str = "") -> Sequence[Report]:
    """Return the reports of a project that a filter may mean, `LOOKED_AT` at most, those that changed last, without what they say."""
    words, conditions = parse(filter_text[:2000])
    asked = [*words, *(one.value for one in conditions if one.field in {"title", "description"} and one.operator in {":", "="})]
    sought = [word for word in asked if word.isascii()]  # the rest is left to `Columns.matching`
    return await asyncio.to_thread(partial(tracking.reports.titles, project.project_id, kinds=KINDS, words=sought, limit=LOOKED_AT))


async def list_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Reports of a project."""
    project = await project_of(tracking, request)
    reports = await reports_of(tracking, project, request.query_params.get("q", ""))
    count = await asyncio.to_thread(partial(tracking.reports.count, project.project_id, kinds=KINDS))
    is_cut = len(reports) == LOOKED_AT
    found = REPORTS.found(request, reports, now=services.clock.now()).shown(request, KIND_WORDS)
    page = ReportListPage(project, project_url(project), PROJECT_TABS, found, count, LOOKED_AT if is_cut else 0)
    frame = project_frame(project, "Reports", crumb="Reports", scripts=("table",))
    return render(services, request, "tracking/reports.html", frame=frame, page=page)


async def report_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """One report; with `?export=html` as a file to keep."""
    project = await project_of(tracking, request)
    report = await asyncio.to_thread(named_report, tracking.reports, request.path_params["report"])
    if report is None or report.project_id != project.project_id:
        raise NotFoundError(f"There is no such report in {project.entity}/{project.name}.")
    is_export = request.query_params.get("export") == "html"
    blocks = await read_blocks(tracking, request, project, report)
    blocks = await with_comparisons(services, tracking, request, report, blocks, is_whole=is_export)
    comments = await asyncio.to_thread(comments_of, tracking.reports, report, caller_of(tracking, request))
    columns = asked if (asked := request.query_params.get("columns", "")) in COLUMNS else "auto"
    page = ReportPage(project, project_url(project), PROJECT_TABS, report, blocks, comments, columns=columns)
    title = report.display_name or report.name
    frame = project_frame(project, title, crumb=title, scripts=("report", "visuals", "shelves"))
    if not is_export:
        return render(services, request, "tracking/report.html", frame=frame, page=page)
    found = [block.frozen.stills if block.frozen else await stills_of(tracking, block.grid) if block.grid else () for block in blocks]
    stills = [[(still.panel_id, still.title, drawn_still(still)) for still in part] for part in found]
    answer = render(services, request, "tracking/report_export.html", frame=frame, page=replace(page, stills=stills))
    answer.headers["content-disposition"] = attachment((re.sub(r"[^\w.-]+", "-", title).strip("-") or "report") + ".html")
    answer.headers["content-security-policy"] = BOX_HEADERS["content-security-policy"]
    return answer


async def with_comparisons(
    services: WebServices, tracking: TrackingServices, request: Request, report: Report, blocks: Sequence[Block], *, is_whole: bool
) -> list[Block]:
    """Return the blocks with their comparisons, live ones as they are now and frozen ones as they were.

    Where the runs are gone, or there are too many comparisons, the text of the block stays. One that is frozen with tracked runs that the
    reader may not see is hidden.
    """
    found, drawn = list(blocks), 0
    readable = readable_by(tracking, request)
    for place, part in enumerate(raw_blocks(report.spec)):
        if wanted_of(part) is None or drawn >= MOST_LIVE:
            continue
        frozen_id = frozen_id_of(part)
        kept = None if frozen_id is None else await asyncio.to_thread(tracking.reports.get, frozen_id)
        frozen = frozen_comparison_of(kept, report.report_id)
        if frozen is not None and not all(map(readable, frozen.entities)):
            found[place] = replace(found[place], kind="hidden", is_hidden=True)
            continue
        comparison = frozen or await live_comparison(services, request, part, is_whole=is_whole)
        if comparison is not None:
            drawn += 1
            found[place] = replace(found[place], kind="comparison", comparison=comparison, place=place)
    return found


def named_report(reports: ReportService, text: str) -> Report | None:
    """Return the report of an address."""
    report_id = report_id_of(text)
    found = reports.get(report_id) if report_id is not None else None
    return found if found is not None and found.kind in KINDS else None


async def with_grids(blocks: Sequence[Block], spec: str, reader: GridReader) -> list[Block]:
    """Return the blocks with the panels and runs of their grids."""
    raw = raw_blocks(spec)
    return [
        replace(block, grid=await reader.read(part, place), place=place) if block.kind == "grid" and frozen_id_of(part) is None else block
        for place, (block, part) in enumerate(zip(blocks, raw, strict=True))
    ]


def raw_blocks(spec: str) -> list[Mapping[str, Any]]:
    """Return the blocks of a stored report as the client wrote them, those that are shown."""
    return [block for block in listed(read_document(spec).get("blocks"))[:_MAX_BLOCKS] if isinstance(block, Mapping)]


async def read_blocks(tracking: TrackingServices, request: Request, project: TrackedProject, report: Report) -> list[Block]:
    """Return what a report says to its reader, with live grids as they are now and frozen ones as they were."""
    readable = readable_by(tracking, request)
    entities = list(filter(readable, await tracking.projects.entities()))
    reader = GridReader(tracking.projects, tracking.runs, entities, project)
    blocks = await with_grids(blocks_of(report.spec), report.spec, reader)
    for place, part in enumerate(raw_blocks(report.spec)):
        if (frozen_id := frozen_id_of(part)) is None or blocks[place].kind != "grid":
            continue
        frozen = frozen_grid_of(await asyncio.to_thread(tracking.reports.get, frozen_id), report.report_id)
        if frozen is None:  # its document is gone
            blocks[place] = replace(blocks[place], grid=await reader.read(part, place), place=place)
        elif all(map(readable, frozen.entities)):
            blocks[place] = replace(blocks[place], frozen=frozen, place=place)
        else:
            blocks[place] = replace(blocks[place], is_hidden=True, place=place)
    return blocks


async def stills_of(tracking: TrackingServices, grid: ReportGrid) -> list[Still]:
    """Return what the panels of a grid show now; kinds without a still form give their values."""
    found = []
    for panel in grid.panels.panels[:_MAX_STILLS]:
        keys = [str(key) for key in panel.get("keys", [])][:4]
        title = str(panel.get("title") or ", ".join(keys) or panel.get("key") or panel.get("expr") or panel["kind"])
        if panel["kind"] == "line" and keys:
            lines = []
            for row in grid.runs:
                for key in keys:
                    drawn = await tracking.history.chart(row.run.run_id, key, x_key=str(panel.get("x") or "_step"), points=400)
                    name = row.run.display_name or row.run.name
                    lines.append(StillLine.of(name if len(keys) == 1 else f"{name} {key}", row.color, drawn))
            found.append(Still(panel["id"], title, lines=lines))
        elif panel["kind"] == "markdown":
            found.append(Still(panel["id"], title, text=str(panel["text"])))
        else:
            columns = columns_of(panel)
            found.append(Still(panel["id"], title, head=[column[2:] for column in columns], rows=value_rows(grid.runs, columns)))
    return found


def drawn_still(still: Still) -> Markup:
    """Return a still as HTML."""
    if still.text:
        return prose(still.text)
    return still_values(still.head, still.rows) if still.head else still_lines(still.lines, still.title)


def comments_of(reports: ReportService, report: Report, caller: Caller) -> list[Comment]:
    """Return what people wrote below a report. Blocks."""
    found, _ = reports.list(report.project_id, kind=COMMENT_KIND, name=str(report.report_id), limit=500)
    comments = [
        Comment(one.report_id, one.user_name, str(read_document(one.spec).get("text", "")), one.created_at, one.is_changeable_by(caller))
        for one in found
    ]
    return sorted(comments, key=lambda one: (one.created_at, one.comment_id))


async def act_on_report(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Write a comment below a report, or remove one."""
    check_own_form(request)
    form = await request.form()
    report = await asyncio.to_thread(tracking.reports.get, int(checked_id(str(form.get("report", "")))))
    project = await tracking.projects.get_by_id(TrackedProjectId(report.project_id)) if report is not None else None
    if report is None or project is None or report.kind not in KINDS:
        raise NotFoundError("There is no such report any more.")
    check_writable(tracking, request, project.entity)
    target = safe_next(str(form.get("next", "")), project_url(project))
    words = str(form.get("text", "")).strip()[:_MAX_COMMENT]

    def work() -> Notice | None:
        if form.get("verb") == "delete":
            comment = tracking.reports.get(int(checked_id(str(form.get("id", "")))))
            if comment is None or comment.kind != COMMENT_KIND or comment.name != str(report.report_id):
                raise NotFoundError("There is no such comment any more.")
            comment.check_changeable_by(caller_of(tracking, request))
            tracking.reports.delete(comment.report_id)
            return Notice("Comment deleted.")
        if not words:
            return Notice("A comment needs words.", "error")
        user = caller_of(tracking, request).user_name
        tracking.reports.create(project.project_id, user, kind=COMMENT_KIND, name=str(report.report_id), spec=json.dumps({"text": words}))
        return None

    return redirect(target, await asyncio.to_thread(work))


def blocks_of(spec: str) -> list[Block]:
    """Return the blocks of a stored report; an unknown block says what it is."""
    try:
        document = json.loads(spec)
    except ValueError:
        return []
    blocks = document.get("blocks") if isinstance(document, Mapping) else None
    found = [_block(block) for block in (blocks if isinstance(blocks, list) else [])[:_MAX_BLOCKS] if isinstance(block, Mapping)]
    return [replace(block, anchor=f"part-{place}") if block.kind == "heading" else block for place, block in enumerate(found)]


def _block(block: Mapping[str, Any]) -> Block:
    kind, text = str(block.get("type", "")), _text(block)
    if kind in _HEADINGS:
        level = block.get("level")
        return Block("heading", text, level=level if isinstance(level, int) and 1 <= level <= 3 else _HEADINGS[kind])
    if kind in {"code-block", "code"}:
        return Block("code", _lines(block) or text)
    if kind in {"markdown-block", "markdown"}:
        return Block("html", "", prose(str(block.get("content") or text)))
    if kind in {"paragraph", "block-quote", "callout-block", "list", "unordered-list", "ordered-list", "latex"}:
        prefix = "> " if kind in {"block-quote", "callout-block"} else ""
        return Block("html", "", prose(prefix + (str(block.get("content") or text) if kind == "latex" else text)))
    if kind == "panel-grid":
        return Block("grid", "")
    if kind in {"horizontal-rule", "table-of-contents"}:
        return Block("rule" if kind == "horizontal-rule" else "contents", "")
    return Block("other", kind or "unknown")


def _text(block: Any) -> str:
    """Return the text of a block with its children, list items on lines of their own."""
    if isinstance(block, str):
        return block
    if isinstance(block, Mapping):
        own = block.get("text")
        if isinstance(own, str):
            return own
        inner = _text(block.get("children") or block.get("items") or [])
        if block.get("type") == "list-item":
            mark = {True: "\u2611 ", False: "\u2610 "}.get(block["checked"], "") if isinstance(block.get("checked"), bool) else ""
            return f"- {mark}{inner}\n"
        return inner
    return "".join(_text(part) for part in block) if isinstance(block, list) else ""


def _lines(block: Mapping[str, Any]) -> str:
    """Return code whose lines are blocks of their own."""
    children = block.get("children")
    parts = [part for part in children if isinstance(part, Mapping)] if isinstance(children, list) else []
    return "\n".join(_text(part) for part in parts) if parts and all(part.get("type") == "code-line" for part in parts) else ""
