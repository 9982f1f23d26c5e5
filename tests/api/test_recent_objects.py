"""The start page remembers for each user what was opened on pages and made by clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings

URL = "http://127.0.0.1:8080"
PAGE = {"accept": "text/html"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        parts.accounts.add_user("zoe@example.org")
        yield http, parts
    await parts.tracking.stop()
    parts.database.close()


def mine(page: str) -> str:
    return page.partition('id="mine"')[2].partition("</section>")[0]


async def home(http: httpx.AsyncClient, key: str = "") -> str:
    answer = await http.get("/ui/home", headers=PAGE | ({"authorization": f"Bearer {key}"} if key else {}))
    assert answer.status_code == 200
    return mine(answer.text)


async def test_what_clients_made_and_readers_opened_is_each_users_own(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    zoe = parts.keys.make("zoe").text
    made = (await http.post("/apis/v2beta1/pipelines", json={"name": "night-shift"})).json()["pipeline_id"]
    await http.post("/apis/v1beta1/pipelines", json={"name": "broken", "url": {"pipeline_url": ""}})
    assert f'/ui/pipelines/{made}"' in await home(http)
    assert "made" in await home(http)
    assert await home(http, zoe) == ""
    await http.get(f"/ui/pipelines/{made}", headers=PAGE | {"authorization": f"Bearer {zoe}"})
    assert "opened" in await home(http, zoe)


async def test_missing_pages_fragments_and_data_are_not_opened(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    made = (await http.post("/apis/v2beta1/pipelines", json={"name": "night-shift"})).json()["pipeline_id"]
    opened = "SELECT is_made, at FROM recent_object"
    before = parts.database.read_sync(lambda tx: [dict(row) for row in tx.all(opened)])
    await http.get("/ui/pipelines/nowhere", headers=PAGE)
    await http.get(f"/ui/pipelines/{made}", headers=PAGE | {"x-live": "1"})
    await http.get(f"/ui/pipelines/{made}", headers={"accept": "application/json"})
    assert parts.database.read_sync(lambda tx: [dict(row) for row in tx.all(opened)]) == before


async def test_projects_of_others_are_not_named(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    zoe = parts.keys.make("zoe").text
    query = 'mutation { upsertBucket(input: {name: "r", entityName: "zoe", modelName: "secret-plan"}) { inserted } }'
    await http.post("/graphql", json={"query": query}, headers={"authorization": f"Bearer {zoe}"})
    assert (await http.get("/zoe/secret-plan", headers=PAGE | {"authorization": f"Bearer {zoe}"})).status_code == 200
    assert "secret-plan" in await home(http, zoe)
    parts.database.write_sync(lambda tx: tx.execute("UPDATE recent_object SET user_name = 'boss'"))
    assert "secret-plan" not in await home(http)
