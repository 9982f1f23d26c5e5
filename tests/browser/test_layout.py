"""Layout of graphs (by the worker, once per shape) and of pages: they stand still while they load, nothing is out of sight, nothing leaves deserts."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served

_LAYOUT = """async (address) => {
  const { placeFlat } = await import(address);
  const nodes = Array.from({ length: 300 }, (_, index) => ({ id: `n${index}`, width: 100, height: 40 }));
  const edges = nodes.slice(1).map(({ id }, index) => ({ source: `n${Math.floor(index / 3)}`, target: id }));
  const started = [];
  const Real = window.Worker;
  window.Worker = class extends Real { constructor(...given) { super(...given); started.push(String(given[0])); } };
  const first = await placeFlat({ nodes, edges, direction: "LR" });
  sessionStorage.setItem("proof", "kept");
  const again = await placeFlat({ nodes, edges, direction: "LR" });
  const huge = Array.from({ length: 3000 }, (_, index) => ({ id: `h${index}`, width: 100, height: 40 }));
  const many = await placeFlat({ nodes: huge, edges: huge.slice(1).map(({ id }, index) => ({ source: `h${index >> 4}`, target: id })), direction: "TB" });
  const corners = new Set(many.boxes.map(({ x, y }) => `${x} ${y}`));
  return { workers: started.length, same: first === again, boxes: first.boxes.length, edges: first.edges.every((edge) => edge.points.length > 1),
    stored: Object.keys(sessionStorage).filter((key) => key.startsWith("layout:")).length, apart: corners.size };
}"""


def test_a_worker_places_large_graphs_once_per_shape(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    address = page.locator("script[src*='/js/']").get_attribute("src")
    assert address
    found = page.evaluate(_LAYOUT, f"{address.rpartition('/')[0]}/placing.js")
    assert found == {"workers": 1, "same": True, "boxes": 300, "edges": True, "stored": 2, "apart": 3000}


_WATCH_SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.mark.parametrize("width", [1440, 390])
def test_pages_stand_still_while_they_load(page: Page, served: Served, width: int) -> None:
    page.add_init_script(_WATCH_SHIFTS)
    page.set_viewport_size({"width": width, "height": 900})
    run = f"/ui/runs/{served.seeded.runs['good']}"
    addresses = ("/ui/home", "/ui/pipelines", "/ui/runs", "/ui/executions", "/ui/artifacts", "/ui/recurring", run, f"{run}?view=output", "/ui/runs/new")
    shifted = {}
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("load")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 300)))")
        shifted[address] = page.evaluate("window.shifted")
    assert {address: round(value, 3) for address, value in shifted.items() if value >= 0.1} == {}


@pytest.mark.parametrize("width", [390, 720])
def test_the_switches_of_a_graph_are_there_in_narrow_windows(page: Page, served: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.locator("#graph-more > summary").click()
    page.get_by_label("Critical path").check()
    expect(page.locator("#graph-path-text")).to_be_visible()
    page.get_by_label("Failed only").check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_tools_of_a_graph_stay_in_one_row_on_telephones_and_are_reached_by_keyboard(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    expect(page.locator("#graph .node").first).to_be_visible()
    tools = page.get_by_role("toolbar", name="Graph tools")
    expect(tools.get_by_role("button", name="Zoom in")).to_be_hidden()
    rows = "(tools) => new Set([...tools.children].filter((tool) => tool.offsetHeight).map((tool) => Math.round((tool.getBoundingClientRect().top + tool.getBoundingClientRect().bottom) / 2))).size"
    assert tools.evaluate(rows) == 1
    page.locator("#graph-more > summary").focus()
    page.keyboard.press("Enter")
    for name in ("Turn the graph", "Zoom out", "Zoom in"):
        expect(tools.get_by_role("button", name=name)).to_be_visible()
    tools.get_by_role("button", name="Zoom in").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**at=*")
    expect(tools.get_by_role("button", name="Zoom in")).to_be_focused()
    page.set_viewport_size({"width": 1440, "height": 844})
    expect(page.locator("#graph-more")).to_be_hidden()
    expect(tools.get_by_role("button", name="Zoom in")).to_be_visible()
    expect(tools.get_by_role("button", name="Zoom in")).to_be_focused()


def test_a_task_whose_panel_is_open_is_shown_with_its_surroundings_large_enough_to_read(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1440, "height": 600})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.locator("#graph a.node").first.click()
    expect(page.locator("#panel .panel-inner")).to_be_visible(timeout=30_000)
    page.reload()
    expect(page.locator("#graph .node.is-selected")).to_be_in_viewport()
    scale = "() => new DOMMatrix(getComputedStyle(document.querySelector('.graph-world')).transform).a >= 0.9"
    page.wait_for_function(scale)


def test_the_tools_of_a_graph_stay_in_one_row_beside_an_open_panel(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    tools = page.get_by_role("toolbar", name="Graph tools")
    expect(tools.get_by_label("Critical path")).to_be_visible()
    expect(page.locator("#graph-more")).to_be_hidden()
    page.locator("#graph a.node").first.click()
    expect(page.locator("#panel .panel-inner")).to_be_visible(timeout=30_000)
    expect(page.locator("#graph-more")).to_be_visible()
    rows = "(tools) => new Set([...tools.children].filter((tool) => tool.offsetHeight).map((tool) => Math.round((tool.getBoundingClientRect().top + tool.getBoundingClientRect().bottom) / 2))).size"
    assert tools.evaluate(rows) == 1
    page.locator("#graph-more > summary").click()
    tools.get_by_label("Failed only").check()
    assert "failed=1" in page.url
    page.keyboard.press("Escape")
    expect(tools.get_by_label("Failed only")).to_be_hidden()
    page.locator("#panel [data-panel-close]").click()
    expect(tools.get_by_label("Failed only")).to_be_checked()
    expect(page.locator("#graph-more")).to_be_hidden()


_CARDS = """() => [...document.querySelectorAll("[data-pack] > *")].map((card) => {
  const { left, top, bottom } = card.getBoundingClientRect();
  return { column: Math.round(left), top, bottom };
})"""


def test_cards_of_outputs_stand_close_below_each_other_and_are_read_downwards(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}?view=output")
    expect(page.locator("[data-pack].is-packed")).to_have_count(1)
    cards = page.evaluate(_CARDS)
    columns = {card["column"]: [one for one in cards if one["column"] == card["column"]] for card in cards}
    assert len(columns) > 1
    assert all(below["top"] - above["bottom"] < 24 for column in columns.values() for above, below in pairwise(column))
    assert [card["top"] for card in cards] == sorted(card["top"] for card in cards)


def test_cards_of_outputs_stand_below_each_other_when_the_window_becomes_narrow_and_beside_each_other_again(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}?view=output")
    packed = page.locator("[data-pack].is-packed")
    expect(packed).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(packed).to_have_count(0)
    assert len({card["column"] for card in page.evaluate(_CARDS)}) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(packed).to_have_count(1)
    assert len({card["column"] for card in page.evaluate(_CARDS)}) > 1


def test_what_is_cut_tells_the_whole_of_it_when_it_is_pointed_at(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    here = page.locator(".crumbs .here")
    name = here.inner_text()
    here.hover()
    expect(here).not_to_have_attribute("title", name)
    here.evaluate("(element) => { element.style.display = 'block'; element.style.width = '2rem'; element.style.overflow = 'hidden'; element.style.textOverflow = 'ellipsis'; }")
    page.locator("h1").hover()
    here.hover()
    expect(here).to_have_attribute("title", name)
    here.evaluate("(element) => element.removeAttribute('style')")
    page.locator("h1").hover()
    here.hover()
    expect(here).not_to_have_attribute("title", name)


def test_the_bar_of_picked_rows_is_one_line_on_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/ui/runs")
    page.locator("tbody .pick input").first.check()
    bar = page.locator("[data-bulk-bar]")
    expect(bar).to_be_visible()
    box = bar.bounding_box()
    assert box
    assert box["height"] < 70
    last = bar.get_by_role("button").last
    last.focus()
    expect(last).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [390, 1024, 1280, 1440])
def test_all_tabs_of_a_task_are_in_sight(page: Page, served: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.locator("#graph .node").filter(has_text="load-digits").first.click()
    tabs = page.locator(".panel-tabs")
    expect(tabs.get_by_role("link")).to_have_count(7)
    assert tabs.evaluate("(nav) => [...nav.children].every((tab) => tab.getBoundingClientRect().right <= nav.getBoundingClientRect().right && tab.scrollWidth <= tab.clientWidth + 1)")
    if width >= 1280:
        assert tabs.evaluate("(nav) => new Set([...nav.children].map((tab) => tab.offsetTop)).size") == 1


def test_artifacts_switched_on_are_in_sight_on_a_telephone_and_leave_what_was_moved(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    first = page.locator("#graph .node").filter(has_text="load-digits").first
    expect(first).to_be_in_viewport(ratio=0.8)
    page.locator("#graph-more > summary").click()
    page.get_by_label("Artifacts", exact=True).check()
    expect(page.locator("#graph .node.is-artifact").first).to_be_attached()
    page.wait_for_timeout(300)
    expect(first).to_be_in_viewport(ratio=0.8)
    page.keyboard.press("Escape")
    page.locator("#graph").focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.wait_for_timeout(300)
    zoomed = page.locator(".graph-world").evaluate("(world) => new DOMMatrix(getComputedStyle(world).transform).a")
    page.locator("#graph-more > summary").click()
    page.get_by_label("Artifacts", exact=True).uncheck()
    expect(page.locator("#graph .node.is-artifact")).to_have_count(0)
    assert page.locator(".graph-world").evaluate("(world) => new DOMMatrix(getComputedStyle(world).transform).a") == zoomed


def test_buttons_of_boxes_keep_their_size_when_the_graph_is_small_and_leave_when_it_is_far(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    button = page.locator("#graph .node-toggle").first
    expect(button).to_be_attached()
    page.wait_for_timeout(300)
    size = button.evaluate("(one) => Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height)")
    assert size >= 23.9
    page.locator("#graph").focus()
    for key in "---":
        page.keyboard.press(key)
    expect(button).to_be_hidden()
    for key in "+++":
        page.keyboard.press(key)
    expect(button).to_be_visible()


def test_tools_of_executions_stand_in_one_row(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/ui/executions")
    assert page.locator(".table-tools").evaluate("(tools) => tools.getBoundingClientRect().height") < 45



@pytest.mark.parametrize("address", ["/ui/pipelines", "/ui/recurring", "/ui/executions", "/ui/artifacts", "/ui/artifacts?tab=stored"])
def test_lists_have_all_their_columns_in_sight_at_1440_px(page: Page, served: Served, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address)
    box = page.locator(".table-box").first
    expect(box).to_be_visible()

    assert box.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 0


def test_the_button_for_columns_shares_a_row_with_what_stands_above_the_table(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/ui/logs?errors=1")
    button = page.locator(".table-tools > details[data-columns] > summary")
    expect(button).to_have_text("Columns")

    assert button.evaluate("(button) => button.closest('.table-tools').querySelector('.chip') !== null")
    assert page.locator(".table-tools").evaluate("(tools) => tools.getBoundingClientRect().height") < 45


def test_what_leads_on_stands_in_one_order_on_every_list(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    for address in ("/ui/pipelines", "/ui/experiments", "/ui/runs", "/ui/recurring", "/ui/executions", "/ui/artifacts", "/ui/artifacts?tab=stored"):
        page.goto(address)
        menus = page.locator(".table-tools > details > summary").filter(has_text=re.compile("Columns|Group|Views|Export"))
        expect(menus).to_have_text(["Columns", "Group", "Views", "Export"])


@pytest.mark.parametrize("address", ["/ui/artifacts", "/ui/artifacts?tab=stored", "/ui/executions"])
def test_a_row_has_two_lines_on_telephones(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    row = page.locator(".table-box tbody tr").first
    expect(row).to_be_visible()

    assert row.evaluate("(row) => row.getBoundingClientRect().height") < 70


@pytest.mark.parametrize("address", ["/ui/executions?group=cause", "/ui/executions?group=component", "/ui/runs?group=pipeline", "/ui/artifacts?group=type"])
def test_groups_do_not_scroll_sideways_on_telephones(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    box = page.locator(".table-box").first
    expect(box).to_be_visible()

    assert box.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 0


@pytest.mark.parametrize("tab", ["statistics", "versions"])
def test_tables_of_a_pipeline_are_cards_on_telephones(page: Page, tab: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/ui/pipelines/pipe-digits?tab={tab}")
    box = page.locator(".table-box").first
    expect(box).to_be_visible()

    assert box.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 0


def test_a_task_in_its_panel_keeps_its_name_on_telephones(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}?view=tasks")
    page.locator("tbody th a").first.click()
    head = page.locator(".panel-head h2")
    expect(head).to_be_visible()

    assert head.evaluate("(head) => head.scrollWidth - head.clientWidth") <= 0
    assert head.bounding_box()["width"] > 300  # type: ignore[index]


def test_keys_that_a_reader_chose_stand_on_the_cards_of_telephones(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for address, table, key in (("/ui/executions?q=", "executions", "out.Output"), ("/ui/runs?q=", "runs", "accuracy")):
        page.goto(f"{address}&columns=chosen&column={key}")
        cell = page.locator(f"table[data-table={table}] td.stack-line[data-label='{key}']").first
        expect(cell).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("address", ["/ui/executions", "/ui/executions?group=component", "/ui/artifacts", "/ui/artifacts?tab=stored"])
def test_filters_say_at_1440_px_all_that_they_read(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address)
    field = page.locator(".table-tools > .filter input[type=search]")
    expect(field).to_be_visible()
    assert field.evaluate("""(field) => {
      const look = getComputedStyle(field);
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = `${look.fontSize} ${look.fontFamily}`;
      return field.clientWidth - parseFloat(look.paddingLeft) - parseFloat(look.paddingRight) - pen.measureText(field.placeholder).width;
    }""") > 0
