"""Large graphs are laid out by the worker, under the strict policy, and a shape that was seen costs no second layout."""

from __future__ import annotations

from playwright.sync_api import Page

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
