"""The graph of a run: what flows along edges, what boxes say beside their state, groups opened as layers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from penstock.domain.ids import RunId, TaskPath, task_id_for
from tests.browser.conftest import Served


def test_an_edge_says_what_flows_and_a_click_marks_producer_and_consumer(page: Page, served: Served) -> None:
    with page.expect_response(re.compile("/marks$")):
        page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    edges = page.locator("#graph .edge-hit")
    expect(edges.first).to_be_attached()
    tips = page.locator("#graph .edge-hit > title", has_text="dataset · Dataset · ")
    expect(tips.first).to_be_attached()
    tips.first.locator("..").dispatch_event("click")
    line = page.locator("#graph-edge-text")
    expect(line).to_contain_text("load-digits → preprocess: dataset · Dataset · ")
    expect(page.locator("#graph .node.is-end")).to_have_count(2)
    line.get_by_role("button", name="preprocess").click()
    expect(page.locator("#graph [data-node]:focus")).to_contain_text("preprocess")
    line.get_by_role("button", name="Close").click()
    expect(line).to_be_hidden()
    expect(page.locator("#graph .node.is-end")).to_have_count(0)


def test_boxes_show_a_metric_and_closed_groups_their_tasks_by_state(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    evaluate = page.locator("#graph .node").filter(has_text="evaluate").last
    expect(evaluate.locator(".node-metric")).to_have_attribute("aria-label", re.compile(r"^\w+ [\d.]+"))
    ring = page.locator("#graph .node.is-group:not(.is-open) .node-ring").first
    expect(ring).to_have_attribute("aria-label", re.compile(r"Succeeded: \d"))


def test_a_loop_opens_as_a_layer_with_a_way_back(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.get_by_role("button", name=re.compile("Open as a layer: for-loop")).click()
    page.wait_for_url(re.compile("layer="))
    trail = page.get_by_role("navigation", name="Open layer")
    expect(trail).to_contain_text("iteration 0 (1/")
    expect(page.locator("#graph .node").filter(has_text="load-digits")).to_have_count(0)
    expect(page.locator("#graph .node").filter(has_text="train-model").first).to_be_visible()
    trail.get_by_role("button", name="Next iteration").click()
    expect(trail).to_contain_text("(2/")
    page.reload()
    expect(trail).to_contain_text("for-loop")
    trail.get_by_role("button", name="Whole graph").click()
    expect(trail).to_be_hidden()
    expect(page.locator("#graph .node").filter(has_text="load-digits").first).to_be_visible()
    page.go_back()
    expect(trail).to_contain_text("for-loop")


def test_the_search_of_the_graph_finds_tasks_in_closed_groups_and_opens_the_way_to_them(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    boxes = page.locator("#graph .node:not(.is-group)").filter(has_text="train-model")
    expect(page.locator("#graph .node").filter(has_text="load-digits").first).to_be_visible()
    expect(boxes).to_have_count(0)
    field, count = page.get_by_role("searchbox", name="Find a task"), page.locator("#graph-search-count")
    field.fill("train-mo")
    expect(count).to_have_text("5 matches")
    run, seen = RunId(served.seeded.runs["good"]), []
    for place in range(1, 6):
        field.press("Enter")
        expect(count).to_have_text(f"{place}/5 matches")
        task = task_id_for(run, TaskPath(f"root/exit-handler-1/for-loop-2[{place - 1}]/train-model"))
        expect(page.locator(f"#graph [data-node='{task}']").first).to_be_visible()
        seen.append(task)
    assert len(set(seen)) == 5
    field.press("Enter")  # from the last to the first again
    expect(count).to_have_text("1/5 matches")
    expect(page.locator(f"#graph [data-node='{seen[0]}']").first).to_be_visible()
    page.reload()
    expect(page.locator(f"#graph [data-node='{seen[0]}']").first).to_be_visible()
    field.fill("nothing-is-called-this")
    expect(count).to_have_text("0 matches")


def test_groups_of_a_definition_open_as_layers(page: Page) -> None:
    page.goto("/ui/pipelines/pipe-digits")
    page.get_by_role("button", name=re.compile("Open as a layer: for-loop")).click()
    trail = page.get_by_role("navigation", name="Open layer")
    expect(trail).to_contain_text("for-loop")
    expect(page.locator("#graph .node").filter(has_text="load-digits")).to_have_count(0)


def test_boxes_of_a_definition_tell_what_their_component_says_and_takes(page: Page) -> None:
    page.goto("/ui/pipelines/pipe-digits")
    box = page.locator("#graph .node:not(.is-group)").filter(has_text="tidy-up")
    expect(box).to_have_attribute("title", re.compile(r"Runs whatever happened\.\n+run_name: str"))
    page.get_by_role("link", name="Source", exact=True).click()
    sources = page.locator("#component-sources")
    sources.get_by_text("preprocess", exact=True).click()
    expect(sources).to_contain_text("Scales to 0..1 and splits.")
    expect(sources).to_contain_text("test_share")
    expect(sources).to_contain_text("def preprocess(")


def test_edges_are_walked_by_keyboard_and_listed_as_a_table(page: Page, served: Served) -> None:
    with page.expect_response(re.compile("/marks$")):
        page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.locator("#graph a[data-node]").filter(has_text="preprocess").first.focus()
    page.keyboard.press("e")
    focused = page.locator("#graph .edge-hit:focus")
    expect(focused).to_have_attribute("aria-label", re.compile(r"^load-digits → preprocess: dataset · Dataset · \d"))
    expect(page.locator("#graph-edge-text")).to_contain_text("load-digits → preprocess")
    page.keyboard.press("ArrowRight")
    expect(focused).to_have_attribute("aria-label", re.compile(r"^preprocess → "))
    page.keyboard.press("Enter")
    expect(page.locator("#graph [data-node]:focus")).not_to_contain_text("preprocess")
    page.keyboard.press("e")
    page.keyboard.press("Escape")
    expect(page.locator("#graph-edge-text")).to_be_hidden()
    expect(page.locator("#graph [data-node]:focus")).to_have_count(1)

    table = page.locator("#graph-edge-list")
    table.locator("summary").click()
    row = table.get_by_role("row", name=re.compile(r"^load-digits preprocess dataset Dataset \d"))
    row.get_by_role("button", name="Show in the graph: load-digits → preprocess").press("Enter")
    expect(focused).to_have_attribute("aria-label", re.compile("^load-digits → preprocess"))


def test_the_address_has_the_chosen_edge_and_what_is_looked_at(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.locator("#graph a[data-node]").filter(has_text="preprocess").first.focus()
    page.keyboard.press("e")
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_url(re.compile("at=.*edge=|edge=.*at="))
    page.wait_for_function(  # the last of the three, which moves the graph for a while and is written after that
        "() => { const scale = /scale\\(([\\d.]+)\\)/.exec(document.querySelector('#graph .graph-world').style.transform)?.[1];"
        " return Math.abs(Number((new URL(location).searchParams.get('at') ?? '').split(',')[2]) - Number(scale)) < 0.001; }"
    )
    world = page.locator("#graph .graph-world")
    scale = re.search(r"scale\(([\d.]+)\)", world.get_attribute("style") or "")
    assert scale
    page.goto(page.url)
    expect(page.locator("#graph-edge-text")).to_contain_text("load-digits → preprocess: dataset · Dataset · ")
    expect(world).to_have_attribute("style", re.compile(rf"scale\({float(scale.group(1)):.4g}\)"))
    page.get_by_role("button", name="Fit").click()
    page.wait_for_url(re.compile("at=all"))


def test_the_address_has_the_iteration_of_a_layer(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.get_by_role("button", name=re.compile("Open as a layer: for-loop")).click()
    page.get_by_role("button", name="Next iteration").click()
    trail = page.get_by_role("navigation", name="Open layer")
    expect(trail).to_contain_text("(2/")
    page.wait_for_url(re.compile("round="))
    page.reload()
    expect(trail).to_contain_text("(2/")
    trail.get_by_role("button", name="Whole graph").click()
    expect(trail).to_be_hidden()
    assert "round=" not in page.url
    page.go_back()
    expect(trail).to_contain_text("(2/")


def test_moving_writes_the_address_once_it_rests(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    expect(page.locator("#graph a[data-node]").first).to_be_visible()
    page.evaluate(
        "() => { window.written = 0; const put = history.replaceState.bind(history);"
        " history.replaceState = (...all) => { window.written += 1; put(...all); }; }"
    )
    page.evaluate(  # all in one turn of the page, so that no rest lies between them, however busy the machine is
        "() => { for (let turn = 0; turn < 30; turn += 1) document.getElementById('graph')"
        ".dispatchEvent(new WheelEvent('wheel', { deltaY: 12, clientX: 600, clientY: 500, bubbles: true, cancelable: true })); }"
    )
    page.wait_for_url(re.compile("at="))
    assert page.evaluate("window.written") == 1


def test_a_metric_in_a_box_leaves_the_duration_whole(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    evaluate = page.locator("#graph .node", has=page.locator(".node-metric")).first
    expect(evaluate.locator(".node-metric")).to_be_visible()
    # All in one turn of the page, which draws the parts anew whenever more is known of them.
    beside, overlap, cut = evaluate.evaluate(
        """(node) => {
          const [metric, name, line] = ["metric", "name", "meta"].map((part) => node.querySelector(`.node-${part}`).getBoundingClientRect());
          const numbers = [...node.querySelectorAll(".node-meta .num")].filter((one) => one.scrollWidth > one.clientWidth);
          return [Math.abs(metric.top + metric.bottom - name.top - name.bottom) / 2, line.right - metric.left, numbers.length];
        }"""
    )
    assert beside < 4, "it stands beside the name"
    assert overlap > 0, "state and duration have the line below it, too"
    assert cut == 0


def test_a_task_that_a_link_names_is_in_sight_in_the_graph(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1100, "height": 700})
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.locator("#graph a[data-node]").filter(has_text="evaluate").last.click()
    page.wait_for_url(re.compile("task="))
    page.reload()
    box = page.locator("#graph .node.is-selected")
    expect(box).to_be_in_viewport()


def test_what_failed_comes_into_sight_when_nothing_else_is_asked_for(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['failed']}?at=9000,9000,1")
    failed = page.locator("#graph .node.s-failed:not(.is-open)").first
    expect(failed).to_be_attached()
    expect(failed).not_to_be_in_viewport()
    page.get_by_role("checkbox", name="Failed only").check()
    expect(failed).to_be_in_viewport()


def test_the_table_of_edges_stands_below_the_graph_of_a_definition(page: Page) -> None:
    page.goto("/ui/pipelines/pipe-digits")
    table = page.locator("#graph-edge-list")
    table.locator("summary").click()
    expect(table.get_by_role("row", name=re.compile("^load-digits preprocess dataset"))).to_be_visible()
    frame, below = page.locator("#graph").bounding_box(), table.bounding_box()
    assert frame
    assert below
    assert below["y"] >= frame["y"] + frame["height"]
    assert below["width"] > frame["width"] - 2


BUSY = 30_000
"""Milliseconds that a panel may take on a machine that has much else to do."""


def test_an_artifact_in_the_graph_opens_a_panel_of_its_own(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}?artifacts=1")
    node, panel = page.locator("#graph a.node.is-artifact").filter(has_text="dataset").first, page.locator("#panel")
    node.click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("dataset", timeout=BUSY)
    expect(panel.locator("[data-panel-tab]")).to_have_text([re.compile("Artifact info"), re.compile("Preview"), re.compile("Versions"), re.compile("Lineage")])
    expect(node).to_have_class(re.compile("is-selected"))
    expect(panel.locator("dl.facts").first).to_contain_text("minio://")
    page.keyboard.press("3")
    expect(panel.locator("[data-panel-tab=versions]")).to_have_attribute("aria-current", "page", timeout=BUSY)
    expect(panel.locator(".output-versions > li[aria-current]")).to_have_count(1)
    page.keyboard.press("2")
    expect(panel.locator("[data-panel-tab=preview]")).to_have_attribute("aria-current", "page", timeout=BUSY)
    assert "output=dataset" in page.url
    page.reload()
    expect(panel.locator("[data-panel-tab=preview]")).to_have_attribute("aria-current", "page", timeout=BUSY)
    expect(node).to_have_class(re.compile("is-selected"))
    panel.get_by_role("link", name="load-digits").click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("load-digits", timeout=BUSY)
    assert "output=" not in page.url
    page.go_back()
    expect(panel.get_by_role("heading", level=2)).to_have_text("dataset", timeout=BUSY)
    panel.get_by_role("link", name="Close").click()
    expect(panel).to_be_hidden()
    assert "output=" not in page.url


def test_an_artifact_that_is_not_there_yet_says_what_it_waits_for(page: Page, served: Served) -> None:
    address = f"/ui/runs/{served.seeded.runs['running']}"
    page.goto(address)
    waiting = page.locator("#graph a.node.s-pending[data-node], #graph a.node.s-running[data-node]").last.get_attribute("data-node")
    page.goto(f"{address}?task={waiting}&output=model")
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", level=2)).to_have_text("model")
    expect(panel.locator(".panel-body")).to_contain_text("Not yet")


@pytest.mark.parametrize(("direction", "count"), [("TB", 40), ("LR", 60)])
def test_many_tasks_that_stand_alike_are_a_block_of_rows(page: Page, served: Served, direction: str, count: int) -> None:
    """Placed by the page itself where they are few, by its worker where they are many."""

    def many(route: Route) -> None:
        answer = route.fetch().json()
        leaf = next(node for scope in answer["scopes"].values() for node in scope["nodes"] if node["type"] == "RUNTIME")
        names = ["load", *(f"{kind}-{number}" for number in range(count) for kind in ("work", "look")), "gather"]
        pairs = [(("load", f"work-{n}"), (f"work-{n}", f"look-{n}"), (f"look-{n}", "gather")) for n in range(count)]
        edges = [{"source": first, "target": then, "labels": [], "has_artifact": False} for three in pairs for first, then in three]
        answer["scopes"] = {answer["root"]: {"nodes": [leaf | {"id": name, "key": name, "name": name} for name in names], "edges": edges}}
        answer["loops"] = {}
        route.fulfill(json=answer)

    page.route(re.compile(r"/graph(\?|$)"), many)
    page.goto(f"/ui/runs/{served.seeded.runs['good']}?dir={direction}")
    expect(page.locator("#graph .node")).to_have_count(2 * count + 2)
    boxes = page.locator("#graph .node").evaluate_all(
        "(all) => Object.fromEntries(all.map((one) => [one.dataset.node, ['left', 'top', 'width', 'height'].map((side) => parseFloat(one.style[side]))]))"
    )
    right, bottom = (max(box[side] + box[side + 2] for box in boxes.values()) for side in (0, 1))
    assert 0.4 < right / bottom < 3, "as a strip it would be 10,000 pixels long"
    for name, (x, y, width, height) in boxes.items():
        others = [box for other, box in boxes.items() if other != name]
        assert not any(x < box[0] + box[2] and box[0] < x + width and y < box[1] + box[3] and box[1] < y + height for box in others), name
    ends = page.locator("#graph .edge").evaluate_all(
        "(all) => all.map((one) => [one.dataset.source, one.dataset.target, one.getPointAtLength(0), one.getPointAtLength(one.getTotalLength())])"
        ".map(([source, target, first, last]) => [source, target, first.x, first.y, last.x, last.y])"
    )
    assert len(ends) == 3 * count
    for source, target, *points in ends:
        for name, (x, y) in ((source, points[:2]), (target, points[2:])):
            left, top, width, height = boxes[name]
            assert left - 1 <= x <= left + width + 1, (source, target)
            assert top - 1 <= y <= top + height + 1, (source, target)
