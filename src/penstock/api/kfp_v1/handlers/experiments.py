"""Experiments of v1beta1."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp_v1.convert.catalog import experiment_to_wire
from penstock.api.kfp_v1.convert.values import compact, referenced_id
from penstock.api.kfp_v1.handlers.endpoint import answer, in_our_words, list_request, read_object
from penstock.api.objects_seen import note_made
from penstock.domain.ids import ExperimentId
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.filters import EXPERIMENT_FIELDS
from penstock.pipelines.paging import open_list


@dataclass(frozen=True, slots=True)
class ExperimentHandlers:
    """Handlers over the experiment use cases."""

    experiments: ExperimentService

    async def create(self, request: Request) -> Response:
        """POST /experiments."""
        body = await read_object(request)
        created = await self.experiments.create(
            name=str(body.get("name") or ""),
            description=str(body.get("description") or ""),
            namespace=referenced_id(body, "NAMESPACE") or "",
        )
        note_made(request.scope, "experiment", created.experiment_id)
        return answer(experiment_to_wire(created))

    async def list_page(self, request: Request) -> Response:
        """GET /experiments; a namespace is no restriction on a server with one tenant."""
        opened = in_our_words(open_list(list_request(request), EXPERIMENT_FIELDS, operation_key="op"))
        page = await self.experiments.page(opened)
        return answer(
            compact(
                {
                    "experiments": [experiment_to_wire(item) for item in page.items],
                    "total_size": page.total,
                    "next_page_token": opened.next_token(page),
                }
            )
        )

    async def get(self, request: Request) -> Response:
        """GET /experiments/{id}."""
        return answer(experiment_to_wire(await self.experiments.get(_id(request))))

    async def delete(self, request: Request) -> Response:
        """DELETE /experiments/{id}."""
        await self.experiments.delete(_id(request))
        return answer({})

    async def archive(self, request: Request) -> Response:
        """POST /experiments/{id}:archive."""
        await self.experiments.archive(_id(request))
        return answer({})

    async def unarchive(self, request: Request) -> Response:
        """POST /experiments/{id}:unarchive."""
        await self.experiments.unarchive(_id(request))
        return answer({})


def _id(request: Request) -> ExperimentId:
    return ExperimentId(request.path_params["id"])
