"""How pages wait: a mark at once, then a reason, then an error with a way on; and what a reader is told when something cannot be had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Served
from tests.browser.test_journeys import task

PANEL = re.compile(r"/tasks/[^/]+/panel")


@pytest.fixture
def slow(chromium: Browser, served: Served) -> Iterator[Page]:
    """A page with a clock that the test moves; answers that never come are errors of the console, which are expected here."""
    context = chromium.new_context(base_url=served.url, viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="UTC")
    page = context.new_page()
    page.clock.install()
    yield page
    context.close()


def open_run(page: Page, served: Served) -> str:
    """Show a run's graph; return the id of one of its tasks."""
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    one = task(served, "good", "root/exit-handler-1/load-digits")
    expect(page.locator(f"[data-node='{one}']")).to_be_visible()
    return one


def test_a_panel_that_does_not_come_says_so_in_three_stages_and_is_asked_for_again(slow: Page, served: Served) -> None:
    one = open_run(slow, served)
    held: list[Route] = []
    slow.route(PANEL, lambda route: held.append(route))  # noqa: PLW0108 - a method of a list has no attributes
    with slow.expect_request(PANEL):
        slow.locator(f"[data-node='{one}']").click()
    panel = slow.locator("#panel")
    slow.clock.run_for(400)
    expect(panel.locator(".skeleton").first).to_be_visible()
    expect(panel.locator("[role=status]")).to_have_count(0)
    slow.clock.run_for(2700)
    expect(panel.locator("[role=status]")).to_have_text("The server is taking longer than usual.")
    slow.clock.run_for(12_000)
    expect(panel.get_by_role("alert")).to_contain_text("The server did not answer within 15 seconds.")
    expect(panel.locator(".skeleton")).to_have_count(0)
    details = panel.get_by_role("button", name="Copy the details")
    assert "/panel" in (details.get_attribute("data-copy") or "")
    expect(slow.locator(f"[data-node='{one}']")).to_be_visible()
    slow.unroute(PANEL)
    panel.get_by_role("button", name="Try again").click()
    expect(panel.get_by_role("heading", name="load-digits")).to_be_visible()
    expect(panel.get_by_role("alert")).to_have_count(0)
    assert f"task={one}" in slow.url


@pytest.mark.parametrize("script", ["**/js/+shell*", "**/vendor/dagre*", "**/vendor/page.js"])
def test_a_page_whose_scripts_do_not_come_says_so_and_can_be_asked_for_again(chromium: Browser, served: Served, script: str) -> None:
    with chromium.new_context(base_url=served.url, locale="en-US", reduced_motion="reduce") as context:
        page = context.new_page()
        page.route(script, lambda route: route.abort())
        page.goto(f"/ui/runs/{served.seeded.runs['good']}")
        reason, again = page.get_by_text("The server is taking longer than usual."), page.get_by_role("link", name="Try again")
        expect(page.locator(".late-script")).to_have_count(1)
        for seconds, is_slow, is_lost in ((2, False, False), (4, True, False), (16, False, True)):
            page.evaluate("(time) => document.getAnimations().forEach((one) => { if (one.animationName.match(/^(come|go)$/)) { one.pause(); one.currentTime = time; } })", seconds * 1000)
            expect(reason).to_be_visible(visible=is_slow)
            expect(again).to_be_visible(visible=is_lost)
        page.unroute(script)
        again.click()
        expect(page.locator("#graph .node").first).to_be_visible()
        expect(again).to_be_hidden()


def test_a_graph_that_cannot_be_read_names_the_cause_and_its_id_and_is_drawn_after_a_retry(slow: Page, served: Served) -> None:
    address = re.compile(r"/graph(\?|$)")
    slow.route(address, lambda route: route.fulfill(status=500, json={"error": "The server made a mistake; its log has the details.", "request_id": "abc123"}))
    slow.goto(f"/ui/runs/{served.seeded.runs['good']}")
    graph = slow.locator("#graph")
    expect(graph.get_by_role("alert")).to_contain_text("The server made a mistake")
    assert "abc123" in (graph.get_by_role("button", name="Copy the details").get_attribute("data-copy") or "")
    expect(slow.get_by_role("heading", level=1)).to_be_visible()
    slow.unroute(address)
    graph.get_by_role("button", name="Try again").click()
    expect(graph.locator("[data-node]").first).to_be_visible()
    expect(graph.get_by_role("alert")).to_have_count(0)


def test_a_panel_that_cannot_be_read_says_so_in_its_middle_and_can_be_closed(slow: Page, served: Served) -> None:
    slow.route(re.compile(r"/panel\?"), lambda route: route.fulfill(status=503, json={"error": "The database is busy.", "request_id": "abc123"}))
    slow.goto(f"/ui/runs/{served.seeded.runs['good']}")
    slow.locator("#graph a[data-node]").first.click()
    panel = slow.locator("#panel")
    alert = panel.get_by_role("alert")
    expect(alert).to_contain_text("The database is busy.")
    frame, word = panel.bounding_box(), alert.locator(".problem-word").bounding_box()
    assert frame is not None
    assert word is not None
    assert abs(frame["x"] + frame["width"] / 2 - word["x"] - word["width"] / 2) < 4
    panel.get_by_role("link", name="Close").click()
    expect(panel).to_be_hidden()


def test_a_menu_that_cannot_be_filled_says_so_and_can_be_asked_again(slow: Page) -> None:
    slow.goto("/ui/runs")
    slow.route("**/ui/namespaces*", lambda route: route.abort())
    menu = slow.locator("#namespace-menu")
    menu.locator("summary").click()
    expect(menu.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    slow.unroute("**/ui/namespaces*")
    menu.get_by_role("button", name="Try again").click()
    expect(menu.get_by_role("link", name="All namespaces")).to_be_visible()
    expect(menu.get_by_role("alert")).to_have_count(0)


def test_the_offer_to_undo_counts_down_and_waits_while_somebody_points_at_it(slow: Page, served: Served) -> None:
    slow.goto("/ui/runs")
    slow.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))  # else seconds pass while a busy machine looks at the page
    slow.locator("[data-rows] tbody .pick input").first.check()
    slow.locator("[data-bulk-bar]").get_by_role("button", name="Archive").click()
    notice = slow.locator("[data-notice]")
    undo = notice.get_by_role("button", name="Undo")
    expect(undo).to_contain_text("20 s")
    slow.mouse.move(0, 0)
    slow.clock.run_for(5_000)
    expect(undo).to_contain_text("15 s")
    undo.hover()
    slow.clock.run_for(60_000)
    expect(undo).to_contain_text("15 s")
    slow.mouse.move(0, 0)
    slow.clock.run_for(16_000)
    expect(notice).to_have_count(0)


def test_the_switches_of_a_graph_stand_in_its_address(page: Page, served: Served) -> None:
    open_run(page, served)
    page.get_by_label("Failed only").check()
    page.get_by_label("Critical path").check()
    page.get_by_label("Simplify graph").uncheck()
    page.locator("#graph-search").fill("digits")
    expect(page).to_have_url(re.compile("find=digits"))
    page.goto(page.url)
    expect(page.get_by_label("Failed only")).to_be_checked()
    expect(page.get_by_label("Critical path")).to_be_checked()
    expect(page.get_by_label("Simplify graph")).not_to_be_checked()
    expect(page.locator("#graph-search")).to_have_value("digits")
    expect(page.locator("#graph-path-text")).to_be_visible()
    expect(page.locator(".node.is-match").first).to_be_visible()


def test_the_focus_stays_in_the_panel_and_goes_back_to_the_node(page: Page, served: Served) -> None:
    one = open_run(page, served)
    page.locator(f"[data-node='{one}']").focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    tab = panel.get_by_role("link", name="Details", exact=True)
    tab.focus()
    page.keyboard.press("Enter")
    expect(panel.locator("[aria-current]")).to_have_text("Details")
    expect(tab).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator(f"[data-node='{one}']")).to_be_focused()


def test_a_question_whether_to_cancel_has_two_answers_that_differ(slow: Page, served: Served) -> None:
    slow.goto("/ui/runs")
    slow.evaluate("""() => {
      const form = document.createElement("form");
      form.dataset.confirm = "Cancel this sweep?";
      form.innerHTML = "<button id='ask'>Cancel</button>";
      document.querySelector("main").append(form);
    }""")
    slow.locator("#ask").click()
    expect(slow.locator("dialog[open] footer button")).to_have_text(["Leave it as it is", "Cancel"])
    slow.keyboard.press("Enter")
    expect(slow.locator("dialog[open]")).to_have_count(0)
    assert slow.url == f"{served.url}/ui/runs"


def test_a_log_whose_end_cannot_be_fetched_says_so_in_its_place_until_it_can(slow: Page, served: Served) -> None:
    one = task(served, "running", "root/exit-handler-1/for-loop-2[3]/train-model")
    slow.goto(f"/ui/runs/{served.seeded.runs['running']}?task={one}&tab=logs")
    expect(slow.locator("#panel .log-line").first).to_be_visible()
    note = slow.locator("#panel .log").get_by_text("The newest lines cannot be fetched; this goes on trying.")
    expect(note).to_be_hidden()
    slow.route("**/log?*", lambda route: route.abort())
    expect(note).to_be_visible()
    expect(note).to_be_in_viewport()
    slow.unroute("**/log?*")
    expect(note).to_be_hidden()
