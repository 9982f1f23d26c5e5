"""A seeded application, built once: these tests only read from it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.stores.sql.database import Database
from tests.browser.app import SeededApp, build


class PageClient:
    """Asks the application in process, as a browser on `http://testserver` would; redirects are not followed."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def get(self, address: str, *, params: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> httpx.Response:
        """GET."""
        return asyncio.run(self._ask("GET", address, params=params, headers=headers))

    def post(self, address: str, *, data: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        """POST a form."""
        return asyncio.run(self._ask("POST", address, data=data, headers=headers))

    async def _ask(self, method: str, address: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers={"accept": "text/html"}) as client:
            return await client.request(method, address, **options)


def asked_queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that are read from now on, as they come."""
    asked: list[str] = []
    real = Database.read_sync

    def counting(self: Database, work: Any) -> Any:
        class Counted:
            def __init__(self, tx: Any) -> None:
                self._tx = tx
                self.dialect = tx.dialect

            def all(self, sql: str, params: Any = ()) -> Any:
                asked.append(sql)
                return self._tx.all(sql, params)

            def one(self, sql: str, params: Any = ()) -> Any:
                asked.append(sql)
                return self._tx.one(sql, params)

        return real(self, lambda tx: work(Counted(tx)))

    monkeypatch.setattr(Database, "read_sync", counting)
    return asked


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> SeededApp:
    """The pages over a seeded data folder."""
    folder: Path = tmp_path_factory.mktemp("pages")
    return build(folder, url="http://testserver")


@pytest.fixture
def client(seeded: SeededApp) -> PageClient:
    """A client of the seeded application."""
    return PageClient(seeded.app)
