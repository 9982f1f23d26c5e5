"""The pages of a recorded flow in Chromium: from the list over graph, timeline and tasks to a task's attempts, logs and values, and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.watching import watched_page
from tests.conformance.metaflow.machine import Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PATIENCE = 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server on which the flow ran to its end."""
    with LiveServer(tmp_path_factory.mktemp("shown") / "data") as server:
        Machine(server, tmp_path_factory.mktemp("machine")).run("shown", "run", "--alpha", "0.75", "--tag", "nightly")
        yield server.url


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A page that must not write an error to the console."""
    with watched_page(chromium, address) as shown:
        shown.set_default_timeout(PATIENCE)
        yield shown


def open_run(page: Page) -> None:
    page.goto("/flows?tag=nightly")
    page.locator("a[href^='/flows/ShownFlow/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ShownFlow/")


def open_tab(page: Page, name: str) -> None:
    page.locator("nav.tabs").get_by_role("link", name=name, exact=True).click()
    expect(page.locator("nav.tabs [aria-current=page]")).to_have_text(name)


def test_the_graph_counts_a_foreach_and_leads_to_its_tasks(page: Page) -> None:
    open_run(page)
    boxes = page.locator("#graph a.node")
    expect(boxes).to_have_count(4)
    work = boxes.filter(has_text="work")
    expect(work).to_contain_text("2/2")
    expect(page.locator("#graph .edge.is-foreach")).to_have_count(1)
    work.click()
    expect(page.locator("tbody tr[id^=task-work-]")).to_have_count(2)
    expect(page.locator("tbody")).to_contain_text("letters=b")


def test_the_graph_is_searched_turned_and_narrowed_like_that_of_pipelines(page: Page) -> None:
    open_run(page)
    boxes = page.locator("#graph a.node")
    expect(boxes).to_have_count(4)
    page.get_by_role("searchbox", name="Find a step").fill("wor")
    expect(page.locator("#graph-search-count")).to_have_text("1 matches")
    expect(boxes.and_(page.locator(".is-match"))).to_have_text(re.compile("work"))
    page.get_by_label("Failed only").check()
    expect(page.locator("#graph a.node.is-dim")).to_have_count(4)
    page.get_by_label("Failed only").uncheck()
    page.get_by_label("Critical path").check()
    expect(page.locator("#graph-path-text")).to_have_text(re.compile(r"Critical path .*: start/\S+ \d+ % \(.+\) → work/\S+ .* → end/"))
    expect(page.locator("#graph a.node.is-on-path")).to_have_count(4)
    page.get_by_role("button", name="Turn the graph").click()
    expect(page).to_have_url(re.compile(r"dir=LR.*find=wor|find=wor.*dir=LR"))
    page.reload()
    expect(boxes.and_(page.locator(".is-match"))).to_have_text(re.compile("work"))
    first, last = (boxes.filter(has_text=name).bounding_box() for name in ("start", "end"))
    assert first is not None and last is not None and last["x"] > first["x"] + first["width"]
    page.locator("#graph").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#graph a.node:focus")).to_contain_text("work")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr[id^=task-work-]")).to_have_count(2)


def test_without_script_the_steps_stand_in_a_table(chromium: Browser, address: str) -> None:
    with chromium.new_context(java_script_enabled=False, base_url=address) as context:
        plain = context.new_page()
        plain.goto("/flows/ShownFlow")
        plain.locator("a[href^='/flows/ShownFlow/']").first.click()
        expect(plain.locator("#graph")).to_be_hidden()
        expect(plain.locator("#flow-steps tbody tr")).to_have_count(4)
        expect(plain.locator("#flow-steps tbody tr").first).to_be_visible()


def test_the_timeline_has_every_attempt_and_leads_to_it(page: Page) -> None:
    open_run(page)
    open_tab(page, "Timeline")
    expect(page.locator(".timeline-row.flow-step-row")).to_have_count(4)
    expect(page.locator(".timeline-row:not(.flow-step-row)")).to_have_count(6)
    expect(page.locator(".timeline-row", has_text="attempt 0")).to_have_count(1)
    page.locator(".timeline-row", has_text="attempt 1").click()
    expect(page.get_by_role("log")).not_to_contain_text("b needs a second try")
    page.get_by_role("navigation", name="Attempts").get_by_role("link", name="attempt 0").click()
    expect(page.get_by_role("log")).to_contain_text("b needs a second try")
    expect(page.get_by_role("alert")).to_contain_text("exit code 1: ValueError: b needs a second try")


def test_on_a_telephone_what_a_task_of_a_loop_works_on_stands_whole_above_its_bar(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/flows?tag=nightly")
    run = page.locator("a.name[href^='/flows/ShownFlow/']").first.get_attribute("href")
    page.goto(f"{run}/view/timeline")
    row = page.locator(".timeline-row.is-long").first
    expect(row).to_contain_text("=")
    expect(row.locator(".timeline-name")).to_have_css("white-space", "normal")
    above = "row => row.querySelector('.timeline-name').getBoundingClientRect().bottom <= row.querySelector('.timeline-track').getBoundingClientRect().top"
    whole = "name => name.scrollWidth <= name.clientWidth && name.clientWidth > 250"
    assert row.evaluate(above)
    assert row.locator(".timeline-name").evaluate(whole)


def test_the_log_of_a_task_is_searched_timed_and_linked_to_like_those_of_pipelines(page: Page) -> None:
    open_run(page)
    open_tab(page, "Timeline")
    page.locator(".timeline-row", has_text="attempt 1").click()
    page.get_by_role("navigation", name="Attempts").get_by_role("link", name="attempt 0").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("ValueError: b needs a second try")
    page.get_by_role("button", name="First error").click()
    expect(log.locator(".is-marked")).to_contain_text("Internal error")
    field = page.get_by_role("searchbox", name="Search the log")
    field.fill("/needs a \\w+ try$/")
    field.press("Enter")
    expect(log.locator(".is-marked")).to_contain_text("b needs a second try")
    page.get_by_label("Times").check()
    expect(log.locator(".log-time").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    log.locator(".log-line", has_text="ValueError: b needs").locator(".log-number").click()
    page.wait_for_url(re.compile(r"#L\d+$"))
    page.goto("about:blank")
    page.go_back()
    expect(log.locator(".is-marked")).to_contain_text("ValueError: b needs a second try")
    page.get_by_label("Times").uncheck()


def test_a_task_shows_streams_values_and_metadata(page: Page) -> None:
    open_run(page)
    open_tab(page, "Tasks")
    page.locator("tr[id^=task-work-]", has_text="letters=a").get_by_role("link").first.click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("working on a")
    expect(log).to_contain_text("a warning of a")
    page.get_by_label("Stream").select_option("stderr")
    expect(log.get_by_text("working on a")).to_be_hidden()
    expect(log.get_by_text("a warning of a")).to_be_visible()
    expect(page.get_by_role("link", name="Download the log")).to_have_attribute("href", re.compile("stream=stderr"))
    open_tab(page, "Artifacts")
    expect(page.locator("#value-doubled")).to_contain_text("letters")
    page.locator("summary", has_text="internal artifacts").click()
    page.locator("#value-_foreach_stack").get_by_role("link", name="Show").click()
    expect(page.locator("#value-_foreach_stack")).to_contain_text("ForeachFrame")
    open_tab(page, "Metadata")
    expect(page.locator("table.table")).to_contain_text("foreach-stack")
    open_tab(page, "Replay locally")
    expect(page.locator(".flow-replay code").last).to_contain_text("spin ShownFlow/")
    page.locator("#flow-head").get_by_role("link", name="Lineage").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lineage: ")
    expect(page.locator("main")).to_contain_text("things around it")


def test_parameters_tags_and_commands_of_a_run(page: Page) -> None:
    open_run(page)
    page.locator("#flow-add-tag input").fill("seen")
    page.locator("#flow-add-tag button").click()
    expect(page.locator(".chip", has_text="seen")).to_be_visible()
    page.get_by_role("button", name="Remove seen").click()
    expect(page.locator(".chip", has_text="seen")).to_have_count(0)
    for way, line in (
        ("resume", "python shown.py resume --origin-run-id"),
        ("again", "python shown.py run --alpha 0.75"),
        ("cancel-not", "This run has ended"),
        ("schedule", "python shown.py penstock create"),
        ("use", "run = Run("),
    ):
        page.locator(f"#flow-{way} summary").click()
        expect(page.locator(f"#flow-{way}")).to_contain_text(line)
        page.keyboard.press("Escape")
    open_tab(page, "Config")
    expect(page.locator("tbody tr", has_text="alpha")).to_contain_text("0.75")


def test_runs_of_flows_are_tagged_from_the_list(page: Page) -> None:
    page.goto("/flows")
    page.get_by_role("checkbox", name="Select all").check()
    bar = page.locator("[data-bulk-bar]")
    bar.get_by_label("Tag").fill("listed, kept")
    bar.get_by_role("button", name="Add tag").click()
    expect(page.locator("[data-notice]")).to_contain_text("Tagged")
    for tag in ("listed", "kept"):
        expect(page.locator("tbody .chip", has_text=tag).first).to_be_visible()
    page.goto("/flows?tag=listed")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_the_list_is_filtered_and_grouped(page: Page) -> None:
    page.goto("/flows?status=completed")
    page.locator(".table-tools summary", has_text="Group").click()
    page.get_by_role("link", name="Flow", exact=True).click()
    expect(page.get_by_role("region", name="Groups of runs").locator("tbody tr")).to_have_count(1)
    page.get_by_role("region", name="Groups of runs").get_by_role("link", name="ShownFlow").click()
    expect(page).to_have_url(re.compile(r"/flows/ShownFlow\?status=completed$"))
    expect(page.locator("tr", has_text="ShownFlow").first.locator(".flow-peek rect")).to_have_count(5)
    page.goto("/flows?status=failed")
    expect(page.locator("main a[href^='/flows/ShownFlow/']")).to_have_count(0)


def test_the_path_of_a_task_leads_to_it_and_the_badge_says_that_pages_listen(page: Page) -> None:
    page.goto("/flows")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    path = page.locator("a[href^='/flows/ShownFlow/']").first.get_attribute("href").removeprefix("/flows/")  # type: ignore[union-attr]
    page.locator(".flow-filters input[name=q]").fill(f"{path}/start")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr[id^=task-start-]")).to_have_count(1)
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")


def test_the_lineage_of_a_run_is_drawn_around_one_of_its_tasks_at_the_depth_that_is_asked_for(page: Page) -> None:
    open_run(page)
    open_tab(page, "Lineage")
    graph, around, slider = page.locator("#lineage"), page.get_by_role("combobox", name="Drawn around"), page.get_by_role("slider", name="Depth")
    expect(graph.locator(".node.is-selected")).to_contain_text("end/")
    [start] = [label for label in around.locator("option").all_inner_texts() if label.startswith("start/")]
    around.select_option(label=start)
    page.wait_for_url("**around=start*")
    expect(graph.locator(".node.is-selected")).to_contain_text("start/")
    expect(graph.locator(".node", has_text="letters")).to_have_count(1)
    page.get_by_text("The same as a table").click()
    rows = page.locator(".lineage-rows")
    expect(rows).to_contain_text("letters")
    expect(rows).to_contain_text("work/")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_url("**depth=1*")
    expect(rows).not_to_contain_text("work/")
    expect(slider).to_be_focused()
    page.reload()
    expect(graph.locator(".node.is-selected")).to_contain_text("start/")
    expect(slider).to_have_value("1")
    graph.locator(".node", has_text="letters").click()
    expect(page.locator("#lineage-panel").get_by_role("heading", level=2)).to_contain_text("letters")


def test_output_and_lineage_of_a_run_lead_to_values_and_tasks(page: Page) -> None:
    open_run(page)
    open_tab(page, "Output")
    page.locator("tbody").get_by_role("link", name="alpha").click()
    expect(page.locator("#value-alpha")).to_contain_text("0.75")
    open_run(page)
    open_tab(page, "Lineage")
    page.locator("#flow-view tbody tr", has_text="join/").get_by_role("link", name="Lineage").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lineage: ")
    open_run(page)
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare runs")).to_be_visible()
