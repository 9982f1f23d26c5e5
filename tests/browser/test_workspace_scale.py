"""A workspace of many runs and keys in a real browser: the list that goes on, ranges of x and y, runs chosen by a rectangle, keys beyond the first."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_tracking_pages import Logged, tab
from tests.support.server import LiveServer

__all__ = ["tab"]

RUNS = 260
KEYS = 20
CREATE = "mutation U($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id } } }"


@dataclass
class Many(Logged):
    """A server with many runs, and the key that programs show it."""

    key: str = ""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    """`tester/many`: 260 runs in five groups over what the client's own requests carry; the newest twelve have numbers, run k those of level k."""
    folder = tmp_path_factory.mktemp("many")
    with LiveServer(folder / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        for number in range(RUNS):
            given = {"modelName": "many", "entityName": "tester", "name": f"r{number}", "displayName": f"try {number:03}", "groupName": f"g{number % 5}"}
            assert client.post("/graphql", json={"query": CREATE, "variables": {"i": given}}, auth=("api", server.key)).status_code == 200
        for number in range(RUNS - 12, RUNS):
            level = number - RUNS + 13
            rows = [{"_step": step, "loss": level + math.sin(step) / 10, **{f"layers/{key}": level for key in range(KEYS)}} for step in range(50)]
            files = {"wandb-history.jsonl": {"offset": 0, "content": [json.dumps(row) for row in rows]}, "wandb-summary.json": {"offset": 0, "content": [json.dumps(rows[-1])]}}
            body = {"files": files, "complete": True, "exitcode": 0}
            assert client.post(f"/files/tester/many/r{number}/file_stream", json=body, auth=("api", server.key)).status_code == 200
        lone = {"files": {"wandb-history.jsonl": {"offset": 0, "content": [json.dumps({"_step": 7, "loss": 2.5})]}}}
        assert client.post("/files/tester/many/r0/file_stream", json=lone, auth=("api", server.key)).status_code == 200
        yield Many(server.url, [], base="/tester/many", key=server.key)


def listed(page: Page) -> list[str]:
    """Labels of the runs in the list, in order."""
    return [str(label) for label in page.locator("#workspace-runs [data-run]").evaluate_all("(rows) => rows.map((row) => row.dataset.label)")]


def to_end(page: Page, count: int) -> None:
    """Scroll the list to its end until it has as many runs."""
    rows = page.locator("#workspace-runs [data-run]")
    for _ in range(10):
        page.locator("[data-run-list]").evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
        page.wait_for_timeout(100)
        if rows.count() >= count:
            break
    expect(rows).to_have_count(count)


def test_the_list_of_runs_goes_on_and_keeps_what_was_chosen(tab: Page, logged: Logged) -> None:
    tab.goto(logged.base)
    tab.get_by_role("button", name="Draw try 259").click()
    expect(tab.locator("#drawn-note")).to_have_text(f"9 of {RUNS} runs drawn")
    to_end(tab, RUNS)
    assert listed(tab) == [f"try {number:03}" for number in reversed(range(RUNS))]
    expect(tab.locator("#listed-note")).to_have_text("")
    expect(tab.get_by_role("link", name="More runs")).to_have_count(0)
    row = tab.locator(".workspace-row").filter(has_text="try 007")
    row.get_by_role("button", name="Draw").click()
    row.get_by_role("button", name="Pin").click()
    row.get_by_role("button", name="Next colour").click()
    color = row.locator(".run-swatch").get_attribute("class") or ""
    expect(tab.locator("#drawn-note")).to_have_text(f"10 of {RUNS} runs drawn")
    expect(tab.get_by_role("button", name="Draw try 259")).to_have_attribute("aria-pressed", "false")
    tab.reload()
    chosen = tab.locator("[data-chosen] .workspace-row")
    expect(chosen).to_have_text(re.compile("try 007"))
    expect(chosen.locator(".run-swatch")).to_have_class(color)
    expect(chosen.get_by_role("button", name="Pin")).to_have_attribute("aria-pressed", "true")
    expect(tab.locator("#drawn-note")).to_have_text(f"10 of {RUNS} runs drawn")
    to_end(tab, RUNS)
    expect(chosen).to_have_count(0)  # the list has come to it
    expect(row).to_have_count(1)
    expect(row).to_have_class(re.compile("is-pinned"))


def test_groups_go_on_where_they_are_and_keep_their_eyes(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?group=group")
    groups = tab.locator(".run-group")
    first = groups.first
    expect(first.locator("[data-count]")).to_have_text(str(RUNS // 5))
    first.get_by_role("button", name="Draw g0").click()
    expect(first.locator(".workspace-row.is-hidden")).to_have_count(RUNS // 5)
    to_end(tab, RUNS)
    assert groups.locator("strong").all_inner_texts() == [f"g{number}" for number in range(5)]
    assert groups.locator("[data-count]").all_inner_texts() == [str(RUNS // 5)] * 5
    looks = groups.evaluate_all("(groups) => groups.map((group) => new Set([...group.querySelectorAll('.run-swatch')].map((one) => one.className)).size)")
    assert looks == [1] * 5  # parts of a group have one colour
    expect(first.locator(".workspace-row.is-hidden")).to_have_count(RUNS // 5)
    last = tab.locator(".workspace-row").filter(has_text="try 004")
    last.get_by_role("button", name="Draw").click()
    expect(last).not_to_have_class(re.compile("is-hidden"))  # asked for, so before what is drawn unasked


def test_the_next_part_of_the_list_comes_by_its_link_too(tab: Page, logged: Logged) -> None:
    tab.add_init_script("window.IntersectionObserver = class { observe() {} unobserve() {} disconnect() {} };")
    tab.goto(f"{logged.base}?q=try")
    tab.get_by_role("link", name="More runs").press("Enter")
    expect(tab.locator("#workspace-runs [data-run]")).to_have_count(200)
    tab.evaluate("localStorage.setItem('penstock.paging', 'pages')")
    tab.reload()
    tab.get_by_role("link", name="Next page").click()
    tab.wait_for_url("**cursor=**")
    assert listed(tab)[0] == "try 159"


SCALES = "() => { const { x, y } = document.querySelector('figure[data-panel=loss]').panel.plot.plot.scales; return [x.min, x.max, y.min, y.max]; }"


def ranges(page: Page, before: list[float] | None = None) -> list[float]:
    """Ends of x and y that the panel of the loss shows, once they are others than `before`."""
    if before is not None:
        page.wait_for_function(f"(before) => String(({SCALES})()) !== String(before)", arg=before)
    return [float(one) for one in page.evaluate(SCALES)]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the drawing of the loss, places as shares of its width and height."""
    page.locator('figure[data-panel="loss"] .chart-body').scroll_into_view_if_needed()  # its drawing is made anew at times
    box = page.evaluate("() => { const { x, y, width, height } = document.querySelector('figure[data-panel=loss] .u-over').getBoundingClientRect(); return { x, y, width, height }; }")
    for at, (left, top) in enumerate((start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end)):
        page.mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * top, steps=3)
        if not at:
            page.mouse.down()
            page.evaluate("() => document.querySelector('figure[data-panel=loss]').panel.draw()")  # as a live run makes it, any moment
    page.mouse.up()


def test_a_flat_drag_zooms_x_a_tall_one_y_and_a_rectangle_both(tab: Page, logged: Logged) -> None:
    tab.goto(logged.base)
    panel = tab.locator('figure[data-panel="loss"]')
    expect(panel.locator("canvas")).to_be_visible()
    x0, x1, y0, y1 = before = ranges(tab)
    with tab.expect_response(re.compile("/ui/tracking/series.*from=")):
        drag(tab, (0.2, 0.5), (0.6, 0.52))
    expect(tab).to_have_url(re.compile("from="))
    expect(panel.locator("canvas")).to_be_visible()
    expect(tab).not_to_have_url(re.compile("zoom="))
    panel.locator(".u-over").dblclick()
    expect(tab).not_to_have_url(re.compile("from="))
    tab.wait_for_function(f"([low, high]) => ({SCALES})()[0] === low && ({SCALES})()[1] === high", arg=[x0, x1])
    drag(tab, (0.5, 0.2), (0.52, 0.7))
    expect(tab).to_have_url(re.compile("zoom="))
    assert "from=" not in tab.url
    low, high = ranges(tab, before)[2:]
    assert (y0 < low, high < y1, high - low) == (True, True, pytest.approx((y1 - y0) / 2, rel=0.1))
    panel.locator(".u-over").dblclick()
    expect(tab).not_to_have_url(re.compile("zoom="))
    tab.wait_for_function(f"(before) => String(({SCALES})()) === String(before)", arg=before)
    drag(tab, (0.2, 0.2), (0.6, 0.7))
    expect(tab).to_have_url(re.compile("from=.*zoom="))
    tab.wait_for_function(f"() => ({SCALES})()[0] > 0")
    both = ranges(tab)
    tab.reload()
    expect(panel.locator("canvas")).to_be_visible()
    assert ranges(tab) == pytest.approx(both)
    tab.get_by_role("button", name="Reset zoom").click()
    expect(tab).not_to_have_url(re.compile("zoom=|from="))


def test_panels_that_do_not_zoom_together_keep_ranges_of_their_own(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?sync=0")
    panel = tab.locator('figure[data-panel="loss"]')
    expect(panel.locator("canvas")).to_be_visible()
    before = ranges(tab)
    panel.focus()
    tab.keyboard.press("+")
    expect(tab).to_have_url(re.compile("zoom=loss"))
    assert "from=" not in tab.url
    zoomed = ranges(tab, before)
    tab.reload()
    expect(panel.locator("canvas")).to_be_visible()
    assert ranges(tab) == pytest.approx(zoomed)


def test_runs_are_chosen_by_a_rectangle_and_by_numbers(tab: Page, logged: Logged) -> None:
    tab.goto(logged.base)
    panel = tab.locator('figure[data-panel="loss"]')
    expect(panel.locator("canvas")).to_be_visible()
    tab.keyboard.down("Shift")
    drag(tab, (0.3, 0.02), (0.6, 0.3))  # levels 12 to 10 of 3 to 12
    tab.keyboard.up("Shift")
    choice = panel.locator(".panel-choice")
    expect(choice).to_contain_text("Runs that pass there: 3")
    assert "from=" not in tab.url
    choice.get_by_role("button", name="Show only these 3").click()
    expect(tab.locator("#drawn-note")).to_have_text(f"3 of {RUNS} runs drawn")
    expect(panel.locator(".chart-legend")).to_have_text("try 259try 258try 257")
    tab.locator("body").press("Control+z")
    expect(tab.locator("#drawn-note")).to_have_text(f"10 of {RUNS} runs drawn")
    tab.get_by_label("Dragging").select_option("chooses runs")
    drag(tab, (0.3, 0.75), (0.6, 0.98))
    expect(choice).to_contain_text(re.compile("Runs that pass there: [23]"))
    choice.get_by_role("button", name="Cancel").click()
    panel.locator("summary").press("Enter")
    panel.get_by_role("button", name="Zoom or choose runs by numbers").press("Enter")
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("y from").fill("4.5")
    dialog.get_by_label("y to").fill("6.5")
    dialog.get_by_role("button", name="Choose runs that pass").click()
    expect(choice).to_contain_text("Runs that pass there: 2")
    choice.get_by_role("button", name="Hide these").press("Enter")
    expect(tab.locator("#drawn-note")).to_have_text(f"8 of {RUNS} runs drawn")
    panel.focus()
    tab.keyboard.press("z")
    dialog.get_by_label("y from").fill("5")
    dialog.get_by_label("y to").fill("4")
    dialog.get_by_role("button", name="Zoom", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text("A range begins below its end.")
    dialog.get_by_label("y to").fill("9")
    dialog.get_by_role("button", name="Zoom", exact=True).click()
    expect(tab).to_have_url(re.compile(re.escape("zoom=loss***5*9")))


def test_keys_beyond_the_first_are_counted_and_drawn_on_demand(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?q=name:25")
    tab.get_by_label("Quick add: a key or a pattern").fill("^layers/")
    tab.keyboard.press("Enter")
    panel = tab.locator(".chart-panel", has=tab.get_by_text("^layers/"))
    expect(panel.locator(".panel-note")).to_contain_text(f"16 of {KEYS} keys drawn")
    panel.get_by_role("button", name="Draw 4 more").click()
    expect(panel.locator(".panel-note")).not_to_contain_text("keys drawn")
    panel.get_by_role("button", name="All names").click()
    expect(panel.locator(".legend-entry")).to_have_count(KEYS * 10)


def added(page: Page, kind: str, **fields: str) -> Locator:
    """Add a panel by the dialog, and return it."""
    page.get_by_role("button", name="Add panel").click()
    dialog = page.get_by_role("dialog", name="Add panel")
    dialog.get_by_role("combobox", name="Kind").select_option(kind)
    for name, value in fields.items():
        dialog.locator(f"#panel-{name}").fill(value)
    dialog.get_by_role("button", name="Add", exact=True).click()
    return page.locator(f".chart-panel.kind-{kind}").first


def test_each_panel_says_how_many_of_the_first_runs_of_the_list_it_draws(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?sort=-summary.loss")
    lines = tab.locator('figure[data-key="loss"] .panel-note')
    expect(lines).to_have_text(f"10 of {RUNS} runs drawn · full resolution, 50 points")
    bars = added(tab, "bar", metric="s.loss", limit="4")
    expect(bars.locator(".panel-note")).to_contain_text(f"4 of {RUNS} runs drawn")
    expect(bars.locator(".bar-name")).to_have_text(["try 259", "try 258", "try 257", "try 256"])
    points = added(tab, "scatter", xColumn="created", yColumn="s.loss")
    expect(points.locator(".panel-note")).to_contain_text(f"12 of {RUNS} runs drawn")
    beyond = tab.get_by_role("button", name="Draw try 249")
    expect(beyond).to_have_attribute("aria-pressed", "false")
    expect(beyond).to_have_attribute("title", re.compile("other panels draw it"))
    beyond.click()  # besides the first ones, everywhere
    expect(bars.locator(".bar-name")).to_have_text(["try 259", "try 258", "try 257", "try 256", "try 249"])
    expect(tab.locator("#drawn-note")).to_have_text(f"11 of {RUNS} runs drawn")
    tab.get_by_role("button", name="Draw try 258").click()
    expect(bars.locator(".bar-name")).to_have_text(["try 259", "try 257", "try 256", "try 249"])
    expect(points.locator(".panel-note")).to_contain_text(f"11 of {RUNS} runs drawn")


def test_more_runs_in_lines_stand_in_the_address_and_stay_while_runs_are_switched(tab: Page, logged: Logged) -> None:
    tab.goto(logged.base)
    field = tab.get_by_label("Runs that lines and media draw")
    field.fill("99")
    field.press("Enter")
    expect(field).to_have_value("50")
    expect(tab.locator("#drawn-note")).to_have_text(f"50 of {RUNS} runs drawn")
    field.fill("11")
    field.press("Enter")
    expect(tab).to_have_url(re.compile("lines=11"))
    expect(tab.locator('figure[data-key="loss"] .panel-note')).to_have_text(f"11 of {RUNS} runs drawn · full resolution, 50 points")
    tab.goto(f"{logged.base}?lines=12&smooth=40")  # of a link, over what this browser keeps
    expect(tab.locator("#drawn-note")).to_have_text(f"12 of {RUNS} runs drawn")
    tab.get_by_role("button", name="Draw try 259").click()
    expect(tab.locator("#drawn-note")).to_have_text(f"11 of {RUNS} runs drawn")
    expect(tab.get_by_label("Amount of smoothing")).to_have_value("40")
    expect(field).to_have_value("12")


def test_a_lone_point_stands_in_the_middle(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/r0/charts")
    panel = tab.locator('figure[data-panel="loss"]')
    expect(panel.locator("canvas")).to_be_visible()
    expect(panel.locator(".panel-note")).to_have_text("full resolution, one point")
    low, high = ranges(tab)[:2]
    assert (low + high) / 2 == 7
    panel.locator("summary").press("Enter")
    expect(panel.get_by_role("button", name="Zoom by numbers")).to_be_visible()  # of one run there are none to choose


def test_a_run_that_is_drawn_alone_brings_the_others_back(tab: Page, logged: Logged) -> None:
    tab.goto(logged.base)
    eye = tab.get_by_role("button", name="Draw try 257")
    eye.click(modifiers=["Alt"])
    expect(tab.locator("#drawn-note")).to_have_text(f"1 of {RUNS} runs drawn")
    eye.click(modifiers=["Alt"])
    expect(tab.locator("#drawn-note")).to_have_text(f"10 of {RUNS} runs drawn")


def test_runs_beyond_the_eighth_look_the_same_wherever_they_are_drawn(tab: Page, logged: Many) -> None:
    tab.goto(f"{logged.base}?q=name:25")
    panel = tab.locator('figure[data-panel="loss"]')
    expect(panel.locator("canvas")).to_be_visible()
    rows = tab.locator("#workspace-runs .workspace-row:not(.is-hidden)")
    expect(rows).to_have_count(10)
    look = "(spots) => spots.map((spot) => /series-\\d+/.exec(spot.className)[0])"
    listed = dict(zip(rows.locator("a").all_inner_texts(), rows.locator(".run-swatch").evaluate_all(look), strict=True))
    assert len(set(listed.values())) == len(listed) == 10
    panel.get_by_role("button", name="All names").click()
    entries = panel.locator(".legend-entry")
    assert dict(zip(entries.locator("a").all_inner_texts(), entries.locator(".legend-swatch").evaluate_all(look), strict=True)) == listed
    panel.focus()
    tab.keyboard.press("Shift+ArrowRight")
    told = panel.locator(".chart-tip .tip-row")
    expect(told).to_have_count(10)
    assert dict(zip(told.locator(".cut").all_inner_texts(), told.locator(".legend-swatch").evaluate_all(look), strict=True)) == listed
    drawn = tab.evaluate("() => document.querySelector('figure[data-panel=loss]').panel.plot.plot.series.slice(1).map(({ _stroke, dash }) => `${_stroke} ${dash ?? ''}`)")
    assert len(set(drawn)) == 10
    tab.get_by_role("button", name="Add panel").click()
    tab.get_by_role("combobox", name="Kind").select_option("scatter")
    tab.locator("#panel-xColumn").fill("s.loss")
    tab.locator("#panel-yColumn").fill("s.layers/1")
    tab.get_by_role("button", name="Add", exact=True).last.click()
    marks = tab.locator(".kind-scatter .dot")
    expect(marks).to_have_count(10)
    seen = marks.evaluate_all("(dots) => dots.map((dot) => [dot.querySelector('title').textContent.split(':')[0], /series-\\d+/.exec(dot.getAttribute('class'))[0]])")
    assert dict(seen) == listed
    assert len(set(marks.evaluate_all("(dots) => dots.map((dot) => `${getComputedStyle(dot).fill} ${dot.localName} ${getComputedStyle(dot).clipPath}`)"))) == 10


def test_a_colour_that_was_chosen_stays_and_what_looks_like_it_takes_another_style(tab: Page, logged: Many) -> None:
    tab.goto(f"{logged.base}?q=name:25")
    project = tab.locator("[data-panels]").get_attribute("data-store") or ""
    ids = tab.locator("#workspace-runs [data-run]").evaluate_all("(rows) => rows.map((row) => row.dataset.run)")
    tab.get_by_role("button", name="Next colour for try 259").click()
    tab.evaluate("""([place, ids]) => {
      const kept = JSON.parse(localStorage.getItem(place));
      kept.value.runs.colors = { [ids[0]]: 3, [ids[1]]: 3 };
      localStorage.setItem(place, JSON.stringify(kept));
    }""", [project, ids])
    tab.reload()
    swatches = tab.locator("#workspace-runs .run-swatch")
    expect(swatches.nth(0)).to_have_class("run-swatch series-3")
    expect(swatches.nth(1)).to_have_class("run-swatch series-3")
    entries = tab.locator('figure[data-panel="loss"] .legend-entry')
    expect(entries.filter(has_text="try 259").locator(".legend-swatch")).to_have_class("legend-swatch series-3")
    expect(entries.filter(has_text="try 258").locator(".legend-swatch")).to_have_class("legend-swatch series-11")


def beat(logged: Many, name: str) -> None:
    """Let a run say that it is still there: on a busy machine it may have been silent for so long that it counts as crashed."""
    told = httpx.post(f"{logged.url}/files/tester/many/{name}/file_stream", json={"files": {}}, auth=("api", logged.key))
    assert told.status_code == 200


def test_rows_further_down_follow_what_happens_to_their_runs(tab: Page, logged: Many) -> None:
    beat(logged, "r0")
    tab.goto(logged.base)
    to_end(tab, RUNS)
    row = tab.locator("#workspace-runs .workspace-row").last
    row.scroll_into_view_if_needed()
    expect(row).to_contain_text(re.compile("try 000.*Running", re.DOTALL))
    ended = httpx.post(f"{logged.url}/files/tester/many/r0/file_stream", json={"complete": True, "exitcode": 0}, auth=("api", logged.key))
    assert ended.status_code == 200
    expect(row).to_contain_text(re.compile("try 000.*Finished", re.DOTALL))


def test_rows_that_were_out_of_sight_are_brought_up_to_date_when_they_are_scrolled_to(tab: Page, logged: Many) -> None:
    beat(logged, "r1")
    tab.goto(logged.base)
    to_end(tab, RUNS)
    row = tab.locator('#workspace-runs [data-name="r1"]')
    expect(row).to_contain_text("Running")
    tab.locator("[data-run-list]").evaluate("(box) => { box.scrollTop = 0; }")
    with tab.expect_response(re.compile(r"/tester/many(\?|$)")):
        ended = httpx.post(f"{logged.url}/files/tester/many/r1/file_stream", json={"complete": True, "exitcode": 0}, auth=("api", logged.key))
    assert ended.status_code == 200
    tab.wait_for_timeout(1500)  # the change has reached the page, and rows out of sight are left as they are
    expect(row).to_contain_text("Running")
    row.scroll_into_view_if_needed()
    expect(row).to_contain_text("Finished")


RENAME = "mutation U($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id } } }"


def change(logged: Many, name: str, **parts: object) -> None:
    """Change a run as a client does that read it: by its name in the project."""
    given = {"modelName": "many", "entityName": "tester", "name": name, **parts}
    assert httpx.post(f"{logged.url}/graphql", json={"query": CREATE, "variables": {"i": given}}, auth=("api", logged.key)).status_code == 200


def test_a_run_that_is_renamed_elsewhere_has_its_new_name_in_list_legends_and_panels(tab: Page, logged: Many) -> None:
    tab.goto(f"{logged.base}?sort=name&q=r25[0-9]")
    panel = tab.locator('figure[data-panel="loss"]')
    expect(panel.locator(".chart-legend")).to_contain_text("try 251")
    tab.get_by_role("button", name="Add panel").click()
    tab.get_by_role("combobox", name="Kind").select_option("bar")
    tab.locator("#panel-metric").fill("s.loss")
    tab.get_by_role("button", name="Add", exact=True).last.click()
    bars = tab.locator(".kind-bar .bar-name")
    expect(bars.filter(has_text="try 251")).to_have_count(1)
    change(logged, "r251", displayName="aa 251")
    row = tab.locator('#workspace-runs [data-name="r251"]')
    expect(row.get_by_role("link")).to_have_text("aa 251")
    expect(panel.locator(".chart-legend")).to_contain_text("aa 251")
    expect(bars.filter(has_text="aa 251")).to_have_count(1)
    expect(tab.locator("#workspace-runs .workspace-row").first).to_contain_text("aa 251")  # it stands where its name belongs
    panel.focus()
    tab.keyboard.press("Shift+ArrowRight")
    expect(panel.locator(".chart-tip .tip-row").filter(has_text="aa 251")).to_have_count(1)
    change(logged, "r251", displayName="try 251")
    expect(row.get_by_role("link")).to_have_text("try 251")


def test_a_run_that_gets_another_group_or_tag_elsewhere_moves_in_the_list(tab: Page, logged: Many) -> None:
    tab.goto(f"{logged.base}?group=group&q=name:25")
    before = tab.locator(".run-group").filter(has=tab.locator('[data-name="r252"]'))
    expect(before.locator("strong")).to_have_text("g2")
    change(logged, "r252", groupName="moved")
    expect(before.locator("strong")).to_have_text("moved")
    expect(tab.locator('figure[data-panel="loss"] .chart-legend')).to_contain_text("moved (1)")
    tab.goto(f"{logged.base}?q=tag:chosen")
    expect(tab.locator(".workspace-row")).to_have_count(0)
    change(logged, "r252", tags=["chosen"], groupName="g2")
    expect(tab.locator('#workspace-runs [data-name="r252"]')).to_have_count(1)
    change(logged, "r252", tags=[])
    expect(tab.locator('#workspace-runs [data-name="r252"]')).to_have_count(0)


def test_a_view_keeps_the_filter_groups_and_order_of_its_runs_and_the_address_tells_them(tab: Page, logged: Many) -> None:
    tab.goto(f"{logged.base}?q=name:25&group=group&sort=name")
    tab.locator(".workspace-views .menu > summary").click()
    tab.get_by_role("button", name="Save as a new view").click()
    tab.get_by_role("combobox", name="Name of the view").fill("Last ten")
    tab.get_by_role("button", name="Save", exact=True).last.click()
    tab.wait_for_url(re.compile(r"view=\d+"))
    view = re.search(r"view=\d+", tab.url)
    assert view
    tab.goto(f"{logged.base}?{view[0]}")
    tab.wait_for_url(re.compile("q=name%3A25&group=group&sort=name"))
    expect(tab.locator("#workspace-runs [data-run]")).to_have_count(13)
    expect(tab.locator(".run-group")).to_have_count(5)
    expect(tab.get_by_text("changed, not saved")).to_be_hidden()
    tab.get_by_label("Order", exact=True).select_option("-created")
    tab.wait_for_url(re.compile(f"{view[0]}.*sort=-created"))
    expect(tab.get_by_text("changed, not saved")).to_be_visible()
    tab.locator(".workspace-views .menu > summary").click()
    tab.get_by_role("button", name="Back to the saved state").click()
    tab.wait_for_url(re.compile("sort=name"))
    tab.get_by_role("combobox", name="Filter").fill("name:259")
    tab.get_by_role("combobox", name="Filter").press("Enter")
    expect(tab.locator("#workspace-runs [data-run]")).to_have_count(1)
    assert view[0] in tab.url
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.get_by_text("changed, not saved")).to_be_hidden()
    tab.goto(f"{logged.base}?{view[0]}")
    tab.wait_for_url(re.compile("q=name%3A259"))
    expect(tab.locator("#workspace-runs [data-run]")).to_have_count(1)
    tab.get_by_role("combobox", name="Filter").fill("")
    tab.get_by_role("combobox", name="Filter").press("Enter")
    tab.wait_for_url(re.compile("q=(&|$)"))
    expect(tab.locator("#workspace-runs [data-run]")).to_have_count(100)


def test_over_wall_time_the_zoom_is_asked_for_in_dates(tab: Page, logged: Many) -> None:
    tab.goto(f"{logged.base}?x=_timestamp")
    tab.get_by_label("Horizontal axis").wait_for()
    at = 1_764_450_000
    rows = [json.dumps({"_step": step, "_timestamp": at + 60 * step, "slow": step}) for step in range(10)]
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}}
    assert httpx.post(f"{logged.url}/files/tester/many/r2/file_stream", json=body, auth=("api", logged.key)).status_code == 200
    tab.goto(f"{logged.base}/runs/r2/charts?x=_timestamp")
    panel = tab.locator('figure[data-panel="slow"]')
    expect(panel.locator("canvas")).to_be_visible()
    panel.focus()
    tab.keyboard.press("z")
    dialog = tab.get_by_role("dialog")
    begin = dialog.get_by_label(re.compile("x from"))
    zone = tab.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(dialog.get_by_text(f"x from ({zone})")).to_be_visible()
    shown = tab.evaluate("(at) => new Date(at * 1000).toLocaleString('sv-SE').replace(' ', 'T')", at)
    expect(begin).to_have_value(re.compile(re.escape(shown[:16])))
    wanted = tab.evaluate("(at) => new Date(at * 1000).toLocaleString('sv-SE').replace(' ', 'T')", at + 120)
    begin.fill(wanted)
    dialog.get_by_role("button", name="Zoom", exact=True).click()
    expect(tab).to_have_url(re.compile(f"from={at + 120}(\\.0+)?&"))
    tab.wait_for_function(f"() => document.querySelector('figure[data-panel=slow]').panel.plot.plot.scales.x.min === {at + 120}")
