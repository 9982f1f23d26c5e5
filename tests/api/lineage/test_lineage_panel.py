"""The panel beside a lineage drawing, asked of the whole application: what it says of each kind of node, and to whom."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from penstock.domain.accounts import Role
from penstock.domain.tracking import RunChange
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings
from penstock.stores.sql.database import Transaction
from tests.support.histories import History

URL = "http://127.0.0.1:8080"
HOSTILE = "<script>window.hacked=1</script>"
CONTENT = f"name,score\n{HOSTILE},0.5\n".encode()


@dataclass
class Site:
    """The application over a history."""

    http: httpx.AsyncClient
    parts: Parts
    history: History

    async def panel(self, of: str, show: str, **more: str) -> httpx.Response:
        """GET a panel as the page's script does."""
        return await self.http.get("/ui/lineage/panel", params={"of": of, "show": show, **more}, headers={"accept": "*/*"})


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    history = History(parts.database)
    history.begin()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        yield Site(http, parts, history)
    await parts.tracking.stop()
    parts.database.close()


async def test_a_depth_of_thousands_of_digits_is_refused_as_any_that_the_page_does_not_offer(site: Site) -> None:
    for depth in ("9" * 5000, "99", "\uff11"):
        answer = await site.panel("run:x", "run:x", depth=depth)
        assert (answer.status_code, "depth must be" in answer.text) == (400, True)


async def test_the_panel_of_data_shows_the_beginning_of_its_bytes_and_what_is_around_it(site: Site) -> None:
    stored = site.parts.blobs.put_bytes(CONTENT)
    source = site.history.artifact(stored.digest, at=1.5)
    for name in ("maker", "reader"):
        site.history.use(site.history.task(name, component=name), source, "output" if name == "maker" else "input", key="rows")
    answer = await site.panel(f"artifact:{source}", f"artifact:{source}")
    assert answer.status_code == 200
    assert HOSTILE not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert f'href="/ui/artifacts/{source}"' in answer.text
    assert f'href="/ui/artifacts/{source}/download"' in answer.text
    for heading, name in (("Produced by", "maker"), ("Used by", "reader")):
        part = answer.text.partition(f"<h3>{heading}</h3>")[2].partition("</section>")[0]
        assert f'data-lineage-show="task:{name}"' in part


async def test_the_panel_of_a_task_says_how_it_went_and_leads_to_its_run(site: Site) -> None:
    source = site.history.artifact("sha256:" + hashlib.sha256(b"gone").hexdigest())
    site.history.use(site.history.task("reader", component="reader"), source, "input", key="rows")
    text = (await site.panel(f"artifact:{source}", "task:reader")).text
    assert "/ui/runs/" in text
    assert "Open page" in text
    assert "Only paths to it" in text
    assert "<h3>Used</h3>" in text
    assert "gone from the store" in (await site.panel("task:reader", f"artifact:{source}")).text
    unknown = site.history.artifact(None)
    assert "Its bytes are not here" in (await site.panel("task:reader", f"artifact:{unknown}")).text


async def test_the_panel_of_a_cluster_lists_its_members(site: Site) -> None:
    source = site.history.artifact("sha256:" + "a" * 64)
    for index in range(7):
        site.history.use(site.history.task(f"t{index}", component="work"), source, "input")
    found = (await site.http.get("/ui/lineage/graph", params={"of": f"artifact:{source}"})).json()
    (cluster,) = [node["id"] for node in found["nodes"] if node["id"].startswith("cluster:")]
    text = (await site.panel(f"artifact:{source}", cluster)).text
    assert text.count("<li>") == 7
    assert (await site.panel(f"artifact:{source}", "cluster:0000")).status_code == 404
    assert (await site.panel(f"artifact:{source}", "nonsense")).status_code == 400
    assert (await site.panel(f"artifact:{source}", "task:none")).status_code == 404


async def test_the_table_has_a_row_for_each_line_of_the_drawing(site: Site) -> None:
    source = site.history.artifact("sha256:" + "c" * 64)
    site.history.use(site.history.task("maker", component="maker"), source, "output", key="rows")
    site.history.use(site.history.task("reader", component="reader"), source, "input", key="rows")
    asked = {"of": f"artifact:{source}"}
    drawn = (await site.http.get("/ui/lineage/graph", params=asked)).json()
    table = (await site.http.get("/ui/lineage/table", params=asked)).text
    assert table.count("<tr>") - 1 == len(drawn["edges"]) == 2
    assert "maker" in table
    assert "reader" in table
    assert (await site.http.get("/ui/lineage/table", params={"of": "artifact:999999"})).status_code == 404


async def test_a_tracked_run_shows_its_summary_to_those_who_may_see_it(site: Site) -> None:
    await site.parts.tracking.runs.upsert("boss", "own", "r1", RunChange(display_name="mine", summary='{"loss": 0.125}'))
    await site.parts.tracking.runs.upsert("crew", "shared", "r2", RunChange(display_name=HOSTILE, summary='{"loss": 0.25}'))
    mine, shared = "run:boss/own/r1", "run:crew/shared/r2"
    assert "0.125" in (await site.panel(mine, mine)).text
    text = (await site.panel(shared, shared)).text
    assert "0.25" in text
    assert HOSTILE not in text
    accounts = site.parts.accounts
    accounts.add_user("eve@example.org")
    accounts.change_role(accounts.owner, "eve", Role.MEMBER)
    headers = {"authorization": f"Bearer {site.parts.keys.make('eve').text}"}
    asked = {"of": mine, "show": mine}
    for part in ("panel", "table", "graph"):
        assert (await site.http.get(f"/ui/lineage/{part}", params=asked, headers=headers)).status_code == 404
    assert (await site.http.get("/ui/lineage/panel", params={"of": shared, "show": shared}, headers=headers)).status_code == 200


async def test_very_many_similar_things_are_walked_whole_and_drawn_as_one(site: Site) -> None:
    source = site.history.artifact("sha256:" + "b" * 64)

    def work(tx: Transaction) -> None:
        task = (
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, state, created_at)"
            " VALUES (?, 'run-1', ?, 'p', 'k', 'work', 'RUNTIME', 'work', 'SUCCEEDED', 2.0)"
        )
        use = "INSERT INTO artifact_use (task_id, run_id, artifact_id, direction, key, at) VALUES (?, 'run-1', ?, 'input', 'd', 1.0)"
        for number in range(1200):
            tx.execute(task, (f"t{number}", 10_000 + number))
            tx.execute(use, (f"t{number}", source))

    site.parts.database.write_sync(work)
    asked = {"of": f"artifact:{source}", "direction": "downstream"}
    page = (await site.http.get("/ui/lineage", params=asked, headers={"accept": "text/html"})).text
    assert "1200 things around it" in page
    assert "There is more than is drawn here." not in page
    assert page.partition('id="lineage-again"')[2].partition("</section>")[0].count(">work</a>") == 1200
    folded = page.partition('id="lineage-folded"')[2].partition("</section>")[0]
    assert "data-lineage-show=" in folded
    assert "<li>" not in folded, "the panel lists them"
    exploded = (await site.http.get("/ui/lineage", params={**asked, "explode": "1"}, headers={"accept": "text/html"})).text
    assert "There is more than is drawn here." in exploded
