"""Reports of a project as their clients stored them: text blocks are shown, panels are named; nothing in them runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError
from penstock.domain.reports import Report
from penstock.domain.tracking import TrackedProject
from penstock.web.pages.tracking_workspace import PROJECT_TABS, project_frame, project_url
from penstock.web.render import render
from penstock.web.services import WebServices
from penstock.web.tracking_services import TrackingServices, project_of

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough").disable("image")
_HEADINGS = {"heading1": 1, "heading2": 2, "heading3": 3, "heading": 2}
_MAX_BLOCKS = 500


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a report."""

    kind: str
    """`html` (rendered Markdown), `heading`, `code` or `other`."""
    text: str
    html: Markup = field(default_factory=Markup)
    level: int = 0


@dataclass(frozen=True, slots=True)
class ReportListPage:
    """Context of `tracking/reports.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    reports: Sequence[Report]
    """Newest change first."""


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


async def list_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Reports of a project."""
    project = await project_of(tracking, request)
    found, _ = await asyncio.to_thread(lambda: tracking.reports.list(project.project_id, limit=200))
    reports = [report for report in found if report.kind.startswith("runs")]
    page = ReportListPage(project, project_url(project), PROJECT_TABS, reports)
    frame = project_frame(project, f"{project.name} reports", crumb="Reports", scripts=("table",))
    return render(services, request, "tracking/reports.html", frame=frame, page=page)


async def report_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """One report. Clients print its address with the title before the id: `Title--<id>`."""
    project = await project_of(tracking, request)
    text = request.path_params["report"].rpartition("--")[2]
    report = await asyncio.to_thread(tracking.reports.get, int(text)) if text.isdecimal() and len(text) < 17 else None
    if report is None or report.project_id != project.project_id:
        raise NotFoundError(f"There is no such report in {project.entity}/{project.name}.")
    page = ReportPage(project, project_url(project), PROJECT_TABS, report, blocks_of(report.spec))
    frame = project_frame(project, report.display_name or report.name, crumb=report.display_name or report.name)
    return render(services, request, "tracking/report.html", frame=frame, page=page)


def blocks_of(spec: str) -> list[Block]:
    """Return the blocks of a stored report; an unknown block says what it is."""
    try:
        document = json.loads(spec)
    except ValueError:
        return []
    blocks = document.get("blocks") if isinstance(document, Mapping) else None
    return [_block(block) for block in (blocks if isinstance(blocks, list) else [])[:_MAX_BLOCKS] if isinstance(block, Mapping)]


def _block(block: Mapping[str, Any]) -> Block:
    kind, text = str(block.get("type", "")), _text(block)
    if kind in _HEADINGS:
        level = block.get("level")
        return Block("heading", text, level=level if isinstance(level, int) and 1 <= level <= 3 else _HEADINGS[kind])
    if kind in {"code-block", "code"}:
        return Block("code", text)
    if kind in {"markdown-block", "markdown"}:
        return Block("html", "", rendered(str(block.get("content") or text)))
    if kind in {"paragraph", "block-quote", "callout-block", "list", "unordered-list", "ordered-list", "latex"}:
        prefix = "> " if kind in {"block-quote", "callout-block"} else ""
        return Block("html", "", rendered(prefix + text))
    return Block("other", kind or "unknown")


def rendered(text: str) -> Markup:
    """Return Markdown as HTML; markup inside it stays text, images are left out."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - the renderer escapes: HTML is off


def _text(block: Any) -> str:
    """Return the text of a block with its children, list items on lines of their own."""
    if isinstance(block, str):
        return block
    if isinstance(block, Mapping):
        own = block.get("text")
        if isinstance(own, str):
            return own
        inner = _text(block.get("children") or block.get("items") or [])
        return f"- {inner}\n" if block.get("type") == "list-item" else inner
    return "".join(_text(part) for part in block) if isinstance(block, list) else ""
