"""Lists while a load of rows arrives and the reader's pointer is inside: rows keep their places, what is new waits behind a button."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from penstock.domain.ids import RunId
from penstock.domain.runs import RunChanged
from penstock.domain.states import RuntimeState
from penstock.stores.sql.database import Database, Transaction
from tests.browser.conftest import Served

Add = Callable[[Transaction, str, float], object]


def run(tx: Transaction, name: str, at: float) -> None:
    columns = "run_id, kind, name, pipeline_name, state, created_at, scheduled_at, started_at, finished_at"
    tx.execute(f"INSERT INTO run ({columns}) VALUES (?, 'kfp', ?, 'hay', 'SUCCEEDED', ?, ?, ?, ?)", (name, name, at, at, at, at))


def execution(tx: Transaction, name: str, at: float) -> None:
    run(tx, name, at)
    columns = "task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at"
    tx.execute(f"INSERT INTO task ({columns}) VALUES (?, ?, 900000, 'root.t', 't', 'late', 'RUNTIME', 'SUCCEEDED', ?)", (name, name, at))


def artifact(tx: Transaction, name: str, at: float) -> None:
    number = 900_000 + int(name.rpartition("-")[2])
    tx.execute("INSERT INTO artifact (artifact_id, name, type, uri, created_at) VALUES (?, ?, 'system.Dataset', 'late', ?)", (number, name, at))


def pipeline(tx: Transaction, name: str, at: float) -> None:
    tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES (?, ?, ?, ?)", (name, name, name, at))


def experiment(tx: Transaction, name: str, at: float) -> None:
    tx.execute("INSERT INTO experiment (experiment_id, name, created_at) VALUES (?, ?, ?)", (name, name, at))


def recurring(tx: Transaction, name: str, at: float) -> None:
    columns = "recurring_run_id, display_name, experiment_id, max_concurrency, trigger_spec, is_enabled, created_at, updated_at"
    tx.execute(f"INSERT INTO recurring_run ({columns}) VALUES (?, ?, 'e', 1, '{{}}', 1, ?, ?)", (name, name, at, at))


LISTS: dict[str, tuple[str, str, Add]] = {
    "runs": ("/ui/runs", "runs", run),
    "executions": ("/ui/executions", "executions", execution),
    "artifacts": ("/ui/artifacts?tab=stored", "artifacts", artifact),
    "pipelines": ("/ui/pipelines?sort=-created", "pipelines", pipeline),
    "experiments": ("/ui/experiments?sort=-created", "experiments", experiment),
    "recurring": ("/ui/recurring", "recurring", recurring),
}
"""List -> address, name of its table, what adds a row."""
TABLES = {"run": "run_id", "task": "task_id", "artifact": "name", "pipeline": "pipeline_id", "experiment": "experiment_id", "recurring_run": "recurring_run_id"}


@pytest.fixture
def late(served: Served) -> Iterator[Database]:
    """The database of the served pages; rows whose names begin with `late-` are taken out again."""
    database: Database = served.seeded.services.runs._database  # type: ignore[attr-defined]
    yield database
    for table, column in TABLES.items():
        database.write_sync(lambda tx, table=table, column=column: tx.execute(f"DELETE FROM {table} WHERE {column} LIKE 'late-%'"))  # type: ignore[misc]


def tell(served: Served) -> None:
    """Tell live pages that something changed."""
    served.seeded.services.notifier.publish(RunChanged(RunId("late-0"), 1, RuntimeState.RUNNING))


@pytest.mark.parametrize("name", LISTS)
def test_rows_keep_their_places_under_the_pointer_and_new_ones_wait(page: Page, served: Served, late: Database, name: str) -> None:
    address, table, add = LISTS[name]
    page.goto(address)
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    rows = page.locator(f"table[data-table={table}] tbody tr[id]")
    before = rows.evaluate_all("rows => rows.map(row => row.id)")
    now = time.time()
    pill = page.locator("[data-new-rows]")
    rows.first.hover()
    late.write_sync(lambda tx: [add(tx, f"late-{number}", now + number) for number in range(12)])
    tell(served)
    expect(pill).to_contain_text("12 new", timeout=30_000)
    assert rows.evaluate_all("rows => rows.map(row => row.id)") == before
    late.write_sync(lambda tx: [add(tx, f"late-{number}", now + number) for number in range(12, 80)])
    tell(served)
    expect(pill).to_contain_text("50+ new", timeout=30_000)
    assert rows.evaluate_all("rows => rows.map(row => row.id)") == before
    pill.click()
    expect(rows).to_have_count(50)
    expect(pill).to_have_count(0)
    assert rows.first.evaluate("row => row.id") != before[0]


def test_new_rows_come_when_the_pointer_leaves(page: Page, served: Served, late: Database) -> None:
    page.goto("/ui/experiments?sort=-created")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    rows = page.locator("table[data-table=experiments] tbody tr[id]")
    count = rows.count()
    rows.first.hover()
    late.write_sync(lambda tx: experiment(tx, "late-1", time.time()))
    tell(served)
    expect(page.locator("[data-new-rows]")).to_have_text("1 new row", timeout=30_000)
    page.mouse.move(2, 2)
    expect(rows).to_have_count(count + 1)
    expect(page.locator("[data-new-rows]")).to_have_count(0)


def test_an_order_that_changes_under_the_pointer_is_offered_and_comes_when_the_pointer_leaves(page: Page, served: Served, late: Database) -> None:
    now = time.time()
    late.write_sync(lambda tx: [experiment(tx, f"late-{number}", now + number) for number in range(3)])
    page.goto("/ui/experiments?sort=-created")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    rows = page.locator("table[data-table=experiments] tbody tr[id]")
    before = rows.evaluate_all("rows => rows.map(row => row.id)")
    rows.first.hover()
    late.write_sync(lambda tx: tx.execute("UPDATE experiment SET created_at = ? WHERE experiment_id = 'late-0'", (now + 9,)))
    tell(served)
    expect(page.locator("[data-new-rows]")).to_have_text("The order has changed: show it", timeout=30_000)
    assert rows.evaluate_all("rows => rows.map(row => row.id)") == before
    page.mouse.move(2, 2)
    expect(page.locator("[data-new-rows]")).to_have_count(0)
    assert rows.evaluate_all("rows => rows.map(row => row.id)") == [before[2], *before[:2], *before[3:]]


def test_who_uses_an_artifact_is_read_on_a_telephone_without_a_scroll_to_the_side(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/ui/artifacts?tab=stored&q=type:Dataset")
    page.goto(f"{page.locator('table[data-table=artifacts] tbody th a').last.get_attribute('href')}?tab=usage")
    box = page.get_by_role("region", name="Usage")
    expect(box).to_be_visible()
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    how = box.locator("td.stack-line").first
    assert how.evaluate("cell => cell.getBoundingClientRect().height < 40")
