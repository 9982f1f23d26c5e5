"""A server that is killed while somebody works on its pages, and comes back: nothing that was typed is lost, and pages go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.support.server import LiveServer

BACK = 30_000
"""Milliseconds in which a server that has just started gives its first answers, on a busy machine too."""
PIPELINE = """
components:
  comp-one:
    executorLabel: exec-one
deploymentSpec:
  executors:
    exec-one:
      container: {command: [echo, hello], image: 'alpine:3'}
pipelineInfo: {name: left-behind}
root:
  dag:
    tasks:
      one:
        componentRef: {name: comp-one}
        taskInfo: {name: one}
schemaVersion: 2.1.0
sdkVersion: kfp-2.14.0
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that a test may kill, if it starts it again."""
    with LiveServer(tmp_path_factory.mktemp("lost") / "data") as running:
        yield running


@pytest.fixture
def tab(chromium: Browser, server: LiveServer) -> Iterator[Page]:
    """A page whose console says that the server was away."""
    context = chromium.new_context(base_url=server.url, viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="UTC")
    yield context.new_page()
    context.close()


def open_new_experiment(tab: Page, name: str) -> Locator:
    """Open the dialog and type a name and a description."""
    tab.goto("/ui/experiments")
    tab.get_by_role("button", name="Create experiment").first.click()
    dialog = tab.locator("#new-experiment")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Description").fill("three words more")
    return dialog


def test_a_form_that_does_not_reach_the_server_keeps_what_was_typed_and_is_sent_again(tab: Page, server: LiveServer) -> None:
    dialog = open_new_experiment(tab, "kept")
    server.kill()
    try:
        dialog.locator("footer .primary").click()
        note = dialog.get_by_role("alert")
        expect(note).to_contain_text("The server cannot be reached.")
        expect(note).to_contain_text("What was typed is still here.")
        expect(dialog.get_by_label("Name")).to_have_value("kept")
        assert "/ui/experiments/actions" in (note.get_by_role("button", name="Copy the details").get_attribute("data-copy") or "")
    finally:
        server.start()
    note.get_by_role("button", name="Try again").click()
    expect(tab.locator("[data-notice]")).to_contain_text("Experiment created.", timeout=BACK)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("kept")


def test_a_file_that_was_chosen_is_sent_again(tab: Page, server: LiveServer, tmp_path: Path) -> None:
    file = tmp_path / "left.yaml"
    file.write_text(PIPELINE)
    tab.goto("/ui/pipelines#upload")
    dialog = tab.locator("#upload")
    dialog.locator("input[type=file]").set_input_files(file)
    dialog.get_by_label("Description").fill("of a file")
    server.kill()
    try:
        dialog.get_by_role("button", name="Upload", exact=True).click()
        expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        expect(dialog.get_by_label("Description")).to_have_value("of a file")
    finally:
        server.start()
    dialog.get_by_role("button", name="Try again").click()
    tab.wait_for_url(re.compile(r"/ui/pipelines/[0-9a-f-]+"))
    expect(tab.get_by_role("heading", level=1)).to_contain_text("left")


def test_a_form_beside_others_says_it_at_the_foot_of_the_page(tab: Page, server: LiveServer) -> None:
    tab.goto("/ui/system")
    form = tab.locator("form[action='/ui/system/secrets']").last
    form.get_by_label("Name").fill("tokens")
    form.get_by_label("Key").fill("hub")
    form.get_by_label("Value").fill("a secret")
    server.kill()
    try:
        form.get_by_role("button").last.click()
        expect(tab.locator(".notice.is-error")).to_contain_text("The server cannot be reached.")
        expect(form.get_by_label("Value")).to_have_value("a secret")
    finally:
        server.start()
    tab.locator(".notice").get_by_role("button", name="Try again").click()
    expect(tab.locator("[data-notice]")).to_contain_text("hub of tokens was set.", timeout=BACK)


def test_an_answer_that_breaks_off_may_have_been_given(tab: Page) -> None:
    dialog = open_new_experiment(tab, "half way")
    asked: list[str] = []

    def drop(route: Route) -> None:
        asked.append(route.request.method)
        route.abort("connectionreset")

    tab.route("**/ui/experiments/actions", drop)
    dialog.locator("footer .primary").click()
    expect(dialog.get_by_role("alert")).to_contain_text("it may have been done all the same")
    assert asked == ["POST"]


def test_what_the_server_refuses_is_said_beside_what_was_typed(tab: Page, server: LiveServer) -> None:
    server.post("/apis/v2beta1/experiments", {"display_name": "taken"})
    dialog = open_new_experiment(tab, "taken")
    dialog.locator("footer .primary").click()
    expect(dialog.get_by_role("alert")).to_contain_text("taken")
    expect(dialog.get_by_label("Description")).to_have_value("three words more")
    expect(dialog.get_by_role("button", name="Try again")).to_have_count(0)
    dialog.get_by_label("Name").fill("not taken")
    dialog.locator("footer .primary").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("not taken")


def test_a_page_goes_on_when_the_server_is_back(tab: Page, server: LiveServer) -> None:
    tab.goto("/ui/experiments")
    badge = tab.locator("#live-badge")
    expect(badge).to_have_attribute("data-state", "live")
    server.kill()
    try:
        expect(badge).to_have_attribute("data-state", "reconnecting")
        tab.get_by_role("button", name="Search").click()
        tab.locator("#search input").fill("kept")
        expect(tab.locator("#search").get_by_role("alert")).to_contain_text("The server cannot be reached.")
    finally:
        server.start()
    tab.locator("#search").get_by_role("button", name="Try again").click()
    expect(tab.locator("#search-results .result").first).to_be_visible(timeout=BACK)
    tab.keyboard.press("Escape")
    tab.mouse.move(0, 0)  # while it is over the list, what is new waits behind a button
    expect(badge).to_have_attribute("data-state", "live", timeout=BACK)
    server.post("/apis/v2beta1/experiments", {"display_name": "made while nobody looked"})
    expect(tab.locator("#main")).to_contain_text("made while nobody looked", timeout=BACK)


def test_the_sign_in_page_says_that_nobody_is_there(tab: Page, server: LiveServer) -> None:
    tab.goto("/signin")
    tab.get_by_label("API key").fill("not a key")
    server.kill()
    try:
        tab.get_by_role("button", name="Sign in").click()
        expect(tab.get_by_role("alert")).to_have_text("The server cannot be reached.")
        expect(tab.get_by_label("API key")).to_have_value("not a key")
    finally:
        server.start()
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("alert")).to_have_text("This key is not valid.", timeout=BACK)


def test_a_page_that_only_looks_again_says_that_the_server_is_away(chromium: Browser, server: LiveServer) -> None:
    context = chromium.new_context(base_url=server.url, locale="en-US", timezone_id="UTC")
    tabs = [context.new_page() for _ in range(5)]  # one more than may listen
    for tab in tabs:
        tab.goto("/ui/home")
        expect(tab.locator("#live-badge")).to_have_attribute("data-state", re.compile("live|polling"))
    last = tabs[-1].locator("#live-badge")
    expect(last).to_have_attribute("data-state", "polling")
    server.kill()
    try:
        expect(last).to_have_attribute("data-state", re.compile("reconnecting|stale"), timeout=BACK)
    finally:
        server.start()
    expect(last).to_have_attribute("data-state", "polling", timeout=BACK)
    context.close()


def test_the_first_page_follows_what_begins_to_run(tab: Page, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "new") as new:
        tab.goto(f"{new.url}/ui/home")
        expect(tab.get_by_role("heading", name="A tracked run")).to_be_visible()
        answer = httpx.post(f"{new.url}/apis/v2beta1/pipelines/upload", files={"uploadfile": ("left.yaml", PIPELINE)}, timeout=60)
        assert answer.status_code == 200, answer.text
        expect(tab.get_by_role("heading", name="Needs attention")).to_be_visible(timeout=BACK)
        expect(tab.get_by_role("heading", name="A tracked run")).to_be_hidden()


def test_a_file_that_cannot_be_had_is_told_of_and_the_page_stays(tab: Page, server: LiveServer) -> None:
    server.post("/apis/v2beta1/experiments", {"display_name": "to be exported"})
    tab.goto("/ui/experiments?q=exported")
    export = tab.locator(".table-tools details.menu", has_text="Export")
    export.locator("summary").click()
    link = export.get_by_role("link", name="CSV")
    server.kill()
    try:
        link.click()
        note = tab.locator(".notice.is-error")
        expect(note).to_contain_text("The server cannot be reached.")
        assert "/ui/export/experiments" in (note.get_by_role("button", name="Copy the details").get_attribute("data-copy") or "")
        expect(tab.get_by_role("heading", level=1)).to_have_text("Experiments")
    finally:
        server.start()
    with tab.expect_download(timeout=BACK) as got:
        note.get_by_role("button", name="Try again").click()
    assert "to be exported" in got.value.path().read_text()
    expect(note).to_have_count(0)


def test_a_server_that_goes_between_the_question_and_the_file_leaves_the_page(tab: Page, server: LiveServer) -> None:
    server.post("/apis/v2beta1/experiments", {"display_name": "half a file"})
    tab.goto("/ui/experiments?q=half")
    tab.route("**/ui/export/**", lambda route: route.continue_() if route.request.resource_type == "fetch" else route.abort("connectionrefused"))
    export = tab.locator(".table-tools details.menu", has_text="Export")
    export.locator("summary").click()
    export.get_by_role("link", name="JSON").click()
    note = tab.locator(".notice.is-error")
    expect(note).to_contain_text("The server cannot be reached.")
    expect(tab.locator("table[data-table=experiments] tbody")).to_contain_text("half a file")
    tab.unroute("**/ui/export/**")
    with tab.expect_download() as got:
        note.get_by_role("button", name="Try again").click()
    assert "half a file" in got.value.path().read_text()


def test_what_is_refused_instead_of_a_file_is_said(tab: Page, server: LiveServer) -> None:
    server.post("/apis/v2beta1/experiments", {"display_name": "never a file"})
    tab.goto("/ui/experiments?q=never")
    tab.locator(".table-tools details.menu", has_text="Export").locator("summary").click()
    link = tab.get_by_role("link", name="CSV")
    link.evaluate("link => { link.href = link.href.replace('csv', 'doc'); }")
    link.click()
    expect(tab.locator(".notice.is-error")).to_contain_text("'doc' is not known; csv, json and parquet are")
