"""Browsers without script: logs are read, and nothing waits for a drawing that never comes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from penstock.domain.ids import RunId, TaskPath, task_id_for
from tests.browser.conftest import Served

LOOP = "root/exit-handler-1/for-loop-2[3]/train-model"


@pytest.fixture
def plain(chromium: Browser, served: Served) -> Iterator[Page]:
    """A page whose script is off."""
    with chromium.new_context(java_script_enabled=False, base_url=served.url, viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


def task_address(served: Served) -> str:
    """Address of a failed task."""
    run_id = served.seeded.runs["failed"]
    return f"/ui/runs/{run_id}?task={task_id_for(RunId(run_id), TaskPath(LOOP))}"


def test_a_log_is_read_where_it_belongs_and_on_a_page_of_its_own(plain: Page, served: Served) -> None:
    plain.goto(f"{task_address(served)}&tab=logs")
    expect(plain.locator("[data-log] .log-tools")).to_be_hidden()
    frame = plain.frame_locator("iframe.log-plain")
    expect(frame.locator(".log-line").filter(has_text="ValueError: Input X contains NaN.")).to_have_count(1)
    expect(frame.locator(".log-line").last).to_be_in_viewport()
    expect(frame.locator("#L1 .log-text")).to_have_text("starting with python 3.11")
    expect(frame.locator(".log-line").filter(has_text="saving")).to_have_text(re.compile("saving 100%$"))
    expect(frame.locator("#rail")).to_have_count(0)
    plain.get_by_role("link", name="The log on a page of its own").click()
    expect(plain.get_by_role("heading", name="Log")).to_be_visible()
    expect(plain.locator(".log-line script, .log-line img")).to_have_count(0)
    plain.locator("#L3 .log-number").click()
    expect(plain).to_have_url(re.compile("#L3$"))
    with plain.expect_download() as download:
        plain.get_by_role("link", name="Download the log").first.click()
    assert "Traceback" in download.value.path().read_text()


def test_no_page_waits_for_a_drawing(plain: Page, served: Served) -> None:
    runs = served.seeded.runs
    for place, elsewhere in (
        (f"/ui/runs/{runs['good']}", "#graph-twin td:has-text('exit-handler-1/preprocess')"),
        ("/ui/pipelines/pipe-digits", "h2:has-text('Components')"),
        ("/ui/pipelines/pipe-digits?tab=versions&a=ver-1&b=ver-2", ".graph-diff ~ .compare-box"),
    ):
        plain.goto(place)
        expect(plain.locator(".drawn-by-script")).to_be_visible()
        expect(plain.locator(elsewhere).first).to_be_visible()
        expect(plain.locator(".graph")).to_be_hidden()
        assert plain.locator(".skeleton").evaluate_all("(found) => found.filter((one) => one.checkVisibility()).length") == 0, place


def test_with_script_nothing_of_it_is_shown_or_loaded(page: Page, served: Served) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/ui/runs/{served.seeded.runs['failed']}")
    page.goto(f"{task_address(served)}&tab=io")
    page.locator("#panel").get_by_role("link", name="Logs").click()
    expect(page.locator("[data-log-lines] .log-line").filter(has_text="Traceback")).to_be_visible()
    expect(page.locator("iframe.log-plain")).to_be_hidden()
    assert not [url for url in asked if "/log/plain" in url]
