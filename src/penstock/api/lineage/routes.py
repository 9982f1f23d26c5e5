"""The address of lineage queries. Errors have the envelope of the pipeline API (grpc codes), so that one client reads both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from penstock.api.lineage.wire import graph_to_wire, query_from_params
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError, UnavailableError
from penstock.lineage.service import LineageService, Readable

PREFIX = "/apis/penstock/v1"
_STATUSES: tuple[tuple[type[PenstockError], int, int], ...] = (
    (InvalidArgumentError, 3, 400),
    (NotFoundError, 5, 404),
    (UnavailableError, 14, 503),
)


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
    code, status = next(((code, status) for kind, code, status in _STATUSES if isinstance(error, kind)), (13, 500))
    message = str(error)
    detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": message}
    body = {"error": message, "code": code, "message": message, "details": [detail]}
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
