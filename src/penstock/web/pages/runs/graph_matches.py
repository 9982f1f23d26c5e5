"""What the field of the graph finds in groups that are closed: tasks of a run by name, with the way to each."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.interfaces.pages import Condition, ListQuery
from penstock.web.graphs.run import RunGraph
from penstock.web.runs.plans import plan_of
from penstock.web.services.web import WebServices

_SHOWN = 100
_MOST_CHARACTERS = 200


async def matches_data(services: WebServices, request: Request) -> Response:
    """Answer `matches`, in the order of their begin: `id`, the `trail` of groups around it (id, type), the `cluster` that holds it in a
    folded scope; and `more`, how many others there are. `?q=` is a part of the name; what has not begun is found as long as it is drawn.

    Raises:
        NotFoundError: unknown run.
    """
    run_id = request.path_params["run_id"]
    view = await services.runs.run(run_id)
    if view is None:
        raise NotFoundError(f"There is no run {run_id}.")
    text = request.query_params.get("q", "").strip()[:_MOST_CHARACTERS]
    found: list[dict[str, Any]] = []
    more = 0
    if text:
        named = (Condition("name", ":", text),)
        query = ListQuery(scope={"run_id": run_id}, conditions=named, sort="started", is_descending=False, limit=_SHOWN)
        page = await services.runs.list_tasks(query)
        drawn = RunGraph(services, view.run, await plan_of(services, view.run.spec_digest))
        for task in page.items:
            *around, _ = await drawn.trail(task.task_id)
            cluster = await drawn.cluster_of(task)
            found.append({"id": task.task_id, "trail": [{"id": one["id"], "type": one["type"]} for one in around], "cluster": cluster})
        more = max(0, page.total - len(page.items))
    return JSONResponse({"matches": found, "more": more}, headers={"cache-control": "no-store"})
