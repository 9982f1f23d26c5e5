"""Answers that come late, or in another order than they were asked for: what a reader did last is what stays."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import httpx
from playwright.sync_api import APIResponse, Page, Route, expect

from penstock.domain.ids import RunId, TaskPath, task_id_for
from tests.browser.conftest import Served
from tests.browser.test_run_panel import TRAIN, panel_of
from tests.browser.test_workspace_scale import RUNS, Many, added, logged, tab, to_end

__all__ = ["logged", "tab"]

NUMBERS = "(lines) => lines.map((line) => Number(line.dataset.line))"


class Held:
    """Requests that stay unanswered until they are let go."""

    def __init__(self, page: Page, address: re.Pattern[str]) -> None:
        self.page, self.address = page, address
        self.routes: list[Route] = []

        def hold(route: Route) -> None:  # Playwright notes things on its handlers, which a method does not take
            self.routes.append(route)

        page.route(address, hold)

    def wait(self, count: int = 1) -> None:
        """Return when so many were asked."""
        wait_until(self.page, lambda: len(self.routes) >= count)

    def let_go(self) -> None:
        """Answer those that were held, and hold no more."""
        for route in self.routes:
            route.continue_()
        self.page.unroute(self.address)


def wait_until(page: Page, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def stream(logged: Many, name: str, **files: dict[str, object]) -> None:
    """Send what a client sends while it runs."""
    body = {"files": {file.replace("_", "-") + (".jsonl" if file == "wandb_history" else ".log"): part for file, part in files.items()}}
    assert httpx.post(f"{logged.url}/files/tester/many/{name}/file_stream", json=body, auth=("api", logged.key), timeout=60).status_code == 200


def test_a_run_from_further_down_that_is_pinned_no_longer_leaves_and_comes_back_by_undo(tab: Page, logged: Many) -> None:
    tab.goto(logged.base)
    to_end(tab, RUNS)
    tab.locator(".workspace-row").filter(has_text="try 007").get_by_role("button", name="Pin").click()
    tab.reload()
    chosen = tab.locator("[data-chosen] .workspace-row")
    for _ in range(2):
        expect(chosen).to_have_text(re.compile("try 007"))
        expect(tab.locator("#drawn-note")).to_have_text(f"11 of {RUNS} runs drawn")
        chosen.get_by_role("button", name="Pin").click()
        expect(chosen).to_have_count(0)
        expect(tab.locator("#drawn-note")).to_have_text(f"10 of {RUNS} runs drawn")
        tab.locator("body").press("Control+z")


def test_what_is_changed_while_a_view_is_being_saved_stays_a_change(tab: Page, logged: Many) -> None:
    tab.goto(logged.base)
    tab.locator(".workspace-views .menu > summary").click()
    tab.get_by_role("button", name="Save as a new view").click()
    tab.get_by_role("combobox", name="Name of the view").fill("In a hurry")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.method) if request.url.endswith("/ui/tracking/views") else None)
    held = Held(tab, re.compile("/ui/tracking/views$"))
    save = tab.get_by_role("dialog").get_by_role("button", name="Save", exact=True)
    for _ in range(2):  # a second click while the first is on its way
        save.click()
    held.wait()
    held.let_go()
    tab.wait_for_url(re.compile(r"view=\d+"))
    assert asked == ["POST"]
    note = tab.locator("[data-view-dirty]")
    expect(note).to_be_hidden()
    tab.get_by_role("button", name="Draw try 259").click()
    held = Held(tab, re.compile("/ui/tracking/views$"))
    for _ in range(2):
        tab.get_by_role("button", name="Save", exact=True).click()
    held.wait()
    tab.get_by_role("button", name="Draw try 258").click()
    with tab.expect_response(re.compile("/ui/tracking/views$")):
        held.let_go()
    expect(tab.get_by_role("button", name="Draw try 258")).to_have_attribute("aria-pressed", "false")
    assert asked == ["POST", "POST"]
    for _ in range(2):
        expect(tab.locator("#drawn-note")).to_have_text(f"8 of {RUNS} runs drawn")
        expect(note).to_be_visible()
        expect(tab.get_by_role("button", name="Save", exact=True)).to_be_enabled()
        tab.reload()


def test_who_asks_for_a_new_panel_twice_gets_one_dialog(tab: Page, logged: Many) -> None:
    tab.goto(logged.base)
    expect(tab.locator('figure[data-panel="loss"] canvas')).to_be_visible()
    held = Held(tab, re.compile("/ui/tracking/(columns|charts/presets)"))
    button = tab.get_by_role("button", name="Add panel")
    button.click()
    held.wait(2)
    button.click()
    held.wait(4)
    held.let_go()
    dialog = tab.get_by_role("dialog", name="Add panel")
    expect(dialog).to_have_count(1)
    dialog.get_by_role("button", name="Cancel").click()
    expect(tab.locator("dialog[open]")).to_have_count(0)
    expect(added(tab, "bar", metric="s.loss").locator(".bar-name").first).to_be_visible()


def test_a_panel_of_a_busy_run_is_drawn_however_slow_the_server_is(tab: Page, logged: Many) -> None:
    held = Held(tab, re.compile("/ui/tracking/series"))
    tab.goto(f"{logged.base}/runs/r259/charts")
    held.wait(2)  # several panels
    count = len(held.routes)
    for _ in range(3):
        tab.evaluate("document.dispatchEvent(new CustomEvent('penstock:change', { detail: null }))")
        tab.wait_for_timeout(1700)  # longer than a board waits between two looks
    again = held.routes[count:]
    assert len(again) <= count, "each panel was asked for once more, and that is waited for"
    held.let_go()
    expect(tab.locator('figure[data-panel="loss"] canvas')).to_be_visible()


def test_media_that_are_logged_while_others_are_fetched_come_too(tab: Page, logged: Many) -> None:
    def log(step: int) -> None:
        row = {"_step": step, "weights": {"_type": "histogram", "values": [1, 2 + step], "bins": [0, 1, 2]}}
        stream(logged, "r3", wandb_history={"offset": step, "content": [json.dumps(row)]})

    steps = "(count) => document.querySelector('figure[data-key=weights]')?.panel.steps?.length === count"
    log(0)
    tab.goto(f"{logged.base}/runs/r3/charts")
    tab.wait_for_function(steps, arg=1)
    expect(tab.locator("#live-badge")).to_have_attribute("data-state", "live")
    tab.evaluate("window.changes = 0; document.addEventListener('penstock:change', () => { window.changes += 1; })")
    held: list[tuple[Route, APIResponse]] = []

    def answer_late(route: Route) -> None:
        held.append((route, route.fetch()))

    tab.route("**/media?*", answer_late)
    log(1)
    wait_until(tab, lambda: bool(held))
    seen = tab.evaluate("window.changes")
    log(2)
    tab.wait_for_function("(seen) => window.changes > seen", arg=seen)
    for route, answer in held:
        route.fulfill(response=answer)
    tab.unroute("**/media?*")
    tab.wait_for_function(steps, arg=3)


def test_the_console_shows_the_lines_that_were_looked_for_last_and_none_between_them_that_came_late(tab: Page, logged: Many) -> None:
    stream(logged, "r4", output={"offset": 0, "content": [f"line {number} of many" for number in range(2000)]})
    tab.goto(f"{logged.base}/runs/r4/logs")
    lines, told, field = tab.locator(".log-line"), tab.locator("[data-log-matches]"), tab.get_by_role("searchbox", name="Search the log")
    expect(lines.last).to_contain_text("line 1999 of many")
    held = Held(tab, re.compile("after=1999"))
    held.wait()  # it looks for new lines
    stream(logged, "r4", output={"offset": 2000, "content": ["the newest line"]})
    field.fill("line 5 of")
    field.press("Enter")
    expect(tab.locator(".log-line.is-marked")).to_contain_text("line 5 of many")
    with tab.expect_response(re.compile("after=1999")):
        held.let_go()
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    shown = lines.evaluate_all(NUMBERS)
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    slow = Held(tab, re.compile("q=line(\\+|%20)1(&|$)"))
    field.fill("line 1")
    slow.wait()
    field.fill("line 1234 of")
    expect(told).to_contain_text(re.compile("^1 "))
    with tab.expect_response(slow.address):
        slow.let_go()
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    expect(told).to_contain_text(re.compile("^1 "))


def many_lines() -> bytes:
    """A log of some windows, one line of it an error's."""
    return b"".join(b"line %d of many, long enough to fill some windows of the log\n" % number for number in range(1, 20_001))


def test_a_stream_of_a_log_is_chosen_while_earlier_lines_are_on_their_way(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["failed"]
    log = served.seeded.data / "runs" / run_id / task_id_for(RunId(run_id), TaskPath(TRAIN)) / "0" / "log"
    kept = log.read_bytes()
    try:
        log.write_bytes(many_lines())
        page.goto(panel_of(served, "failed", TRAIN, "logs"))
        lines = page.locator("#panel .log-line")
        expect(lines.last).to_have_text(re.compile("line 20000 of many"))
        held = Held(page, re.compile(r"/log\?.*offset="))
        page.locator("[data-log-view]").evaluate("(view) => { view.scrollTop = 0; }")
        held.wait()
        page.get_by_role("combobox", name="Stream").select_option("stderr")
        page.wait_for_function("() => document.querySelector('.shows-stderr')")
        page.get_by_role("combobox", name="Stream").select_option("")
        held.let_go()
        page.wait_for_function("() => Number(document.querySelector('#panel .log-line').dataset.line) < 15000")
        shown = lines.evaluate_all(NUMBERS)
        assert shown == list(range(shown[0], shown[0] + len(shown)))
    finally:
        log.write_bytes(kept)


def test_a_line_that_is_looked_for_among_very_short_ones_is_shown_and_so_is_all_around_it(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["failed"]
    log = served.seeded.data / "runs" / run_id / task_id_for(RunId(run_id), TaskPath(TRAIN)) / "0" / "log"
    kept = log.read_bytes()
    try:
        log.write_bytes(b"".join(b"n%05d\n" % number for number in range(30_000)))
        page.goto(panel_of(served, "failed", TRAIN, "logs"))
        lines, view = page.locator("#panel .log-line"), page.locator("[data-log-view]")
        expect(lines.last).to_have_text(re.compile("n29999"))
        page.get_by_label("Search the log").fill("n15000")
        page.keyboard.press("Enter")
        marked = page.locator("#panel .log-line.is-marked")
        expect(marked).to_contain_text("n15000")
        expect(marked).to_be_in_viewport()
        for top, is_earlier in (("0", True), ("view.scrollHeight", False)):
            ends = "() => { const { firstChild, lastChild } = document.querySelector('#panel [data-log-lines]'); return [firstChild, lastChild].map((line) => Number(line.dataset.line)); }"
            before = page.evaluate(ends)
            view.evaluate(f"(view) => {{ view.scrollTop = {top}; }}")
            page.wait_for_function(f"(before) => {{ const [first, last] = ({ends})(); return {'first < before[0]' if is_earlier else 'last > before[1]'}; }}", arg=before)
            shown = lines.evaluate_all(NUMBERS)
            assert shown == list(range(shown[0], shown[0] + len(shown)))
            assert (before[0] if is_earlier else before[1]) in shown, "what was looked at is still there"
    finally:
        log.write_bytes(kept)
