"""What is frozen in a report stays with those who may see its runs, on the pages and through the clients' API."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.domain.tracking import RunChange
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings

URL = "http://127.0.0.1:8080"
PAGE = {"accept": "text/html", "origin": URL}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Parts, dict[str, str]]]:
    """A server whose owner shares a team's project with a user who has a project of her own."""
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        parts.accounts.add_user("zoe@example.org")
        zoe = {"authorization": f"Bearer {parts.keys.make('zoe').text}"}
        for entity in ("crew", "zoe"):
            query = f'mutation {{ upsertBucket(input: {{name: "r", entityName: "{entity}", modelName: "plan"}}) {{ inserted }} }}'
            await http.post("/graphql", json={"query": query}, headers=zoe)
        await parts.tracking.runs.upsert("zoe", "plan", "r", RunChange(display_name="my secret run"))
        yield http, parts, zoe
    await parts.tracking.stop()
    parts.database.close()


async def ask(http: httpx.AsyncClient, query: str, headers: dict[str, str]) -> Any:
    return (await http.post("/graphql", json={"query": query}, headers=headers)).json()


async def test_frozen_runs_are_shown_to_whom_may_see_them(site: tuple[httpx.AsyncClient, Parts, dict[str, str]]) -> None:
    http, parts, zoe = site
    boss = {"authorization": f"Bearer {parts.keys.make('boss').text}"}
    panels = [{"viewType": "Run History Line Plot", "config": {"metrics": ["loss"]}}]
    runset = {"enabled": True, "project": {"name": "plan", "entityName": "zoe"}}
    block = {"type": "panel-grid", "metadata": {"runSets": [runset], "panelBankSectionConfig": {"panels": panels}}}
    spec = json.dumps(json.dumps({"blocks": [block]}))
    made = await ask(http, f'mutation {{ upsertView(input: {{entityName: "crew", projectName: "plan", type: "runs", displayName: "R", spec: {spec}}}) {{ view {{ id }} }} }}', zoe)
    wire = made["data"]["upsertView"]["view"]["id"]
    report = base64.b64decode(wire + "==").decode().partition(":")[2]
    frozen = await http.post("/ui/tracking/reports/freeze", json={"report": report, "block": 0, "addresses": []}, headers=PAGE | zoe)
    kept = frozen.json()["frozen"]
    address, source = f"/crew/plan/reports/{report}", f"/ui/tracking/reports/frozen?report={report}&id={kept}"
    assert "my secret run" in (await http.get(address, headers=PAGE | zoe)).text
    assert (await http.get(source, headers=PAGE | zoe)).status_code == 200
    for shown in (await http.get(address, headers=PAGE | boss), await http.get(f"{address}?export=html", headers=PAGE | boss)):
        assert "my secret run" not in shown.text
        assert "These panels are frozen with runs that you may not see." in shown.text
    assert (await http.get(source, headers=PAGE | boss)).status_code == 404
    code = base64.b64encode(f"View:{kept}".encode()).decode()
    assert (await ask(http, f'{{ view(id: "{code}") {{ spec }} }}', boss))["data"]["view"] is None
    every = await ask(http, '{ project(entityName: "crew", name: "plan") { allViews(first: 50) { edges { node { id type } } } } }', boss)
    assert [edge["node"]["type"] for edge in every["data"]["project"]["allViews"]["edges"]] == ["runs"]
    for change in (f'id: "{code}", spec: "{{}}"', 'type: "penstock/frozen", entityName: "crew", projectName: "plan", displayName: "forged", spec: "{}"'):
        assert "errors" in await ask(http, f"mutation {{ upsertView(input: {{{change}}}) {{ view {{ id }} }} }}", boss)
