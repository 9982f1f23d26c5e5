"""Metadata rows and artifacts of tasks: appending and reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.metaflow.convert.objects import artifact_to_wire, metadata_to_wire
from penstock.api.metaflow.convert.requests import artifacts_from_wire, list_from_body, metadata_from_wire, page_from_query
from penstock.api.metaflow.handlers.endpoint import answer, page_answer, read_body
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.flows.recording import FlowRecorder


@dataclass(frozen=True, slots=True)
class FactHandlers:
    """Handlers of what tasks say about themselves."""

    recorder: FlowRecorder

    async def list_metadata(self, request: Request) -> Response:
        """GET .../metadata of a task or a run."""
        page = page_from_query(request.query_params)
        rows = await self.recorder.store.metadata(**_place(request), page=page)
        return page_answer(rows, page, metadata_to_wire, lambda row: (row.ts_epoch, row.row_id, ""))

    async def add_metadata(self, request: Request) -> Response:
        """POST .../tasks/{task}/metadata."""
        rows = metadata_from_wire(list_from_body(await read_body(request)))
        return answer({"metadata_created": await self.recorder.add_metadata(**_place(request), rows=rows)})

    async def filtered_tasks(self, request: Request) -> Response:
        """GET .../filtered_tasks?metadata_field_name=&pattern=."""
        place = _place(request)
        del place["task_id"]
        query = request.query_params
        found = await self.recorder.store.matching_tasks(
            **place, field_name=query.get("metadata_field_name") or None, pattern=query.get("pattern") or None
        )
        return answer(found)

    async def list_artifacts(self, request: Request) -> Response:
        """GET .../artifacts of a run, step or task; the latest attempt of each task."""
        page = page_from_query(request.query_params)
        rows = await self.recorder.store.artifacts(**_place(request), attempt=_attempt(request), name=None, page=page)
        return page_answer(rows, page, artifact_to_wire, lambda row: (row.ts_epoch, row.task_number, row.name))

    async def get_artifact(self, request: Request) -> Response:
        """GET .../artifacts/{name}[/attempt/{attempt}]."""
        page = page_from_query({})
        name = request.path_params["name"]
        rows = await self.recorder.store.artifacts(**_place(request), attempt=_attempt(request), name=name, page=page)
        if not rows:
            raise NotFoundError(f"artifact {name!r} does not exist")
        return answer(artifact_to_wire(rows[0]))

    async def add_artifacts(self, request: Request) -> Response:
        """POST .../tasks/{task}/artifact."""
        rows = artifacts_from_wire(list_from_body(await read_body(request)))
        return answer({"artifacts_created": await self.recorder.add_artifacts(**_place(request), rows=rows)})


def _place(request: Request) -> dict[str, Any]:
    params = request.path_params
    return {"flow_id": params["flow"], "run_id": params["run"], "step_name": params.get("step"), "task_id": params.get("task")}


def _attempt(request: Request) -> int | None:
    text = request.path_params.get("attempt")
    if text is None:
        return None
    if not text.isdecimal():
        raise InvalidArgumentError(f"attempt must be a number, not {text!r}")
    return int(text)
