"""Addresses of the flow pages. `/flows/<Flow>/<run id>` is what clients print with `METAFLOW_UI_URL=<server>/flows`.

Where the server has another prefix for what clients print, addresses below that one lead to these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from penstock.web.errors import guarded
from penstock.web.pages.flows import bulk, graphs, run, runs, steering, tasks
from penstock.web.pages.flows.logs import LOG_PAGES, log_download
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices

Page = Callable[[WebServices, FlowWeb, Request], Awaitable[Response]]

_OWN_PREFIX = "flows"
_RUN = "/flows/{flow}/{run}"
_TASK = _RUN + "/{step}/{task}"

PAGES: tuple[tuple[str, Page], ...] = (
    ("/ui/flows/commands", steering.commands_part),
    ("/ui/flows/values", runs.values),
    ("/ui/flows/graph", graphs.graph_data),
    ("/ui/flows/path", graphs.path_data),
    ("/flows", runs.list_page),
    ("/flows/{flow}", runs.list_page),
    (_RUN, run.run_page),
    (_RUN + "/view/{view}", run.run_page),
    (_RUN + "/{step}", run.run_page),
    (_TASK, tasks.task_page),
    (_TASK + "/log", log_download),
    *((f"{_TASK}/lines{path}", handler) for path, handler in LOG_PAGES),
    (_TASK + "/values/{name}", tasks.value_data),
    (_TASK + "/cards/{name}", tasks.card),
    (_TASK + "/cards/{name}/update", tasks.card_update),
)
"""GET addresses."""

FORMS: tuple[tuple[str, Page], ...] = ((_RUN + "/tags", run.change_tags), ("/ui/flows/actions", bulk.act))
"""POST addresses."""


async def _moved(request: Request) -> Response:
    """Lead from the addresses that other pages use to the canonical ones."""
    parts = request.path_params
    shared = request.query_params.get("task", "")
    if shared.count("/") == 3:
        return RedirectResponse(f"/flows/{quote(shared)}", status_code=303)
    path = "/".join(quote(str(parts[name]), safe="") for name in ("flow", "run") if name in parts)
    return RedirectResponse(f"/flows/{path}".rstrip("/"), status_code=303)


async def _led(request: Request) -> Response:
    """Lead from an address that a client printed to the page."""
    path = quote(f"/{_OWN_PREFIX}/{request.path_params.get('path', '')}".rstrip("/"))
    return RedirectResponse(f"{path}?{request.url.query}" if request.url.query else path, status_code=303)


def routes(services: WebServices, flow_web: FlowWeb, *, prefix: str = _OWN_PREFIX) -> list[BaseRoute]:
    """Return the routes of the flow pages, and what leads to them from the addresses that clients print below `prefix`."""

    def page(handler: Page) -> Callable[[Request], Awaitable[Response]]:
        return guarded(services, partial(handler, services, flow_web))

    return [
        *(Route(path, page(handler), methods=["POST"]) for path, handler in FORMS),
        *(Route(path, page(handler)) for path, handler in PAGES),
        Route("/ui/flows", _moved),
        Route("/ui/runs/{flow}/{run:int}", _moved),
        Route("/ui/runs/{flow}/{run:uuid}", _moved),
        *([] if prefix == _OWN_PREFIX else [Route(f"/{prefix}", _led), Route(f"/{prefix}/{{path:path}}", _led)]),
    ]
