"""Addresses of flows that clients print, where the server has another prefix for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings

URL = "http://127.0.0.1:8080"
PAGE = {"accept": "text/html"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    """A server whose clients print addresses below `/mf`, with one run of a flow."""
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss", flows_prefix="mf"), url=URL)
    await parts.tracking.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        for path in ("Shop", "Shop/run"):
            await http.post(f"/metaflow/flows/{path}", json={"user_name": "ada", "tags": [], "system_tags": []})
        yield http, parts
    await parts.tracking.stop()
    parts.database.close()


@pytest.mark.parametrize(
    ("printed", "page"),
    [
        ("/mf", "/flows"),
        ("/mf/", "/flows"),
        ("/mf/Shop", "/flows/Shop"),
        ("/mf/Shop/1", "/flows/Shop/1"),
        ("/mf/Shop/1/view/timeline?at=3&q=a%20b", "/flows/Shop/1/view/timeline?at=3&q=a%20b"),
        ("/mf/Shop/1/train/2/cards/a%20b", "/flows/Shop/1/train/2/cards/a%20b"),
        ("/mf//example.org", "/flows//example.org"),
    ],
)
async def test_what_clients_print_leads_to_the_pages(site: tuple[httpx.AsyncClient, Parts], printed: str, page: str) -> None:
    http, _ = site
    answer = await http.get(printed, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, page)


async def test_the_page_opens_under_its_own_address_too(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, _ = site
    for address in ("/mf/Shop/1", "/flows/Shop/1"):
        answer = await http.get(address, headers=PAGE, follow_redirects=True)
        assert (answer.status_code, answer.url.path) == (200, "/flows/Shop/1")


async def test_keys_come_with_the_address_that_clients_shall_print(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, _ = site
    answer = await http.post("/authorize", data={"verb": "make"}, headers=PAGE | {"origin": URL, "referer": f"{URL}/authorize"})
    assert f"METAFLOW_UI_URL={URL}/mf" in answer.text


@pytest.mark.parametrize("name", ["mf", "MF"])
async def test_no_entity_gets_the_name_of_the_prefix(site: tuple[httpx.AsyncClient, Parts], name: str) -> None:
    http, parts = site
    made = f'mutation {{ upsertBucket(input: {{name: "r", entityName: "{name}", modelName: "p"}}) {{ inserted }} }}'
    headers = {"authorization": f"Bearer {parts.keys.make('boss').text}"}
    answer = (await http.post("/graphql", json={"query": made}, headers=headers)).json()
    assert f"entity '{name}' is reserved" in answer["errors"][0]["message"]
    assert parts.accounts.add_user(f"{name}@example.org").name == f"{name}-user"


def test_a_server_does_not_start_with_the_name_of_an_entity_as_its_prefix(tmp_path: Path) -> None:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    parts.database.close()
    with pytest.raises(InvalidArgumentError, match="flows_prefix: there is an entity 'boss'"):
        build_parts(Settings(data_dir=tmp_path, server_user="boss", flows_prefix="boss"), url=URL)


def test_a_new_server_names_its_user_otherwise_than_its_prefix(tmp_path: Path) -> None:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="mf", flows_prefix="mf"), url=URL)
    assert parts.accounts.default_user == "mf-user"
    parts.database.close()
