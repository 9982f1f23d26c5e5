"""The tools of the table of runs, used as people use them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from penstock.stores.sql.database import open_database
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


def test_the_scatter_is_seen_whole_on_a_telephone(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/ui/runs")
    expect(page.locator("[data-scatter] .dot").first).to_be_visible()
    found = page.locator(".scatter").evaluate("""(box) => {
      const parts = [...box.querySelectorAll(".dot, .tick")].map((part) => part.getBoundingClientRect());
      const round = [...box.querySelectorAll("circle.dot")].map((dot) => dot.getBoundingClientRect()).map(({ width, height }) => width / height);
      return { isWhole: box.scrollWidth <= box.clientWidth, left: Math.min(...parts.map((part) => part.left)), right: Math.max(...parts.map((part) => part.right)), thin: Math.min(...round), wide: Math.max(...round) };
    }""")
    assert found["isWhole"]
    assert 0 <= found["left"] < found["right"] <= 390
    assert 0.7 < found["thin"] <= found["wide"] < 1.4


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
    expect(page.locator("thead th").nth(8)).to_have_text("rows")


def test_the_filter_bar_completes_values(page: Page, served: Served) -> None:
    page.goto("/ui/runs")
    bar = page.get_by_role("combobox", name="Filter")
    bar.press_sequentially("pipeline:dig")
    page.get_by_role("option", name=re.compile("^pipeline:digits")).first.wait_for()
    expect(bar).to_have_attribute("aria-expanded", "true")
    bar.press("ArrowDown")
    chosen = page.get_by_role("listbox", name="Suggestions").get_by_role("option", selected=True)
    expect(chosen).to_have_id(bar.get_attribute("aria-activedescendant") or "")
    bar.press("Enter")
    expect(bar).to_have_value(re.compile("^pipeline:digits.* $"))


def test_the_filter_bar_knows_states_dates_and_keys_of_each_list(page: Page, served: Served) -> None:
    offered = page.locator(".suggest button")
    for address, text, option in (
        ("/ui/runs", "accu", "accuracy:"),
        ("/ui/executions", "cached:y", "cached:yes"),
        ("/ui/executions", "started:<2", "started:<24h"),
        ("/ui/recurring", "status:dis", "status:disabled"),
    ):
        page.goto(address)
        page.get_by_role("combobox", name="Filter").press_sequentially(text)
        expect(offered.first).to_have_text(re.compile(f"^{re.escape(option)}\\s*$"))


def test_a_view_is_saved_opened_and_removed(page: Page, served: Served) -> None:
    page.goto("/ui/runs?q=status:failed")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Name of this view").fill("Broken ones")
    with page.expect_navigation():  # to leave while the form is being sent would abort one of the two
        page.get_by_label("Name of this view").press("Enter")
    page.goto("/ui/runs")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name="Broken ones").click()
    expect(page).to_have_url(re.compile("q=status%3Afailed"))
    page.locator("summary", has_text="Views").click()
    page.get_by_role("button", name="Remove view Broken ones").click()
    page.locator("summary", has_text="Views").click()
    expect(page.get_by_role("link", name="Broken ones")).to_have_count(0)


def test_columns_are_pinned_and_given_widths_that_stay(page: Page, served: Served) -> None:
    page.goto("/ui/runs")
    menu = page.locator("details[data-columns]")
    menu.locator("summary").click()
    menu.get_by_label("Width of the column: Started").fill("320")
    menu.get_by_label("Width of the column: Started").press("Tab")
    menu.get_by_label("Pin the column: Status").check()
    page.reload()
    head = page.locator("table[data-table=runs] thead th").filter(has_text="Started")
    expect(head).to_have_css("width", "320px")
    pinned = page.locator("table[data-table=runs] thead th").filter(has_text="Status")
    expect(pinned).to_have_css("position", "sticky")
    expect(page.locator("table[data-table=runs] tbody tr").first.locator("td.lead-state")).to_have_css("position", "sticky")
    box = head.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 103, box["y"] + 8, steps=4)
    page.mouse.up()
    expect(head).to_have_css("width", re.compile(r"2[12]\dpx"))
    page.locator("details[data-columns] summary").click()
    page.get_by_role("button", name="As at first").last.click()
    expect(pinned).not_to_have_css("left", re.compile(r"[1-9]\d*px"))


def test_a_view_takes_pins_widths_and_row_height_along_to_other_readers(page: Page, served: Served) -> None:
    page.goto("/ui/executions?q=status:failed")
    menu = page.locator("details[data-columns]")
    menu.locator("summary").click()
    menu.get_by_label("Compact rows").check()
    menu.get_by_label("Width of the column: Run").fill("400")
    menu.get_by_label("Width of the column: Run").press("Tab")
    menu.get_by_label("Pin the column: Status").check()
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Name of this view").fill("Failures, wide")
    page.get_by_label("Name of this view").press("Enter")
    expect(page).to_have_url(re.compile("layout="))
    page.evaluate("localStorage.clear()")
    page.goto("/ui/executions")
    head = page.locator("table[data-table=executions] thead th")
    expect(head.filter(has_text="Run")).not_to_have_css("width", "400px")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name="Failures, wide").click()
    expect(page).to_have_url(re.compile("q=status%3Afailed"))
    expect(head.filter(has_text="Run")).to_have_css("width", "400px")
    expect(head.filter(has_text="Status")).to_have_css("position", "sticky")
    row = page.locator("table[data-table=executions] tbody tr").first.locator("th")
    assert row.evaluate("cell => cell.getBoundingClientRect().height") < 32
    page.locator("details[data-columns] summary").click()
    compact = page.get_by_label("Compact rows")
    expect(compact).to_be_checked()  # the menu shows the layout once it is open
    compact.uncheck()
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("isCompact"))
    page.locator("thead a.sort", has_text="Started").click()
    expect(page).to_have_url(re.compile("sort=.*layout=|layout=.*sort="))
    expect(head.filter(has_text="Run")).to_have_css("width", "400px")
    assert page.evaluate("localStorage.length") == 0 or "400" not in page.evaluate("JSON.stringify(localStorage)")


def test_executions_are_picked_by_key_range_and_all_that_match(page: Page, served: Served) -> None:
    page.goto("/ui/executions?n=25")
    page.keyboard.press("j")
    page.keyboard.press("x")
    boxes = page.locator("tbody .pick input")
    boxes.nth(3).click(modifiers=["Shift"])
    bar = page.locator("[data-bulk-bar]")
    expect(bar.locator("[data-bulk-count]")).to_have_text("4")
    expect(bar).to_be_in_viewport()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bar.get_by_role("button", name="Copy ids").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    shown = page.locator("tbody tr").evaluate_all("rows => rows.slice(0, 4).map((row) => row.id.replace('execution-', ''))")
    assert copied == shown
    bar.get_by_label(re.compile("all 1?[0-9]+ that match")).check()
    before = len(served.seeded.actions.calls)
    bar.get_by_role("button", name="Retry their runs").click()
    expect(page.locator("[data-notice]")).to_contain_text("Retried")
    asked = served.seeded.actions.calls[before:]
    assert len(asked) == len(set(asked)) > 4
    assert {name for name, _ in asked} == {"retry_run"}


@pytest.fixture
def straw(served: Served) -> Iterator[None]:
    """More experiments than a page could list, all used later than the one that is looked for; other tests do not have them in their lists."""
    rows = [("wanted", "needle in the hay", 1.0), *((f"hay-{number}", f"straw {number}", 2e9 + number) for number in range(250))]
    database = open_database(f"sqlite:///{served.seeded.data / 'penstock.db'}", synchronous="OFF")
    database.write_sync(lambda tx: tx.many("INSERT INTO experiment (experiment_id, name, created_at) VALUES (?, ?, ?)", rows))
    yield
    database.write_sync(lambda tx: tx.execute("DELETE FROM experiment WHERE experiment_id = 'wanted' OR experiment_id LIKE 'hay-%'"))
    database.close()


def offered(page: Page, field: Locator) -> Locator:
    """What the field offers."""
    return page.locator(f"#{field.get_attribute('list')} option")


def test_picked_runs_are_moved_to_an_experiment_that_is_found_by_typing(page: Page, served: Served, straw: None) -> None:
    page.goto("/ui/runs?q=nightly")
    rows = page.locator("table[data-table=runs] tbody tr")
    picked = [rows.nth(place).get_attribute("id") for place in range(2)]
    for place in range(2):
        rows.nth(place).locator(".pick input").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    field = page.get_by_label("Experiment to move to")
    field.click()
    expect(offered(page, field)).to_have_count(20)
    field.fill("needle")
    expect(offered(page, field)).to_have_count(1)
    expect(offered(page, field)).to_have_attribute("value", "needle in the hay")
    field.fill("needle in the hay")
    served.seeded.actions.calls.clear()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("Moved 2 of 2 runs.")).to_be_visible()
    moved = [arguments for name, arguments in served.seeded.actions.calls if name == "move_run"]
    assert sorted(moved) == sorted(((row or "").removeprefix("row-"), "wanted") for row in picked)


def test_a_run_is_moved_from_its_own_page_and_an_unknown_name_is_refused(page: Page, served: Served, straw: None) -> None:
    run_id = served.seeded.runs["good"]
    page.goto(f"/ui/runs/{run_id}")
    served.seeded.actions.calls.clear()
    page.locator("#run-menu summary").click()
    page.get_by_role("button", name="Move to another experiment").click()
    dialog = page.get_by_role("dialog", name="Move to another experiment")
    told = {"needle": dialog.get_by_text("There is no active experiment 'needle'."), "needle in the hay": page.get_by_text("Moved.")}
    for text, said in told.items():  # what is refused is said in the dialog, and corrected there
        dialog.get_by_label("Experiment to move to").fill(text)
        choices = offered(page, dialog.get_by_label("Experiment to move to"))
        expect(choices).to_have_count(1)  # of an attribute of several there is no waiting
        expect(choices).to_have_attribute("value", "needle in the hay")
        dialog.get_by_role("button", name="Move", exact=True).click()
        expect(said).to_be_visible()
        expect(page).to_have_url(re.compile(f"/ui/runs/{run_id}"))
    expect(dialog).to_be_hidden()
    assert [call for call in served.seeded.actions.calls if call[0] == "move_run"] == [("move_run", (run_id, "wanted"))]


def test_columns_of_any_list_are_hidden_found_and_left_out_where_they_say_the_same(page: Page, served: Served) -> None:
    page.goto("/ui/executions?q=status:failed")
    heads = page.locator("table[data-table=executions] thead th")
    menu = page.locator("details[data-columns]")
    menu.locator("summary").click()
    menu.get_by_label("Find a column", exact=True).fill("wor")
    expect(menu.locator("[data-column-layout] .column-list li:visible")).to_have_count(1)
    menu.get_by_label("Show the column: Worker").uncheck()
    expect(heads.filter(has_text="Worker")).to_be_hidden()
    expect(page.locator("table[data-table=executions] tbody tr").first.locator("td").nth(5)).to_be_hidden()
    page.reload()
    expect(heads.filter(has_text="Worker")).to_be_hidden()
    menu.locator("summary").click()
    menu.get_by_label("Only differences").check()
    expect(heads.filter(has_text="Status")).to_be_hidden()
    expect(heads.filter(has_text="Task")).to_be_visible()
    menu.get_by_role("button", name="As at first").click()
    for name in ("Worker", "Status"):
        expect(heads.filter(has_text=name)).to_be_visible()


def test_the_head_of_a_long_list_stays_above_its_rows(page: Page, served: Served) -> None:
    page.goto("/ui/executions?n=100")
    last = page.locator("table[data-table=executions] tbody tr").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()
    expect(page.locator("table[data-table=executions] thead th.lead")).to_be_in_viewport()
