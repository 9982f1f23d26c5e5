"""Large graphs are laid out by the worker, under the strict policy, and a shape that was seen costs no second layout; pages stand still while they load."""

from __future__ import annotations

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
    page.get_by_label("Critical path").check()
    expect(page.locator("#graph-path-text")).to_be_visible()
    page.get_by_label("Failed only").check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
