"""Pages on paper: dark words on white, whole tables and graphs, and nothing that only a screen can do."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.test_waiting import open_run

_LIGHTNESS = "(element) => { const [r, g, b] = getComputedStyle(element).color.match(/[0-9.]+/g).map(Number); return (r + g + b) / 3; }"


def test_a_run_is_printed_in_dark_words_from_the_beginning_of_its_graph(page: Page, served: Served) -> None:
    page.emulate_media(color_scheme="dark", media="screen")
    one = open_run(page, served)
    for _ in range(5):
        page.get_by_role("button", name="Zoom in").click()
    assert page.locator("h1").evaluate(_LIGHTNESS) > 180
    page.emulate_media(media="print")
    for part in ("#rail", ".top", ".skip-link", ".graph-tools", ".run-head .actions", ".graph-map"):
        expect(page.locator(part)).to_be_hidden()
    for part in (page.locator("h1"), page.locator(f"[data-node='{one}'] .node-name")):
        expect(part).to_be_visible()
        assert part.evaluate(_LIGHTNESS) < 80
    shown = page.locator("#graph").evaluate("(graph) => [graph, graph.querySelector('.graph-world')].map((part) => [part.getBoundingClientRect().top, part.scrollHeight])")
    assert shown[0] == shown[1], "all of the graph, from its beginning"
    expect(page.get_by_role("link", name="Timeline")).to_be_hidden()
    expect(page.locator(".run-tabs [aria-current]")).to_be_visible()


def test_a_list_is_printed_with_all_its_columns_in_full(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 900})
    page.goto("/ui/runs")
    box = page.locator(".table-box:has([data-rows])")
    page.emulate_media(media="print")
    assert box.evaluate("(box) => getComputedStyle(box).overflow") == "visible"
    assert box.evaluate("(box) => [...box.querySelectorAll('tbody th')].filter((cell) => cell.scrollWidth > cell.clientWidth).length") == 0
    expect(box.locator("tbody .pick").first).to_be_hidden()
    expect(box.locator("tbody th").first).to_be_visible()


def test_drawings_have_the_colours_of_the_light_theme_while_a_dark_page_is_printed(page: Page) -> None:
    page.goto("/ui/runs")
    page.locator("#settings-menu > summary").click()
    page.locator("[data-theme-choice=dark]").click()
    theme = page.locator("html")
    expect(theme).to_have_attribute("data-theme", "dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(theme).to_have_attribute("data-theme", "light")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(theme).to_have_attribute("data-theme", "dark")
