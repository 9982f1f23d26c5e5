"""Boards of panels in a real browser: the arithmetic of series and expressions, and a workspace that a reader arranges."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_tracking_pages import AXE, Logged, logged, tab

__all__ = ["logged", "tab"]


@pytest.fixture(scope="module")
def modules(chromium: Browser, logged: Logged) -> Iterator[Page]:
    """A page whose modules can be imported by name: `load("series")`."""
    context = chromium.new_context(base_url=logged.url)
    page = context.new_page()
    page.goto("/ui/projects")
    page.evaluate("() => { window.load = (name) => import(document.querySelector('script[type=module]').src.replace(/[^/]+$/, `${name}.js`)); }")
    yield page
    context.close()


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("${train/loss} / ${val/loss}", [6, 4], 1.5), ("a + 2 * b ^ 2", [1, 3], 19), ("-a ^ 2", [3], -9), ("log10(${x y}) * 2", [100], 4),
        ("max(a, b, 7) % 4", [1, 2], 3), ("(a - b) / pi * pi", [5, 2], 3), ("2 ** 3 ** 2", [], 512), ("train/loss * 1e2", [0.5], 50),
    ],
)  # fmt: skip
def test_expressions_compute_what_they_say(modules: Page, text: str, values: list[float], result: float) -> None:
    got = modules.evaluate("async ([text, values]) => (await load('expressions')).expression(text).evaluate(values)", [text, values])
    assert got == pytest.approx(result)


@pytest.mark.parametrize("text", ["", "a +", "(a", "a b", "alert(1)", "constructor(1)", "a; b", "max(", "a = b"])
def test_what_is_no_expression_is_refused(modules: Page, text: str) -> None:
    told = modules.evaluate("async (text) => (await load('expressions').then((it) => it.expression(text)).catch((error) => error)).message ?? ''", text)
    assert told != ""


def test_series_are_smoothed_grouped_and_combined(modules: Page) -> None:
    found = modules.evaluate("""async () => {
      const { smoothed, grouped, combined, percentiles } = await load("series");
      const x = Array.from({ length: 200 }, (_, i) => i);
      const noisy = x.map((i) => (i % 2 ? 1 : -1));
      const spread = (y) => Math.max(...y.slice(50, 150)) - Math.min(...y.slice(50, 150));
      const uneven = smoothed([0, 1, 2, 100], [0, 0, 0, 10], "ema", 60).at(-1);
      const group = [{ x: [0, 2], y: [0, 2], rows: 2 }, { x: [0, 1, 2], y: [4, 4, 4], rows: 3 }, { x: [0, 2], y: [8, 8], rows: 2 }];
      return {
        flat: ["ema", "gaussian", "mean"].map((kind) => spread(smoothed(x, noisy, kind, 90))), gaps: smoothed([0, 1, 2], [1, 3, null], "mean", 50), uneven,
        mean: grouped(group).y, median: grouped(group, "median", "none"), std: grouped(group, "mean", "std"), error: grouped(group, "mean", "stderr").high[0],
        ratio: combined([{ x: [0, 1, 2], y: [2, 4, 6], rows: 3 }, { x: [0, 2], y: [1, 0], rows: 2 }], ([a, b]) => a / b),
        clip: percentiles([{ y: [...Array(99).keys(), 100000] }]),
      };
    }""")
    assert all(size < 0.5 for size in found["flat"])
    assert found["gaps"] == [2, 2, None]
    assert found["uneven"] == pytest.approx(10, rel=0.02)
    assert found["mean"] == pytest.approx([4, 13 / 3, 14 / 3])
    assert found["median"]["y"] == [4, 4, 4]
    assert "low" not in found["median"]
    assert (found["std"]["low"][0], found["std"]["high"][0]) == pytest.approx((0, 8))
    assert found["error"] == pytest.approx(4 + 4 / 3**0.5)
    assert found["ratio"]["y"] == [2, 4, None]
    assert found["clip"][1] < 100


def test_marks_of_an_axis_of_durations_are_as_exact_as_they_stand_apart(modules: Page) -> None:
    found = modules.evaluate("""async () => {
      const { spans } = await load("spans");
      return [[-0.2, 0, 0.2, 0.4], [11.8, 12, 12.2], [0, 0.001, 0.002], [0, 30, 60, 90], [3540, 3600, 3660, 3720], [7200, 7220], [0, 43200, 86400, 129600], [null, 59.5, 60, 60.5]].map(spans);
    }""")
    assert found == [
        ["", "0 ms", "200 ms", "400 ms"], ["11.8 s", "12.0 s", "12.2 s"], ["0 ms", "1 ms", "2 ms"], ["0 s", "30 s", "1 m", "1 m 30 s"],
        ["59 m", "1 h", "1 h 01 m", "1 h 02 m"], ["2 h", "2 h 00 m 20 s"], ["0 s", "12 h", "1 d", "1 d 12 h"], ["", "59.5 s", "1 m", "1 m 00.5 s"],
    ]  # fmt: skip


def test_moments_are_read_back_from_fields_in_the_readers_zone(modules: Page) -> None:
    same = modules.evaluate("""async () => {
      const { fieldTime, momentOf } = await load("clocks");
      return [0, 1764450000123, 1743296399000, 1743296400000, 1761440400000, 1793494800500].map((moment) => [moment, momentOf(fieldTime(moment)), momentOf(fieldTime(moment).slice(0, 16))]);
    }""")
    for moment, back, minute in same:
        assert back == moment
        assert minute == moment - moment % 60000
    assert modules.evaluate("async () => Number.isNaN((await load('clocks')).momentOf(''))")


def test_lanes_are_named_and_chosen_by_label_number_and_range(modules: Page) -> None:
    keys = ["system.gpu.0.util", "system.gpu.11.util", "system.gpu.1.util/l:rank1", "system.cpu/l:rank0", "system.memory"]
    found = modules.evaluate("""async (keys) => {
      const { isLaneWanted, lane } = await load("lanes");
      return { names: keys.map(lane), chosen: ["", "0", "0-4", "rank1, 11", "rank1 0-0"].map((text) => keys.filter((key) => isLaneWanted(key, text)).map(lane)) };
    }""", keys)
    assert found["names"] == ["0", "11", "rank1 · 1", "rank0", "system.memory"]
    assert found["chosen"] == [
        found["names"], ["0", "system.memory"], ["0", "rank1 · 1", "system.memory"], ["11", "rank1 · 1", "system.memory"],
        ["0", "rank1 · 1", "system.memory"],
    ]  # fmt: skip


def test_documents_are_changed_undone_and_reset(modules: Page) -> None:
    found = modules.evaluate("""async () => {
      const { ViewDocument } = await load("views");
      const auto = ["a/1", "a/2", "b/1"].map((key) => ({ id: key, key, kind: "line", section: key[0] }));
      const doc = new ViewDocument({});
      const told = () => doc.arranged(auto).map((part) => `${part.name}:${part.panels.map((panel) => panel.id.startsWith("p") ? "new" : panel.id)}`).join(" ");
      const states = [told()];
      const step = (work) => { work(); states.push(told()); };
      step(() => doc.move(doc.arranged(auto), "a/2", -1));
      step(() => doc.put(doc.arranged(auto), "b/1", "a", "a/1"));
      step(() => doc.remove("a/1"));
      step(() => doc.add({ kind: "bar", section: "mine" }));
      step(() => doc.duplicate(doc.arranged(auto), "a/2"));
      const isDirty = doc.isDirty;
      for (let i = 0; i < 5; i += 1) doc.undo();
      states.push(told());
      doc.redo();
      states.push(told(), String(isDirty), String(doc.isDirty));
      doc.reset();
      states.push(told());
      doc.undo();
      states.push(told());
      return states;
    }""")
    assert found == [
        "a:a/1,a/2 b:b/1", "a:a/2,a/1 b:b/1", "a:a/2,b/1,a/1", "a:a/2,b/1", "mine:new a:a/2,b/1", "mine:new a:a/2,new,b/1",
        "a:a/1,a/2 b:b/1", "a:a/2,a/1 b:b/1", "true", "true", "a:a/1,a/2 b:b/1", "a:a/2,a/1 b:b/1",
    ]  # fmt: skip


def titles(page: Page) -> list[str]:
    """Titles of the panels, in order."""
    return page.locator(".chart-panel .chart-title").all_inner_texts()


def test_a_workspace_is_arranged_by_keyboard_undone_and_saved(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?q=train")
    expect(tab.locator('figure[data-key="accuracy"] canvas')).to_be_visible()
    before = titles(tab)
    panel = tab.locator('figure[data-panel="accuracy"]')
    panel.locator("summary").focus()
    tab.keyboard.press("Enter")
    panel.get_by_role("button", name="Duplicate").press("Enter")
    expect(tab.locator(".chart-panel")).to_have_count(len(before) + 1)
    expect(panel.locator("summary")).to_be_focused()
    tab.keyboard.press("Enter")
    panel.get_by_role("button", name="Wider").press("Enter")
    expect(panel).to_have_class(re.compile("wide-2"))
    tab.locator("body").press("Control+z")
    expect(panel).not_to_have_class(re.compile("wide-2"))
    tab.get_by_role("button", name="Redo").click()
    expect(panel).to_have_class(re.compile("wide-2"))
    tab.get_by_role("button", name="Add panel").click()
    tab.get_by_role("combobox", name="Kind").select_option("bar")
    tab.get_by_role("combobox", name="Value").fill("s.accuracy")
    tab.get_by_role("button", name="Add", exact=True).last.click()
    bars = tab.locator(".kind-bar")
    expect(bars.locator("rect.fill")).to_have_count(2)
    tab.get_by_label("Quick add: a key or a pattern").fill("train/.*|accuracy")
    tab.keyboard.press("Enter")
    expect(tab.locator(".chart-panel", has=tab.get_by_text("train/.*|accuracy")).locator("canvas")).to_be_visible()
    arranged = titles(tab)
    tab.reload()
    expect(tab.get_by_text("changed, not saved")).to_be_visible()
    assert titles(tab) == arranged
    tab.locator(".workspace-views .menu > summary").click()
    tab.get_by_role("button", name="Save as a new view").click()
    tab.get_by_role("combobox", name="Name of the view").fill("Two bars")
    tab.get_by_role("button", name="Save", exact=True).last.click()
    tab.wait_for_url(re.compile(r"view=\d+"))
    assert "q=train" in tab.url, "what narrowed the runs is still there"
    expect(tab.locator(".view-name")).to_have_text("Two bars")
    expect(tab.locator(".kind-bar rect.fill").first).to_be_visible()
    assert titles(tab) == arranged
    tab.locator(".workspace-views .menu > summary").click()
    tab.get_by_role("button", name="Reset everything").click()
    expect(tab.locator(".kind-bar")).to_have_count(0)
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".kind-bar")).to_have_count(1)


def test_the_second_of_two_tabs_that_save_a_view_is_told(tab: Page, logged: Logged) -> None:
    view = tab.evaluate("""async () => {
      const place = document.querySelector("[data-project]").dataset.project;
      const body = JSON.stringify({ project: place, name: "Two tabs", document: { mode: "manual" } });
      return (await (await fetch("/ui/tracking/views", { method: "POST", body, headers: { "content-type": "application/json" } })).json()).url;
    }""") if tab.goto(logged.base) else ""  # fmt: skip
    other = tab.context.new_page()
    for page in (tab, other):
        page.goto(view)
        expect(page.locator(".view-name")).to_have_text("Two tabs")
    dirty, save = "[data-view-dirty]", "[data-view-save]"
    tab.locator("[data-view-mode]").set_checked(True, force=True)
    expect(tab.locator(dirty)).to_be_visible()
    tab.locator(save).click()
    expect(tab.locator(dirty)).to_be_hidden()
    other.get_by_label("Quick add: a key or a pattern").fill("accuracy")
    other.keyboard.press("Enter")
    expect(other.locator(dirty)).to_be_visible()
    other.locator(save).click()
    expect(other.get_by_text("Somebody changed this view meanwhile.")).to_be_visible()
    expect(other.locator(dirty)).to_be_visible()
    other.locator(save).click()
    expect(other.locator(dirty)).to_be_hidden()
    other.close()
    tab.reload()
    expect(tab.locator('figure[data-key="accuracy"]')).to_have_count(1)


def test_panels_are_dragged_and_shown_full_screen_one_after_another(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?q=train")
    expect(tab.locator('figure[data-key="accuracy"] canvas')).to_be_visible()
    target = tab.locator('figure[data-key="train/loss"]')
    tab.locator('figure[data-key="accuracy"] .chart-title').drag_to(target, target_position={"x": 10, "y": 60})
    assert tab.locator('[data-section="train"] .chart-title').all_inner_texts() == ["accuracy", "train/loss"]
    tab.locator('figure[data-key="accuracy"]').focus()
    tab.keyboard.press("Enter")
    dialog = tab.locator("dialog.chart-dialog")
    expect(dialog.locator(".chart-title")).to_have_text("accuracy")
    tab.keyboard.press("ArrowRight")
    expect(dialog.locator(".chart-title")).to_have_text("train/loss")
    expect(dialog.locator("footer")).to_contain_text(re.compile(r"^2 / [2-9]"))
    expect(dialog.get_by_role("button", name="Full screen")).to_have_count(0)
    tab.keyboard.press("ArrowLeft")
    expect(dialog.locator(".chart-title")).to_have_text("accuracy")
    expect(dialog.locator("footer")).to_contain_text(re.compile(r"^1 / [2-9]"))
    tab.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_panels_stay_where_a_hand_aims_while_one_is_dragged(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?q=train")
    head, target = tab.locator('figure[data-key="accuracy"] .chart-head'), tab.locator('figure[data-key="train/loss"]')
    expect(tab.locator('figure[data-key="accuracy"] canvas')).to_be_visible()
    target.scroll_into_view_if_needed()
    expect(target.locator("canvas")).to_be_visible()
    carried = {"dataTransfer": tab.evaluate_handle("() => new DataTransfer()")}
    head.dispatch_event("dragstart", carried)
    # Measured in one go with what the pointer does: other panels may come to their size meanwhile.
    passed = """([share, look]) => {
      const panel = document.querySelector('figure[data-key="train/loss"]');
      const before = panel.getBoundingClientRect();
      const at = { clientX: before.left + share * before.width, clientY: before.top + 24, bubbles: true, cancelable: true };
      const isTaken = !panel.dispatchEvent(new DragEvent("dragover", at));
      const after = panel.getBoundingClientRect();
      return [isTaken, panel.classList.contains(look), after.left - before.left, after.top - before.top];
    }"""
    assert tab.evaluate(passed, [0.1, "is-drop-before"]) == [True, True, 0, 0]
    assert tab.evaluate(passed, [0.9, "is-drop-after"]) == [True, True, 0, 0]
    expect(target).not_to_have_class(re.compile("is-drop-before"))
    target.dispatch_event("drop", carried)
    expect(tab.locator('[data-section="train"] .chart-title')).to_have_text(["train/loss", "accuracy"])
    expect(tab.locator(".is-drop-before, .is-drop-after, .is-dragged")).to_have_count(0)


def test_a_pull_at_a_corner_that_changes_no_size_is_no_change(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?q=train")
    panel = tab.locator('figure[data-key="accuracy"]')
    expect(panel.locator("canvas")).to_be_visible()

    def pull(down: int) -> None:
        corner = panel.locator(".resize-corner")
        corner.scroll_into_view_if_needed()
        box = corner.bounding_box()
        assert box
        tab.mouse.move(box["x"] + 4, box["y"] + 4)
        tab.mouse.down()
        tab.mouse.move(box["x"] + 4, box["y"] + 4 + down, steps=5)
        tab.mouse.up()

    pull(30)
    expect(panel).to_have_attribute("style", "")
    expect(tab.get_by_text("changed, not saved")).to_be_hidden()
    pull(300)
    expect(panel).to_have_class(re.compile("tall-2"))
    expect(tab.get_by_text("changed, not saved")).to_be_visible()


def test_values_at_the_crosshair_are_pinned_with_the_difference_from_the_baseline(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?q=train")
    panel = tab.locator('figure[data-key="train/loss"]')
    expect(panel.locator("canvas")).to_be_visible()
    tab.locator(".workspace-row").filter(has_text="train 0").hover()
    tab.get_by_role("button", name="Baseline train 0").click()
    panel.focus()
    tab.keyboard.press("Shift+ArrowRight")
    expect(panel.locator(".chart-tip .tip-row")).to_have_count(2)
    expect(panel.locator(".chart-tip .delta")).to_have_count(1)
    tab.get_by_role("button", name="Baseline train 0").click()
    tab.get_by_role("button", name="Baseline train 0").click()
    panel.focus()
    expect(panel.locator(".chart-tip .delta")).to_have_count(1)  # drawn anew, the crosshair stays where it was
    tab.keyboard.press("p")
    copy = panel.locator(".chart-tip").get_by_role("button", name="Copy")
    assert re.search(r"train 0\t[\d.]+", copy.get_attribute("data-copy") or "")
    panel.locator(".chart-tip").get_by_role("button", name="Close").click()
    expect(panel.locator(".chart-tip")).to_have_count(0)


def test_runs_are_drawn_in_the_very_colours_that_a_client_chose_and_in_ours_for_high_contrast(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?q=train")
    row = tab.locator(".workspace-row").filter(has_text="train 0")
    run = row.get_attribute("data-run")
    view = tab.evaluate("""async (run) => {
      const runs = { hidden: {}, shown: {}, colors: { [run]: "4 #00c8ff #ffd200" }, pinned: {}, groupColors: {}, groups: {}, isOnly: false };
      const body = JSON.stringify({ project: document.querySelector("[data-project]").dataset.project, name: "Coloured", document: { runs } });
      return (await (await fetch("/ui/tracking/views", { method: "POST", body, headers: { "content-type": "application/json" } })).json()).url;
    }""", run)
    tab.emulate_media(color_scheme="light")
    tab.goto(f"{view}&q=train")
    panel = tab.locator('figure[data-key="accuracy"]')
    expect(panel.locator("canvas")).to_be_visible()
    drawn = """(panel, [red, green, blue]) => {
      const canvas = panel.querySelector("canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) count += data[at] === red && data[at + 1] === green && data[at + 2] === blue;
      return count > 20;
    }"""
    swatch = row.locator(".run-swatch")
    expect(swatch).to_have_css("--series", "light-dark(#00c8ff, #ffd200)")
    tab.wait_for_function(f"() => ({drawn})(document.querySelector('figure[data-key=accuracy]'), [0, 200, 255])")
    expect(panel.locator(".legend-entry").filter(has_text="train 0").locator(".legend-swatch")).to_have_css("background-image", re.compile(r"rgb\(0, 200, 255\)"))
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(f"() => ({drawn})(document.querySelector('figure[data-key=accuracy]'), [255, 210, 0])")
    tab.emulate_media(color_scheme="light", contrast="more")
    tab.wait_for_function(f"() => ({drawn})(document.querySelector('figure[data-key=accuracy]'), [199, 72, 113])")
    row.hover()
    row.get_by_role("button", name="Next colour for train 0").click()
    expect(swatch).to_have_class("run-swatch series-5")
    tab.get_by_role("button", name="Undo").click()
    expect(swatch).to_have_class("run-swatch series-4 ink-00c8ff-ffd200")


def test_bars_of_a_figure_stand_beside_its_axis_and_lines_lie_over_them(modules: Page) -> None:
    found = modules.evaluate("""async () => {
      const { figure } = await load("figure");
      const place = document.createElement("div");
      const bars = (count) => ({ type: "bar", name: "b", x: Array.from({ length: count }, (_, at) => at + 1), y: Array.from({ length: count }, (_, at) => at + 1) });
      const shown = [2, 3, 40].map((count) => figure({ data: [{ ...bars(count), type: "scatter", mode: "lines" }, bars(count)] }, "one"));
      place.append(...shown);
      document.querySelector("main").append(place);
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const told = shown.map((one) => {
        const edge = (list, side, pick) => pick(...list.map((part) => part.getBoundingClientRect()[side]));
        const [rects, lines] = ["rect.fill", "line"].map((name) => [...one.querySelectorAll(`svg ${name}`)]);
        return {
          isInside: edge(rects, "left", Math.min) >= edge(lines, "left", Math.min) && edge(rects, "right", Math.max) <= edge(lines, "right", Math.max),
          isApart: rects.slice(1).every((rect, at) => rect.getBoundingClientRect().left >= rects[at].getBoundingClientRect().right),
          isLineLast: Boolean(rects.at(-1).compareDocumentPosition(one.querySelector("path.figure-line")) & Node.DOCUMENT_POSITION_FOLLOWING),
        };
      });
      place.remove();
      return told;
    }""")
    assert found == [{"isInside": True, "isApart": True, "isLineLast": True}] * 3


def test_an_axis_of_one_value_has_its_mark_in_the_middle_and_no_other(modules: Page) -> None:
    found = modules.evaluate("""async () => {
      const { scaleOf } = await load("svg");
      return [scaleOf([0.003]), scaleOf([16, 16, 16]), scaleOf([0.003], { isLog: true }), scaleOf([0, 0], { fromZero: true })].map(({ marks }) => marks.map(([share, word]) => [share.toFixed(3), word]));
    }""")
    assert found == [[["0.500", "0.003"]], [["0.500", "16"]], [["0.500", "0.003"]], [["0.500", "0"]]]


def test_a_picture_is_named_by_what_is_seen_on_it(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/charts")
    logged_picture = tab.locator('figure[data-key="samples"] img')
    logged_picture.scroll_into_view_if_needed()
    expect(logged_picture).to_have_js_property("naturalWidth", 24)
    logged_picture.evaluate("""async (other) => {
      const { imageElement } = await import(document.querySelector('script[type=module]').src.replace(/[^/]+$/, "image.js"));
      const boxes = { guess: [{ position: { minX: 0.1, maxX: 0.5, minY: 0.2, maxY: 0.6 }, class_id: 1, box_caption: "dog 0.9" }] };
      other.closest(".media-image").replaceWith(imageElement({ path: "a/cat.png", boxes }, () => other.src, new Set()));
    }""")
    expect(tab.locator(".image-open .box-name")).to_have_text("dog 0.9")
    expect(tab.get_by_role("button", name="Open: cat.png", exact=True)).to_be_visible()
    tab.evaluate(AXE.read_text())
    found = tab.evaluate("axe.run('.media-image', {runOnly: {type: 'rule', values: ['label-content-name-mismatch', 'button-name', 'image-alt']}})")
    assert found["violations"] == []
