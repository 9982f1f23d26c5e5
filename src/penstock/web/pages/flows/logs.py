"""The log of a flow's task for the log viewer: the answers of `web.runs.logs`, over what the client kept in its datastore."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.flows.log_text import log_text_of
from penstock.web.runs import logs
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices

Handler = Callable[[WebServices, FlowWeb, Request], Awaitable[Response]]


def _over_the_datastore(answer: Callable[[WebServices, Request], Awaitable[Response]]) -> Handler:
    async def handler(services: WebServices, flows: FlowWeb, request: Request) -> Response:
        names = tuple(request.path_params[name] for name in ("flow", "run", "step", "task"))
        number = request.query_params.get("attempt", "")
        flow, run, step, task = names
        text, revision = await log_text_of(flows.reader, (flow, run, step, task), int(number) if number.isdecimal() else 0)
        # What is counted of a log is kept by these names: a log that changed is another one.
        scope = {**request.scope, "path_params": {"run_id": "/".join(names), "task_id": revision}}
        return await answer(replace(services, logs=text), Request(scope, request.receive))

    return handler


LOG_PAGES: tuple[tuple[str, Handler], ...] = (
    ("", _over_the_datastore(logs.log_window)),
    ("/streams", _over_the_datastore(logs.log_streams)),
    ("/times", _over_the_datastore(logs.log_times)),
    ("/search", _over_the_datastore(logs.log_search)),
    ("/line", _over_the_datastore(logs.log_line)),
    ("/line-number", _over_the_datastore(logs.log_line_number)),
)
"""What the viewer asks for, below one address, with `?attempt=`."""
