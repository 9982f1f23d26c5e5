"""What a server that demands keys answers without one."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from penstock.domain.accounts import Caller, Role
from penstock.server.security import Door


async def _page(request: Request) -> Response:
    return PlainTextResponse(request.url.path)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/apis/v2beta1/healthz", 200),
        ("/pipeline/apis/v1beta1/healthz", 200),
        ("/apis/v2beta1/runs", 401),
        ("/apis/v2beta1/healthz/x", 401),
        ("/graphql", 401),
        ("/ui/runs", 401),
    ],
)
async def test_only_health_is_answered_without_a_key(path: str, status: int) -> None:
    async def is_right(key: str) -> Caller | None:
        return Caller("ann", role=Role.VIEWER) if key == "right" else None

    app = Starlette(routes=[Route("/{path:path}", _page)])
    door = Door(app, hosts={"test"}, accept_addresses=False, key_check=is_right)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://test") as client:
        assert (await client.get(path)).status_code == status
        assert (await client.get(path, headers={"authorization": "Bearer right"})).status_code == 200
