"""What a reader does while an answer is on its way: presses hold, words that were typed are those that count, later answers stay."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, Route, expect

from penstock.stores.sql.database import Database
from tests.browser.conftest import Served
from tests.browser.test_held_lists import artifact, experiment, tell
from tests.browser.test_run_panel import TRAIN, panel_of

FETCHED = "document.addEventListener('penstock:fetched', () => { document.documentElement.dataset.fetched = ''; })"


@pytest.fixture
def late(served: Served) -> Iterator[Database]:
    """The database of the served pages; what is called `late-` is taken out again."""
    database: Database = served.seeded.services.runs._database  # type: ignore[attr-defined]
    yield database
    database.write_sync(lambda tx: tx.execute("DELETE FROM artifact WHERE name LIKE 'late-%'"))
    database.write_sync(lambda tx: tx.execute("DELETE FROM experiment WHERE experiment_id LIKE 'late-%'"))


def is_refresh(request: Request) -> bool:
    """Whether an open page fetches itself."""
    return request.headers.get("x-live") == "1"


def test_what_is_pressed_opens_although_the_page_around_it_changes_meanwhile(page: Page, served: Served, late: Database) -> None:
    held: list[Route] = []
    page.route("**/ui/home", lambda route: held.append(route) if is_refresh(route.request) else route.continue_())
    page.goto("/ui/home")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    page.evaluate(FETCHED)
    link = page.locator("#latest a").first
    address = link.get_attribute("href")
    late.write_sync(lambda tx: artifact(tx, "late-1", time.time() + 1))
    with page.expect_request(is_refresh):
        tell(served)
    link.hover()
    page.mouse.down()
    held.pop().continue_()
    expect(page.locator("html")).to_have_attribute("data-fetched", "")
    expect(link).to_have_attribute("href", address or "")
    page.mouse.up()
    page.wait_for_url(f"**{address}")


def test_a_page_goes_on_with_what_is_new_after_something_was_dragged(page: Page, served: Served, late: Database) -> None:
    page.goto("/ui/experiments?sort=-created")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    rows = page.locator("table[data-table=experiments] tbody tr[id]")
    count = rows.count()
    rows.first.get_by_role("link").first.hover()
    page.mouse.down()
    page.mouse.move(400, 700, steps=4)
    page.mouse.move(2, 2, steps=4)
    page.mouse.up()
    late.write_sync(lambda tx: experiment(tx, "late-1", time.time()))
    tell(served)
    expect(rows).to_have_count(count + 1, timeout=30_000)


def test_a_page_asks_for_no_news_of_itself_while_a_form_may_delete_it(page: Page, served: Served, late: Database) -> None:
    held: list[Route] = []
    asked: list[str] = []
    late.write_sync(lambda tx: experiment(tx, "late-1", time.time()))
    page.goto("/ui/experiments/late-1")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    page.evaluate("document.addEventListener('penstock:change', () => { document.documentElement.dataset.told = ''; })")
    page.route("**/ui/**", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    page.on("request", lambda request: asked.append(request.url) if is_refresh(request) else None)
    page.get_by_role("button", name="Delete").click()
    with page.expect_request(lambda request: request.method == "POST"):
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    tell(served)
    expect(page.locator("html")).to_have_attribute("data-told", "")
    held[0].fulfill(json={"location": "/ui/experiments"})
    page.wait_for_url("**/ui/experiments")
    assert asked == []


def test_enter_in_the_search_opens_what_was_found_for_all_that_was_typed(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/ui/home")
    page.keyboard.press("Control+k")
    expect(page.locator("#search-results .result").first).to_be_visible()
    page.keyboard.type("toggle theme")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page).to_have_url(re.compile(r"/ui/home$"))


def test_a_stream_that_is_chosen_while_earlier_lines_come_waits_for_them(page: Page, served: Served) -> None:
    address = panel_of(served, "failed", TRAIN, "logs")
    task_id = re.search(r"task=([\w-]+)", address)
    assert task_id
    log = served.seeded.data / "runs" / served.seeded.runs["failed"] / task_id[1] / "0" / "log"
    kept = log.read_bytes()
    held: list[Route] = []
    try:
        log.write_bytes(b"".join(b"line %d of many %s\n" % (number, b"x" * 400) for number in range(1, 2001)))
        page.goto(address)
        lines = page.locator("#panel .log-line")
        expect(lines.last).to_have_text(re.compile("line 2000 of many"), timeout=30_000)
        page.route(re.compile(r"/log\?.*length="), lambda route: route.continue_() if held else held.append(route))
        with page.expect_request(re.compile(r"/log\?.*length=")):
            page.locator("[data-log-view]").evaluate("(view) => { view.scrollTop = 0; }")
        page.get_by_role("combobox", name="Stream").select_option("stderr")
        held[0].continue_()
        expect(page.locator("#panel .log-line:visible").first).to_have_text(re.compile("line 1 of many"), timeout=30_000)
    finally:
        log.write_bytes(kept)
