"""What can be done with a run of a flow: for runs of this server its buttons, for those that people started the lines for their shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.flows import Page
from penstock.flows.reading import PARAMETERS_STEP
from penstock.interfaces.page_flows import FlowRunItem, FlowTaskQuery
from penstock.web.flows.commands import commands_of
from penstock.web.flows.parameters import looked_at
from penstock.web.render import render_part
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices

WAYS = ("resume", "again", "cancel", "schedule", "use")
"""What a menu is about; `use` reads the run from Python and a shell."""


async def commands_part(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """The content of one menu: how to do it, or why it is not possible now.

    Raises:
        NotFoundError: unknown run, or nothing of that name can be done.
    """
    flow_id, _, run_id = request.query_params.get("run", "").partition("/")
    way = request.query_params.get("way", "")
    view = await flows.pages.run(flow_id, run_id)
    if view is None or way not in WAYS:
        raise NotFoundError(f"There is no run {flow_id}/{run_id}.")
    run, failed = view.run, view.first_failure
    newest = await flows.pages.tasks(flow_id, run_id, FlowTaskQuery(is_descending=True, limit=1))
    facts = await _facts(flows, run)
    graph = await flows.reader.graph(run.flow_id, run.run_id)
    commands = commands_of(
        run.shared_id,
        script=facts.get("script-name", "flow.py"),
        step=failed.step_name if failed else next((task.step_name for task in newest.items), ""),
        values=await _values(flows, run, graph) if way == "again" and not run.pipeline_run_id else {},
        has_code="code-package" in facts,
        graph=graph,
    )
    return render_part(services, request, "flows/commands.html", run=run, way=way, commands=commands)


async def _facts(flows: FlowWeb, run: FlowRunItem) -> dict[str, str]:
    """What the client told of the run's first task, by field."""
    try:
        tasks = await flows.recorder.store.tasks(run.flow_id, run.run_id, PARAMETERS_STEP, None, Page())
        rows = await flows.recorder.store.metadata(run.flow_id, run.run_id, PARAMETERS_STEP, tasks[0].shown_id, Page()) if tasks else ()
    except NotFoundError:
        return {}
    return {row.field_name: str(row.value) for row in rows}


async def _values(flows: FlowWeb, run: FlowRunItem, graph: Mapping[str, Any] | None) -> dict[str, Any]:
    """Plain values of the parameters by name; None for those that are not plain."""
    tasks = await flows.recorder.store.tasks(run.flow_id, run.run_id, PARAMETERS_STEP, None, Page()) if graph else []
    looks = await looked_at(flows.reader, run.flow_id, run.run_id, tasks[0].shown_id, graph) if tasks else {}
    return {name: None if isinstance(seen, PenstockError) else seen.value for name, seen in looks.items()}
