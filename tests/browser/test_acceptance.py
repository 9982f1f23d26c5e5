"""A walk through the pages on a live server, with pipelines that the real client compiled and submitted: dark, offline, by keyboard alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.clients import KFP_NEWEST, client_environment, client_python, run_client
from tests.support.server import LiveServer

PROGRAM = """
import json, sys
import kfp
from kfp import compiler, dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output

@dsl.component
def add(a: int, b: float) -> float:
    return a + b

@dsl.pipeline(name="add-numbers")
def add_numbers(a: int = 1, b: float = 7.0):
    add(a=10, b=add(a=a, b=b).output)

compiler.Compiler().compile(add_numbers, sys.argv[2])

@dsl.component
def load(rows: int, images: Output[Dataset]):
    with open(images.path, "w") as file:
        file.write("label,pixel\\n" + "".join(f"{n % 10},{n}\\n" for n in range(rows)))

@dsl.component
def preprocess(images: Input[Dataset], scaled: Output[Dataset]):
    with open(images.path) as source, open(scaled.path, "w") as target:
        target.write(source.read().upper())

def first():
    @dsl.component
    def train(scaled: Input[Dataset], model: Output[Model], metrics: Output[Metrics], classes: Output[ClassificationMetrics]):
        print("first trainer")
        with open(scaled.path) as source, open(model.path, "w") as target:
            target.write("weights of " + source.read())
        metrics.log_metric("accuracy", 0.81)
        classes.log_confusion_matrix(["even", "odd"], [[40, 10], [9, 41]])
    return train

def edited():
    @dsl.component
    def train(scaled: Input[Dataset], model: Output[Model], metrics: Output[Metrics], classes: Output[ClassificationMetrics]):
        print("edited trainer")
        with open(scaled.path) as source, open(model.path, "w") as target:
            target.write("better weights of " + source.read())
        metrics.log_metric("accuracy", 0.97)
        classes.log_confusion_matrix(["even", "odd"], [[49, 1], [2, 48]])
    return train

def mnist(train):
    @dsl.pipeline(name="mnist")
    def pipeline(rows: int = 100):
        train(scaled=preprocess(images=load(rows=rows).outputs["images"]).outputs["scaled"])
    return pipeline

for name, train in (("first", first()), ("edited", edited())):
    compiler.Compiler().compile(mnist(train), f"{sys.argv[3]}/{name}.yaml")

client = kfp.Client(host=sys.argv[1])
runs = {}
for name, train in (("first", first()), ("edited", edited())):
    run = client.create_run_from_pipeline_func(mnist(train), arguments={"rows": 120}, run_name=f"mnist {name}")
    assert client.wait_for_run_completion(run.run_id, 240).state == "SUCCEEDED"
    runs[name] = run.run_id
print("RUNS", json.dumps(runs))
"""


@dataclass
class Site:
    """A server on which both MNIST runs have ended, and the compiled pipelines for the upload form."""

    server: LiveServer
    runs: dict[str, str]
    package: Path
    mnist: dict[str, Path]
    """As first written, and with an edited trainer."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("walk")
    package = folder / "add.yaml"
    with LiveServer(folder / "data") as server:
        python = client_python(KFP_NEWEST)
        done = run_client(python, PROGRAM, server.url, str(package), str(folder), env=client_environment(HOME=str(folder)), cwd=folder, timeout=400)
        assert done.returncode == 0, done.stdout + done.stderr + server.log[-3000:]
        mnist = {name: folder / f"{name}.yaml" for name in ("first", "edited")}
        yield Site(server, json.loads(done.stdout.split("RUNS ")[1]), package, mnist)


@pytest.fixture
def walker(chromium: Browser, site: Site) -> Iterator[Page]:
    """A page in the dark theme; leaving it checks that no script failed, that nothing was asked of any other server and no button of a
    mouse was pressed.
    """
    context = chromium.new_context(
        base_url=site.server.url, viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="UTC", color_scheme="dark"
    )
    context.set_default_timeout(60_000)
    context.add_init_script("addEventListener('pointerdown', () => console.error('a mouse was used'), true)")
    page = context.new_page()
    problems: list[str] = []
    asked: list[str] = []
    context.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    own = urlsplit(site.server.url).netloc
    assert asked
    assert [url for url in asked if urlsplit(url).scheme not in {"data", "blob"} and urlsplit(url).netloc != own] == []
    assert problems == []


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def reach(target: Locator, *keys: str, most: int = 200) -> None:
    """Press Tab until the target has the focus, then the keys."""
    expect(target).to_be_visible()
    for _ in range(most):
        if target.evaluate("element => element === document.activeElement"):
            return press(target.page, *keys)
        press(target.page, "Tab")
    raise AssertionError(f"no way to {target} by Tab")


def fill(target: Locator, text: str) -> None:
    """Go to a field and type into it."""
    reach(target, "Control+a")
    target.page.keyboard.type(text)


def open_task(page: Page, name: str) -> None:
    """Walk the graph along its edges to a task and open it."""
    expect(page.locator("#graph [data-node]").filter(has_text=name).first).to_be_visible()
    reach(page.locator("#graph"))
    for _ in range(8):
        press(page, "ArrowDown")
        if page.evaluate("document.activeElement.querySelector('.node-name')?.textContent") == name:
            press(page, "Enter")
            expect(page.locator("#panel h2")).to_contain_text(name)
            return
    raise AssertionError(f"no way to {name} along the edges")


def test_a_pipeline_is_uploaded_and_run_from_the_forms(walker: Page, site: Site) -> None:
    walker.goto("/ui/home")
    press(walker, "g", "p")
    walker.wait_for_url("**/ui/pipelines")
    reach(walker.locator("[data-open-dialog=upload]").first, "Enter")
    form = walker.get_by_role("dialog", name="Upload a pipeline")
    with walker.expect_file_chooser() as chooser:
        reach(form.locator("input[type=file]"), "Space")
    chooser.value.set_files(site.package)
    fill(form.get_by_label("Name", exact=True), "add by hand")
    reach(form.get_by_role("button", name="Upload", exact=True), "Enter")
    expect(walker.get_by_role("heading", name="add by hand", level=1)).to_be_visible()
    reach(walker.get_by_role("link", name="Create run"), "Enter")
    fill(walker.locator("#name"), "sum of three")
    expect(walker.locator("#parameter-a")).to_have_attribute("type", "number")
    fill(walker.locator("#parameter-a"), "20")
    fill(walker.locator("#parameter-b"), "0.5")
    reach(walker.get_by_role("button", name="Start"), "Enter")
    walker.wait_for_url(re.compile(r"/ui/runs/[0-9a-f-]{36}$"))
    run_id = walker.url.rpartition("/")[2]
    run = site.server.wait_for_run(run_id, seconds=240.0)
    assert run["runtime_config"]["parameters"] == {"a": 20, "b": 0.5}
    expect(walker.locator("#run-head")).to_contain_text("Succeeded")
    open_task(walker, "add-2")
    expect(walker.locator("#panel-body")).to_contain_text("30.5")


def choose_file(page: Page, form: Locator, file: Path) -> None:
    """Open the file chooser of an upload form by keyboard and take a file."""
    with page.expect_file_chooser() as chooser:
        reach(form.locator("input[type=file]"), "Space")
    chooser.value.set_files(file)


def run_by_form(page: Page, site: Site, rows: str) -> str:
    """Start a run of the MNIST pipeline that is open, wait for its end and return its id."""
    reach(page.get_by_role("link", name="Create run"), "Enter")
    fill(page.locator("#parameter-rows"), rows)
    expect(page.locator("#plan li").first).to_be_visible()
    reach(page.get_by_role("button", name="Start"), "Enter")
    page.wait_for_url(re.compile(r"/ui/runs/[0-9a-f-]{36}$"))
    run_id = page.url.rpartition("/")[2]
    assert site.server.wait_for_run(run_id, seconds=240.0)["state"] == "SUCCEEDED"
    return run_id


def test_mnist_is_uploaded_and_an_edited_version_reuses_two_tasks(walker: Page, site: Site) -> None:
    walker.goto("/ui/pipelines#upload")
    form = walker.get_by_role("dialog", name="Upload a pipeline")
    choose_file(walker, form, site.mnist["first"])
    fill(form.get_by_label("Name", exact=True), "mnist by hand")
    reach(form.get_by_role("button", name="Upload", exact=True), "Enter")
    expect(walker.get_by_role("heading", name="mnist by hand", level=1)).to_be_visible()
    run_by_form(walker, site, "130")
    expect(walker.locator("#run-head")).to_contain_text("Succeeded")
    expect(walker.locator("#graph .node.s-cached")).to_have_count(0)
    reach(walker.locator("#run-head").get_by_role("link", name="mnist by hand"), "Enter")
    reach(walker.get_by_role("button", name="Upload version"), "Enter")
    form = walker.get_by_role("dialog", name="Upload a version")
    choose_file(walker, form, site.mnist["edited"])
    fill(form.get_by_label("Name", exact=True), "edited trainer")
    reach(form.get_by_role("button", name="Upload", exact=True), "Enter")
    expect(walker.locator(".page-head")).to_contain_text("edited trainer")
    run_by_form(walker, site, "130")
    expect(walker.locator("#run-head")).to_contain_text("2/3 cached")
    expect(walker.locator("#graph .node.s-cached")).to_have_count(2)
    open_task(walker, "train")
    press(walker, "3")
    expect(walker.locator("#panel-body")).to_contain_text("the code changed")


def test_an_upload_that_is_refused_names_component_and_line_and_keeps_what_was_typed(walker: Page, site: Site) -> None:
    broken = site.package.read_text().replace("executorLabel: exec-add\n", "executorLabel: exec-gone\n", 1)
    line = next(number for number, text in enumerate(broken.splitlines(), 1) if "exec-gone" in text)
    walker.goto("/ui/pipelines#upload")
    form = walker.get_by_role("dialog", name="Upload a pipeline")
    reach(form.locator("summary", has_text="or paste the definition"), "Enter")
    field = form.get_by_label("Definition")
    reach(field)
    walker.keyboard.insert_text(broken)
    fill(form.get_by_label("Name", exact=True), "broken")
    reach(form.get_by_role("button", name="Upload", exact=True), "Enter")
    expect(form.get_by_role("alert")).to_contain_text(f"components.comp-add.executorLabel: no executor 'exec-gone' (line {line})")
    expect(form.get_by_label("Name", exact=True)).to_have_value("broken")
    reach(field, "Control+a")
    walker.keyboard.insert_text(site.package.read_text())
    reach(form.get_by_role("button", name="Upload", exact=True), "Enter")
    expect(walker.get_by_role("heading", name="broken", level=1)).to_be_visible()


def test_an_edited_component_runs_alone_and_says_why(walker: Page, site: Site) -> None:
    walker.goto(f"/ui/runs/{site.runs['edited']}")
    expect(walker.locator("#run-head")).to_contain_text("2/3 cached")
    expect(walker.locator("#graph .node.s-cached")).to_have_count(2)
    open_task(walker, "train")
    press(walker, "3")
    expect(walker.locator("#panel-body")).to_contain_text("the code changed")


def test_every_tab_of_a_node_and_its_tracked_run_open(walker: Page, site: Site) -> None:
    walker.goto(f"/ui/runs/{site.runs['edited']}")
    open_task(walker, "train")
    tabs = walker.locator("[data-panel-tab]")
    body = walker.locator("#panel-body")
    shown = {
        "Input/Output": ["Input Artifacts", "scaled", "model"],
        "Visualizations": ["confusion matrix", "0.97"],
        "Details": ["Where time went", "better weights of"],
        "Logs": ["edited trainer"],
        "Environment": ["Interpreter used", "WANDB_PROJECT", "kfp"],
        "Events": ["Queued", "Started", "Succeeded"],
        "ML Metadata": ["system.ContainerExecution", "system.Model"],
    }
    expect(tabs).to_have_count(len(shown))
    for number, (name, texts) in enumerate(shown.items(), 1):
        press(walker, str(number))
        expect(tabs.filter(has_text=name)).to_have_attribute("aria-current", "page")
        for text in texts:
            expect(body).to_contain_text(text)
    reach(walker.locator("#panel").get_by_role("link", name="Tracked run"), "Enter")
    walker.wait_for_url("**/mnist/runs/*")
    back = walker.locator(".back-link")
    expect(back).to_contain_text("mnist edited")
    reach(back.get_by_role("link", name="train"), "Enter")
    walker.wait_for_url(f"**/ui/runs/{site.runs['edited']}?task=*")
    expect(walker.locator("#panel h2")).to_have_text("train")


def test_the_tracked_run_is_embedded_in_the_visualizations_of_its_task(walker: Page, site: Site) -> None:
    walker.goto(f"/ui/runs/{site.runs['edited']}")
    open_task(walker, "train")
    press(walker, "2")
    reach(walker.locator(".embedded-run > summary"), "Enter")
    embedded = walker.frame_locator(".embedded-run iframe[title='Tracked run']")
    expect(embedded.get_by_role("heading", name="train", level=1)).to_be_visible()
    expect(embedded.locator("body")).to_contain_text("0.97")
    expect(embedded.get_by_role("link", name="Recurring runs")).to_have_count(0)  # the run alone, without the frame of the pages


def test_the_line_for_a_local_replay_runs_the_same_code_on_the_same_inputs(walker: Page, site: Site, tmp_path: Path) -> None:
    walker.goto(f"/ui/runs/{site.runs['edited']}")
    open_task(walker, "train")
    reach(walker.locator("#replay > summary"), "Enter")
    line = walker.locator("#replay pre").inner_text()
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=client_environment(HOME=str(tmp_path)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "edited trainer" in done.stdout
    assert 'output metrics: {"accuracy": 0.97}' in done.stderr
    [model] = re.findall(r"output model: (\S+)", done.stderr)
    assert Path(model).read_text().startswith("better weights of LABEL,PIXEL\n0,0\n")
    source = tmp_path / "replay_train" / "component.py"
    source.write_text(source.read_text().replace("edited trainer", "trainer edited by hand"))
    again = subprocess.run(
        [sys.executable, "replay_train.py"], cwd=tmp_path, env=client_environment(HOME=str(tmp_path)), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "trainer edited by hand" in again.stdout
    assert "installing" not in again.stderr


def test_a_reused_task_leads_to_the_tracked_run_of_the_original(walker: Page, site: Site) -> None:
    walker.goto(f"/ui/runs/{site.runs['edited']}")
    open_task(walker, "load")
    reach(walker.locator("#panel").get_by_role("link", name="Tracked run"), "Enter")
    expect(walker.locator(".back-link")).to_contain_text("mnist first")


def test_artifacts_are_listed_and_lineage_goes_from_dataset_to_model(walker: Page, site: Site) -> None:
    walker.goto("/ui/artifacts?tab=stored&q=type:Model")
    expect(walker.get_by_role("row").filter(has_text="mnist edited")).to_have_count(1)
    walker.goto(f"/ui/runs/{site.runs['edited']}")
    open_task(walker, "train")
    press(walker, "1")
    panel = walker.locator("#panel-body")
    expect(panel.get_by_role("link", name="scaled").first).to_be_visible()
    reach(panel.get_by_role("link", name="model").first, "Enter")
    expect(walker.get_by_role("heading", level=1)).to_contain_text("model")
    walker.goto("/ui/artifacts?tab=stored&q=type:Dataset")
    reach(walker.get_by_role("row").filter(has_text="mnist first").filter(has_text="images").get_by_role("link").first, "Enter")
    reach(walker.get_by_role("link", name="Whole lineage"), "Enter")
    graph = walker.locator("#lineage")
    for name in ("load", "preprocess", "train", "model"):
        expect(graph.locator(".node", has_text=name).first).to_be_visible()
    reach(graph.locator(".node", has_text="model").first, "Enter")
    shown = walker.locator("#lineage-panel")
    expect(shown.get_by_role("heading", level=2)).to_contain_text("model")
    reach(shown.get_by_role("link", name="Open page"), "Enter")
    expect(walker.get_by_role("heading", level=1)).to_contain_text("model")


def test_both_runs_are_compared(walker: Page, site: Site) -> None:
    walker.goto("/ui/runs?q=pipeline:mnist+param.rows=120")
    expect(walker.locator("[data-rows] tbody tr")).to_have_count(2)
    press(walker, "j", "x", "j", "x")
    expect(walker.locator("[data-bulk-count]")).to_have_text("2")
    reach(walker.get_by_role("button", name="Compare"), "Enter")
    walker.wait_for_url("**/ui/compare?runs=*")
    metrics = walker.get_by_role("region", name="Scalar Metrics").get_by_role("row", name="accuracy")
    expect(metrics).to_contain_text("0.81")
    expect(metrics).to_contain_text("0.97")
    expect(metrics).to_contain_text("0.16")
    expect(walker.get_by_role("region", name="Side by side").first.locator("h3")).to_have_count(2)
    reach(walker.get_by_role("link", name="Charts of their tracked runs"), "Enter")
    walker.wait_for_url("**/mnist/workspace?q=run*")
    expect(walker.get_by_text("4 of 4 runs drawn")).to_be_visible()
    walker.go_back()
    reach(walker.locator("#save-report > summary"), "Enter")
    fill(walker.get_by_label("Title"), "the better trainer")
    reach(walker.locator("#save-report").get_by_role("button", name="Save"), "Enter")
    expect(walker.get_by_role("heading", name="the better trainer", level=1)).to_be_visible()
    comparison = walker.locator(".report-comparison")
    expect(comparison.get_by_text("Live", exact=True)).to_be_visible()
    expect(comparison.get_by_role("region", name="Scalar Metrics").get_by_role("row", name="accuracy")).to_contain_text("0.16")
    expect(comparison.get_by_role("region", name="Side by side").first.locator("h3")).to_have_count(2)
    expect(walker.locator(".kind-comparer")).to_contain_text("Run comparer")
    reach(comparison.get_by_role("button", name="Freeze"), "Enter")
    expect(comparison.get_by_text("Frozen", exact=True)).to_be_visible()
    expect(comparison.get_by_role("region", name="Scalar Metrics").get_by_role("row", name="accuracy")).to_contain_text("0.16")
    exported = walker.request.get(f"{walker.url}?export=html").text()
    assert "0.16" in exported
    assert "<script" not in exported
    reach(walker.get_by_role("link", name="Open the comparison"), "Enter")
    walker.wait_for_url("**/ui/compare?runs=*")


def test_a_recurring_run_is_made_edited_and_paused(walker: Page, site: Site) -> None:
    walker.goto(f"/ui/runs/new?clone={site.runs['edited']}")
    fill(walker.locator("#name"), "every night")
    reach(walker.get_by_role("radio", name="One-off"), "ArrowRight")
    reach(walker.get_by_label("Unit"))
    walker.keyboard.type("days")
    expect(walker.locator("#fires")).to_contain_text("Next times")
    reach(walker.locator("#start-run"), "Enter")
    expect(walker.get_by_role("heading", name="every night", level=1)).to_be_visible()
    reach(walker.locator("summary", has_text="Edit here"), "Enter")
    fill(walker.locator("#edit-name"), "every other night")
    fill(walker.locator("input[name=every]"), "2")
    reach(walker.get_by_role("button", name="Save"), "Enter")
    expect(walker.get_by_role("heading", name="every other night", level=1)).to_be_visible()
    reach(walker.locator(".page-head").get_by_role("button", name="Disable"), "Enter")
    expect(walker.locator(".page-head .chip")).to_contain_text("disabled")
    [schedule] = site.server.get("/apis/v2beta1/recurringruns")["recurringRuns"]
    assert (schedule["display_name"], schedule["status"]) == ("every other night", "DISABLED")
    assert schedule["trigger"]["periodic_schedule"]["interval_second"] in {172800, "172800"}


def test_runs_are_found_picked_archived_and_restored_by_keyboard_alone(walker: Page, site: Site) -> None:
    walker.goto("/ui/home")
    press(walker, "g", "r")
    walker.wait_for_url("**/ui/runs")
    press(walker, "/")
    walker.keyboard.type("accuracy>0.9 param.rows=120")
    press(walker, "Enter")
    walker.wait_for_url("**/ui/runs?*q=accuracy*")
    rows = walker.locator("[data-rows] tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("mnist edited")
    press(walker, "j", "Enter")
    walker.wait_for_url(f"**/ui/runs/{site.runs['edited']}")
    press(walker, ".")
    archive = walker.get_by_role("button", name="Archive", exact=True)
    expect(archive).to_be_visible()
    reach(archive, "Enter")
    expect(walker.get_by_role("status").filter(has_text="Archived")).to_be_visible()
    assert site.server.get(f"/apis/v2beta1/runs/{site.runs['edited']}")["storage_state"] == "ARCHIVED"
    walker.goto("/ui/runs?tab=archived")
    press(walker, "j", "k", "x")
    expect(walker.locator("[data-bulk-count]")).to_have_text("1")
    reach(walker.get_by_role("button", name="Restore"), "Enter")
    expect(walker.get_by_role("row").filter(has_text="mnist edited")).to_have_count(0)
    assert site.server.get(f"/apis/v2beta1/runs/{site.runs['edited']}")["storage_state"] == "AVAILABLE"
