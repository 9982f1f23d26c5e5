"""Endpoints of experiments."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp.convert.experiments import experiment_to_wire
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer, message, read_message
from penstock.api.objects_seen import note_made
from penstock.api.queries import list_request, query_text
from penstock.domain.ids import ExperimentId


class ExperimentHandlers:
    """`/experiments`."""

    def __init__(self, services: KfpServices) -> None:
        self._experiments = services.experiments

    async def create(self, request: Request) -> Response:
        """POST /experiments."""
        fields = await read_message(request)
        experiment = await self._experiments.create(
            name=fields.text("display_name"), description=fields.text("description"), namespace=fields.text("namespace")
        )
        note_made(request.scope, "experiment", experiment.experiment_id)
        return JsonAnswer(experiment_to_wire(experiment))

    async def list(self, request: Request) -> Response:
        """GET /experiments."""
        page, opened = await self._experiments.list(list_request(request), namespace=query_text(request, "namespace"))
        return JsonAnswer(
            message(
                experiments=[experiment_to_wire(experiment) for experiment in page.items],
                total_size=page.total,
                next_page_token=opened.next_token(page),
            )
        )

    async def get(self, request: Request) -> Response:
        """GET /experiments/{id}."""
        return JsonAnswer(experiment_to_wire(await self._experiments.get(_id(request))))

    async def delete(self, request: Request) -> Response:
        """DELETE /experiments/{id}."""
        await self._experiments.delete(_id(request))
        return JsonAnswer({})

    async def archive(self, request: Request) -> Response:
        """POST /experiments/{id}:archive."""
        await self._experiments.archive(_id(request))
        return JsonAnswer({})

    async def unarchive(self, request: Request) -> Response:
        """POST /experiments/{id}:unarchive."""
        await self._experiments.unarchive(_id(request))
        return JsonAnswer({})


def _id(request: Request) -> ExperimentId:
    return ExperimentId(request.path_params["experiment_id"])
