"""Writing reports: a new one, what is shown on a workspace put into one, and the text of one changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.reports import COMMENT_KIND, FROZEN_KIND, Report
from penstock.domain.tracking import TrackedProject
from penstock.web.pages.tracking.data import NO_STORE
from penstock.web.pages.tracking.reports import KINDS, named_report
from penstock.web.pages.tracking.values import project_by_id
from penstock.web.pages.tracking.workspace import project_frame, project_url
from penstock.web.render import Notice, redirect, render
from penstock.web.reports.writing import blocks_of_text, document_of, grid_of, text_of
from penstock.web.security import check_own_form
from penstock.web.services.tracking import TrackingServices, caller_of, check_writable, checked_id, project_of
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import read_document
from penstock.web.tracking.panel_specs import listed, mapping

MOST_TEXT = 500_000
PROBLEMS: Mapping[str, str] = {
    "title": "A report needs a title.",
    "long": "This text is too long.",
    "changed": "Somebody changed this report meanwhile. Saving once more replaces their text with yours.",
}
"""Why a report was not saved."""
_MOST_PANELS = 200
_MOST_RUNS = 50
_MOST_PARTS = 1000


@dataclass(frozen=True, slots=True)
class ReportFormPage:
    """Context of `tracking/report_form.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    report: Report | None
    """The report that is changed; none for a new one."""
    title: str
    """As it stands in the form."""
    description: str
    """As it stands in the form."""
    text: str
    """As it stands in the form."""
    stamp: str
    """Last change of the report that the form was made from."""
    problem: str = ""
    """Why it was not saved."""
    most_text: int = MOST_TEXT
    """Characters at most."""


async def form_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The form of a new report, or of the one that the address names."""
    project = await project_of(tracking, request)
    if "report" not in request.path_params:
        return _form(services, request, ReportFormPage(project, project_url(project), None, "", "", "", ""))
    report = await asyncio.to_thread(named_report, tracking.reports, request.path_params["report"])
    if report is None or report.project_id != project.project_id:
        raise NotFoundError(f"There is no such report in {project.entity}/{project.name}.")
    words = text_of(_blocks(report))
    page = ReportFormPage(project, project_url(project), report, report.display_name, report.description, words, str(report.updated_at))
    return _form(services, request, page)


def _form(services: WebServices, request: Request, page: ReportFormPage, status: int = 200) -> Response:
    title = "Edit report" if page.report else "New report"
    answer = render(services, request, "tracking/report_form.html", frame=project_frame(page.project, title, crumb=title), page=page)
    answer.status_code = status
    return answer


def _blocks(report: Report) -> list[Mapping[str, Any]]:
    return [block for block in listed(read_document(report.spec).get("blocks")) if isinstance(block, Mapping)]


async def save(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Store what the form says, or delete the report. What somebody else changed meanwhile is not overwritten unseen."""
    check_own_form(request)
    form = await request.form()
    project = await project_by_id(tracking, request, str(form.get("project", "")))
    check_writable(tracking, request, project.entity)
    base = project_url(project)
    known = await asyncio.to_thread(_known, tracking, project, str(form.get("id", "")))
    if form.get("verb") == "delete" and known is not None:
        await asyncio.to_thread(_delete, tracking, known)
        return redirect(f"{base}/reports", Notice("Report deleted."))
    title, description, words = (str(form.get(name, "")).strip() for name in ("title", "description", "text"))
    title, description = title[:200], description[:1000]
    problem = ""
    if not title:
        problem = PROBLEMS["title"]
    elif len(words) > MOST_TEXT:
        problem = PROBLEMS["long"]
    elif known is not None and str(form.get("stamp", "")) != str(known.updated_at):
        problem = PROBLEMS["changed"]
    if problem:
        stamp = str(known.updated_at) if known is not None else ""
        page = ReportFormPage(project, base, known, title, description, words, stamp, problem)
        return _form(services, request, page, 409 if problem == PROBLEMS["changed"] else 400)
    spec = document_of(read_document(known.spec) if known else {}, blocks_of_text(words, _blocks(known) if known else []))
    saved = await asyncio.to_thread(_store, tracking, request, project, known, title, description, spec)
    return redirect(f"{base}/reports/{saved.report_id}", Notice("Report saved."))


def _known(tracking: TrackingServices, project: TrackedProject, text: str) -> Report | None:
    if not text:
        return None
    report = tracking.reports.get(int(checked_id(text)))
    if report is None or report.kind not in KINDS or report.project_id != project.project_id:
        raise NotFoundError("There is no such report any more.")
    return report


def _delete(tracking: TrackingServices, report: Report) -> None:
    """Remove a report with its comments and what was frozen for it."""
    for kind in (COMMENT_KIND, FROZEN_KIND):
        for one in tracking.reports.list(report.project_id, kind=kind, name=str(report.report_id), limit=_MOST_PARTS)[0]:
            tracking.reports.delete(one.report_id)
    tracking.reports.delete(report.report_id)


def _store(
    tracking: TrackingServices, request: Request, project: TrackedProject, known: Report | None, title: str, description: str, spec: str
) -> Report:
    if known is not None:
        return tracking.reports.change(known.report_id, display_name=title, description=description, spec=spec)
    user = caller_of(tracking, request).user_name
    return tracking.reports.create(
        project.project_id, user, kind="runs", name=title, display_name=title, description=description, spec=spec
    )


def store_blocks(
    tracking: TrackingServices, request: Request, project: TrackedProject, title: str, blocks: Sequence[Mapping[str, Any]]
) -> Report:
    """Make a report of the caller's from blocks; whether the caller may is for the caller of this to check."""
    return _store(tracking, request, project, None, title, "", document_of({}, blocks))


async def save_panels(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Make a report of `{project, title, panels, runs}`, runs by name or null for all; answer with the address of its form."""
    check_own_form(request)
    body = read_document((await request.body()).decode("utf-8", "replace"))
    project = await project_by_id(tracking, request, str(body.get("project", "")))
    check_writable(tracking, request, project.entity)
    title = str(body.get("title") or "").strip()[:200]
    if not title:
        raise InvalidArgumentError("a report needs a title")
    panels = [mapping(panel) for panel in listed(body.get("panels"))[:_MOST_PANELS]]
    names: Sequence[str] | None = None if body.get("runs") is None else [str(name) for name in listed(body["runs"])[:_MOST_RUNS]]
    spec = document_of({}, [grid_of(panels, project.entity, project.name, names)])
    made = await asyncio.to_thread(_store, tracking, request, project, None, title, "", spec)
    return JSONResponse({"id": str(made.report_id), "url": f"{project_url(project)}/reports/{made.report_id}/edit"}, headers=NO_STORE)
