"""Custom charts (Vega) over what the real wandb client logged: drawn, edited, and kept in their panels whatever a specification asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from penstock.web.assets.urls import static_url
from tests.browser.test_tracking_pages import AXE, Logged
from tests.support.clients import client_environment, client_python, run_client
from tests.support.server import LiveServer

CLIENT = ("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")
LITE = "https://vega.github.io/schema/vega-lite/v6.json"
PLAIN = "https://vega.github.io/schema/vega/v6.json"
PROGRAM = """
import json
import os
import wandb

SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json", "data": {"name": "wandb"}, "title": "${string:title}", "mark": {"type": "bar", "tooltip": True},
    "encoding": {
        "x": {"field": "${field:x}", "type": "ordinal"}, "y": {"field": "${field:y}", "type": "quantitative"}, "xOffset": {"field": "name"},
        "color": {"field": "name", "scale": {"range": {"field": "color"}}},
    },
}
LOADS = {"data": {"url": "/ui/evil.csv"}, "mark": "bar", "encoding": {"x": {"field": "a"}}}
api = wandb.Api()
mine, loads = (api.create_custom_chart("tester", name, name, "vega2", "private", spec) for name, spec in (("bars", SPEC), ("loads", LOADS)))
ids = []
os.makedirs("code", exist_ok=True)
for number in range(2):
    open("code/step.py", "w").write(f"rate = {number}\\nsteps = 10\\n")
    with wandb.init(name=f"train {number}", config={"lr": 0.1 / (number + 1)}) as run:
        ids.append(run.id)
        run.save("code/step.py", base_path=".", policy="now")
        for step in range(10):
            run.log({"loss": 1 / (step + 1 + number)})
        for guessed in ([0, 1, 2, 2], [0, 1, 2, number]):
            run.log({"right": wandb.plot.confusion_matrix(y_true=[0, 1, 2, 2], preds=guessed, class_names=["cat", "dog", "owl"])})
        table = wandb.Table(columns=["cl.ass", "count"], data=[["cat", 3 + number], ["dog", 5], ["<b>owl</b>", 2]])
        run.log({"classes": wandb.plot_table(mine, table, {"x": "cl.ass", "y": "count"}, {"title": "Classes"})})
        run.log({"loaded": wandb.plot_table(loads, wandb.Table(columns=["a"], data=[[1]]), {})})
        run.log({"missing": wandb.plot_table("someone/else/v0", wandb.Table(columns=["a"], data=[[1]]), {})})
        run.log({"wrong": wandb.plot_table(mine, wandb.Table(columns=["a"], data=[[1]]), {"x": "a", "y": "b"})})
print("IDS " + json.dumps(ids))
"""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    """`tester/charts` with two runs that logged custom charts, over presets made through the public API."""
    folder = tmp_path_factory.mktemp("charts")
    with LiveServer(folder / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server:
        environment = client_environment(WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_PROJECT="charts", WANDB_SILENT="true", HOME=str(folder))
        done = run_client(client_python(*CLIENT), PROGRAM, env=environment, cwd=folder)
        assert done.returncode == 0, done.stderr
        line = next(line for line in done.stdout.splitlines() if line.startswith("IDS "))
        yield Logged(server.url, json.loads(line.removeprefix("IDS ")), "/tester/charts")


class Watched:
    """A page with everything that it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._watch)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _watch(self, request: Request) -> None:
        self.asked.append(request.url)

    @property
    def away(self) -> list[str]:
        """Requests that left this machine, or went where only a specification could have sent them."""
        return [url for url in self.asked if (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname != "127.0.0.1") or "evil" in url]


@pytest.fixture
def watched(chromium: Browser, logged: Logged) -> Iterator[Watched]:
    """A fresh page; leaving it checks errors, requests and script from logged texts."""
    context = chromium.new_context(base_url=logged.url, viewport={"width": 1440, "height": 1000}, locale="en-US", timezone_id="UTC")
    found = Watched(context.new_page())
    yield found
    hacked = found.page.evaluate("window.hacked")
    context.close()
    assert (found.away, found.problems, hacked) == ([], [], None)


def test_matrices_of_runs_side_by_side_show_the_same_values_and_classes_at_each_step(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    panel = tab.locator('figure[data-key="right_table"]')
    panel.scroll_into_view_if_needed()
    matrices, modes, classes = (panel.locator(f"[{name}]") for name in ("data-matrix", "data-matrix-mode", "data-matrix-classes"))
    expect(matrices).to_have_count(2)
    expect(matrices.get_by_role("cell", name="0", exact=True).first).to_be_visible()
    modes.first.select_option("row")
    expect(modes.nth(1)).to_have_value("row")
    for place in range(2):
        expect(matrices.nth(place).locator("tbody tr").last).to_contain_text("50.0 %")
    classes.nth(1).fill("owl")
    expect(classes.first).to_have_value("owl")
    expect(matrices.first.locator("tbody tr:visible")).to_have_count(1)
    panel.get_by_role("slider").fill("0")
    for place in range(2):
        expect(matrices.nth(place).locator("tbody td:visible")).to_have_text(["100.0 %"])
    expect(modes.first).to_have_value("row")


def test_a_chart_logged_with_a_preset_is_drawn_and_told_in_words(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    chart = tab.locator('figure[data-key="classes_table"]')
    chart.scroll_into_view_if_needed()
    drawing = chart.locator("[role=graphics-document]")
    expect(drawing).to_have_attribute("aria-label", "Classes. 6 rows of 2 runs; columns: cl.ass, count.")
    expect(drawing.locator("canvas")).to_be_visible()
    assert tab.evaluate("() => [...document.querySelectorAll('.vega-place canvas')].every((one) => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(Boolean))")
    chart.get_by_role("button", name="Values as a table").click()
    expect(chart.locator(".chart-table tbody tr")).to_have_count(6)
    expect(chart.locator(".chart-table tbody")).to_contain_text("<b>owl</b>")
    tab.locator("#workspace-runs li", has_text="train 0").locator("[data-eye]").click()
    expect(drawing).to_have_attribute("aria-label", "Classes. 3 rows of 1 runs; columns: cl.ass, count.")


def test_the_libraries_come_with_the_first_chart_in_view(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.set_viewport_size({"width": 1440, "height": 300})
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/charts")
    expect(tab.locator('figure[data-key="loss"] canvas')).to_be_visible()
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/overview")
    tab.wait_for_load_state("networkidle")
    watched.asked.clear()
    tab.goto(f"{logged.base}/runs")
    tab.wait_for_load_state("networkidle")
    assert not [url for url in watched.asked if "vega.min.js" in url]
    with tab.expect_response(lambda answer: answer.url.endswith("vega.min.js")) as got:
        tab.goto(f"{logged.base}/runs/{logged.runs[0]}/charts")
        tab.locator('figure[data-key="classes_table"]').scroll_into_view_if_needed()
    assert got.value.ok


def test_what_is_wrong_with_a_chart_is_said_in_its_panel(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    for key, words in (
        ("loaded_table", "The specification loads /ui/evil.csv."),
        ("missing_table", "There is no chart preset 'someone/else/v0' on this server."),
        ("wrong_table", "The data has no column b. It has:"),
    ):
        chart = tab.locator(f'figure[data-key="{key}"]')
        chart.scroll_into_view_if_needed()
        expect(chart.get_by_role("status")).to_contain_text(words)
    chart = tab.locator('figure[data-key="missing_table"]')
    chart.get_by_role("button", name="Values as a table").click()
    expect(chart.locator(".chart-table tbody tr")).to_have_count(2)


def described(tab: Page, text: str, **fields: str) -> None:
    """Open the dialog and describe a Vega chart in it."""
    tab.get_by_role("button", name="Add panel").click()
    tab.get_by_role("combobox", name="Kind").select_option("vega")
    tab.get_by_role("textbox", name="Specification").fill(text)
    for name, value in fields.items():
        tab.locator(f"#panel-{name}").fill(value)


def test_a_chart_is_written_tried_and_kept_in_the_workspace(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    described(tab, '{"mark": "point",\n "encoding": }', columns="c.lr, s.loss")
    dialog = tab.get_by_role("dialog", name="Add panel")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("The specification is not JSON: line 2, column 14.")
    spec = {"$schema": LITE, "data": {"name": "wandb"}, "mark": "point", "encoding": {axis: {"field": f"${{field:{axis}}}", "type": "quantitative"} for axis in "xy"}}
    tab.get_by_role("textbox", name="Specification").fill(json.dumps(spec | {"mark": "nonsense"}))
    tab.locator("#panel-fields").fill("x=c.lr, y=s.loss")
    dialog.get_by_role("button", name="Try it").click()
    expect(dialog.get_by_role("status")).to_contain_text("This chart cannot be drawn.")
    tab.get_by_role("textbox", name="Specification").fill(json.dumps(spec))
    dialog.get_by_role("button", name="Try it").click()
    expect(dialog.locator("[role=graphics-document]")).to_have_attribute("aria-label", "Vega chart. 2 rows of 2 runs; columns: lr, loss.")
    tab.get_by_role("textbox", name="Title").fill("Loss by rate")
    dialog.get_by_role("button", name="Add", exact=True).click()
    chart = tab.get_by_role("figure", name="Loss by rate")
    expect(chart.locator("[role=graphics-document]")).to_have_attribute("aria-label", "Loss by rate. 2 rows of 2 runs; columns: lr, loss.")
    tab.reload()
    expect(chart.locator("canvas")).to_be_visible()
    chart.locator("summary").click()
    chart.get_by_role("button", name="Edit panel").click()
    expect(tab.locator("#panel-fields")).to_have_value("x=lr, y=loss")
    tab.locator("#panel-columns").fill("")
    tab.locator("#panel-keys").fill("loss")
    tab.locator("#panel-fields").fill("x=_step, y=loss")
    tab.get_by_role("button", name="Save", exact=True).last.click()
    expect(chart.locator("[role=graphics-document]")).to_have_attribute("aria-label", "Loss by rate. 20 rows of 2 runs; columns: _step, loss.")


def test_the_specification_of_a_preset_is_taken_and_changed(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    chart = tab.locator('figure[data-key="classes_table"]')
    chart.scroll_into_view_if_needed()
    chart.locator("summary").click()
    chart.get_by_role("button", name="Edit panel").click()
    words = tab.get_by_role("textbox", name="Specification")
    expect(words).to_have_value("")
    tab.locator("#panel-preset").fill("tester/none")
    tab.get_by_role("button", name="Take the preset's specification").click()
    expect(tab.get_by_role("dialog").get_by_role("alert")).to_contain_text("There is no chart preset 'tester/none'")
    tab.locator("#panel-preset").fill("tester/bars")
    tab.get_by_role("button", name="Take the preset's specification").click()
    expect(words).to_have_value(re.compile("xOffset"))
    words.fill(words.input_value().replace('"xOffset"', '"tooltip"'))
    tab.get_by_role("button", name="Save", exact=True).last.click()
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart.locator(".panel-note")).to_have_text("6 of 6 rows")


HOSTILE: list[dict[str, Any]] = [
    {
        "$schema": PLAIN, "width": 200, "height": 120, "data": [{"name": "wandb"}],
        "signals": [
            {"name": "stolen", "value": "evil", "bind": {"element": "#panel-title", "event": "input"}},
            {"name": "control", "value": 1, "bind": {"input": "range", "element": "header"}},
            {"name": "tick", "value": 0, "on": [{"events": {"type": "timer", "throttle": 1}, "update": "tick + 1"}]},
            {"name": "over", "value": 0, "on": [{"events": "window:pointermove", "update": "event.view.eval"}]},
        ],
        "marks": [
            {"type": "rect", "encode": {"update": {"x": {"value": 0}, "y": {"value": 0}, "width": {"value": 200}, "height": {"value": 120}, "fill": {"value": "red"}, "href": {"value": "javascript:window.hacked=1"}, "tooltip": {"value": "<img src=x onerror=window.hacked=1>"}}}},
            {"type": "image", "encode": {"update": {"url": {"value": "/ui/evil.png"}, "width": {"value": 10}, "height": {"value": 10}}}},
            {"type": "image", "encode": {"update": {"url": {"value": "http://evil.example/x.png"}, "width": {"value": 10}, "height": {"value": 10}}}},
        ],
    },
    {
        "$schema": LITE, "data": {"name": "wandb"}, "mark": {"type": "rect", "href": "/ui/evil"},
        "transform": [{"calculate": "'java' + 'script:window.hacked=1'", "as": "link"}], "encoding": {"href": {"field": "link"}, "tooltip": {"field": "link"}},
    },
]  # fmt: skip


@pytest.mark.parametrize("spec", HOSTILE, ids=["vega", "vega-lite"])
def test_a_hostile_specification_stays_in_its_panel(watched: Watched, logged: Logged, spec: dict[str, Any]) -> None:
    tab = watched.page
    tab.goto(logged.base)
    address = tab.url
    described(tab, json.dumps(spec), table="classes_table")
    tab.locator("#panel-title").fill("kept")
    tab.get_by_role("button", name="Try it").click()
    drawing = tab.get_by_role("dialog", name="Add panel").locator("[role=graphics-document]")
    expect(drawing.locator("canvas")).to_be_visible()
    drawing.locator("canvas").hover(position={"x": 60, "y": 60})
    drawing.locator("canvas").click(position={"x": 60, "y": 60})
    drawing.locator("canvas").click(position={"x": 100, "y": 90})
    expect(tab.locator("#panel-title")).to_have_value("kept")
    expect(tab.locator("header .vega-bind")).to_have_count(0)
    assert tab.url == address
    assert len(tab.context.pages) == 1
    watched.problems = [problem for problem in watched.problems if "Prevented interpretation" not in problem]


LARGE = "asks for more than a panel draws"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"$schema": LITE, "data": {"sequence": {"start": 0, "stop": 1e12}}, "mark": "point"}, LARGE),
        ({"$schema": PLAIN, "data": [{"name": "big", "transform": [{"type": "sequence", "start": 0, "stop": {"signal": "1e12"}}]}]}, LARGE),
        ({"$schema": PLAIN, "width": 1e9, "data": [{"name": "wandb"}]}, LARGE),
        ({"$schema": PLAIN, "signals": [{"name": "run", "update": "{toString: 'x'}"}]}, "Illegal property: toString"),
        ({"$schema": PLAIN, "signals": [{"name": "run", "update": "eval('window.hacked=1')"}]}, "Unrecognized function: eval"),
    ],
    ids=["sequence", "signal", "width", "gadget", "eval"],
)
def test_a_specification_that_would_never_end_or_runs_code_is_refused(watched: Watched, logged: Logged, spec: dict[str, Any], told: str) -> None:
    tab = watched.page
    tab.goto(logged.base)
    described(tab, json.dumps(spec), table="classes_table")
    tab.get_by_role("button", name="Try it").click()
    expect(tab.get_by_role("dialog", name="Add panel").get_by_role("status")).to_contain_text(told)


def test_notes_and_differences_of_code_are_panels(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    for kind, button in (("markdown", "Add"), ("code", "Add")):
        tab.get_by_role("button", name="Add panel").click()
        tab.get_by_role("combobox", name="Kind").select_option(kind)
        if kind == "markdown":
            tab.get_by_role("textbox", name="Text").fill("# What *we* saw\n\n<img src=x onerror=window.hacked=1>")
        tab.get_by_role("button", name=button, exact=True).last.click()
    expect(tab.locator(".kind-markdown h1")).to_have_text("What we saw")
    expect(tab.locator(".kind-markdown img")).to_have_count(0)
    code = tab.locator(".kind-code")
    expect(code.locator(".is-dropped", has_text="rate = 1")).to_be_visible()
    expect(code.locator(".is-added", has_text="rate = 0")).to_be_visible()
    code.get_by_role("combobox", name="After").select_option(label="train 1")
    expect(code.locator(".is-added", has_text="rate = 1")).to_be_visible()


def test_a_chart_whose_drawing_did_not_end_is_not_tried_again_unasked(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    chart = tab.locator('figure[data-key="classes_table"]')
    chart.scroll_into_view_if_needed()
    expect(chart.locator("canvas")).to_be_visible()
    assert tab.evaluate("localStorage.getItem('penstock.vega.started')") is None
    tab.evaluate("localStorage.setItem('penstock.vega.started', `${location.pathname} classes_table`)")
    tab.reload()
    chart.scroll_into_view_if_needed()
    expect(chart).to_contain_text("Drawing this chart did not come to an end last time.")
    chart.get_by_role("button", name="Draw it anyway").click()
    expect(chart.locator("canvas")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_and_their_dialog_have_no_known_barriers(watched: Watched, logged: Logged, scheme: str) -> None:
    tab = watched.page
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tab.goto(logged.base)
    chart = tab.locator('figure[data-key="classes_table"]')
    chart.scroll_into_view_if_needed()
    expect(chart.locator("canvas")).to_be_visible()
    for opens_dialog in (False, True):
        if opens_dialog:
            described(tab, "{}", table="classes_table")
        tab.evaluate(AXE.read_text())
        rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations']}"
        found = tab.evaluate(f"async () => (await axe.run(document, {rules})).violations.map((one) => `${{one.id}}: ${{one.nodes.map((node) => node.html.slice(0, 200))}}`)")
        assert found == []


def test_a_workspace_becomes_a_report_that_is_written_on(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    expect(tab.locator('figure[data-key="loss"] canvas')).to_be_visible()
    tab.locator("#workspace-runs li", has_text="train 0").locator("[data-eye]").click()
    tab.locator(".workspace-views .menu > summary").click()
    tab.get_by_role("button", name="Save as a report").click()
    expect(tab.get_by_role("combobox", name="Title of the report")).to_be_focused()
    expect(tab.locator(".workspace-views .menu[open]")).to_have_count(0)
    tab.keyboard.press("Escape")
    expect(tab.locator(".workspace-views .menu > summary")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Save as a report").click()
    tab.get_by_role("combobox", name="Title of the report").fill("What came of it")
    tab.get_by_role("button", name="Save", exact=True).last.click()
    tab.wait_for_url("**/reports/*/edit")
    words = tab.get_by_role("textbox", name="Text")
    expect(words).to_have_value("[[block 1: panel-grid]]")
    words.fill("# Findings\n\nThe rate *matters*.\n\n[[block 1: panel-grid]]\n\n## Next")
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_role("heading", name="Findings")).to_be_visible()
    expect(tab.locator(".report em")).to_have_text("matters")
    expect(tab.locator('figure[data-key="loss"] canvas').or_(tab.get_by_role("figure", name="loss").locator("canvas"))).to_be_visible()
    expect(tab.get_by_role("figure", name="Classes").locator("[role=graphics-document]")).to_have_attribute("aria-label", "Classes. 3 rows of 1 runs; columns: cl.ass, count.")
    tab.get_by_role("link", name="Edit").click()
    expect(words).to_have_value("# Findings\n\nThe rate *matters*.\n\n[[block 3: panel-grid]]\n\n## Next")
    tab.evaluate(AXE.read_text())
    assert tab.evaluate("async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})).violations.map((one) => one.id)") == []
    tab.get_by_role("button", name="Delete").click()
    tab.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.get_by_text("Report deleted.")).to_be_visible()
    expect(tab.get_by_role("link", name="What came of it")).to_have_count(0)


def test_a_comparison_becomes_a_report_of_its_runs(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    ids = tab.locator("#workspace-runs [data-run]").evaluate_all("(rows) => rows.map((row) => row.dataset.run)")
    tab.goto(f"/ui/compare?runs={','.join(ids)}")
    tab.locator('figure[data-key="loss"]').scroll_into_view_if_needed()
    expect(tab.locator('figure[data-key="loss"] canvas')).to_be_visible()
    tab.locator("#save-report > summary").click()
    tab.get_by_role("textbox", name="Title").fill("Two rates")
    tab.get_by_role("button", name="Save", exact=True).click()
    tab.wait_for_url(re.compile(r"/reports/\d+$"))
    expect(tab.get_by_role("heading", name="Two rates")).to_be_visible()
    expect(tab.locator(".kind-comparer").get_by_text("config.lr")).to_be_visible()
    expect(tab.locator(".kind-line canvas").first).to_be_visible()
    expect(tab.get_by_text("2 / 2 runs")).to_be_visible()


def test_a_frozen_grid_is_drawn_as_it_was_and_exported_with_its_charts(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    expect(tab.locator('figure[data-key="loss"] canvas')).to_be_visible()
    tab.locator(".workspace-views .menu > summary").click()
    tab.get_by_role("button", name="Save as a report").click()
    tab.get_by_role("combobox", name="Title of the report").fill("As it was")
    tab.get_by_role("button", name="Save", exact=True).last.click()
    tab.wait_for_url("**/reports/*/edit")
    tab.get_by_role("link", name="Cancel").click()
    classes = tab.get_by_role("figure", name="Classes").locator("[role=graphics-document]")
    expect(classes).to_be_visible()
    with tab.expect_navigation():
        tab.get_by_role("button", name="Freeze").click()
    expect(tab.get_by_text("Frozen", exact=True)).to_be_visible()
    with tab.expect_response(lambda answer: "/ui/tracking/reports/frozen" in answer.url):
        tab.reload()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    expect(classes).to_be_visible()
    expect(tab.locator(".kind-line canvas").first).to_be_visible()
    assert not [url for url in asked if "/ui/tracking/series" in url or "/charts/rows" in url], "kept answers are drawn, nothing is asked"
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Export as HTML").click()
    text = download.value.path().read_text()
    (drawn,) = [part for part in text.split("<figure>") if "<figcaption>Classes" in part]
    assert "<svg" in drawn
    assert "mark-rect" in drawn
    assert "<script" not in text
    still = tab.context.new_page()
    still.set_content(text)
    expect(still.locator("figure", has_text="Classes").locator("svg")).to_be_visible()
    still.close()
    tab.get_by_role("button", name="Make live again").click()
    expect(tab.get_by_role("button", name="Freeze")).to_be_visible()
    tab.get_by_role("link", name="Edit").click()
    tab.get_by_role("button", name="Delete").click()
    tab.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.get_by_text("Report deleted.")).to_be_visible()


def test_drawings_of_an_export_keep_nothing_that_runs_or_loads(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(f"{logged.base}/reports")
    hostile = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()"><script>x()</script><a xlink:href="https://evil.example"><text>kept</text></a>'
        '<image href="https://evil.example/x.png"/><image href="data:image/png;base64,AA=="/><foreignObject><p>gone</p></foreignObject><use href="#a"/>'
        '<rect fill="url(https://evil.example/f)" stroke="url(#g)"/><animate attributeName="href" to="javascript:x()"/><style>@import "x"</style></svg>'
    )
    code = "async ([module, text]) => (await import(module)).stilled(text).outerHTML"
    left = tab.evaluate(code, [static_url("js/report_export.js"), hostile])
    assert all("blocked" in problem for problem in watched.problems), "the policy of the page stops what the text tries while it is read"
    watched.problems.clear()
    for word in ("script", "evil.example", "foreignObject", "onload", "javascript", "animate", "style", "<use"):
        assert word not in left, word
    assert "kept" in left
    assert "data:image/png" in left
    assert 'stroke="url(#g)"' in left


MANY_RUNS = """async ([drawing, panels, themes]) => {
    const [{ drawVega }, { VegaPanel, OF_RUNS }, { themeColors }] = await Promise.all([drawing, panels, themes].map((name) => import(name)));
    const runs = Array.from({ length: 12 }, (_, at) => ({ id: String(at), name: at === 11 ? "run 3" : `run ${at}`, url: `/x/runs/r${at}` }));
    const board = { isHidden: () => false, look: (run) => ({ color: Number(run.id) + 1 }) };
    const rows = VegaPanel.prototype.rowsOf.call({ board }, { runs, columns: ["x", "y"], rows: runs.flatMap((_, at) => [[at, 0, at], [at, 1, at]]) }).map((one) => one.row);
    const spec = {
        data: { name: "wandb" },
        encoding: { x: { field: "x", type: "quantitative" }, y: { field: "y", type: "quantitative" }, color: { field: "name", scale: { range: { field: "color" } } } },
        layer: [{ mark: "line" }, { mark: { type: "point" } }],
    };
    const place = document.body.appendChild(document.createElement("div"));
    const { view } = await drawVega(place, spec, { rows, columns: [...OF_RUNS, "x", "y"], settings: {}, colors: themeColors(), description: "", width: 400, height: 400 });
    const looks = {};
    const walk = (node) => {
        if (node.marktype === "line" && node.items[0].datum?.name) looks[node.items[0].datum.name] = [node.items[0].stroke, node.items[0].strokeDash.map(Math.round).join(" ")];
        for (const inner of node.items ?? []) walk(inner);
    };
    walk(view.scenegraph().root);
    view.finalize();
    return looks;
}"""


def test_lines_of_a_ninth_run_have_the_dashes_that_it_has_everywhere(watched: Watched, logged: Logged) -> None:
    tab = watched.page
    tab.goto(logged.base)
    modules = [f"{logged.url}{static_url(f'js/{name}.js')}" for name in ("vega_drawing", "panel_vega", "theme")]
    looks = tab.evaluate(MANY_RUNS, modules)
    assert list(looks) == [*(f"run {at}" for at in range(11)), "run 3 (r11)"], "runs of the same name are two lines"
    assert len({tuple(look) for look in looks.values()}) == 12
    assert [looks[f"run {at}"][1] for at in (0, 7, 8, 9)] == ["1000 0", "1000 0", "7 4", "7 4"]
    assert looks["run 8"][0].startswith("rgb")
    colors = [re.findall(r"\d+", looks[name][0])[:3] for name in ("run 0", "run 8")]
    assert colors[0] == colors[1]
