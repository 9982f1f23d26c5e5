"""Addresses of W&B's own web app that are called otherwise here: each leads to the page that shows the same."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.interfaces.pages import Condition
from penstock.web.lists.filters import chip_text
from penstock.web.pages.tracking import board
from penstock.web.pages.tracking.projects import entity_address
from penstock.web.pages.tracking.workspace import project_url
from penstock.web.render import query_url
from penstock.web.services.tracking import TrackingServices, project_of
from penstock.web.services.web import WebServices

_ROOTS: Mapping[str, str] = {
    "home": "/", "login": "/", "signup": "/", "settings": "/ui/system/users", "profile": "/ui/system/users", "projects": "/ui/projects",
    "registry": "/ui/registry", "registries": "/ui/registry",
}  # fmt: skip
_OF_PROJECT: Mapping[str, str] = {"reportlist": "/reports", "settings": "/overview", "jobs": "/artifacts?q=type%3Ajob"}
_OF_GROUP: Mapping[str, str] = {"workspace": "workspace", "overview": "workspace", "system": "workspace", "table": "runs", "runs": "runs"}
"""Pages of a group; here they are the project's, narrowed to it."""
ROOT_NAMES = tuple(_ROOTS)
"""First segments that are pages of the whole server."""
PROJECT_NAMES = tuple(_OF_PROJECT)
"""Pages of a project."""


async def root(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """`/settings`, `/home` and their like."""
    return _to(_ROOTS[request.url.path.strip("/").partition("/")[0].lower()])


async def of_project(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """`/<entity>/<project>/reportlist` and its like."""
    project = await project_of(tracking, request)
    return _to(project_url(project) + _OF_PROJECT[request.url.path.rstrip("/").rpartition("/")[2]])


async def group(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """`/<entity>/<project>/groups/<group>[/workspace]`: the runs of a group, whose name may hold slashes."""
    project = await project_of(tracking, request)
    name, _, tail = request.path_params["group"].strip("/").rpartition("/")
    if not name or tail not in _OF_GROUP:
        name, tail = request.path_params["group"].strip("/"), "workspace"
    if not name:
        raise NotFoundError(f"There is no such group in {project.entity}/{project.name}.")
    return _to(query_url(f"{project_url(project)}/{_OF_GROUP[tail]}", {"q": chip_text(Condition("group", "=", name))}))


async def entity_projects(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """`/<entity>/projects`: the entity's projects, unless it has one that is called so."""
    entity = request.path_params["entity"]
    if await tracking.projects.get(entity, "projects") is not None:
        request.scope["path_params"] = {"entity": entity, "project": "projects"}
        return await board.workspace_page(services, tracking, request)
    return await entity_address(services, tracking, request)


async def sweep(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """A page of a sweep: here it has one."""
    project = await project_of(tracking, request)
    return _to(f"{project_url(project)}/sweeps/{quote(request.path_params['sweep'], safe='')}")


async def run_part(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """What lies below a tab of a run: the tab."""
    project = await project_of(tracking, request)
    run, tab = (quote(request.path_params[name], safe="") for name in ("run", "tab"))
    return _to(f"{project_url(project)}/runs/{run}/{tab}")


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303)
