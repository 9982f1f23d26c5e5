"""Endpoints about the server itself, and the answer to everything that is not there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.http import Status, envelope
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer


class MetaHandlers:
    """`/healthz` and `/auth`."""

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


def refusal(status: Status, message: str) -> Response:
    """Answer a request that no route takes."""
    return JsonAnswer(envelope(status.code, message), status_code=status.http)
