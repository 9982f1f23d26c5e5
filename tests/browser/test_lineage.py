"""The lineage page with real data: a pipeline's output, logged as a W&B artifact by a script and used by a second run, is one node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT
from tests.browser.test_keys import tab_through
from tests.browser.watching import watched_page
from tests.support.clients import KFP_NEWEST, client_environment, client_python, run_client
from tests.support.server import LiveServer

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
BARRIERS = (
    "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})"
    ".then(r => r.violations.map(v => v.id + v.nodes.map(n => n.html)))"
)

PIPELINE = """
import sys
import kfp
from kfp import dsl

@dsl.component
def make_data(data: dsl.Output[dsl.Dataset]):
    with open(data.path, "w") as file:
        file.write("a,b\\n1,2\\n" * 20)

@dsl.component
def train(data: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]):
    with open(model.path, "w") as file:
        file.write("weights of " + open(data.path).read())

@dsl.pipeline(name="lineage")
def lineage():
    train(data=make_data().outputs["data"])

client = kfp.Client(host=sys.argv[1])
run = client.create_run_from_pipeline_func(lineage, arguments={}, enable_caching=False)
assert client.wait_for_run_completion(run.run_id, 120).state == "SUCCEEDED"
print("RUN", run.run_id)
"""

SCRIPTS = """
import os, sys
import wandb

with wandb.init(project="joined", name="registers", id="registers") as run:
    artifact = wandb.Artifact("weights", type="model")
    artifact.add_file(sys.argv[1], name="model.txt")
    run.log_artifact(artifact).wait()
with wandb.init(project="joined", name="serves", id="serves") as run:
    run.use_artifact("weights:latest").download("got")
api = wandb.Api()
artifact = api.artifact(f"{api.default_entity}/joined/weights:v0")
print("NAMES", artifact.logged_by().id, [run.id for run in artifact.used_by()], api.default_entity)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("lineage") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def model(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the pipeline and both scripts; the model artifact as the pipeline API shows it."""
    folder = tmp_path_factory.mktemp("clients")
    done = run_client(client_python(KFP_NEWEST), PIPELINE, server.url, env=client_environment(HOME=str(folder)), cwd=folder, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr + server.log[-3000:]
    run_id = done.stdout.split("RUN ")[1].split()[0]
    found = server.get(f"/apis/v2beta1/runs/{run_id}/artifacts")
    [artifact] = [item for item in found["artifacts"] if "Model" in json.dumps(item)]
    local = folder / "model.txt"
    local.write_text(server.text(f"/apis/v2beta1/artifacts/{artifact['artifact_id']}:download"))
    environment = client_environment(
        WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", HOME=str(folder),
        WANDB_CACHE_DIR=str(folder / "cache"), WANDB_DATA_DIR=str(folder / "staging"), WANDB_CONFIG_DIR=str(folder),
    )  # fmt: skip
    python = client_python("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")
    done = run_client(python, SCRIPTS, str(local), env=environment, cwd=folder, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr + server.log[-3000:]
    assert "NAMES registers ['serves']" in done.stdout
    return {"id": artifact["artifact_id"], "entity": done.stdout.split()[-1]}


def test_a_pipeline_output_that_is_logged_and_used_is_one_node(server: LiveServer, model: dict[str, Any]) -> None:
    graph = server.get("/apis/penstock/v1/lineage", of=f"artifact:{model['id']}", depth=6)
    nodes = {node["id"]: node for node in graph["nodes"]}
    focus = nodes[graph["focus"]]
    assert graph["focus"].startswith("digest:sha256:")
    assert {name["ref"] for name in focus["names"]} == {f"artifact:{model['id']}", f"version:{model['entity']}/joined/weights:v0"}
    arrows = [(nodes[edge["source"]]["name"].split(" ")[0], edge["type"], nodes[edge["target"]]["name"].split(" ")[0]) for edge in graph["edges"]]
    data, weights = "data", focus["name"].split(" ")[0]
    assert sorted(arrows) == sorted([
        ("make-data", "produced", data), (data, "used", "train"), ("train", "produced", weights), ("registers", "produced", weights),
        (weights, "used", "serves"),
    ])  # fmt: skip
    same = server.get("/apis/penstock/v1/lineage", of=f"version:{model['entity']}/joined/weights:latest", direction="upstream", depth=3)
    assert same["focus"] == graph["focus"]
    assert {node["kind"] for node in same["nodes"]} == {"data", "pipeline_task", "tracked_run"}


@pytest.fixture
def page(server: LiveServer, chromium: Browser) -> Iterator[Page]:
    """A page on the server that has no error on its console in the end."""
    with watched_page(chromium, server.url) as tab:
        tab.add_init_script(AXE.read_text())
        yield tab


def test_the_page_draws_it_and_leads_to_both_worlds(model: dict[str, Any], page: Page) -> None:
    page.goto(f"/ui/artifacts/{model['id']}")
    page.get_by_role("link", name="Whole lineage").click()
    graph = page.locator("#lineage")
    for name in ("make-data", "train", "registers", "serves"):
        expect(graph.locator(".node", has_text=name).first).to_be_visible()
    expect(graph.locator(".node.is-selected")).to_have_count(1)
    expect(page.get_by_role("link", name="weights:v0").first).to_be_visible()
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("row")).to_have_count(6)
    assert page.evaluate(BARRIERS) == []
    graph.locator(".node", has_text="serves").click()
    page.locator("#lineage-panel").get_by_role("link", name="Open page").click()
    page.wait_for_url(f"**/{model['entity']}/joined/runs/serves*")
    page.goto(f"/ui/lineage?of=artifact:{model['id']}&depth=1&direction=upstream")
    expect(graph.locator(".node")).to_have_count(3)


def test_a_click_opens_the_panel_of_a_node_which_the_address_names(model: dict[str, Any], page: Page) -> None:
    page.goto(f"/ui/lineage?of=artifact:{model['id']}")
    graph, panel = page.locator("#lineage"), page.locator("#lineage-panel")
    expect(panel).to_be_hidden()
    weights = graph.locator(".node.is-selected")
    weights.click()
    expect(panel.locator("#lineage-preview")).to_contain_text("weights of a")
    expect(panel.get_by_role("heading", name="The same bytes under 2 names")).to_be_visible()
    expect(panel.locator("section").filter(has=page.get_by_role("heading", name="Used by"))).to_contain_text("serves")
    expect(weights).to_have_class(re.compile("is-shown"))
    page.evaluate("window.stays = 1")
    graph.locator(".node", has_text="serves").click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("serves")
    assert "show=" in page.url
    assert page.evaluate(BARRIERS) == []
    panel.get_by_role("link", name=re.compile("^model")).first.click()
    expect(panel.get_by_role("heading", name="The same bytes under 2 names")).to_be_visible()
    page.go_back()
    expect(panel.get_by_role("heading", level=2)).to_have_text("serves")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert "show=" not in page.url
    assert page.evaluate("window.stays") == 1, "the page was not left"


def test_a_link_to_a_panel_opens_it_and_the_keyboard_reaches_and_leaves_it(model: dict[str, Any], page: Page) -> None:
    address = f"/ui/lineage?of=artifact:{model['id']}"
    page.goto(address)
    graph, panel = page.locator("#lineage"), page.locator("#lineage-panel")
    train = graph.locator(".node", has_text="train")
    train.focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_role("heading", level=2)).to_have_text("train")
    expect(panel).to_be_focused()
    expect(panel.locator(".state").first).to_contain_text("Succeeded")
    shared = page.url
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(train).to_be_focused()
    page.goto(shared)
    expect(panel.get_by_role("heading", level=2)).to_have_text("train")
    expect(train).to_have_class(re.compile("is-shown"))
    page.locator("input[name=depth]").fill("3")
    page.wait_for_url("**depth=3**")
    expect(panel.get_by_role("heading", level=2)).to_have_text("train")
    with page.context.expect_page() as opened:
        train.click(modifiers=["ControlOrMeta"])
    opened.value.wait_for_url("**/ui/runs/*?task=*")
    opened.value.close()


def test_the_depth_applies_as_it_is_moved_and_the_panel_stays(model: dict[str, Any], page: Page) -> None:
    page.goto(f"/ui/lineage?of=artifact:{model['id']}&depth=1")
    graph, panel, slider = page.locator("#lineage"), page.locator("#lineage-panel"), page.get_by_role("slider", name="Depth")
    expect(graph.locator(".node")).to_have_count(4)
    expect(page.get_by_role("button", name="Apply")).to_be_hidden()
    page.evaluate("window.stays = 1")
    graph.locator(".node", has_text="serves").click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("serves")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(graph.locator(".node")).to_have_count(6)
    expect(slider).to_be_focused()
    expect(page.locator("#lineage-said")).to_contain_text("at most 3 steps away")
    expect(graph.locator(".node.is-shown")).to_have_text(re.compile("serves"))
    assert "depth=3" in page.url
    assert "show=" in page.url
    page.keyboard.press("Home")
    expect(graph.locator(".node")).to_have_count(4)
    panel.get_by_role("button", name="Close").click()
    page.get_by_label("Look into versions of several files").check()
    page.wait_for_url("**contents=1**")
    page.go_back()
    expect(panel.get_by_role("heading", level=2)).to_have_text("serves")
    assert page.evaluate("window.stays") == 1, "the page was not left"


def test_without_script_a_button_applies_the_depth(server: LiveServer, model: dict[str, Any], chromium: Browser) -> None:
    with chromium.new_context(java_script_enabled=False, base_url=server.url) as context:
        page = context.new_page()
        page.goto(f"/ui/lineage?of=artifact:{model['id']}&depth=1")
        page.get_by_role("slider", name="Depth").fill("3")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url("**depth=3**")


def test_a_lineage_on_a_telephone_begins_legible_around_its_focus_and_is_moved_by_hand(model: dict[str, Any], page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/ui/lineage?of=artifact:{model['id']}&depth=6")
    graph = page.locator("#lineage")
    focus = graph.locator(".node.is-selected")
    expect(focus).to_be_in_viewport(ratio=0.99)  # scaled boxes have no whole pixels
    name = focus.locator(".node-name")
    assert name.evaluate("(name) => name.getBoundingClientRect().height / name.offsetHeight * parseFloat(getComputedStyle(name).fontSize)") >= 10.5
    expect(page.locator("#lineage-map")).to_be_visible()
    # The frame takes its height, and the drawing its place in it.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100))))")
    before = focus.bounding_box()
    assert before is not None
    page.mouse.move(before["x"] + 20, before["y"] + 10)
    page.mouse.down()
    page.mouse.move(before["x"] - 40, before["y"] + 30, steps=4)
    page.mouse.up()
    after = focus.bounding_box()
    assert after is not None
    assert round(after["x"] - before["x"]) == -60
    expect(page.locator("#lineage-panel")).to_be_hidden()
    page.locator("#lineage-fit").click()
    expect(page.locator("#lineage-map")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_tab_goes_through_a_lineage_upstream_first_and_brings_what_it_comes_to_into_sight(model: dict[str, Any], page: Page) -> None:
    page.goto(f"/ui/lineage?of=artifact:{model['id']}&depth=6")
    places = [(node["x"], node["y"]) for node in tab_through(page, page.locator("#lineage"))]
    assert len(places) == 6
    assert places == sorted(places)


def test_a_box_of_data_says_its_name_alone_and_below_it_the_run_that_it_is_of(model: dict[str, Any], page: Page) -> None:
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"/ui/lineage?of=artifact:{model['id']}")
        graph = page.locator("#lineage")
        data = graph.locator(".node", has=page.locator(".node-name", has_text=re.compile("^data$")))
        expect(data.locator(".node-meta")).to_have_text(re.compile(r"^\s*lineage .*[0-9]\s*$"))
        # The whole of the name is there, and of what tells it from others of its name at least the end.
        is_whole = "(text) => [text, ...text.querySelectorAll('.cut-tail')].every((one) => one.scrollWidth <= one.clientWidth + 1)"
        assert data.locator(".node-name").evaluate(is_whole)
        box = data.bounding_box()
        end = data.locator(".node-meta .cut-tail").bounding_box()
        assert box
        assert end
        assert end["x"] + end["width"] <= box["x"] + box["width"]
        assert (data.get_attribute("title") or "").startswith("data · lineage")
        expect(graph.locator(".node.is-selected .node-name")).to_have_text(re.compile("^(model|weights)$"))


def test_lines_say_by_their_look_how_two_things_belong_together(model: dict[str, Any], page: Page) -> None:
    page.goto(f"/ui/lineage?of=artifact:{model['id']}")
    graph = page.locator("#lineage")
    expect(graph.locator(".lineage-legend li")).to_have_text(["produced", "used by"])
    produced, used = graph.locator(".graph-edges .edge.is-produced"), graph.locator(".graph-edges .edge.is-used")
    expect(produced).to_have_count(3)
    expect(used).to_have_count(2)
    assert produced.first.evaluate("(line) => getComputedStyle(line).strokeDasharray") != used.first.evaluate("(line) => getComputedStyle(line).strokeDasharray")
    assert {title.partition(" · ")[0] for title in graph.locator(".edge-hit title").all_text_contents()} == {"produced", "used by"}
    page.goto(f"/ui/artifacts/{model['id']}?tab=lineage")
    graph.locator(".node", has_text="train").click()
    expect(page.locator("#lineage-panel").get_by_role("heading", level=2)).to_have_text("train")


def test_the_lineage_view_of_a_run_is_drawn_around_what_it_put_out(server: LiveServer, model: dict[str, Any], page: Page) -> None:
    run = server.get("/apis/v2beta1/runs")["runs"][0]
    page.goto(f"/ui/runs/{run['run_id']}?view=lineage")
    graph, around = page.locator("#lineage"), page.get_by_role("combobox", name="Drawn around")
    expect(graph.locator(".node.is-selected")).to_contain_text("model")
    expect(graph.locator(".node", has_text="serves")).to_have_count(1)
    [data] = [label for label in around.locator("option").all_inner_texts() if label.startswith("data")]
    around.select_option(label=data)
    page.wait_for_url("**around=*")
    expect(graph.locator(".node.is-selected")).to_contain_text("data")
    graph.locator(".node", has_text="train").click()
    expect(page.locator("#lineage-panel").get_by_role("heading", level=2)).to_have_text("train")
    assert page.evaluate(BARRIERS) == []
    assert model["id"] in page.content()


def test_the_lineage_tab_of_an_artifact_has_the_depth_of_the_lineage_page(model: dict[str, Any], page: Page) -> None:
    page.goto(f"/ui/artifacts/{model['id']}?tab=lineage&depth=1")
    graph, slider = page.locator("#lineage"), page.get_by_role("slider", name="Depth")
    expect(graph.locator(".node")).to_have_count(4)
    page.get_by_text("The same as a table").click()
    rows = page.locator(".lineage-rows tbody tr")
    expect(rows).to_have_count(3)
    page.evaluate("window.stays = 1")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(graph.locator(".node")).to_have_count(6)
    expect(rows).to_have_count(5)
    assert "depth=3" in page.url
    assert page.evaluate("window.stays") == 1, "the page was not left"
    page.get_by_role("link", name="Whole lineage").click()
    expect(page.locator("#lineage-said")).to_contain_text("at most 3 steps away")


def test_what_came_of_a_thing_lists_what_to_run_again_nearest_first(server: LiveServer, model: dict[str, Any]) -> None:
    graph = server.get("/apis/penstock/v1/lineage", of=f"artifact:{model['id']}", depth=6)
    [data] = [node["id"] for node in graph["nodes"] if node["name"].startswith("data")]
    page = server.text(f"/ui/lineage?of={data}&direction=downstream")
    again = page.partition('id="lineage-again"')[2].partition("</section>")[0]
    assert re.findall(r">([a-z-]+)</a>", again) == ["train", "serves"]
    assert f"/{model['entity']}/joined/runs/serves" in again
    assert 'id="lineage-again"' not in server.text(f"/ui/lineage?of={data}")
    assert 'id="lineage-again"' not in server.text(f"/ui/lineage?of={data}&direction=upstream")


def test_only_the_paths_to_a_picked_node_stay(model: dict[str, Any], page: Page) -> None:
    page.goto(f"/ui/lineage?of=artifact:{model['id']}")
    graph = page.locator("#lineage")
    expect(graph.locator(".node")).to_have_count(6)
    page.get_by_role("button", name="Pick the other end in the graph").click()
    graph.locator(".node", has_text="make-data").click()
    page.wait_for_url("**to=task*")
    expect(graph.locator(".node")).to_have_count(4)
    expect(graph.locator(".node.is-selected")).to_have_count(2)
    for name in ("registers", "serves"):
        expect(graph.locator(".node", has_text=name)).to_have_count(0)
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("row")).to_have_count(4)
    assert page.evaluate(BARRIERS) == []
    page.locator("input[name=depth]").fill("1")
    expect(page.get_by_text("No path leads there within this depth.")).to_be_visible()
    page.get_by_role("link", name="Show everything again").click()
    expect(graph.locator(".node")).to_have_count(4)
    [serves] = [text for text in page.get_by_role("combobox", name="Only paths to").locator("option").all_inner_texts() if text.startswith("serves")]
    page.get_by_role("combobox", name="Only paths to").select_option(label=serves)
    expect(graph.locator(".node")).to_have_count(2)


CONSUMERS = """
import wandb

for number in range(6):
    with wandb.init(project="joined", name=f"consumer {number}") as run:
        run.use_artifact("weights:latest")
"""


def test_what_is_drawn_as_one_is_searched_and_drawn_one_by_one(
    server: LiveServer, model: dict[str, Any], page: Page, tmp_path: Path
) -> None:
    environment = client_environment(WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", HOME=str(tmp_path))
    python = client_python("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")
    done = run_client(python, CONSUMERS, env=environment, cwd=tmp_path, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    page.goto(f"/ui/lineage?of=artifact:{model['id']}&direction=downstream&depth=1")
    graph, folded = page.locator("#lineage"), page.locator("#lineage-folded")
    expect(graph.locator(".node")).to_have_count(2)
    folded.locator("summary").click()
    expect(folded.get_by_role("listitem")).to_have_count(7)
    search = folded.get_by_role("searchbox")
    search.fill("CONSUMER 3")
    expect(folded.get_by_role("listitem")).to_have_count(1)
    search.fill("nobody")
    expect(folded.get_by_role("status")).to_have_text("Nothing matches.")
    search.fill("")
    assert page.evaluate(BARRIERS) == []
    panel = page.locator("#lineage-panel")
    graph.locator(".node:not(.is-selected)").click()
    expect(panel.get_by_role("listitem")).to_have_count(7)
    panel.get_by_role("searchbox").fill("consumer 5")
    expect(panel.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Close").click()
    folded.get_by_role("link", name="Draw them one by one").click()
    expect(graph.locator(".node", has_text="consumer 3")).to_be_visible()
    page.get_by_role("link", name="Fold again").click()
    expect(graph.locator(".node")).to_have_count(2)
    page.get_by_label("Explode versions").check()
    expect(graph.locator(".node")).to_have_count(8)
    expect(folded).to_have_count(0)
