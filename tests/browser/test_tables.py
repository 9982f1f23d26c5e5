"""What all tables have: the order of their columns, and long lists that go on below."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from penstock.domain.ids import RunId
from penstock.domain.runs import RunChanged
from penstock.domain.states import RuntimeState
from tests.browser.conftest import Served


def heads(page: Page, table: str) -> Locator:
    """Headings of a table, in the order shown."""
    return page.locator(f"table[data-table={table}] thead th")


def publish(served: Served, run_id: str) -> None:
    """Tell live pages that a run changed."""
    served.seeded.services.notifier.publish(RunChanged(RunId(run_id), 1, RuntimeState.RUNNING))


def drag(page: Page, head: Locator, other: Locator) -> None:
    """Drag a heading onto the left half of another one."""
    expect(head.locator(".column-edge")).to_be_attached()  # the page listens
    source, target = head.bounding_box(), other.bounding_box()
    assert source is not None
    assert target is not None
    page.mouse.move(source["x"] + 14, source["y"] + source["height"] / 2)
    page.mouse.down()
    page.mouse.move(target["x"] + 30, target["y"] + 8, steps=5)
    page.mouse.move(target["x"] + 4, target["y"] + 8, steps=3)
    page.mouse.up()


def test_a_heading_is_dragged_to_another_place_and_its_cells_and_exports_follow(page: Page, served: Served) -> None:
    page.goto("/ui/executions")
    shown = heads(page, "executions")
    drag(page, shown.filter(has_text="Component"), shown.filter(has_text="Status"))
    expect(shown.nth(1)).to_have_text("Component")
    expect(shown.nth(2)).to_have_text("Status")
    expect(page).to_have_url(re.compile("/ui/executions$"))  # a drag of a heading is no click on its link
    cells = page.locator("table[data-table=executions] tbody tr").first.locator("td, th")
    expect(cells.nth(2).locator("a.mono")).to_be_attached()
    expect(cells.nth(3)).to_have_class("lead-state")
    page.locator("summary", has_text="Export").click()
    address = page.locator("a[download]", has_text="CSV").get_attribute("href")
    assert address is not None
    assert page.locator("pre code", has_text="curl").inner_text().endswith("order=Started&format=json'") is (address.endswith("order=Started&format=csv"))
    names = page.request.get(address).text().splitlines()[0].split(",")
    assert names.index("component") < names.index("state") < names.index("duration_seconds")
    page.reload()
    expect(shown.nth(1)).to_have_text("Component")
    drag(page, shown.filter(has_text="Started"), shown.filter(has_text="Task"))
    expect(shown.nth(0)).to_have_text("Started")


def test_columns_are_moved_by_keyboard_kept_with_a_view_and_put_back(page: Page, served: Served) -> None:
    page.goto("/ui/pipelines")
    shown = heads(page, "pipelines")
    menu = page.locator("details[data-columns]")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    button = menu.get_by_role("button", name="Move up: Created")
    button.focus()
    for place in (6, 5, 4):
        page.keyboard.press("Enter")
        expect(shown.nth(place)).to_have_text("Created")
        expect(button).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Name of this view").fill("Created early")
    page.get_by_label("Name of this view").press("Enter")
    expect(page).to_have_url(re.compile("layout=.*order"))
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(shown.nth(4)).to_have_text("Created")
    menu.locator("summary").click()
    menu.get_by_role("button", name="As at first").click()
    expect(shown.nth(7)).to_have_text("Created")
    page.goto("/ui/pipelines")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("button", name="Remove view Created early").click()


def test_rows_that_come_later_have_the_order_too_and_chosen_metrics_keep_theirs(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 2000, "height": 900})
    page.goto("/ui/runs?columns=chosen&column=accuracy&column=rows")
    shown = heads(page, "runs")
    drag(page, shown.filter(has_text="rows"), shown.filter(has_text="Status"))
    expect(shown.nth(1)).to_have_text("rows")
    row = page.locator("table[data-table=runs] tbody tr").first
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    row.evaluate("row => { row.dataset.kept = 'yes'; row.querySelector('.lead-state').textContent = ''; }")
    publish(served, (row.get_attribute("id") or "").removeprefix("row-"))
    expect(row.locator(".lead-state .state")).to_be_attached()
    expect(row.locator("td, th").nth(3)).to_have_class("lead-state")
    menu = page.locator("details[data-columns]")
    menu.locator("summary").click()
    menu.locator("[data-column-form]").get_by_role("button", name="Move up: rows").press("Enter")
    menu.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("column=rows&column=accuracy"))
    expect(shown.nth(7)).to_have_text("rows")
