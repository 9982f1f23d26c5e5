"""Projects: the list behind the rail, one project's overview, and registries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.budgets import BudgetScope
from penstock.domain.sweeps import Sweep
from penstock.domain.tracking import TrackedProject
from penstock.interfaces.tracking_pages import CollectionItem, ProjectItem
from penstock.web.namespaces import namespace_of
from penstock.web.pages.budgets import BudgetCard, budget_card
from penstock.web.pages.tracking_workspace import PROJECT_TABS, RunListing, project_frame, project_url, run_listing
from penstock.web.render import Crumb, Frame, render, render_part
from penstock.web.services import WebServices
from penstock.web.tracking_services import TrackingServices, caller_of, project_of, readable_by

_MOST_OF_ENTITY, _MOST_ENTITIES = 12, 8
"""Projects of one entity in the dropdown, and entities."""


@dataclass(frozen=True, slots=True)
class ProjectListPage:
    """Context of `tracking/projects.html`."""

    projects: Sequence[ProjectItem]
    """Last active first."""
    is_registry: bool
    """These are registries."""
    snippet_entity: str
    """Whose name the starter shows."""


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
    word = request.query_params.get("q", "").lower()
    return [
        item
        for item in found
        if readable(item.entity)
        and (not namespace or item.entity == namespace)
        and word in f"{item.entity}/{item.name} {item.description}".lower()
    ]


async def visible_projects(tracking: TrackingServices, request: Request, namespace: str, *, registries: bool) -> list[ProjectItem]:
    """Return the projects or registries that the caller may see, of the namespace if there is one, that the filter `q` matches."""
    return await _visible(tracking, request, await tracking.pages.projects(registries=registries), namespace)


async def list_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """All projects that the caller may see."""
    found = await visible_projects(tracking, request, namespace_of(request), registries=False)
    page = ProjectListPage(found, False, caller_of(tracking, request).user_name)
    frame = Frame("Projects", "projects", (Crumb("Projects"),), live="", scripts=("table",))
    return render(services, request, "tracking/projects.html", frame=frame, page=page)


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


async def registry_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """All registries."""
    found = await visible_projects(tracking, request, namespace_of(request), registries=True)
    page = ProjectListPage(found, True, caller_of(tracking, request).user_name)
    frame = Frame("Registry", "registry", (Crumb("Registry"),), live="", scripts=("table",))
    return render(services, request, "tracking/projects.html", frame=frame, page=page)


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
