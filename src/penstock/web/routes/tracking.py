"""Addresses of the tracking pages: those that the wandb client prints (`/<entity>/<project>/...`) and our own below `/ui`.

The client's addresses are matched after everything else, and never when the first segment is one that the server uses itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from penstock.tracking.accounts import RESERVED_ENTITIES
from penstock.web.errors import guarded
from penstock.web.pages.system import users
from penstock.web.pages.tracking import (
    actions,
    addresses,
    archives,
    artifacts,
    automations,
    board,
    charts,
    data,
    deletion,
    export,
    keys,
    lists,
    plain_console,
    projects,
    report_forms,
    report_freezing,
    reports,
    run,
    sweeps,
    texts,
    values,
    views,
    workspace,
)
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.web import WebServices

TrackingPage = Callable[[WebServices, TrackingServices, Request], Awaitable[Response]]


class EntityConvertor(Convertor[str]):
    """A first path segment that is not one of the server's own."""

    regex = "(?!(?i:" + "|".join(sorted(name.replace(".", r"\.") for name in RESERVED_ENTITIES)) + ")(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        """Return the segment."""
        return value

    def to_string(self, value: str) -> str:
        """Return the segment."""
        return value


register_url_convertor("entity", EntityConvertor())

_PROJECT = "/{entity:entity}/{project}"
_RUN = _PROJECT + "/runs/{run}"
_VERSION = _PROJECT + "/artifacts/{type}/{name}/{version}"

OWN: tuple[tuple[str, TrackingPage], ...] = (
    ("/authorize", keys.authorize_page),
    ("/ui/system/users", users.users_page),
    ("/ui/projects", projects.list_page),
    ("/ui/tracking/lists/values", lists.values),
    ("/ui/projects/switcher", projects.switcher_part),
    ("/ui/projects/values", projects.values),
    ("/ui/registry", projects.registry_page),
    ("/ui/tracking/export/{entity}/{project}", export.export),
    ("/ui/tracking/series", data.series),
    ("/ui/tracking/values", values.values),
    ("/ui/tracking/workspace/rows", board.rows_part),
    ("/ui/tracking/columns", values.columns),
    ("/ui/tracking/importance", values.importance),
    ("/ui/tracking/charts/rows", charts.rows),
    ("/ui/tracking/code", texts.code),
    ("/ui/tracking/reports/frozen", report_freezing.frozen),
    ("/ui/tracking/reports/frozen/document", report_freezing.frozen_document),
    ("/ui/tracking/charts/presets", charts.presets),
    ("/ui/tracking/charts/preset", charts.preset),
    ("/ui/tracking/runs/{run_id}/media", data.media),
    ("/ui/tracking/runs/{run_id}/console", data.console),
    ("/ui/tracking/runs/{run_id}/console/plain", plain_console.console_plain),
    ("/ui/tracking/runs/{run_id}/console/text", data.console_text),
    ("/ui/tracking/runs/{run_id}/table/{path:path}", data.table),
    ("/ui/tracking/runs/{run_id}/files/{path:path}", data.file_content),
    ("/ui/tracking/versions/{version_id:int}/files/{path:path}", artifacts.file_content),
    ("/ui/tracking/versions/{version_id:int}/archive", archives.archive),
    ("/ui/tracking/versions/{version_id:int}/deletion", deletion.deletion_part),
)
"""GET addresses of our own."""

FORMS: tuple[tuple[str, TrackingPage], ...] = (
    ("/authorize", keys.act),
    ("/ui/system/users/actions", users.act),
    ("/ui/tracking/runs/actions", actions.act_on_runs),
    ("/ui/tracking/versions/actions", actions.act_on_version),
    ("/ui/tracking/aliases/actions", actions.act_on_aliases),
    ("/ui/tracking/sweeps/actions", actions.act_on_sweep),
    ("/ui/tracking/projects/actions", actions.act_on_project),
    ("/ui/tracking/automations", automations.create),
    ("/ui/tracking/automations/actions", automations.act),
    ("/ui/tracking/automations/webhooks", automations.add_webhook),
    ("/ui/tracking/reports", report_forms.save),
    ("/ui/tracking/reports/panels", report_forms.save_panels),
    ("/ui/tracking/reports/actions", reports.act_on_report),
    ("/ui/tracking/reports/freeze", report_freezing.freeze),
    ("/ui/tracking/markdown", texts.markdown),
    ("/ui/tracking/views", views.save_view),
    ("/ui/tracking/views/actions", views.act_on_view),
)
"""POST addresses; each checks that the form came from our own pages."""

CLIENT: tuple[tuple[str, TrackingPage], ...] = (
    (_RUN, run.run_page),
    (_RUN + "/{tab}", run.run_page),
    (_RUN + "/files/{path:path}", run.run_page),
    (_RUN + "/{tab}/{path:path}", addresses.run_part),
    (_VERSION, artifacts.version_page),
    (_VERSION + "/{tab}", artifacts.version_page),
    (_VERSION + "/{tab}/{path:path}", artifacts.version_page),
    (_PROJECT + "/artifacts/{type}/{name}", artifacts.newest_page),
    (_PROJECT + "/artifacts", artifacts.list_page),
    (_PROJECT + "/artifacts/{type}", artifacts.list_page),
    ("/orgs/{organization}/registry/{registry}", artifacts.registry_address),
    ("/orgs/{organization}/registry", projects.registry_page),
    ("/orgs/{organization}", projects.registry_page),
    ("/registry/{registry}", artifacts.registry_address),
    (_PROJECT + "/sweeps", sweeps.list_page),
    (_PROJECT + "/sweeps/{sweep}", sweeps.sweep_page),
    (_PROJECT + "/sweeps/{sweep}/{page:path}", addresses.sweep),
    (_PROJECT + "/reports", reports.list_page),
    (_PROJECT + "/reports/new", report_forms.form_page),
    (_PROJECT + "/reports/{report}/edit", report_forms.form_page),
    (_PROJECT + "/reports/{report}", reports.report_page),
    (_PROJECT + "/automations", automations.list_page),
    (_PROJECT + "/overview", projects.overview_page),
    (_PROJECT + "/runs", workspace.table_page),
    (_PROJECT + "/table", workspace.table_page),
    (_PROJECT + "/workspace", board.workspace_page),
    (_PROJECT + "/groups/{group:path}", addresses.group),
    *((f"{_PROJECT}/{name}", addresses.of_project) for name in addresses.PROJECT_NAMES),
    ("/{entity:entity}/registry/{registry}", artifacts.registry_address),
    ("/{entity:entity}/projects", addresses.entity_projects),
    (_PROJECT, board.workspace_page),
    *((f"/{name}", addresses.root) for name in addresses.ROOT_NAMES),
    ("/{entity:entity}", projects.entity_address),
)
"""GET addresses that clients print, and those of W&B's own web app."""


def _route(services: WebServices, tracking: TrackingServices, path: str, handler: TrackingPage, methods: list[str] | None = None) -> Route:
    return Route(path, guarded(services, partial(handler, services, tracking)), methods=methods)


def own_routes(services: WebServices) -> list[BaseRoute]:
    """Return the routes below `/ui` and `/authorize`; none on a server without tracking."""
    tracking = services.tracking
    if tracking is None:
        return []
    return [
        *(_route(services, tracking, path, handler, ["POST"]) for path, handler in FORMS),
        *(_route(services, tracking, path, handler) for path, handler in OWN),
    ]


def client_routes(services: WebServices) -> list[BaseRoute]:
    """Return the routes of addresses that clients print; to be matched after all others."""
    tracking = services.tracking
    if tracking is None:
        return []
    return [_route(services, tracking, path, handler) for path, handler in CLIENT]
