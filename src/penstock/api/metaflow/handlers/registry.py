"""Flows, runs, steps and tasks: registering and reading."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.bodies import read_object
from penstock.api.metaflow.convert.objects import flow_to_wire, run_to_wire, step_to_wire, task_to_wire
from penstock.api.metaflow.convert.requests import (
    DEFAULT_LIMIT,
    authorship_from_wire,
    filters_from_query,
    page_from_query,
    supplied_id,
    text_list,
)
from penstock.api.metaflow.handlers.endpoint import MAX_BODY_BYTES, answer, heartbeat_answer, page_answer
from penstock.domain.errors import NotFoundError
from penstock.domain.flows import Page
from penstock.flows.recording import FlowRecorder


@dataclass(frozen=True, slots=True)
class RegistryHandlers:
    """Handlers of the upper levels of the hierarchy."""

    recorder: FlowRecorder

    async def list_flows(self, request: Request) -> Response:
        """GET /flows."""
        page = page_from_query(request.query_params)
        flows = await self.recorder.store.flows(page)
        return page_answer(flows, page, flow_to_wire, lambda flow: (flow.ts_epoch, 0, flow.flow_id))

    async def get_flow(self, request: Request) -> Response:
        """GET /flows/{flow}."""
        return answer(flow_to_wire(await self.recorder.store.flow(request.path_params["flow"])))

    async def add_flow(self, request: Request) -> Response:
        """POST /flows/{flow}."""
        body = await read_object(request, MAX_BODY_BYTES)
        return answer(flow_to_wire(await self.recorder.add_flow(request.path_params["flow"], authorship_from_wire(body))))

    async def list_runs(self, request: Request) -> Response:
        """GET /flows/{flow}/runs."""
        page = page_from_query(request.query_params)
        filters = filters_from_query(request.query_params.multi_items())
        if filters and page.limit is None:
            page = Page(DEFAULT_LIMIT)  # upstream pages what is filtered, too
        runs = await self.recorder.store.runs(request.path_params["flow"], filters, page)
        return page_answer(runs, page, run_to_wire, lambda run: (run.ts_epoch, run.run_number, ""))

    async def get_run(self, request: Request) -> Response:
        """GET /flows/{flow}/runs/{run}."""
        return answer(run_to_wire(await self.recorder.store.run(**_ids(request, "flow", "run"))))

    async def add_run(self, request: Request) -> Response:
        """POST /flows/{flow}/run."""
        body = await read_object(request, MAX_BODY_BYTES)
        supplied = supplied_id(body, "run_number") or supplied_id(body, "run_id")
        return answer(run_to_wire(await self.recorder.add_run(request.path_params["flow"], supplied, authorship_from_wire(body))))

    async def mutate_tags(self, request: Request) -> Response:
        """PATCH /flows/{flow}/runs/{run}/tag/mutate."""
        body = await read_object(request, MAX_BODY_BYTES)
        add, remove = text_list(body.get("tags_to_add"), "tags_to_add"), text_list(body.get("tags_to_remove"), "tags_to_remove")
        return answer({"tags": await self.recorder.change_tags(**_ids(request, "flow", "run"), add=add, remove=remove)})

    async def run_heartbeat(self, request: Request) -> Response:
        """POST /flows/{flow}/runs/{run}/heartbeat."""
        await self.recorder.beat_run(**_ids(request, "flow", "run"))
        return heartbeat_answer()

    async def list_steps(self, request: Request) -> Response:
        """GET .../steps."""
        return answer([step_to_wire(step) for step in await self.recorder.store.steps(**_ids(request, "flow", "run"))])

    async def get_step(self, request: Request) -> Response:
        """GET .../steps/{step}."""
        steps = await self.recorder.store.steps(**_ids(request, "flow", "run", "step"))
        if not steps:
            raise NotFoundError("the step does not exist")
        return answer(step_to_wire(steps[0]))

    async def add_step(self, request: Request) -> Response:
        """POST .../steps/{step}/step."""
        body = await read_object(request, MAX_BODY_BYTES)
        return answer(step_to_wire(await self.recorder.add_step(**_ids(request, "flow", "run", "step"), by=authorship_from_wire(body))))

    async def list_tasks(self, request: Request) -> Response:
        """GET .../tasks."""
        page = page_from_query(request.query_params)
        tasks = await self.recorder.store.tasks(**_ids(request, "flow", "run", "step"), task_id=None, page=page)
        return page_answer(tasks, page, task_to_wire, lambda task: (task.ts_epoch, task.task_number, ""))

    async def get_task(self, request: Request) -> Response:
        """GET .../tasks/{task}."""
        page = page_from_query({})
        tasks = await self.recorder.store.tasks(**_ids(request, "flow", "run", "step", "task"), page=page)
        return answer(task_to_wire(tasks[0]))

    async def add_task(self, request: Request) -> Response:
        """POST .../task."""
        body = await read_object(request, MAX_BODY_BYTES)
        task = await self.recorder.add_task(
            **_ids(request, "flow", "run", "step"), task_id=supplied_id(body, "task_id"), by=authorship_from_wire(body)
        )
        return answer(task_to_wire(task))

    async def task_heartbeat(self, request: Request) -> Response:
        """POST .../tasks/{task}/heartbeat."""
        await self.recorder.beat_task(**_ids(request, "flow", "run", "step", "task"))
        return heartbeat_answer()


_PARAMETERS = {"flow": "flow_id", "run": "run_id", "step": "step_name", "task": "task_id"}


def _ids(request: Request, *names: str) -> dict[str, str]:
    """Path parameters under the names that use cases take."""
    return {_PARAMETERS[name]: request.path_params[name] for name in names}
