"""The metadata service over a fresh database, called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from penstock.api.metaflow import MetaflowServices, routes
from penstock.flows.recording import FlowRecorder
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.flow_facts import SqlFlowStore


class ManualClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0
        self.step = 0.001
        """Each look is so much later; a millisecond makes orders by time total."""

    def now(self) -> float:
        """The time."""
        self.at += self.step
        return self.at


@pytest.fixture
def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/penstock.db", synchronous="NORMAL")
    yield found
    found.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def client(database: Database, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=routes(MetaflowServices(FlowRecorder(SqlFlowStore(database), clock))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/metaflow") as found:
        yield found
