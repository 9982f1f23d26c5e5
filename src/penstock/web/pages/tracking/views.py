"""Named views of a workspace: what a reader arranged, stored for everybody who sees the project; and workspaces that clients saved.

A view is a document of `static/js/views.js` and is kept as it is. Workspaces saved with `wandb-workspaces` are translated when they are
opened (`web.tracking.panel_specs`); changing one stores a view of our own beside it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError
from penstock.domain.reports import Report
from penstock.domain.tracking import TrackedProject
from penstock.tracking.reports import ReportService
from penstock.web.pages.tracking.data import NO_STORE
from penstock.web.pages.tracking.values import project_by_id
from penstock.web.pages.tracking.workspace import group_name, project_url
from penstock.web.render import Notice, redirect
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.tracking import TrackingServices, caller_of, check_writable, checked_id
from penstock.web.services.web import WebServices
from penstock.web.tracking.client_colors import ClientColors, client_colors
from penstock.web.tracking.documents import read_document
from penstock.web.tracking.panel_specs import listed, mapping, workspace_document
from penstock.web.tracking.run_selections import RunSelection, selection_of
from penstock.web.tracking.run_sets import query_of

KIND = "penstock/view"
"""Kind under which views of our own are stored beside reports."""
CLIENT_KIND = "project-view"
"""Kind of workspaces that the client saves; their name is `nw-<id>-v` and their address ends in `?nw=<id>`."""
_MAX_DOCUMENT = 1 << 20
_MAX_VIEWS = 200
_CHANGED = "Somebody changed this view meanwhile. Saving once more replaces theirs with yours; loading the page again shows theirs."
_MAX_ASKED = 2000
"""Characters of one part of a view's query."""
ASKED = ("q", "group", "then", "sort")
"""Parts of the address of a workspace that decide which runs it lists, and in which order."""


@dataclass(frozen=True, slots=True)
class OpenView:
    """The view that a workspace shows."""

    view_id: int | None = None
    """None: the plain workspace."""
    name: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    is_own: bool = False
    """May be saved in place: a view of ours."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What narrows, groups and sorts its runs, as the address of a workspace says it."""
    selection: RunSelection = field(default_factory=RunSelection)
    """Runs that a client's workspace hides, pins and compares with, by their names; those of our own stand in the document."""
    colors: ClientColors = field(default_factory=ClientColors)
    """Looks that a client's workspace gave to runs, by their names, and to groups; those of our own stand in the document, too."""
    stamp: str = ""
    """Changes whenever the view is saved."""

    @property
    def data(self) -> dict[str, Any]:
        """As the page's script reads it."""
        held = str(self.view_id) if self.view_id is not None else None
        return {"id": held, "name": self.name, "document": self.document, "can_save": self.is_own, "query": self.query, "stamp": self.stamp}


def views_of(reports: ReportService, project: TrackedProject) -> list[tuple[str, str, str]]:
    """Return (address parameter, name, owner) of the views of a project, ours before the clients'. Blocks."""
    found = []
    for kind in (KIND, CLIENT_KIND):
        listed, _ = reports.list(project.project_id, kind=kind, limit=_MAX_VIEWS)
        found += [(_parameter(view), view.display_name or view.name, view.user_name) for view in listed]
    return found


def _parameter(view: Report) -> str:
    return f"view={view.report_id}" if view.kind == KIND else f"nw={view.name.removeprefix('nw-').removesuffix('-v')}"


def open_view(reports: ReportService, project: TrackedProject, query: Mapping[str, str]) -> OpenView:
    """Return the view that the address asks for: `view=<id>` is ours, `nw=<id>` a client's. Blocks.

    Raises:
        NotFoundError: the project has no such view.
    """
    if "view" in query:
        view = _own_view(reports, project, query["view"])
        document = dict(read_document(view.spec))
        query = _query_of(document.pop("query", None))
        return OpenView(view.report_id, view.display_name, document, is_own=True, query=query, stamp=str(view.updated_at))
    if "nw" in query:
        found, _ = reports.list(project.project_id, kind=CLIENT_KIND, name=f"nw-{query['nw']}-v", limit=1)
        if not found:
            raise NotFoundError(f"There is no saved workspace {query['nw']!r} in {project.entity}/{project.name}.")
        spec = read_document(found[0].spec)
        sets = listed(mapping(spec.get("section", spec)).get("runSets"))
        chosen = mapping(sets[0]) if sets else {}
        selection = selection_of(chosen, entity=project.entity, project=project.name)
        colors = client_colors(mapping(mapping(spec.get("section", spec)).get("customRunColors")))
        document, query = workspace_document(spec), _query_of(query_of(chosen))
        return OpenView(found[0].report_id, found[0].display_name, document, query=query, selection=selection, colors=colors)
    return OpenView()


async def with_runs(tracking: TrackingServices, project: TrackedProject, view: OpenView) -> OpenView:
    """Return a view whose document names the runs of its selection and colours by their numbers, those that the project has."""
    selection, colors = view.selection, view.colors
    if selection == RunSelection() and colors == ClientColors():
        return view
    names = list(dict.fromkeys([*selection.all_names, *colors.runs]))
    found = (await tracking.runs.list(project, names=names, limit=len(names))).entries if names else ()
    ids = {entry.run.name: str(entry.run.run_id) for entry in found}
    runs = selection.choices(ids, {group: group_name(group) for group in selection.groups})
    chosen = {ids[name]: look for name, look in colors.runs.items() if name in ids}
    painted = {"colors": chosen, "groupColors": {group_name(path): look for path, look in colors.groups.items()}}
    return replace(view, document={**view.document, "runs": runs | painted})


def _query_of(stored: Any) -> dict[str, str]:
    held = stored if isinstance(stored, Mapping) else {}
    return {name: value[:_MAX_ASKED] for name in ASKED if isinstance(value := held.get(name), str) and value}


def _own_view(reports: ReportService, project: TrackedProject, text: str) -> Report:
    view = reports.get(int(checked_id(text)))
    if view is None or view.kind != KIND or view.project_id != project.project_id:
        raise NotFoundError(f"There is no such view in {project.entity}/{project.name}. It may have been deleted.")
    return view


async def save_view(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Store a view: `{project, id, document}` changes one, `{project, name, document}` makes one; answer with its address.

    `stamp` says which state of it was changed; what somebody else saved since is not overwritten unseen.
    """
    check_own_form(request)
    body = read_document((await request.body()).decode("utf-8", "replace"))
    project = await project_by_id(tracking, request, str(body.get("project", "")))
    check_writable(tracking, request, project.entity)
    document = body.get("document")
    spec = json.dumps(document, separators=(",", ":"))
    if not isinstance(document, Mapping) or len(spec) > _MAX_DOCUMENT:
        raise InvalidArgumentError("a view is a document of at most one megabyte")
    name = str(body.get("name") or "").strip()[:120]

    def store() -> Report:
        if body.get("id") is not None:
            view = _own_view(tracking.reports, project, str(body["id"]))
            if body.get("stamp") not in {None, str(view.updated_at)}:
                raise ConflictError(_CHANGED)
            return tracking.reports.change(view.report_id, spec=spec, display_name=name or None)
        if not name:
            raise InvalidArgumentError("a view needs a name")
        user = caller_of(tracking, request).user_name
        return tracking.reports.create(project.project_id, user, kind=KIND, name=name, display_name=name, spec=spec)

    view = await asyncio.to_thread(store)
    address = f"{project_url(project)}/workspace?view={view.report_id}"
    return JSONResponse({"id": str(view.report_id), "url": address, "stamp": str(view.updated_at)}, headers=NO_STORE)


async def act_on_view(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Delete a view."""
    check_own_form(request)
    form = await request.form()
    project = await project_by_id(tracking, request, str(form.get("project", "")))
    check_writable(tracking, request, project.entity)
    view = await asyncio.to_thread(_own_view, tracking.reports, project, str(form.get("id", "")))
    await asyncio.to_thread(tracking.reports.delete, view.report_id)
    return redirect(safe_next(str(form.get("next", "")), project_url(project)), Notice("View deleted."))
