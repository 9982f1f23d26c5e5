"""Lists of what clients record (projects, tracked runs, flows, collections) while rows arrive and the pointer is inside: as all lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from penstock.stores.sql.database import open_database
from tests.browser.watching import watched_page
from tests.support.server import LiveServer


def log(server: LiveServer, project: str, run: str) -> None:
    """Begin a tracked run."""
    query = f'mutation {{ upsertBucket(input: {{name: "{run}", entityName: "crew", modelName: "{project}"}}) {{ inserted }} }}'
    answer = httpx.post(f"{server.url}/graphql", json={"query": query}, headers={"authorization": f"Bearer {server.key}"}, timeout=120)
    assert "errors" not in answer.json(), answer.text


def project(server: LiveServer, number: int) -> None:
    log(server, f"late-{number}", "r")


def tracked(server: LiveServer, number: int) -> None:
    log(server, "digits", f"late-{number}")


def flow(server: LiveServer, number: int) -> None:
    server.post("/metaflow/flows/Held/run", {"user_name": f"user{number}", "tags": [], "system_tags": []})


def collection(server: LiveServer, number: int) -> None:
    """Put a collection into the database, and let something happen that pages hear of."""
    sql = (
        "INSERT INTO collection (project_id, name, kind, type_name, created_at, updated_at)"
        " SELECT MIN(project_id), ?, 'sequence', 'dataset', ?, ? FROM tracked_project"
    )
    database = open_database(f"sqlite:///{server.data_dir / 'penstock.db'}")
    database.write_sync(lambda tx: tx.execute(sql, (f"late-{number}-{time.time_ns()}", time.time(), time.time())))
    database.close()
    log(server, "digits", "first")


LISTS: dict[str, tuple[str, str, Callable[[LiveServer, int], None]]] = {
    "projects": ("/ui/projects", "projects", project),
    "tracked": ("/crew/digits/runs", "tracked", tracked),
    "flows": ("/flows", "flows", flow),
    "collections": ("/ui/artifacts", "collections", collection),
    "collections of a project": ("/crew/digits/artifacts", "collections", collection),
}
"""List -> address, name of its table, what adds a row."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a row or two in each list."""
    with LiveServer(tmp_path_factory.mktemp("held") / "data") as running:
        for name in ("first", "second"):
            log(running, "digits", name)
        running.post("/metaflow/flows/Held", {"user_name": "ann", "tags": [], "system_tags": []})
        flow(running, 0)
        collection(running, 0)
        yield running


@pytest.fixture
def tab(chromium: Browser, server: LiveServer) -> Iterator[Page]:
    with watched_page(chromium, server.url) as page:
        yield page


@pytest.mark.parametrize("name", LISTS)
def test_rows_keep_their_places_under_the_pointer_and_new_ones_wait(tab: Page, server: LiveServer, name: str) -> None:
    address, table, add = LISTS[name]
    tab.goto(address)
    expect(tab.locator("#live-badge")).to_have_attribute("data-state", "live")
    rows = tab.locator(f"table[data-table={table}] tbody tr[id]")
    before = rows.evaluate_all("rows => rows.map(row => row.id)")
    pill = tab.locator("[data-new-rows]")
    rows.first.hover()
    add(server, 1)
    expect(pill).to_contain_text("1 new", timeout=30_000)
    add(server, 2)
    expect(pill).to_contain_text("2 new", timeout=30_000)
    assert rows.evaluate_all("rows => rows.map(row => row.id)") == before
    pill.click()
    expect(rows).to_have_count(len(before) + 2)
    expect(pill).to_have_count(0)
    rows.first.hover()
    add(server, 3)
    expect(pill).to_contain_text("1 new", timeout=30_000)
    tab.mouse.move(2, 2)
    expect(rows).to_have_count(len(before) + 3)
    expect(pill).to_have_count(0)
