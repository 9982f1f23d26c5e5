"""The graph of a run: what flows along edges, what boxes say beside their state, groups opened as layers."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

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


def test_groups_of_a_definition_open_as_layers(page: Page) -> None:
    page.goto("/ui/pipelines/pipe-digits")
    page.get_by_role("button", name=re.compile("Open as a layer: for-loop")).click()
    trail = page.get_by_role("navigation", name="Open layer")
    expect(trail).to_contain_text("for-loop")
    expect(page.locator("#graph .node").filter(has_text="load-digits")).to_have_count(0)


def test_boxes_of_a_definition_tell_what_their_component_says_and_takes(page: Page) -> None:
    page.goto("/ui/pipelines/pipe-digits")
    box = page.locator("#graph .node:not(.is-group)").filter(has_text="tidy-up")
    expect(box).to_have_attribute("title", re.compile(r"Runs whatever happened\.\n+run_name: STRING"))
    page.get_by_role("link", name="Source", exact=True).click()
    sources = page.locator("#component-sources")
    sources.get_by_text("comp-preprocess").click()
    expect(sources).to_contain_text("Scales to 0..1 and splits.")
    expect(sources).to_contain_text("test_share")
    expect(sources).to_contain_text("def preprocess(")
