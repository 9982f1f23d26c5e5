"""Budgets over HTTP and on pages: set, read, refused to whom they are not for, and named where they are passed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings

URL = "http://127.0.0.1:8080"
BUDGETS = "/apis/penstock/v1/budgets"
PAGE = {"accept": "text/html", "origin": URL}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Parts, str, dict[str, str]]]:
    """A server with a pipeline, a project of a user with something stored in it, and that user's key."""
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        parts.accounts.add_user("zoe@example.org")
        zoe = {"authorization": f"Bearer {parts.keys.make('zoe').text}"}
        query = 'mutation { upsertBucket(input: {name: "r", entityName: "zoe", modelName: "plan"}) { inserted } }'
        await http.post("/graphql", json={"query": query}, headers=zoe)
        parts.database.write_sync(
            lambda tx: tx.execute(
                "INSERT INTO tracked_file (file_id, run_id, name, digest, size_bytes, updated_at)"
                " SELECT 1, run_id, 'f', 'sha256:f', 5000, created_at FROM tracked_run"
            )
        )
        pipeline = (await http.post("/apis/v2beta1/pipelines", json={"name": "night-shift"})).json()["pipeline_id"]
        yield http, parts, pipeline, zoe
    await parts.tracking.stop()
    parts.database.close()


async def test_a_budget_is_set_read_and_removed(site: tuple[httpx.AsyncClient, Parts, str, dict[str, str]]) -> None:
    http, _, pipeline, _ = site
    address = f"{BUDGETS}/pipelines/{pipeline}"
    assert (await http.get(address)).status_code == 404
    made = await http.put(address, json={"hours": 20, "period": "week", "bytes": 1000})
    assert made.status_code == 200, made.text
    found: dict[str, Any] = (await http.get(address)).json()
    assert (found["hours"], found["period"], found["bytes"], found["set_by"]) == (20, "week", 1000, "boss")
    assert [(one["measure"], one["used"], one["state"]) for one in found["readings"]] == [("hours", 0, "within"), ("bytes", 0, "within")]
    page = (await http.get(f"/ui/pipelines/{pipeline}?tab=statistics", headers=PAGE)).text
    assert 'id="budget"' in page
    assert "Within budget" in page
    assert (await http.delete(address)).json() == {}
    assert (await http.get(BUDGETS)).json() == {"budgets": []}


@pytest.mark.parametrize(
    "body", [{"hours": "many"}, {"hours": True}, {"bytes": 1.5}, {"hours": 1, "period": "year"}, {"hours": -1}, [], "x" * 70_000]
)
async def test_what_is_no_budget_is_refused(site: tuple[httpx.AsyncClient, Parts, str, dict[str, str]], body: Any) -> None:
    http, _, pipeline, _ = site
    assert (await http.put(f"{BUDGETS}/pipelines/{pipeline}", json=body)).status_code in {400, 413}
    assert (await http.put(f"{BUDGETS}/pipelines/nowhere", json={"hours": 1})).status_code == 404


async def test_a_passed_budget_is_named_to_whom_may_see_it(site: tuple[httpx.AsyncClient, Parts, str, dict[str, str]]) -> None:
    http, parts, _, zoe = site
    assert (await http.put(f"{BUDGETS}/projects/zoe/plan", json={"bytes": 100}, headers=zoe)).status_code == 200
    await parts.budgets.look()
    home = (await http.get("/ui/home", headers=PAGE | zoe)).text
    assert "Over budget" in home
    assert '"/zoe/plan/overview"' in home
    assert "Budget passed" in (await http.get("/ui/news", headers=PAGE | zoe)).text
    for address in ("/ui/home", "/ui/news", BUDGETS):
        assert "plan" not in (await http.get(address, headers=PAGE)).text.partition("<main")[2]
    assert (await http.get(f"{BUDGETS}/projects/zoe/plan")).status_code == 404
    assert (await http.put(f"{BUDGETS}/projects/zoe/plan", json={"bytes": 1})).status_code == 404


async def test_the_form_of_a_page_sets_a_budget_from_our_own_pages_only(site: tuple[httpx.AsyncClient, Parts, str, dict[str, str]]) -> None:
    http, _, pipeline, _ = site
    form = {"scope": "pipeline", "id": pipeline, "hours": "1.5", "period": "day", "size_gib": "2", "next": "/ui/home"}
    assert (await http.post("/ui/budgets", data=form, headers={"accept": "text/html", "origin": "http://evil.example"})).status_code == 403
    assert (await http.post("/ui/budgets", data=form, headers=PAGE)).status_code == 303
    found = (await http.get(f"{BUDGETS}/pipelines/{pipeline}")).json()
    assert (found["hours"], found["bytes"]) == (1.5, 2 << 30)
    project = {**form, "scope": "project", "id": "1"}
    assert (await http.post("/ui/budgets", data=project, headers=PAGE)).status_code == 404
