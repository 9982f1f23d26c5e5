"""Endpoints about the server itself, and the answer to everything that is not there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from penstock.api.http import NOT_FOUND, UNIMPLEMENTED, envelope
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer


class MetaHandlers:
    """`/healthz`, `/auth` and unknown addresses."""

    def __init__(self, services: KfpServices) -> None:
        self._services = services

    async def health(self, request: Request) -> Response:
        """GET /healthz. `multi_user` stays false: true makes the SDK look for a service account's namespace file."""
        body = {
            "commit_sha": self._services.version,
            "tag_name": self._services.version,
            "multi_user": False,
            "pipeline_store": "database",
        }
        return JsonAnswer(body, status_code=200 if self._services.is_ready() else 503)

    async def auth(self, request: Request) -> Response:
        """GET /auth: single-user, so whoever got past the door may do everything."""
        return JsonAnswer({})


class UnknownAddress:
    """Answers what no route of the prefix takes: 404 for an unknown path, 501 for a method that a known path does not have."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        self._routes = routes

    async def __call__(self, request: Request) -> Response:
        """Answer with the envelope.

        Semantics: grpc-gateway answers 404 code 5 and 501 code 12.
        """
        known = any(route.matches(request.scope)[0] is not Match.NONE for route in self._routes)
        if known:
            message = f"{request.method} is not implemented for {request.url.path}"
            return JsonAnswer(envelope(UNIMPLEMENTED.code, message), status_code=UNIMPLEMENTED.http)
        return JsonAnswer(envelope(NOT_FOUND.code, f"{request.url.path} is not an address of this API"), status_code=NOT_FOUND.http)
