"""The namespace of the top bar: in the address, remembered, and never a name that the reader may not know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from penstock.domain.trash import TrashKind
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.tracking.collections import CollectionService

URL = "http://127.0.0.1:8080"
PAGE = {"accept": "text/html"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    """A server with projects of its owner, of a team and of another user, and objects of kfp and Metaflow."""
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        parts.accounts.add_user("zoe@example.org")
        for user, entity in (("boss", "boss"), ("boss", "crew"), ("zoe", "zoe")):
            made = f'mutation {{ upsertBucket(input: {{name: "r", entityName: "{entity}", modelName: "of-{entity}"}}) {{ inserted }} }}'
            headers = {"authorization": f"Bearer {parts.keys.make(user).text}"}
            assert "errors" not in (await http.post("/graphql", json={"query": made}, headers=headers)).json()
        for namespace in ("crew", "lab", ""):
            body = {"display_name": f"experiment-{namespace or 'free'}", "namespace": namespace}
            assert (await http.post("/apis/v2beta1/experiments", json=body)).status_code == 200
        for user in ("ada", "crew"):
            for path in ("Shop", "Shop/run"):
                await http.post(f"/metaflow/flows/{path}", json={"user_name": user, "tags": [], "system_tags": []})
        yield http, parts
    await parts.tracking.stop()
    parts.database.close()


async def text(http: httpx.AsyncClient, address: str) -> str:
    answer = await http.get(address, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_lists_show_the_namespace_of_the_address(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, _ = site
    projects = await text(http, "/ui/projects?namespace=crew")
    assert "of-crew" in projects
    assert "of-boss" not in projects
    experiments = await text(http, "/ui/experiments?namespace=crew")
    assert ["experiment-crew" in experiments, "experiment-free" in experiments, "experiment-lab" in experiments] == [True, True, False]
    flows = await text(http, "/flows?namespace=crew")
    assert "/flows/Shop/2" in flows
    assert "/flows/Shop/1" not in flows
    runs = await text(http, "/ui/runs?namespace=ada")
    assert "/ui/runs/Shop/1" in runs or "/flows/Shop/1" in runs
    assert "Shop/2" not in runs
    exported = (await http.get("/ui/runs/export?format=json&namespace=ada")).json()
    assert "Shop/2" not in str(exported)
    assert "Nothing in the namespace nobody" in await text(http, "/ui/projects?namespace=nobody")


async def test_collections_and_registries_are_those_of_the_namespace(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    collections = CollectionService(SqlCollectionStore(parts.database), parts.clock)
    for entity in ("boss", "crew"):
        project = await parts.tracking.projects.get(entity, f"of-{entity}")
        assert project is not None
        collections.ensure_portfolio(int(project.project_id), f"set-of-{entity}", "dataset")
        await parts.tracking.projects.upsert(entity, f"wandb-registry-{entity}s")
    for entity, other in (("boss", "crew"), ("crew", "boss")):
        listed = await text(http, f"/ui/artifacts?namespace={entity}")
        assert f"set-of-{entity}" in listed
        assert f"set-of-{other}" not in listed
        registries = await text(http, f"/ui/registry?namespace={entity}")
        assert f"{entity}s/artifacts" in registries
        assert f"{other}s/artifacts" not in registries
        assert "wandb-registry" not in await text(http, f"/ui/projects?namespace={entity}")
    both = await text(http, "/ui/artifacts?namespace=")
    assert "set-of-boss" in both
    assert "set-of-crew" in both
    assert "Nothing in the namespace lab" in await text(http, "/ui/registry?namespace=lab")
    assert "Nothing in the namespace lab" in await text(http, "/ui/artifacts?namespace=lab")


async def test_the_namespace_is_remembered_until_all_are_asked_for(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, _ = site
    await text(http, "/ui/projects?namespace=crew")
    led = await http.get("/ui/runs?q=status%3Afailed", headers=PAGE)
    assert (led.status_code, led.headers["location"]) == (303, "/ui/runs?q=status%3Afailed&namespace=crew")
    assert "Namespace: crew" in await text(http, "/ui/trash"), "other pages say it and stay as they are"
    assert "of-boss" in await text(http, "/ui/projects?namespace=")
    assert (await http.get("/ui/runs", headers=PAGE)).status_code == 200
    assert "Namespace: All namespaces" in await text(http, "/ui/runs")


async def test_what_another_owns_is_not_offered_beside_an_address_that_leads_nowhere(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    zoe = {"authorization": f"Bearer {parts.keys.make('zoe').text}"}
    for address in ("/ui/projects/of-zoe", "/zoe/of-zo"):
        assert "/zoe/of-zoe" not in (await http.get(address, headers=PAGE)).text
        assert "/zoe/of-zoe" in (await http.get(address, headers=PAGE | zoe)).text
    project = await parts.tracking.projects.get("zoe", "of-zoe")
    assert project is not None
    await parts.trash.put(TrashKind.PROJECT, str(project.project_id), batch="b", by="zoe")
    for headers, is_offered in ((PAGE, False), (PAGE | zoe, True)):
        answer = await http.get("/zoe/of-zoe", headers=headers)
        assert answer.status_code == 404
        assert ("/ui/trash/actions" in answer.text) == is_offered


async def test_the_dropdown_names_what_the_reader_may_know(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    part = await text(http, "/ui/namespaces?of=/ui/runs%3Fq%3Dx%26cursor%3Dabc")
    assert "/ui/runs?q=x&amp;namespace=crew" in part
    assert "/flows?q=y&amp;namespace=crew" in await text(http, "/ui/namespaces?of=/flows%3Fq%3Dy%26offset%3D50%26namespace%3Dlab")
    assert "kfp metaflow wandb" in part
    assert "namespace=lab" in part
    assert "namespace=ada" in part
    assert "zoe" not in part
    zoe = await http.get("/ui/namespaces?of=/ui/system", headers={"authorization": f"Bearer {parts.keys.make('zoe').text}"})
    assert "/ui/home?namespace=zoe" in zoe.text
    assert "boss" not in zoe.text


@pytest.mark.parametrize("name", ["<script>", "a&b=c", "\u540d\u524d", "x\r\ny"])
async def test_any_text_is_a_name(site: tuple[httpx.AsyncClient, Parts], name: str) -> None:
    http, _ = site
    shown = await http.get("/ui/runs", params={"namespace": name}, headers=PAGE)
    assert shown.status_code == 200
    assert "<script>" not in shown.text.split("<body")[1]
    led = await http.get("/ui/home", headers=PAGE, follow_redirects=True)
    assert (led.status_code, led.url.params["namespace"]) == (200, name)
