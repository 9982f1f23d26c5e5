"""Every address of the web pages, in one list. Our own pages live under `/ui`; `/` opens what clients print behind the hash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from penstock.web import live, logs
from penstock.web.errors import guarded
from penstock.web.pages import run, runs, shell, tasks
from penstock.web.services import WebServices
from penstock.web.static_files import static_app

Page = Callable[[WebServices, Request], Awaitable[Response]]

PAGES: tuple[tuple[str, Page], ...] = (
    ("/", shell.entry),
    ("/ui", shell.entry),
    ("/ui/runs", runs.list_page),
    ("/ui/runs/{run_id}", run.run_page),
    ("/ui/runs/{run_id}/graph", run.graph_data),
    ("/ui/runs/{run_id}/tasks/{task_id}/panel", tasks.panel_part),
    ("/ui/runs/{run_id}/tasks/{task_id}/log", logs.log_window),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/download", logs.log_download),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/search", logs.log_search),
    ("/ui/runs/{run_id}/tasks/{task_id}/log/line", logs.log_line),
)
"""GET addresses."""

FORMS: tuple[tuple[str, Page], ...] = (("/ui/runs/actions", runs.act),)
"""POST addresses; each checks that the form came from our own pages."""


def routes(services: WebServices) -> list[BaseRoute]:
    """Return the routes of all pages over `services`."""

    async def live_updates(request: Request) -> Response:
        return await live.live_stream(request, services.notifier)

    return [
        Mount("/static", app=static_app()),
        Route("/ui/live", live_updates),
        *(Route(path, guarded(services, partial(handler, services)), methods=["POST"]) for path, handler in FORMS),
        *(Route(path, guarded(services, partial(handler, services))) for path, handler in PAGES),
        Route("/ui/{rest:path}", guarded(services, partial(shell.missing, services))),
    ]
