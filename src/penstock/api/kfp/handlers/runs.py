"""Endpoints of runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp.convert.runs import run_request_from_wire, run_to_wire
from penstock.api.kfp.convert.tasks import artifact_ids
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer, message, read_message
from penstock.api.objects_seen import note_made
from penstock.api.queries import list_request, query_text
from penstock.domain.ids import ExperimentId, RunId
from penstock.interfaces.run_store import RunView
from penstock.pipelines.filters import RUN_FIELDS
from penstock.pipelines.paging import open_list

_LARGE = 200


class RunHandlers:
    """`/runs`."""

    def __init__(self, services: KfpServices) -> None:
        self._runs = services.runs
        self._tasks = services.tasks
        self._artifacts = services.artifacts
        self._cache_plan = services.cache_plan
        self._states = services.states

    async def create(self, request: Request) -> Response:
        """POST /runs."""
        fields = await read_message(request)
        wanted = run_request_from_wire(fields, query_experiment=query_text(request, "experiment_id"))
        run = await self._runs.create(wanted)
        note_made(request.scope, "run", run.run_id)
        return JsonAnswer((await self._listed([run]))[0])

    async def list(self, request: Request) -> Response:
        """GET /runs."""
        experiment_id = query_text(request, "experiment_id")
        opened = self._states.opened(open_list(list_request(request), RUN_FIELDS))
        page = await self._runs.page(
            opened, namespace=query_text(request, "namespace"), experiment_id=ExperimentId(experiment_id) if experiment_id else None
        )
        return JsonAnswer(
            message(runs=await self._listed(page.items), total_size=page.total, next_page_token=opened.next_token(page))
        )

    async def get(self, request: Request) -> Response:
        """GET /runs/{id}; `view=FULL` adds the coming upstream `tasks` and the definition."""
        run = await self._required(request)
        is_full = query_text(request, "view").upper() == "FULL"
        tasks = await self._tasks.of_run(run.run_id)
        artifacts = await self._artifacts.views(artifact_ids(tasks)) if is_full else {}
        specs = await self._runs.specs_of([run])
        spec = specs.get(run.spec_digest) if run.spec_digest else None

        def answer() -> Response:
            return JsonAnswer(run_to_wire(run, states=self._states, spec=spec, tasks=tasks, artifacts=artifacts, is_full=is_full))

        # A large run takes a while to write down; clients poll, and everybody else goes on meanwhile.
        return await asyncio.to_thread(answer) if len(tasks) > _LARGE else answer()

    async def update(self, request: Request) -> Response:
        """PATCH /runs/{id}: display name, description, tags (an addition of this server)."""
        fields = await read_message(request)
        run = await self._runs.update(
            RunId(request.path_params["run_id"]),
            name=fields.text("display_name") if "display_name" in fields else None,
            description=fields.text("description") if "description" in fields else None,
            tags=fields.map("tags"),
        )
        return JsonAnswer((await self._listed([run]))[0])

    async def delete(self, request: Request) -> Response:
        """DELETE /runs/{id}."""
        await self._runs.delete((await self._required(request)).run_id)
        return JsonAnswer({})

    async def archive(self, request: Request) -> Response:
        """POST /runs/{id}:archive."""
        await self._runs.archive((await self._required(request)).run_id)
        return JsonAnswer({})

    async def unarchive(self, request: Request) -> Response:
        """POST /runs/{id}:unarchive."""
        await self._runs.unarchive((await self._required(request)).run_id)
        return JsonAnswer({})

    async def terminate(self, request: Request) -> Response:
        """POST /runs/{id}:terminate."""
        await self._runs.terminate((await self._required(request)).run_id)
        return JsonAnswer({})

    async def pause(self, request: Request) -> Response:
        """POST /runs/{id}:pause (an addition of this server)."""
        await self._runs.pause((await self._required(request)).run_id)
        return JsonAnswer({})

    async def unpause(self, request: Request) -> Response:
        """POST /runs/{id}:unpause (an addition of this server)."""
        await self._runs.unpause((await self._required(request)).run_id)
        return JsonAnswer({})

    async def retry(self, request: Request) -> Response:
        """POST /runs/{id}:retry."""
        await self._runs.retry((await self._required(request)).run_id)
        return JsonAnswer({})

    async def plan_cache(self, request: Request) -> Response:
        """POST /runs:planCache: what a run of this request would reuse (an addition of this server); nothing is stored."""
        fields = await read_message(request)
        plan = await self._cache_plan.plan(run_request_from_wire(fields))
        tasks = [message(**task.as_dict()) for task in plan.tasks]
        return JsonAnswer({"tasks": tasks, "expected_seconds": plan.expected_seconds, "is_partial": plan.is_partial})

    async def _required(self, request: Request) -> RunView:
        experiment_id = query_text(request, "experiment_id")
        return await self._runs.require(RunId(request.path_params["run_id"]), ExperimentId(experiment_id) if experiment_id else None)

    async def _listed(self, runs: Sequence[RunView]) -> Sequence[dict[str, Any]]:
        """Return runs without details; inline definitions are read in one query."""
        specs = await self._runs.specs_of([run for run in runs if run.pipeline_id is None])
        return [
            run_to_wire(run, states=self._states, spec=specs.get(run.spec_digest) if run.spec_digest else None) for run in runs
        ]
