"""The W&B adapter over real stores, asked in process."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from penstock.api.wandb import WandbServices, busy_routes, routes
from penstock.server.clock import SystemIds
from penstock.server.notifier import LocalNotifier
from penstock.server.wandb import build_wandb
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.accounts import SqlEntityStore, SqlKeyStore
from penstock.stores.sql.database import open_database
from penstock.tracking.accounts import AccountService
from penstock.tracking.keys import KeyService
from tests.support.tracking import HandClock, tracking_room

KEY = "a" * 40


@dataclass
class Api:
    """A client without a library."""

    http: httpx.AsyncClient
    services: WandbServices
    clock: HandClock

    async def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the whole answer."""
        answer = await self.http.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def data(self, query: str, **variables: Any) -> Any:
        """Return the data of an answer without errors."""
        answer = await self.graphql(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


def basic(key: str, user: str = "api") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()}


@pytest.fixture(params=["", "/pre fix"], ids=["root", "prefix"])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """The adapter, at the root and below a path prefix."""
    clock = HandClock()
    database = open_database(f"sqlite:///{tmp_path / 'p.db'}", synchronous="OFF")
    async with tracking_room(tmp_path, clock, database) as room:
        accounts = AccountService(SqlEntityStore(database), clock, default_user="ann")
        accounts.start()
        keys = KeyService(SqlKeyStore(database), clock)
        keys.adopt(KEY, "ann")
        services = build_wandb(
            database, tmp_path / "tracking", room, keys=keys, accounts=accounts, blobs=LocalBlobStore(tmp_path / "blobs"), clock=clock,
            ids=SystemIds(), notifier=LocalNotifier(),
        )  # fmt: skip
        app = Starlette(routes=[Mount(request.param or "/", routes=[*busy_routes(services), *routes(services)])])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://host:1{request.param}", headers=basic(KEY)) as http:
            yield Api(http, services, clock)
        services.threads.shutdown()
    database.close()
