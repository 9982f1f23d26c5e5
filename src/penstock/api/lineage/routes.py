"""The address of lineage queries. Errors have the envelope of the pipeline API (grpc codes), so that one client reads both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from penstock.api.http import envelope, status_of
from penstock.api.lineage.wire import graph_to_wire, query_from_params
from penstock.domain.errors import PenstockError
from penstock.lineage.service import LineageService, Readable

PREFIX = "/apis/penstock/v1"


@dataclass(frozen=True, slots=True)
class LineageServices:
    """What the adapter works with."""

    lineage: LineageService
    readable: Callable[[Request], Readable]
    """What the sender of a request may see."""


def routes(services: LineageServices) -> list[BaseRoute]:
    """Return the routes of the adapter."""

    async def lineage(request: Request) -> Response:
        try:
            query = query_from_params(request.query_params)
            graph = await services.lineage.around(
                query.of,
                direction=query.direction,
                depth=query.depth,
                limit=query.limit,
                kinds=query.kinds,
                is_folded=query.is_folded,
                expand=query.expand,
                has_contents=query.has_contents,
                readable=services.readable(request),
            )
        except PenstockError as error:
            return _refusal(error)
        return Response(orjson.dumps(graph_to_wire(graph)), media_type="application/json", headers={"cache-control": "no-store"})

    return [Route(f"{PREFIX}/lineage", lineage, methods=["GET"])]


def _refusal(error: PenstockError) -> Response:
    status = status_of(error)
    return Response(orjson.dumps(envelope(status.code, str(error))), status_code=status.http, media_type="application/json")
