"""The graph of two definitions as one, for the comparison of runs and of versions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.plan import RunPlan
from penstock.web.graphs.diff import PARTS, TaskDiff, differences, merged_scope
from penstock.web.runs.plans import plan_of
from penstock.web.services.web import WebServices


@dataclass(frozen=True, slots=True)
class GraphDiff:
    """Context of `shared/graph_diff.html`."""

    source: str
    """Where the browser gets the graph."""
    tasks: Sequence[TaskDiff]
    """What differs."""

    def count(self, mark: str) -> int:
        """How many tasks have a mark; groups that only contain something that differs are not counted."""
        return sum(task.mark == mark and task.parts != ("inside",) for task in self.tasks)

    @staticmethod
    def words(task: TaskDiff) -> Sequence[str]:
        """What of a changed task differs, in words."""
        return [PARTS[part] for part in task.parts]


def graph_diff(before_digest: str, before: RunPlan | None, after_digest: str, after: RunPlan | None) -> GraphDiff | None:
    """Return what differs; None when one of the two cannot be drawn."""
    if before is None or after is None:
        return None
    return GraphDiff(f"/ui/graph-diff?{urlencode({'before': before_digest, 'after': after_digest})}", differences(before, after))


async def graph_diff_data(services: WebServices, request: Request) -> Response:
    """Scopes of `?before=` and `?after=` (digests of stored definitions) as one; `?open=` names open groups by path."""
    before = await plan_of(services, request.query_params.get("before"))
    after = await plan_of(services, request.query_params.get("after"))
    if before is None or after is None:
        raise NotFoundError("One of the two definitions cannot be drawn.")
    opened = [path for path in request.query_params.get("open", "").split(",") if path.startswith("root/")][:40]

    def work() -> dict[str, Any]:
        marks = {task.path: task for task in differences(before, after)}
        return {path: merged_scope(before, after, path, marks) for path in ("root", *opened)}

    scopes = await asyncio.to_thread(work)
    body = {"root": "root", "state": "", "version": 0, "now": services.clock.now(), "scopes": scopes, "loops": {}}
    return JSONResponse(body, headers={"cache-control": "no-store"})
