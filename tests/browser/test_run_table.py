"""The tools of the table of runs, used as people use them."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served


def test_dragging_over_the_scatter_filters_the_table(page: Page, served: Served) -> None:
    page.goto("/ui/runs")
    box = page.locator("[data-scatter] .plane").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 1, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"q=started%3E%3D20\d\d-"))
    expect(page.get_by_role("row").filter(has_text="digits, stopped early")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="nightly digits-2")).to_have_count(0)


def test_columns_are_found_moved_and_kept_in_the_address(page: Page, served: Served) -> None:
    page.goto("/ui/runs")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Find a column").fill("ro")
    expect(page.locator("[data-column=loss]")).to_be_hidden()
    page.get_by_label("rows", exact=True).check()
    page.get_by_label("Find a column").fill("")
    for _ in range(4):
        page.get_by_role("button", name="Move up: rows").press("Enter")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("column=rows&column=accuracy"))
    expect(page.locator("thead th").nth(7)).to_have_text("rows")


def test_the_filter_bar_completes_values(page: Page, served: Served) -> None:
    page.goto("/ui/runs")
    bar = page.get_by_role("searchbox", name="Filter")
    bar.press_sequentially("pipeline:dig")
    page.get_by_role("button", name=re.compile("^pipeline:digits")).first.wait_for()
    bar.press("ArrowDown")
    bar.press("Enter")
    expect(bar).to_have_value(re.compile("^pipeline:digits.* $"))


def test_a_view_is_saved_opened_and_removed(page: Page, served: Served) -> None:
    page.goto("/ui/runs?q=status:failed")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Name of this view").fill("Broken ones")
    page.get_by_label("Name of this view").press("Enter")
    page.goto("/ui/runs")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name="Broken ones").click()
    expect(page).to_have_url(re.compile("q=status%3Afailed"))
    page.locator("summary", has_text="Views").click()
    page.get_by_role("button", name="Remove view Broken ones").click()
    page.locator("summary", has_text="Views").click()
    expect(page.get_by_role("link", name="Broken ones")).to_have_count(0)
