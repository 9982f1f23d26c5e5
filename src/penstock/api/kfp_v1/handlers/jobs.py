"""Jobs (recurring runs) of v1beta1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp_v1.convert.jobs import job_to_wire, trigger_from_wire
from penstock.api.kfp_v1.convert.values import compact
from penstock.api.kfp_v1.handlers.endpoint import answer, list_request, of_resource, read_object, resource_key
from penstock.api.kfp_v1.handlers.runs import run_request
from penstock.api.kfp_v1.names import ReferenceNames
from penstock.api.objects_seen import note_made
from penstock.domain.catalog import RecurringRun
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import ExperimentId, RecurringRunId
from penstock.pipelines.recurring_runs import RecurringRequest, RecurringRunService


@dataclass(frozen=True, slots=True)
class JobHandlers:
    """Handlers over the use cases of recurring runs."""

    recurring_runs: RecurringRunService
    names: ReferenceNames

    async def create(self, request: Request) -> Response:
        """POST /jobs."""
        body = await read_object(request)
        wanted = RecurringRequest(
            run=run_request(body),
            trigger=trigger_from_wire(body.get("trigger")),
            max_concurrency=_concurrency(body.get("max_concurrency", body.get("maxConcurrency"))),
            no_catchup=bool(body.get("no_catchup", body.get("noCatchup", False))),
            is_enabled=bool(body.get("enabled", False)),
        )
        made = await self.recurring_runs.create(wanted)
        note_made(request.scope, "recurring", made.recurring_run_id)
        return answer((await self._wires([made]))[0])

    async def list_page(self, request: Request) -> Response:
        """GET /jobs."""
        experiment_id = resource_key(request, "EXPERIMENT")
        page, opened = await self.recurring_runs.list(
            list_request(request),
            experiment_id=ExperimentId(experiment_id) if experiment_id else None,
            operation_key="op",
            extra=of_resource(request, {"PIPELINE": "pipeline_id", "PIPELINE_VERSION": "pipeline_version_id"}),
        )
        items = await self._wires(page.items)
        return answer(compact({"jobs": items, "total_size": page.total, "next_page_token": opened.next_token(page)}))

    async def get(self, request: Request) -> Response:
        """GET /jobs/{id}."""
        return answer((await self._wires([await self.recurring_runs.get(_id(request))]))[0])

    async def delete(self, request: Request) -> Response:
        """DELETE /jobs/{id}; its runs stay."""
        await self.recurring_runs.delete(_id(request))
        return answer({})

    async def enable(self, request: Request) -> Response:
        """POST /jobs/{id}/enable."""
        await self.recurring_runs.set_enabled(_id(request), is_enabled=True)
        return answer({})

    async def disable(self, request: Request) -> Response:
        """POST /jobs/{id}/disable."""
        await self.recurring_runs.set_enabled(_id(request), is_enabled=False)
        return answer({})

    async def _wires(self, jobs: Sequence[RecurringRun]) -> list[dict[str, Any]]:
        specs = await self.recurring_runs.specs_of(jobs)
        names: dict[str, str] = {}
        for job in jobs:
            for object_id, look in ((job.experiment_id, self.names.experiment), (job.pipeline_version_id, self.names.version)):
                if object_id and object_id not in names:
                    try:
                        names[object_id] = await look(object_id)
                    except NotFoundError:
                        names[object_id] = ""
        return [job_to_wire(job, spec=specs.get(job.spec_digest) if job.spec_digest else None, names=names) for job in jobs]


def _concurrency(value: Any) -> int:
    """The limit; one run at a time where none is given (`kfp recurring-run create` sends none unless told)."""
    try:
        return 1 if value is None else int(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"max_concurrency must be a whole number, not {value!r}") from error


def _id(request: Request) -> RecurringRunId:
    return RecurringRunId(request.path_params["id"])
