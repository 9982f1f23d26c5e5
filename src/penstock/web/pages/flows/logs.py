"""The log of a flow's task for the log viewer: the answers of `web.runs.logs`, over what the client kept in its datastore."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.flows.log_text import log_text_of
from penstock.web.pages.runs.plain_logs import plain_log
from penstock.web.runs import logs
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices
from penstock.web.texts.whole_numbers import whole_number

Handler = Callable[[WebServices, FlowWeb, Request], Awaitable[Response]]


async def _over_the_datastore(services: WebServices, flows: FlowWeb, request: Request) -> tuple[WebServices, Request]:
    """Return what `web.runs.logs` answers from: the log that the address names, and the request for it."""
    flow, run, step, task = names = _names(request)
    number = request.query_params.get("attempt", "")
    text, revision = await log_text_of(flows.reader, (flow, run, step, task), whole_number(number) or 0)
    # What is counted of a log is kept by these names: a log that changed is another one.
    scope = {**request.scope, "path_params": {"run_id": "/".join(names), "task_id": revision}}
    return replace(services, logs=text), Request(scope, request.receive)


def _names(request: Request) -> tuple[str, str, str, str]:
    params = request.path_params
    return params["flow"], params["run"], params["step"], params["task"]


def _answered_by(answer: Callable[[WebServices, Request], Awaitable[Response]]) -> Handler:
    async def handler(services: WebServices, flows: FlowWeb, request: Request) -> Response:
        return await answer(*await _over_the_datastore(services, flows, request))

    return handler


async def log_download(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """The log of an attempt as a file; `?stream=` narrows it to one stream."""
    return await logs.log_download(*await _over_the_datastore(services, flows, request), name="-".join(_names(request)))


LOG_PAGES: tuple[tuple[str, Handler], ...] = (
    ("", _answered_by(logs.log_window)),
    ("/plain", _answered_by(plain_log)),
    ("/download", log_download),
    ("/streams", _answered_by(logs.log_streams)),
    ("/times", _answered_by(logs.log_times)),
    ("/search", _answered_by(logs.log_search)),
    ("/line", _answered_by(logs.log_line)),
    ("/line-number", _answered_by(logs.log_line_number)),
)
"""What the viewer, and the page without script, ask for, below one address, with `?attempt=`."""
