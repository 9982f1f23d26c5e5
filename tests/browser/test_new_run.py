"""The form of a new run in a hurry and with second thoughts: two clicks, another version while half of it is typed."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served


def test_a_second_click_while_the_run_opens_does_not_start_another(page: Page, served: Served) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    page.get_by_label("Name", exact=True).fill("clicked twice")
    # The page is being left, and still there.
    page.evaluate("addEventListener('beforeunload', () => setTimeout(() => document.getElementById('start-run').click()))")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['good']}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    started = [given[0]["name"] for verb, given in served.seeded.actions.calls if verb == "create_run"]
    assert started.count("clicked twice") == 1


def test_what_was_typed_comes_along_to_another_version(page: Page) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    page.get_by_label("Name", exact=True).fill("typed <b>日本語</b>")
    page.locator("#parameter-rows").fill("77")
    page.get_by_role("radio", name="Recurring").check()
    page.get_by_label("Unit").select_option("weeks")
    page.get_by_label("Version").select_option("ver-1")
    page.wait_for_url("**version=ver-1**")
    expect(page.get_by_label("Name", exact=True)).to_have_value("typed <b>日本語</b>")
    expect(page.locator("#parameter-rows")).to_have_value("77")
    expect(page.get_by_role("radio", name="Recurring")).to_be_checked()
    expect(page.get_by_label("Unit")).to_have_value("weeks")
    page.reload()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Run of digits-training")
