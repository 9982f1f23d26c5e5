"""Keys, layers and themes over the seeded pages: one key closes one layer, arrows follow edges, and what the system changes shows at once."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Served
from tests.browser.test_waiting import open_run

_FOCUSED_NODE = """() => {
  const here = document.activeElement.closest(".graph-world .node");
  if (!here) return null;
  const [box, frame] = [document.activeElement, here.closest(".graph")].map((element) => element.getBoundingClientRect());
  const map = here.closest(".graph").parentElement.querySelector(".graph-map:not([hidden])")?.getBoundingClientRect();
  const isClear = !map || box.right <= map.left || box.bottom <= map.top;
  const isInSight = isClear && box.left >= frame.left && box.top >= frame.top && Math.min(box.right, box.left + 100) <= frame.right && box.bottom <= frame.bottom;
  return { name: here.textContent, x: here.offsetLeft, y: here.offsetTop, isInSight };
}"""


def test_escape_closes_one_layer_after_another(page: Page, served: Served) -> None:
    one = open_run(page, served)
    page.locator(f"[data-node='{one}']").click()
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name="load-digits")).to_be_visible()
    page.locator("#run-menu > summary").click()
    page.keyboard.press("Control+k")
    expect(page.locator("#search")).to_be_visible()
    page.keyboard.type("digits")
    expect(page.locator("#search input")).to_have_value("digits")
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_be_hidden()
    expect(page.locator("#run-menu")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(page.locator("#run-menu")).not_to_have_attribute("open", "")
    expect(panel).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_the_theme_is_toggled_by_name(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/ui/home")
    page.wait_for_load_state("load")
    for theme in ("dark", "light"):
        page.keyboard.press("Control+k")
        page.locator("#search input").fill("toggle theme")
        expect(page.locator("#search-results [data-theme-choice=toggle]")).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        expect(page.locator("#search")).to_be_hidden()


def test_the_side_bar_of_a_narrow_window_is_a_layer(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/ui/home")
    opener = page.get_by_role("button", name="Open the menu")
    opener.click()
    expect(page.locator("#rail")).to_have_class(re.compile("is-open"))
    page.keyboard.press("Escape")
    expect(page.locator("#rail")).not_to_have_class(re.compile("is-open"))
    expect(opener).to_be_focused()


def test_a_full_stop_opens_the_actions_and_puts_the_focus_there(page: Page, served: Served) -> None:
    open_run(page, served)
    page.keyboard.press(".")
    expect(page.locator("#run-menu .menu-body").locator("button, a").first).to_be_focused()
    page.goto("/ui/experiments")
    page.keyboard.press("j")
    page.keyboard.press(".")
    expect(page.locator("tr.is-cursor details.menu[open] .menu-body").locator("button, a").first).to_be_focused()


def test_arrows_follow_the_edges_in_whichever_direction_the_graph_runs(page: Page, served: Served) -> None:
    one = open_run(page, served)
    node = page.locator(f"[data-node='{one}']")
    for onward, back in (("ArrowDown", "ArrowUp"), ("ArrowRight", "ArrowLeft")):
        node.focus()
        page.keyboard.press(onward)
        expect(page.locator(":focus .node-name")).to_have_text("preprocess")
        page.keyboard.press(back)
        expect(node).to_be_focused()
        page.get_by_role("button", name="Turn the graph").click()


def tab_through(page: Page, drawing: Locator) -> list[dict[str, Any]]:
    """Go through an enlarged drawing by Tab and back; what of it had the focus on the way there, each in sight while it had."""
    expect(drawing.locator(".node").first).to_be_visible()
    for _ in range(5):
        page.get_by_role("button", name="Zoom in").click()
    drawing.focus()
    there: list[dict[str, Any]] = []
    for key in ("Tab", "Shift+Tab"):
        page.keyboard.press(key)
        while (seen := page.evaluate(_FOCUSED_NODE)) is not None:
            assert seen["isInSight"], seen
            there += [seen] if key == "Tab" else []
            page.keyboard.press(key)
    assert drawing.evaluate("(drawing) => [drawing.scrollLeft, drawing.scrollTop]") == [0, 0]
    return there


def test_tab_goes_through_a_graph_as_it_is_read_and_brings_what_it_comes_to_into_sight(page: Page, served: Served) -> None:
    open_run(page, served)
    places = [(node["y"], node["x"]) for node in tab_through(page, page.locator("#graph"))]
    assert len(set(places)) > 3
    assert places == sorted(places)


def test_what_the_system_changes_about_its_colours_shows_without_a_reload(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/ui/runs")
    page.evaluate("() => document.addEventListener('penstock:theme', () => { document.documentElement.dataset.told = 'yes'; })")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-told", "yes")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_the_collapsed_side_bar_is_remembered_and_its_links_keep_their_names(page: Page) -> None:
    page.goto("/ui/runs")
    page.get_by_role("button", name="Collapse or expand the side bar").click()
    page.goto("/ui/home")
    expect(page.locator("#frame")).to_have_class(re.compile("is-small"))
    expect(page.get_by_role("link", name="Recurring runs")).to_be_visible()
    expect(page.get_by_role("link", name="Penstock")).to_be_visible()


def test_a_dialog_takes_the_place_of_the_menu_that_opened_it(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.locator("#run-menu > summary").click()
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog", name="Rename")).to_be_visible()
    expect(page.locator("#run-menu")).not_to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(page.locator("#run-menu > summary")).to_be_focused()


_TAKE_AWAY = """async (address) => {
  const { patch } = await import(address);
  const region = document.querySelector("[data-live]:has(tbody tr)");
  const fresh = region.cloneNode(true);
  const link = region.querySelector("tbody tr a");
  link.focus();
  fresh.querySelector("tbody tr").remove();
  const gone = link.closest("tr").id;
  patch(region, fresh);
  return { isGone: !document.getElementById(gone), isInside: region.contains(document.activeElement) };
}"""


def test_who_was_at_a_row_that_is_gone_goes_on_beside_it(page: Page) -> None:
    page.goto("/ui/runs")
    address = page.locator("script[src*='/js/']").get_attribute("src")
    assert address
    assert page.evaluate(_TAKE_AWAY, f"{address.rpartition('/')[0]}/live.js") == {"isGone": True, "isInside": True}


def test_the_focus_follows_into_a_panel_that_takes_the_place_of_the_graph_and_back(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    one = open_run(page, served)
    node = page.locator(f"[data-node='{one}']")
    node.press("Enter")
    panel = page.locator("#panel")
    expect(panel).to_be_focused()
    expect(panel.get_by_role("heading", name="load-digits")).to_be_visible()
    page.keyboard.press("Escape")
    expect(node).to_be_focused()


def test_where_the_system_forces_its_colours_lines_say_what_grounds_said(page: Page, served: Served) -> None:
    page.emulate_media(forced_colors="active")
    page.goto(f"/ui/runs/{served.seeded.runs['good']}?view=output")
    ground = "(element, [part, name]) => getComputedStyle(element, part)[name]"
    tab = page.locator(".run-tabs [aria-current]")
    line = tab.evaluate(ground, ["::after", "backgroundColor"])
    assert line not in {tab.evaluate(ground, ["", "backgroundColor"]), "rgba(0, 0, 0, 0)"}
    assert page.locator(".rail-link[aria-current]").evaluate(ground, ["", "outlineStyle"]) == "solid"
    colors = page.evaluate("async (address) => (await import(address)).themeColors().series", page.locator("script[src*='/js/']").get_attribute("src").rpartition("/")[0] + "/theme.js")  # type: ignore[union-attr]
    assert len(set(colors)) == 8
