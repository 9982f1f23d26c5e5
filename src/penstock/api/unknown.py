"""The answer to requests that no route of a prefix takes, in the words of grpc-gateway."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from penstock.api.http import NOT_FOUND, UNIMPLEMENTED, Status


class UnknownAddress:
    """Answers 404 for an unknown path, 501 for a method that a known path does not have."""

    def __init__(self, routes: list[BaseRoute], answer: Callable[[Status, str], Response]) -> None:
        self._routes = routes
        self._answer = answer

    async def __call__(self, request: Request) -> Response:
        """Answer in the envelope of the protocol."""
        if any(route.matches(request.scope)[0] is not Match.NONE for route in self._routes):
            return self._answer(UNIMPLEMENTED, f"{request.method} is not implemented for {request.url.path}")
        return self._answer(NOT_FOUND, f"{request.url.path} is not an address of this API")
