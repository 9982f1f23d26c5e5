"""Every address of the web pages, in one list. Our own pages live under `/ui`; `/` opens what clients print behind the hash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from penstock.web import live
from penstock.web.assets.files import static_app
from penstock.web.errors import guarded
from penstock.web.pages import home, manual, namespaces, news, search, shell
from penstock.web.pages.artifacts import actions as artifact_actions
from penstock.web.pages.artifacts import collections as artifact_collections
from penstock.web.pages.artifacts import stored as artifacts
from penstock.web.pages.catalog import experiments, new_run, pipelines, recurring, schedule_edits, triggers
from penstock.web.pages.compare import adding
from penstock.web.pages.compare import artifacts as artifact_compare
from penstock.web.pages.compare import graphs as graph_diff
from penstock.web.pages.compare import report as compare_report
from penstock.web.pages.compare import runs as compare
from penstock.web.pages.compare import tasks as task_compare
from penstock.web.pages.lists import exports, files, views
from penstock.web.pages.runs import executions, graph_marks, graph_matches, log_hits, plain_logs, run, runs, tasks
from penstock.web.pages.system import budgets, retention, system, trash
from penstock.web.routes.tracking import client_routes, own_routes
from penstock.web.runs import logs, replay
from penstock.web.services.tracking import readable_by
from penstock.web.services.web import WebServices

Page = Callable[[WebServices, Request], Awaitable[Response]]

PAGES: tuple[tuple[str, Page], ...] = (
    ("/", shell.entry),
    ("/ui", shell.entry),
    ("/ui/", shell.entry),
    ("/ui/home", home.home_page),
    ("/ui/pipelines", pipelines.list_page),
    ("/ui/pipelines/{pipeline_id}", pipelines.pipeline_page),
    ("/ui/pipelines/{pipeline_id}/versions/{version_id}/graph", pipelines.graph_data),
    ("/ui/experiments", experiments.list_page),
    ("/ui/experiments/choices", experiments.choices),
    ("/ui/experiments/{experiment_id}", experiments.experiment_page),
    ("/ui/recurring", recurring.list_page),
    ("/ui/recurring/new-trigger", triggers.new_trigger_page),
    ("/ui/recurring/{recurring_run_id}", recurring.recurring_page),
    ("/ui/recurring/{recurring_run_id}/edit", schedule_edits.edit_address),
    ("/ui/executions", executions.list_page),
    ("/ui/executions/facet", executions.facet_part),
    ("/ui/executions/compare", task_compare.compare_page),
    ("/ui/artifacts", artifacts.list_page),
    ("/ui/artifacts/compare", artifact_compare.compare_page),
    ("/ui/artifacts/collections/values", artifact_collections.values),
    ("/ui/artifacts/{artifact_id}", artifacts.artifact_page),
    ("/ui/artifacts/{artifact_id}/files", artifacts.files_page),
    ("/ui/artifacts/{artifact_id}/files/{path:path}", artifacts.files_page),
    ("/ui/artifacts/{artifact_id}/content/{path:path}", artifacts.file_content),
    ("/ui/artifacts/{artifact_id}/view", artifacts.view),
    ("/ui/artifacts/{artifact_id}/viewers/{index}", artifacts.viewer),
    ("/ui/artifacts/{artifact_id}/download", artifacts.download),
    ("/ui/artifacts/{artifact_id}/deletion", artifact_actions.stored_deletion),
    ("/ui/compare", compare.compare_page),
    ("/ui/compare/choices", adding.choices_part),
    ("/ui/tracking/compare", compare.tracked_address),
    ("/ui/graph-diff", graph_diff.graph_diff_data),
    ("/ui/logs", log_hits.logs_page),
    ("/ui/help", manual.manual_page),
    ("/ui/help/{name}", manual.manual_page),
    ("/ui/namespaces", namespaces.switcher_part),
    ("/ui/news", news.news_part),
    ("/ui/search", search.search_page),
    ("/ui/search/results", search.results_part),
    ("/ui/trash", trash.list_page),
    ("/ui/trash/values", trash.values),
    ("/ui/views", views.views_part),
    ("/ui/system", system.system_page),
    ("/ui/system/diagnostics.json", system.diagnostics),
    ("/ui/system/retention", retention.retention_page),
    ("/ui/runs", runs.list_page),
    ("/ui/runs/new", new_run.new_run_page),
    ("/ui/runs/export", exports.export),
    ("/ui/export/{list}", exports.export),
    ("/ui/files/values", files.values),
    ("/ui/runs/values", runs.values),
    ("/ui/runs/{run_id}", run.run_page),
    ("/ui/runs/{run_id}/graph", run.graph_data),
    ("/ui/runs/{run_id}/marks", graph_marks.marks_data),
    ("/ui/runs/{run_id}/matches", graph_matches.matches_data),
    ("/ui/runs/{run_id}/path", run.path_data),
    ("/ui/runs/{run_id}/trace", run.trace_data),
    ("/ui/runs/{run_id}/tasks/{task_id}/panel", tasks.panel_part),
    ("/ui/runs/{run_id}/tasks/{task_id}/replay.py", replay.program),
    ("/ui/runs/{run_id}/tasks/{task_id}/log", logs.log_window),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/plain", plain_logs.plain_log),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/streams", logs.log_streams),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/times", logs.log_times),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/download", logs.log_download),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/search", logs.log_search),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/line", logs.log_line),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/line-number", logs.log_line_number),
)
"""GET addresses."""

FORMS: tuple[tuple[str, Page], ...] = (
    ("/ui/runs/actions", runs.act),
    ("/ui/executions/actions", executions.act),
    ("/ui/artifacts/actions", artifact_actions.act_on_stored),
    ("/ui/artifacts/{artifact_id}/edit", artifact_actions.edit_stored),
    ("/ui/artifacts/collections/actions", artifact_actions.act_on_collections),
    ("/ui/views", views.act),
    ("/ui/budgets", budgets.act),
    ("/ui/trash/actions", trash.act),
    ("/ui/system/retention", retention.act),
    ("/ui/system/secrets", system.act_on_secrets),
    ("/ui/system/backups", system.act_on_backups),
    ("/ui/runs/new", new_run.create),
    ("/ui/compare/report", compare_report.save),
    ("/ui/runs/plan", new_run.plan_part),
    ("/ui/runs/convert", new_run.convert),
    ("/ui/recurring/fires", new_run.fires_part),
    ("/ui/experiments/actions", experiments.act),
    ("/ui/pipelines/actions", pipelines.act),
    ("/ui/recurring/actions", recurring.act),
    ("/ui/recurring/new-trigger", triggers.create),
    ("/ui/recurring/{recurring_run_id}/edit", schedule_edits.edit),
    ("/ui/recurring/{recurring_run_id}/token", triggers.renew_token),
    ("/ui/recurring/{recurring_run_id}/backfill", triggers.backfill),
)
"""POST addresses; each checks that the form came from our own pages."""


def routes(services: WebServices) -> list[BaseRoute]:
    """Return the routes of all pages over `services`."""

    async def live_updates(request: Request) -> Response:
        return await live.live_stream(request, services.notifier, readable_by(services.tracking, request))

    return [
        Mount("/static", app=static_app()),
        Route("/ui/live", live_updates),
        *(Route(path, guarded(services, partial(handler, services)), methods=["POST"]) for path, handler in FORMS),
        *(Route(path, guarded(services, partial(handler, services))) for path, handler in PAGES),
        *own_routes(services),
        Route("/ui/{rest:path}", guarded(services, partial(shell.missing, services))),
        *client_routes(services),
    ]
