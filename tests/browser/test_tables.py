"""What all tables have: the order of their columns, and long lists that go on below."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from penstock.domain.ids import RunId
from penstock.domain.runs import RunChanged
from penstock.domain.states import RuntimeState
from penstock.stores.sql.database import Database
from tests.browser.conftest import Served

RUNS = 1200
_COLUMNS = "run_id, kind, name, pipeline_name, state, created_at, scheduled_at, started_at, finished_at, task_count, done_count"


def run_row(number: int, name: str, created_at: float) -> tuple[Any, ...]:
    """A run that ended."""
    return (f"hay-{number:05d}", "kfp", name, "hay", "SUCCEEDED", created_at, created_at, created_at, created_at + 60, 1, 1)


def add_runs(database: Database, rows: list[tuple[Any, ...]]) -> None:
    """Put runs into the served database."""
    database.write_sync(lambda tx: tx.many(f"INSERT INTO run ({_COLUMNS}) VALUES ({', '.join('?' * 11)})", rows))


@pytest.fixture
def haystack(served: Served) -> Iterator[Database]:
    """A long list, `?q=haystack`: more runs than twenty pages hold, the last one the oldest."""
    database: Database = served.seeded.services.runs._database  # type: ignore[attr-defined]
    old = time.time() - 1e7
    add_runs(database, [run_row(number, f"haystack {number:05d}", old - 60 * number) for number in range(RUNS)])
    yield database
    database.write_sync(lambda tx: tx.execute("DELETE FROM run WHERE run_id LIKE 'hay-%'"))


def open_haystack(page: Page) -> Locator:
    """The box of the long list, once it listens."""
    page.goto("/ui/runs?q=haystack")
    expect(heads(page, "runs").first.locator(".column-edge")).to_be_attached()
    return page.locator(".table-box")


def scroll_to(page: Page, number: int) -> None:
    """Scroll down, a view at a time, until a run of the long list is there."""
    row = page.locator(f"#row-hay-{number:05d}")
    for _ in range(400):
        if row.count() and row.is_visible():
            break
        page.locator(".table-box").evaluate("box => box.scrollBy(0, box.clientHeight)")
        page.wait_for_timeout(50)
    row.scroll_into_view_if_needed()
    expect(row).to_be_in_viewport()


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


def test_hits_of_a_search_and_tasks_of_a_run_are_tables_like_the_others(page: Page, served: Served) -> None:
    for address, table, name in (("/ui/logs?text=e", "log-hits", "Logs"), (f"/ui/runs/{served.seeded.runs['good']}?view=tasks", "tasks", "Where")):
        page.goto(address)
        menu = page.locator("details[data-columns]")
        menu.locator("summary").click()
        menu.get_by_label(f"Show the column: {name}").uncheck()
        expect(heads(page, table).filter(has_text=name).first).to_be_hidden()
        menu.get_by_role("button", name="As at first").click()
        expect(heads(page, table).filter(has_text=name).first).to_be_visible()


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
    expect(shown.filter(has_text=re.compile("^(rows|accuracy)"))).to_have_text(["rows", "accuracy"])


def test_a_long_list_goes_on_while_it_is_scrolled_and_far_rows_are_not_laid_out(page: Page, served: Served, haystack: Database) -> None:
    open_haystack(page)
    foot = page.locator(".table-foot")
    expect(foot).to_contain_text("1200 runs, 50 shown")
    scroll_to(page, 700)
    rows = page.locator("table[data-table=runs] tbody tr[id]")
    ids = rows.evaluate_all("rows => rows.map((row) => row.id)")
    assert ids == [f"row-hay-{number:05d}" for number in range(len(ids))]
    assert len(ids) > 700
    expect(page.locator("[data-shown]")).to_have_text(str(rows.count()))
    assert rows.evaluate_all("rows => rows.filter((row) => row.offsetHeight > 0).length") <= 400
    expect(page.locator("table[data-table=runs] thead th.lead")).to_be_in_viewport()
    page.locator(".table-box").evaluate("box => { box.scrollTop = 0; }")
    expect(page.locator("#row-hay-00000")).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"/ui/runs\?q=haystack$"))
    for _ in range(60):
        page.locator(".table-box").evaluate("box => { box.scrollTop = box.scrollHeight; }")
        if not foot.get_by_role("link", name="Next page").count():
            break
        page.wait_for_timeout(200)
    expect(foot).to_contain_text("1200 runs, 1200 shown")


def test_the_address_leads_back_to_the_place_in_a_long_list(page: Page, served: Served, haystack: Database) -> None:
    open_haystack(page)
    scroll_to(page, 330)
    page.locator(".table-box").evaluate("box => box.scrollBy(0, 1)")
    expect(page).to_have_url(re.compile(r"cursor=[^&#]+#row-hay-003\d\d$"))
    address, place = page.url, page.url.split("#")[1]
    page.locator(f"#{place} a.name").click()
    expect(page).to_have_url(re.compile(f"/ui/runs/{place.removeprefix('row-')}"))
    page.go_back()
    expect(page.locator(f"#{place}")).to_be_in_viewport()
    box = page.locator(".table-box")
    for _ in range(200):  # the rows before the page of the address are there too
        if page.locator("#row-hay-00000").count():
            break
        box.evaluate("box => box.scrollBy(0, -box.clientHeight)")
        page.wait_for_timeout(50)
    box.evaluate("box => { box.scrollTop = 0; }")
    expect(page.locator("#row-hay-00000")).to_be_in_viewport()
    ids = page.locator("table[data-table=runs] tbody tr[id]").evaluate_all("rows => rows.map((row) => row.id)")
    assert ids == [f"row-hay-{number:05d}" for number in range(len(ids))]
    other = page.context.new_page()
    other.goto(address)  # as somebody else who got the link
    expect(other.locator(f"#{place}")).to_be_in_viewport()
    expect(other.get_by_role("link", name="First page")).to_be_visible()


def test_rows_are_picked_and_walked_over_the_border_of_pages(page: Page, served: Served, haystack: Database) -> None:
    open_haystack(page)
    page.locator("#row-hay-00002 .pick input").check()
    for number in range(50):
        page.keyboard.press("j")
        expect(page.locator("tr.is-cursor")).to_have_attribute("id", f"row-hay-{number:05d}")
    page.keyboard.press("j")
    expect(page.locator("tr.is-cursor")).to_have_attribute("id", "row-hay-00050")
    expect(page.locator("#row-hay-00050 a.name")).to_be_focused()
    scroll_to(page, 460)
    page.locator("#row-hay-00460 .pick input").click(modifiers=["Shift"])
    bar = page.locator("[data-bulk-bar]")
    expect(bar.locator("[data-bulk-count]")).to_have_text("459")
    expect(bar.get_by_label("all 1200 that match")).to_be_visible()
    served.seeded.actions.calls.clear()
    bar.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived 459 of 459 runs.")).to_be_visible()
    asked = [arguments[0] for name, arguments in served.seeded.actions.calls if name == "archive_run"]
    assert asked == [f"hay-{number:05d}" for number in range(2, 461)]


def test_a_long_list_is_brought_up_to_date_in_place_and_new_rows_wait_behind_a_button(page: Page, served: Served, haystack: Database) -> None:
    open_haystack(page)
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    scroll_to(page, 140)
    page.mouse.move(2, 2)
    add_runs(haystack, [run_row(99999, "haystack newest", time.time())])
    haystack.write_sync(lambda tx: tx.execute("UPDATE run SET name = 'haystack renamed' WHERE run_id = 'hay-00140'"))
    haystack.write_sync(lambda tx: tx.execute("DELETE FROM run WHERE run_id = 'hay-00120'"))
    publish(served, "hay-00140")
    pill = page.get_by_role("button", name="1 new run", exact=True)
    expect(pill).to_be_visible(timeout=30_000)
    expect(page.locator("#row-hay-00140")).to_contain_text("haystack renamed")
    expect(page.locator("#row-hay-00140")).to_be_in_viewport()
    expect(page.locator("#row-hay-00120")).to_have_count(0)
    expect(page.locator(".table-foot")).to_contain_text("1200 runs")
    pill.click()
    expect(page.locator("table[data-table=runs] tbody tr[id]")).to_have_count(50)
    expect(page.locator("table[data-table=runs] tbody tr[id]").first).to_contain_text("haystack newest")
    expect(page.locator("table[data-table=runs] tbody tr[id]").first).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"/ui/runs\?q=haystack$"))
    expect(pill).to_have_count(0)


def test_who_prefers_pages_keeps_them(page: Page, served: Served, haystack: Database) -> None:
    box = open_haystack(page)
    page.locator("details[data-columns] summary").click()
    page.get_by_label("More rows while scrolling").uncheck()
    page.keyboard.press("Escape")
    box.evaluate("box => { box.scrollTop = box.scrollHeight; }")
    page.locator("#row-hay-00049").scroll_into_view_if_needed()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("#row-hay-00050")).to_be_in_viewport()
    expect(page.locator("#row-hay-00049")).to_have_count(0)
    page.get_by_role("link", name="First page").click()
    expect(page.locator("#row-hay-00000")).to_be_in_viewport()


def test_an_archive_of_picked_artifacts_comes_without_leaving_the_page_and_what_hinders_it_is_said(page: Page, served: Served) -> None:
    page.goto("/ui/artifacts?tab=stored")
    page.locator("table[data-table=artifacts] tbody .pick input").first.check()
    button = page.locator("[data-bulk-bar]").get_by_role("button", name="Download")
    asked = []

    def answer(route: Route) -> None:
        asked.append(route.request.resource_type)
        headers = {"content-type": "application/zip", "content-disposition": 'attachment; filename="artifacts.zip"'}
        if route.request.resource_type == "fetch" or len(asked) > 3:
            route.fulfill(status=200, headers=headers, body="bytes")
        else:
            route.fulfill(status=200, content_type="text/html", body="<p>gone</p>")

    page.route("**/ui/artifacts/actions", answer)
    button.click()
    note = page.locator(".notice.is-error")
    expect(note).to_contain_text("The server cannot be reached.")
    expect(page.locator("[data-bulk-count]")).to_have_text("1")
    with page.expect_download() as got:
        note.get_by_role("button", name="Try again").click()
    assert (got.value.path().read_text(), got.value.suggested_filename) == ("bytes", "artifacts.zip")
    assert asked == ["fetch", "document", "fetch", "document"]


def by_duration(haystack: Database) -> None:
    """Let every run of the long list last a second less than the one before."""
    sql = "UPDATE run SET finished_at = started_at + 5000 - CAST(SUBSTR(run_id, 5) AS INTEGER) WHERE run_id LIKE 'hay-%'"
    haystack.write_sync(lambda tx: tx.execute(sql))


def lasts(haystack: Database, number: int, seconds: float) -> None:
    """Let a run of the long list have lasted so long."""
    haystack.write_sync(lambda tx: tx.execute("UPDATE run SET finished_at = started_at + ? WHERE run_id = ?", (seconds, f"hay-{number:05d}")))


def test_a_row_that_moves_in_a_long_list_is_neither_missing_nor_doubled_and_its_place_is_offered(page: Page, served: Served, haystack: Database) -> None:
    by_duration(haystack)
    page.goto("/ui/runs?q=haystack&sort=-duration")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    rows = page.locator("table[data-table=runs] tbody tr[id]")
    scroll_to(page, 140)
    page.mouse.move(2, 2)
    pill = page.get_by_role("button", name="The order has changed: show it")
    for number, seconds in ((130, 1.0), (10, 4899.5), (120, 9000.0)):  # out of what was fetched; within it; to the top
        lasts(haystack, number, seconds)
        publish(served, f"hay-{number:05d}")
        expect(pill).to_be_visible(timeout=30_000)
        expect(page.locator(f"#row-hay-{number:05d}")).to_have_count(1)
        pill.click()
        expect(pill).to_have_count(0)
        expect(rows).to_have_count(50)
        ids = rows.evaluate_all("rows => rows.map((row) => row.id)")
        assert (ids[0] == "row-hay-00120") is (number == 120)
        assert ("row-hay-00010" in ids) is (number == 130)
        scroll_to(page, 141)
        page.mouse.move(2, 2)
    shown = rows.evaluate_all("rows => rows.map((row) => row.id)")
    assert len(shown) == len(set(shown))
    assert "row-hay-00130" not in shown
    lasts(haystack, 1100, 9999.0)
    publish(served, "hay-01100")
    page.get_by_role("button", name="1 new run", exact=True).click()
    expect(rows.first).to_have_attribute("id", "row-hay-01100")
