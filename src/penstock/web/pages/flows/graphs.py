"""What the graph of a flow's run asks for: its steps with their states, and its critical path."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.interfaces.page_flows import FlowRunItem, FlowTaskQuery
from penstock.web.graphs.critical_path import path_document
from penstock.web.graphs.flow import FlowGraph, graph_of
from penstock.web.graphs.flow_scope import path_of, scope_of
from penstock.web.render import language_of
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices
from penstock.web.texts.i18n import translate

_ROOT = "root"
_MOST_TASKS = 1000
"""Tasks whose times are looked at."""
FAN_OUT, FOLLOWS = "one task for each value", "what the step holds"
"""What is said of edges, in English."""
CAUGHT = "caught"
"""What is said of steps, in English."""


async def graph_data(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """Steps of the run `?run=Flow/12` for the drawing.

    Raises:
        NotFoundError: unknown run.
    """
    run, graph = await _drawn(flows, request)
    tasks = await flows.pages.tasks(run.flow_id, run.run_id, FlowTaskQuery(limit=_MOST_TASKS))
    words = {fans: translate(language_of(request), text) for fans, text in ((True, FAN_OUT), (False, FOLLOWS))}
    scope = scope_of(graph, tasks.items, run.shared_id, words, translate(language_of(request), CAUGHT))
    body = {"root": _ROOT, "scopes": {_ROOT: scope}, "loops": {}, "now": services.clock.now()}
    return JSONResponse(body, headers={"cache-control": "no-store"})


async def path_data(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """Answer the chain of tasks that decided when the run `?run=Flow/12` ended, each with its step; of very many tasks, of the first.

    Raises:
        NotFoundError: unknown run.
    """
    run, graph = await _drawn(flows, request)
    tasks = await flows.pages.tasks(run.flow_id, run.run_id, FlowTaskQuery(has_begun=True, limit=_MOST_TASKS))
    end = run.finished_at or services.clock.now()
    path = path_of(graph, tasks.items, start=run.started_at, end=end)
    return JSONResponse(path_document(path, lambda step: [step.path]), headers={"cache-control": "no-store"})


async def _drawn(flows: FlowWeb, request: Request) -> tuple[FlowRunItem, FlowGraph]:
    """Return the run that the address names, and its steps."""
    flow_id, _, run_id = request.query_params.get("run", "").partition("/")
    view = await flows.pages.run(flow_id, run_id)
    if view is None:
        raise NotFoundError(f"There is no run {flow_id}/{run_id}.")
    return view.run, graph_of(await flows.reader.graph(flow_id, run_id), view.steps, view.expected)
