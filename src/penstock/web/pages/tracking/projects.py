"""Projects: the list behind the rail, one project's overview, and registries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.budgets import BudgetScope
from penstock.domain.errors import NotFoundError
from penstock.domain.sweeps import Sweep
from penstock.domain.tracking import TrackedProject
from penstock.domain.versions import REGISTRY_PREFIX
from penstock.interfaces.pages import Condition, ListQuery, Page
from penstock.interfaces.run_tables import RowGroups
from penstock.interfaces.tracking_pages import CollectionItem, ProjectItem
from penstock.web.lists.filters import chip_text, query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.lists.held_rows import Columns, page_of
from penstock.web.lists.namespaces import namespace_of
from penstock.web.pages.system.budgets import BudgetCard, budget_card
from penstock.web.pages.tracking.workspace import PROJECT_TABS, RunListing, project_frame, project_url, run_listing
from penstock.web.render import Crumb, Frame, query_url, redirect, render, render_part
from penstock.web.services.tracking import TrackingServices, project_of, readable_by
from penstock.web.services.web import WebServices

COLUMNS: Columns[ProjectItem] = Columns(
    words=lambda item: f"{item.entity}/{item.name} {item.description}",
    texts={
        "name": lambda item: [item.name.removeprefix(REGISTRY_PREFIX)],
        "owner": lambda item: [item.entity],
        "description": lambda item: [item.description],
    },
    numbers={
        "runs": lambda item: item.run_count,
        "running": lambda item: item.live_count,
        "failed": lambda item: item.failed_count,
        "collections": lambda item: item.collection_count,
    },
    times={"active": lambda item: item.active_at},
)
FILTER_FIELDS = ("name", "owner", "runs", "running", "failed", "collections", "description", "active")
REGISTRY_GROUPINGS = (("owner", "Owner"), ("active", "Last change"))
GROUPINGS = (*REGISTRY_GROUPINGS, ("running", "Now running"), ("failed", "Failed runs"))
"""Columns that group."""
LABELS = {"runs": "Runs", "failed": "Failed runs", "collections": "Collections"}
_GROUPED = ("runs", "failed", "collections")
_MOST_OF_ENTITY, _MOST_ENTITIES = 12, 8
"""Projects of one entity in the dropdown, and entities."""


@dataclass(frozen=True, slots=True)
class ProjectListPage:
    """Context of `tracking/projects.html`."""

    listing: Page[ProjectItem]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    groups: GroupTable | None
    """Projects in groups; None: they are shown one by one."""
    is_registry: bool
    """These are registries."""
    filter_fields: Sequence[str]
    """Fields the filter bar completes."""
    group_choices: Sequence[tuple[str, str]]
    """(column, label) of what may group."""


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """Context of `tracking/project.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    listing: RunListing
    """Its newest runs."""
    collections: Sequence[CollectionItem]
    """Its artifacts."""
    sweeps: Sequence[Sweep]
    """Its sweeps."""
    budget: BudgetCard | None
    """What it may use; None on a server without budgets."""


@dataclass(frozen=True, slots=True)
class SwitcherPart:
    """Context of `tracking/switcher.html`."""

    groups: Sequence[tuple[str, Sequence[ProjectItem]]]
    """(entity, its projects)."""
    count: int
    """Projects there are, also those not listed."""

    @property
    def shown(self) -> int:
        """How many are listed."""
        return sum(len(items) for _, items in self.groups)


async def _visible(tracking: TrackingServices, request: Request, found: Sequence[ProjectItem], namespace: str = "") -> list[ProjectItem]:
    readable = readable_by(tracking, request)
    return [item for item in found if readable(item.entity) and (not namespace or item.entity == namespace)]


@dataclass(frozen=True, slots=True)
class FoundProjects:
    """Every project or registry that a list shows, in order."""

    query: ListQuery
    """What was asked for."""
    sort: str
    """Name of the order."""
    rows: Sequence[ProjectItem]
    """All of them, those of every page."""
    by: str
    """The column that groups; empty for rows."""

    def groups(self) -> RowGroups:
        """The groups that are asked for."""
        return COLUMNS.groups(self.rows, self.by, self.query, at=lambda item: item.active_at, numbers=_GROUPED)


async def projects_of(services: WebServices, request: Request, wanted: Mapping[str, str], *, registries: bool) -> FoundProjects:
    """Return the projects or registries that the caller may see and the list of an address shows."""
    query, by, tracking = query_of(request, wanted, now=services.clock.now(), sort="active"), wanted.get("group", ""), services.tracking
    found: Sequence[ProjectItem] = []
    if tracking is not None:
        found = await _visible(tracking, request, await tracking.pages.projects(registries=registries), query.scope.get("namespace", ""))
    sort = query.sort if COLUMNS.has(query.sort) else "active"
    rows = COLUMNS.in_order(COLUMNS.matching(found, query), sort, is_descending=query.is_descending)
    return FoundProjects(query, sort, rows, by if by in dict(_groupings(registries)) else "")


def _groupings(is_registry: bool) -> Sequence[tuple[str, str]]:
    return REGISTRY_GROUPINGS if is_registry else GROUPINGS


async def _list_page(services: WebServices, tracking: TrackingServices, request: Request, *, is_registry: bool) -> Response:
    of = await projects_of(services, request, {**request.query_params, "namespace": namespace_of(request)}, registries=is_registry)
    groups, choices = None, _groupings(is_registry)
    if of.by:
        shown = ("collections",) if is_registry else _GROUPED
        groups = GroupTable(of.by, dict(choices)[of.by], of.groups(), shown, request.url.path, request.query_params, labels=LABELS)
    page = ProjectListPage(
        page_of(of.rows, of.query),
        ("-" if of.query.is_descending else "") + of.sort,
        groups,
        is_registry,
        ("name", "owner", "collections", "description", "active") if is_registry else FILTER_FIELDS,
        choices,
    )
    name = "Registry" if is_registry else "Projects"
    frame = Frame(name, "registry" if is_registry else "projects", (Crumb(name),), live="", scripts=("table",))
    return render(services, request, "tracking/projects.html", frame=frame, page=page)


async def list_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """All projects that the caller may see."""
    return await _list_page(services, tracking, request, is_registry=False)


async def entity_address(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The address of an entity: the list of projects, narrowed to its own. The namespace of the reader stays as it is.

    Raises:
        NotFoundError: there is no such entity, or its projects are not the reader's to see.
    """
    entity = request.path_params["entity"]
    if entity not in await tracking.projects.entities() or not readable_by(tracking, request)(entity):
        raise NotFoundError(f"There is no entity {entity}.")
    return redirect(query_url("/ui/projects", {"q": chip_text(Condition("owner", "=", entity))}))


async def switcher_part(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The dropdown beside a project's name: other projects, those of the same entity (`?of=entity/project`) first, last active first."""
    here = request.query_params.get("of", "")
    entity = here.partition("/")[0]
    others = [item for item in await _visible(tracking, request, await tracking.pages.projects()) if f"{item.entity}/{item.name}" != here]
    groups: dict[str, list[ProjectItem]] = {entity: []}
    for item in others:
        groups.setdefault(item.entity, []).append(item)
    part = SwitcherPart([(name, items[:_MOST_OF_ENTITY]) for name, items in groups.items() if items][:_MOST_ENTITIES], len(others))
    return render_part(services, request, "tracking/switcher.html", part=part)


async def values(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Names and owners that the filter bar of the list offers for `field`, those that contain `text`."""
    wanted = request.query_params
    found = await projects_of(services, request, {"namespace": namespace_of(request)}, registries="registry" in wanted)
    offered = COLUMNS.offered(found.rows, wanted.get("field", ""), wanted.get("text", ""))
    return JSONResponse(offered, headers={"cache-control": "no-store"})


async def registry_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """All registries."""
    return await _list_page(services, tracking, request, is_registry=True)


async def overview_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """One project: what it is, its newest runs, artifacts and sweeps."""
    project = await project_of(tracking, request)
    listing = await run_listing(services, tracking, request, project, limit=8)
    collections = await tracking.pages.collections(project.project_id, limit=8)
    sweeps = await asyncio.to_thread(tracking.sweeps.of_project, project.project_id)
    budget = await budget_card(services, BudgetScope.PROJECT, str(project.project_id))
    page = ProjectPage(project, project_url(project), PROJECT_TABS, listing, collections, sweeps[:8], budget)
    frame = project_frame(project, project.name, crumb="Overview")
    return render(services, request, "tracking/project.html", frame=frame, page=page)
