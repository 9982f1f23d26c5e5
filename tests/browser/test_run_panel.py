"""The panel of a task, and what belongs to it: attempts, packages, replay, logs by stream."""

from __future__ import annotations

import datetime as dt
import re

from playwright.sync_api import Page, Route, expect

from penstock.domain.ids import RunId, TaskPath, task_id_for
from tests.browser.conftest import Served

TRAIN = "root/exit-handler-1/for-loop-2[3]/train-model"


def panel_of(served: Served, label: str, path: str, tab: str) -> str:
    """Address of a task's panel."""
    run_id = served.seeded.runs[label]
    return f"/ui/runs/{run_id}?task={task_id_for(RunId(run_id), TaskPath(path))}&tab={tab}"


def test_attempts_of_task_and_run_are_switched_in_their_headers(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "night-3", TRAIN, "logs"))
    log = page.locator("#panel .log-lines")
    expect(log).to_contain_text("second attempt")
    switch = page.get_by_role("combobox", name="Attempt")
    expect(switch).to_have_value("")
    switch.select_option("0")
    expect(page.locator("#panel-facts")).to_contain_text("Shown is attempt 1: Failed")
    expect(log).to_contain_text("starting")
    expect(log).not_to_contain_text("second attempt")
    page.locator("#panel h2").click()
    page.keyboard.press("3")
    expect(page.locator("#panel-body")).to_contain_text("Where time went")
    expect(page.locator("#panel-facts")).to_contain_text("Shown is attempt 1")
    page.locator("#run-attempts > summary").click()
    menu = page.locator("#run-attempts .menu-body")
    expect(menu).to_contain_text("Attempt 2")
    expect(menu.get_by_role("link", name="attempt 2")).to_have_count(1)
    menu.get_by_role("link", name="attempt 2").click()
    expect(log).to_contain_text("second attempt")


def test_inputs_of_a_task_that_waits_are_those_of_the_definition(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "running", "root/exit-handler-1/evaluate", "io"))
    body = page.locator("#panel-body")
    row = body.get_by_role("row").filter(has_text="accuracies")
    expect(row).to_contain_text("Not yet: waiting for task for-loop-2 · pipelinechannel--train-model-Output")
    expect(body.locator(".artifact-line")).to_contain_text("from preprocess · test")
    expect(body).to_contain_text("Not yet: waiting for for-loop-2")
    row.get_by_role("link", name="for-loop-2").click()
    expect(page.locator("#panel h2")).to_have_text("for-loop-2")
    expect(body.get_by_role("row").filter(has_text="loop-item")).to_contain_text("from run parameter rates")


def test_parameters_say_which_run_parameter_they_are_and_artifacts_have_digest_and_preview(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "good", "root/exit-handler-1/load-digits", "io"))
    body = page.locator("#panel-body")
    expect(body.get_by_role("row").filter(has_text="rows")).to_contain_text("from run parameter rows")
    data = body.locator(".artifact-line").filter(has_text="dataset")
    expect(data).to_contain_text("sha256:")
    data.get_by_role("link", name="Preview dataset").click()
    expect(page.get_by_role("link", name="Preview", exact=True)).to_have_attribute("aria-current", "page")


def test_events_tell_causes_and_details_what_the_cache_key_is_made_of(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "failed", TRAIN, "events"))
    body = page.locator("#panel-body")
    expect(body).to_contain_text("Failed: ValueError: Input X contains NaN.")
    page.goto(panel_of(served, "good", "root/exit-handler-1/load-digits", "details"))
    body.get_by_text("What the key is made of").click()
    expect(body.locator("details[open]")).to_contain_text("code")
    expect(body.locator("details[open]")).to_contain_text("values of parameters, digests of artifacts")


def test_a_group_leads_from_its_panel_into_the_graph_of_what_is_inside(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "good", "root/exit-handler-1/for-loop-2", "io"))
    page.locator("#panel-body").get_by_role("link", name="Open in the graph").click()
    expect(page.locator("#graph-trail")).to_contain_text("for-loop-2")
    expect(page.locator("#panel h2")).to_have_text("for-loop-2")


def test_packages_are_listed_with_what_differs_from_the_run_before(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "night-3", TRAIN, "environment"))
    packages = page.locator("#task-packages")
    expect(packages).to_contain_text("3 differ from the run before: nightly digits-3")
    for name, text in (("numpy", "2.1.32.2.0"), ("scipy", "removed"), ("threadpoolctl", "added")):
        expect(packages.get_by_role("row").filter(has_text=name)).to_contain_text(text)
    packages.get_by_role("link", name="nightly digits-3").click()
    expect(packages).to_contain_text("The same packages as in the run before: nightly digits-2")
    expect(packages.get_by_role("row").filter(has_text="numpy")).to_contain_text("2.1.3")


def test_streams_of_a_log_are_shown_by_themselves(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "failed", TRAIN, "logs"))
    lines = page.locator("#panel .log-line:visible")
    expect(lines.first).to_contain_text("starting with python")
    choice = page.get_by_role("combobox", name="Stream")
    choice.select_option("stderr")
    expect(lines).to_have_count(6)
    expect(lines.first).to_contain_text("starting with python")
    expect(lines.last).to_contain_text("ValueError: Input X contains NaN")
    choice.select_option("stdout")
    expect(lines.first).to_contain_text("reading data")
    expect(lines.filter(has_text="Traceback")).to_have_count(0)
    download = page.get_by_role("link", name="Download the log")
    expect(download).to_have_attribute("href", re.compile("stream=stdout"))
    text = page.request.get(f"{served.url}{re.sub('^https?://[^/]*', '', download.get_attribute('href') or '')}").text()
    assert text.startswith("reading data ...\n")
    assert "Traceback" not in text
    choice.select_option("stderr")
    expect(download).to_have_attribute("href", re.compile("stream=stderr"))
    text = page.request.get(f"{served.url}{re.sub('^https?://[^/]*', '', download.get_attribute('href') or '')}").text()
    assert "starting" in text.splitlines()[0]
    assert text.splitlines()[1].startswith("WARNING: the solver")
    choice.select_option("system")
    expect(download).not_to_have_attribute("href", re.compile("stream="))
    expect(lines).to_have_count(0)
    system = page.locator("[data-log-system]")
    expect(system).to_contain_text("Queued behind 3 tasks.")
    expect(system).to_contain_text("Exit code 1 after a ValueError.")
    choice.select_option("")
    expect(lines.filter(has_text="Traceback")).to_have_count(1)
    expect(lines.filter(has_text="reading data")).to_have_count(1)


def test_a_link_to_lines_of_a_running_log_shows_them_and_what_comes(page: Page, served: Served) -> None:
    running = "root/exit-handler-1/for-loop-2[3]/train-model"
    page.goto(f"{panel_of(served, 'running', running, 'logs')}#L2-L3")
    lines = page.locator("#panel .log-line")
    expect(lines.nth(1)).to_have_class(re.compile("is-marked"))
    expect(lines.nth(2)).to_have_class(re.compile("is-marked"))
    expect(lines.nth(3)).not_to_have_class(re.compile("is-marked"))
    run_id = served.seeded.runs["running"]
    log = served.seeded.data / "runs" / run_id / task_id_for(RunId(run_id), TaskPath(running)) / "0" / "log"
    with log.open("ab") as file:
        file.write(b"DEBUG a line that came later\n")
    late = lines.filter(has_text="a line that came later")
    expect(late).to_have_count(1)
    expect(late).to_have_class(re.compile("is-debug"))
    expect(lines.nth(1)).to_have_class(re.compile("is-marked"))


def test_lines_of_a_log_show_the_times_at_which_they_were_seen(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "failed", TRAIN, "logs"))
    lines = page.locator("#panel .log-line")
    expect(lines.filter(has_text="Traceback")).to_have_count(1)
    times = page.locator("#panel .log-time")
    expect(times).to_have_count(0)
    choice = page.get_by_role("checkbox", name="Times")
    choice.check()
    first = lines.first.locator(".log-time")
    expect(first).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))
    expect(lines.filter(has_text="reading data").locator(".log-time")).to_have_count(0)  # nobody knows
    last = lines.filter(has_text="Traceback").locator(".log-time")
    begin, end = (dt.datetime.fromisoformat(time.inner_text()) for time in (first, last))
    assert end - begin == dt.timedelta(seconds=61)
    page.reload()
    expect(first).to_be_visible()
    expect(page.locator("[data-log-untimed]")).to_be_hidden()
    page.goto(panel_of(served, "night-3", TRAIN, "logs"))
    expect(page.locator("[data-log-untimed]")).to_be_visible()
    expect(choice).to_be_checked()
    choice.uncheck()
    expect(page.locator("[data-log-untimed]")).to_be_hidden()


def test_logs_of_all_runs_are_searched_from_the_search_dialog(page: Page, served: Served) -> None:
    page.goto("/ui/home")
    page.keyboard.press("Control+k")
    page.keyboard.type("contains NaN")
    hit = page.locator("#search-results .result[href='/ui/logs?text=contains%20NaN']")  # the answer to all that was typed
    expect(hit).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/logs?text=contains%20NaN")
    rows = page.get_by_role("region", name="Hits").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("ValueError: Input X contains NaN")
    page.get_by_label("In tasks and tracked runs that match").fill('status:failed run:"digits with gaps"')
    page.keyboard.press("Enter")
    page.wait_for_url("**q=status*")
    expect(rows.get_by_role("cell").nth(1)).to_have_text("1")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['failed']}?task=*#L*")
    expect(page.locator("#panel .log-line.is-marked")).to_contain_text("ValueError: Input X contains NaN")


def test_two_definitions_are_drawn_as_one_graph_with_what_was_added_removed_and_changed(page: Page, served: Served) -> None:
    runs = served.seeded.runs
    graph = page.locator("#graph")
    for address in (f"/ui/compare?runs={runs['night-0']},{runs['good']}", "/ui/pipelines/pipe-digits?tab=versions&a=ver-1&b=ver-2"):
        page.goto(address)
        for mark, name in (("added", "tidy-up"), ("removed", "check-rows"), ("changed", "preprocess")):
            expect(graph.locator(f".node.diff-{mark}:not(.is-group)")).to_have_count(1)
            expect(graph.locator(f".node.diff-{mark}:not(.is-group)")).to_contain_text(name)
            expect(graph.locator(f".node.diff-{mark}:not(.is-group)")).to_contain_text(mark)
        expect(graph.locator(".node.diff-changed:not(.is-group)")).to_contain_text("code")
        expect(graph.locator(".node", has_text="evaluate")).not_to_have_class(re.compile("diff-"))
        page.get_by_label("Only differences").check()
        expect(graph.locator(".node", has_text="evaluate")).to_have_class(re.compile("is-dim"))
        rows = page.get_by_role("region", name="What differs in the graph").locator("tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.filter(has_text="exit-handler-1/check-rows")).to_contain_text("removed")


def test_iterations_of_a_loop_stand_by_their_parameters(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "failed", "root/exit-handler-1/for-loop-2", "io"))
    grid = page.locator("#iteration-grid")
    expect(grid.get_by_role("columnheader")).to_have_text(["rates →", "0.01", "0.03", "0.1", "0.3", "1"])
    expect(grid.locator("td.s-failed")).to_have_count(1)
    grid.get_by_label("Colour").select_option("train-model")
    expect(grid.locator("td").first).to_have_text("0.97")
    expect(page).to_have_url(re.compile("by=train-model"))
    expect(grid.get_by_label("Colour")).to_be_focused()
    grid.locator("td a").first.click()
    expect(page.locator("#panel h2")).to_contain_text("for-loop-2 [0]")


def test_dragging_over_the_timeline_looks_at_that_part_of_the_run(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}?view=timeline")
    rows = page.locator(".timeline a.timeline-row")
    before = rows.count()
    box = page.locator(".timeline-track").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.01, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, middle, steps=5)
    expect(page.locator(".timeline-brush")).to_be_visible()
    page.mouse.up()
    expect(page.locator("#timeline-whole")).to_be_visible()
    assert re.search(r"[?&]from=[\d.]+&to=[\d.]+", page.url)
    assert 0 < rows.count() < before
    page.locator("#timeline-group").click()
    expect(page.locator("#timeline-group")).to_have_attribute("aria-checked", "true")
    page.locator("#timeline-whole").click()
    expect(rows).to_have_count(before)
    expect(page.locator(".timeline-step").first).to_be_visible()
    page.get_by_role("link", name="Duration").click()
    expect(page.get_by_role("link", name="Duration")).to_have_attribute("aria-current", "true")
    expect(page.locator("#timeline-group")).to_have_attribute("aria-checked", "true")


def test_iterations_are_switched_in_the_head_and_the_panel_stands_alone_in_a_window_of_its_own(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "good", "root/exit-handler-1/for-loop-2[1]/train-model", "io"))
    switch = page.get_by_role("combobox", name="Iteration")
    expect(switch.locator("option:checked")).to_have_text("iteration 1")
    switch.select_option(index=0)
    expect(page.locator("#panel h2")).to_have_text("train-model[0]")
    with page.context.expect_page() as opening:
        page.locator("#panel-alone").click()
    alone = opening.value
    expect(alone.locator("#panel h2")).to_have_text("train-model[0]")
    expect(alone.locator("#run-view")).to_be_hidden()
    alone.locator("[data-panel-tab='environment']").click()
    expect(alone.locator("#panel-body")).to_contain_text("Interpreter used")
    expect(alone.locator("#run-view")).to_be_hidden()
    alone.locator("#panel-beside").click()
    expect(alone.locator("#run-view")).to_be_visible()
    expect(alone.locator("#panel h2")).to_have_text("train-model[0]")


def test_a_log_scrolls_in_its_own_box_on_a_telephone_and_begins_at_its_end(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 500})
    page.goto(panel_of(served, "night-3", TRAIN, "logs"))
    view = page.locator(".log-view")
    expect(view.locator(".log-line").nth(8)).to_be_attached()
    assert view.evaluate("view => view.clientHeight < innerHeight && view.clientHeight < view.scrollHeight")
    page.wait_for_function(
        "() => { const view = document.querySelector('.log-view'); return view.scrollTop + view.clientHeight >= view.scrollHeight - 24; }"
    )


def test_a_long_log_is_read_up_and_down_again_without_a_gap(page: Page, served: Served) -> None:
    address = panel_of(served, "failed", TRAIN, "logs")
    run_id, task_id = served.seeded.runs["failed"], re.search(r"task=([\w-]+)", address)
    assert task_id
    log = served.seeded.data / "runs" / run_id / task_id[1] / "0" / "log"
    kept = log.read_bytes()
    try:
        log.write_bytes(b"".join(b"line %d of many, long enough to fill some windows of the log\n" % number for number in range(1, 20_001)))
        page.goto(address)
        view, lines = page.locator("[data-log-view]"), page.locator("#panel .log-line")
        expect(lines.last).to_have_text(re.compile("line 20000 of many"), timeout=30_000)
        numbers = "() => [...document.querySelectorAll('#panel .log-line')].map((line) => Number(line.dataset.line))"
        for _ in range(4):
            first = page.evaluate(numbers)[0]
            view.evaluate("(view) => { view.scrollTop = 0; }")
            page.wait_for_function(f"() => Number(document.querySelector('#panel .log-line').dataset.line) < {first}")
        assert page.evaluate(numbers)[-1] < 19_000, "the end was let go"
        page.wait_for_timeout(1500)
        assert page.evaluate(numbers)[-1] < 19_000, "and does not come back by itself"
        for _ in range(12):
            last = page.evaluate(numbers)[-1]
            if last == 19_999:
                break
            view.evaluate("(view) => { view.scrollTop = view.scrollHeight; }")
            page.wait_for_function(f"() => Number([...document.querySelectorAll('#panel .log-line')].at(-1).dataset.line) > {last}")
        shown = page.evaluate(numbers)
        assert shown[-1] == 19_999
        assert shown == list(range(shown[0], 20_000)), "no line is left out"
        expect(lines.last).to_have_text(re.compile("line 20000 of many"))
    finally:
        log.write_bytes(kept)


def test_what_is_shown_of_a_log_is_saved_and_n_walks_matches(page: Page, served: Served) -> None:
    page.goto(panel_of(served, "failed", TRAIN, "logs"))
    expect(page.locator("#panel .log-line", has_text="Traceback")).to_have_count(1)
    page.get_by_role("combobox", name="Stream").select_option("stderr")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the lines marked, or all that are shown").click()
    text = saved.value.path().read_text()
    assert "Traceback" in text
    assert "\x1b" not in text
    assert "reading data" not in text
    page.get_by_role("combobox", name="Stream").select_option("")
    page.get_by_label("Search the log").fill("/rea.ing|rows/")
    page.keyboard.press("Enter")
    status = page.locator("[data-log-matches]")
    expect(status).to_have_text(re.compile("^1/"))
    page.get_by_role("button", name="First error").focus()
    page.keyboard.press("n")
    expect(status).to_have_text(re.compile("^2/"))
    page.keyboard.press("Shift+N")
    expect(status).to_have_text(re.compile("^1/"))


def test_a_search_in_a_large_log_goes_to_the_first_match_while_the_rest_is_looked_through(page: Page, served: Served) -> None:
    held: list[Route] = []

    def answer(route: Route) -> None:
        if "from=0&" in route.request.url:
            route.fulfill(json={"matches": [{"line": 1, "offset": 0, "text": "found"}], "is_cut": False, "next": 1000, "next_line": 9})
        else:
            held.append(route)

    page.route("**/log/search?*", answer)
    page.goto(panel_of(served, "failed", TRAIN, "logs"))
    expect(page.locator("#panel .log-line").first).to_be_visible()
    status = page.locator("[data-log-matches]")
    page.get_by_role("button", name="First error").click()
    expect(status).to_have_text("1/1 …")
    with page.expect_request("**/log/search?*"):
        page.get_by_label("Search the log").fill("rows")
        page.keyboard.press("Enter")
    expect(status).to_have_text("1/1 …")
    page.get_by_label("Search the log").fill("")
    page.keyboard.press("Enter")
    expect(status).to_have_text("")
    for route in held:
        route.fulfill(json={"matches": [{"line": 2, "offset": 5, "text": "late"}], "is_cut": False, "next": None, "next_line": 9})
    page.get_by_label("Search the log").press("Tab")
    expect(status).to_have_text("")
