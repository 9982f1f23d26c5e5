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
from penstock.web.pages import (
    report_freezing,
    tracking_actions,
    tracking_archives,
    tracking_artifacts,
    tracking_automations,
    tracking_board,
    tracking_charts,
    tracking_compare,
    tracking_data,
    tracking_deletion,
    tracking_export,
    tracking_keys,
    tracking_projects,
    tracking_report_forms,
    tracking_reports,
    tracking_run,
    tracking_sweeps,
    tracking_texts,
    tracking_values,
    tracking_views,
    tracking_workspace,
    users,
)
from penstock.web.services import WebServices
from penstock.web.tracking_services import TrackingServices

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
    ("/authorize", tracking_keys.authorize_page),
    ("/ui/system/users", users.users_page),
    ("/ui/projects", tracking_projects.list_page),
    ("/ui/projects/switcher", tracking_projects.switcher_part),
    ("/ui/projects/values", tracking_projects.values),
    ("/ui/registry", tracking_projects.registry_page),
    ("/ui/tracking/compare", tracking_compare.compare_page),
    ("/ui/tracking/export/{entity}/{project}", tracking_export.export),
    ("/ui/tracking/series", tracking_data.series),
    ("/ui/tracking/values", tracking_values.values),
    ("/ui/tracking/workspace/rows", tracking_board.rows_part),
    ("/ui/tracking/columns", tracking_values.columns),
    ("/ui/tracking/importance", tracking_values.importance),
    ("/ui/tracking/charts/rows", tracking_charts.rows),
    ("/ui/tracking/code", tracking_texts.code),
    ("/ui/tracking/reports/frozen", report_freezing.frozen),
    ("/ui/tracking/reports/frozen/document", report_freezing.frozen_document),
    ("/ui/tracking/charts/presets", tracking_charts.presets),
    ("/ui/tracking/charts/preset", tracking_charts.preset),
    ("/ui/tracking/runs/{run_id}/media", tracking_data.media),
    ("/ui/tracking/runs/{run_id}/console", tracking_data.console),
    ("/ui/tracking/runs/{run_id}/console/text", tracking_data.console_text),
    ("/ui/tracking/runs/{run_id}/table/{path:path}", tracking_data.table),
    ("/ui/tracking/runs/{run_id}/files/{path:path}", tracking_data.file_content),
    ("/ui/tracking/versions/{version_id:int}/files/{path:path}", tracking_artifacts.file_content),
    ("/ui/tracking/versions/{version_id:int}/archive", tracking_archives.archive),
    ("/ui/tracking/versions/{version_id:int}/lineage", tracking_artifacts.lineage_data),
    ("/ui/tracking/versions/{version_id:int}/deletion", tracking_deletion.deletion_part),
)
"""GET addresses of our own."""

FORMS: tuple[tuple[str, TrackingPage], ...] = (
    ("/authorize", tracking_keys.act),
    ("/ui/system/users/actions", users.act),
    ("/ui/tracking/runs/actions", tracking_actions.act_on_runs),
    ("/ui/tracking/versions/actions", tracking_actions.act_on_version),
    ("/ui/tracking/aliases/actions", tracking_actions.act_on_aliases),
    ("/ui/tracking/sweeps/actions", tracking_actions.act_on_sweep),
    ("/ui/tracking/projects/actions", tracking_actions.act_on_project),
    ("/ui/tracking/automations", tracking_automations.create),
    ("/ui/tracking/automations/actions", tracking_automations.act),
    ("/ui/tracking/reports", tracking_report_forms.save),
    ("/ui/tracking/reports/panels", tracking_report_forms.save_panels),
    ("/ui/tracking/reports/actions", tracking_reports.act_on_report),
    ("/ui/tracking/reports/freeze", report_freezing.freeze),
    ("/ui/tracking/markdown", tracking_texts.markdown),
    ("/ui/tracking/views", tracking_views.save_view),
    ("/ui/tracking/views/actions", tracking_views.act_on_view),
)
"""POST addresses; each checks that the form came from our own pages."""

CLIENT: tuple[tuple[str, TrackingPage], ...] = (
    (_RUN, tracking_run.run_page),
    (_RUN + "/{tab}", tracking_run.run_page),
    (_RUN + "/files/{path:path}", tracking_run.run_page),
    (_VERSION, tracking_artifacts.version_page),
    (_VERSION + "/{tab}", tracking_artifacts.version_page),
    (_VERSION + "/{tab}/{path:path}", tracking_artifacts.version_page),
    (_PROJECT + "/artifacts/{type}/{name}", tracking_artifacts.newest_page),
    (_PROJECT + "/artifacts", tracking_artifacts.list_page),
    (_PROJECT + "/artifacts/{type}", tracking_artifacts.list_page),
    ("/orgs/{organization}/registry/{registry}", tracking_artifacts.registry_address),
    (_PROJECT + "/sweeps", tracking_sweeps.list_page),
    (_PROJECT + "/sweeps/{sweep}", tracking_sweeps.sweep_page),
    (_PROJECT + "/reports", tracking_reports.list_page),
    (_PROJECT + "/reports/new", tracking_report_forms.form_page),
    (_PROJECT + "/reports/{report}/edit", tracking_report_forms.form_page),
    (_PROJECT + "/reports/{report}", tracking_reports.report_page),
    (_PROJECT + "/automations", tracking_automations.list_page),
    (_PROJECT + "/overview", tracking_projects.overview_page),
    (_PROJECT + "/runs", tracking_workspace.table_page),
    (_PROJECT + "/table", tracking_workspace.table_page),
    (_PROJECT + "/workspace", tracking_board.workspace_page),
    (_PROJECT, tracking_board.workspace_page),
    ("/{entity:entity}", tracking_projects.entity_address),
)
"""GET addresses that clients print."""


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
