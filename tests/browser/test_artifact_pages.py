"""Artifact pages over what the real clients logged: collections, one version beside another, history, snippets that run, axe."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT
from tests.browser.watching import watched_page
from tests.conformance.metaflow.machine import DATA_CLIENT
from tests.support.clients import KFP_NEWEST, client_environment, client_python, run_client
from tests.support.server import LiveServer

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
CLIENT = ("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")
PROGRAM = """
import wandb

for number in range(2):
    with wandb.init(name=f"make {number}", job_type="data") as run:
        artifact = wandb.Artifact("digits", "dataset", metadata={"rows": 10 * (number + 1), "source": "sensor"})
        with artifact.new_file("data/train.csv") as file:
            file.write("x,y\\n" + "1,2\\n" * (number + 1))
        with artifact.new_file("data/test.csv") as file:
            file.write("x,y\\n5,6\\n")
        run.log_artifact(artifact, aliases=["golden"])
with wandb.init(name="train", job_type="train") as run:
    run.use_artifact("digits:v0")
version = wandb.Api().artifact("digits:v1")
version.aliases.append("reviewed")
version.save()
"""
PIPELINE = """
import sys
from kfp import Client, dsl

@dsl.component
def load(data: dsl.Output[dsl.Dataset]):
    with open(data.path, "w") as file:
        file.write("x,y\\n1,2\\n")

@dsl.pipeline(name="digits-training")
def pipeline():
    load()

client = Client(host="URL")
for name in ("first", "second"):
    run = client.create_run_from_pipeline_func(pipeline, run_name=name, enable_caching=False)
    client.wait_for_run_completion(run.run_id, 100)
"""
FILES = """
import json, os, pickle, struct, wave
import numpy as np, pandas as pd, wandb

os.makedirs("kinds")
frame = pd.DataFrame({"id": range(500), "score": np.linspace(0, 1, 500), "when": pd.date_range("2026-01-01", periods=500, freq="h")})
for codec in ("snappy", "gzip", "zstd"):
    frame.to_parquet(f"kinds/{codec}.parquet", compression=codec)
np.savez("kinds/arrays.npz", weights=np.ones((3, 2)), labels=np.array(["a", "bb"]))
with open("kinds/million.csv", "w") as file:
    file.write("id,name\\n")
    file.writelines(f"{number},row {number}\\n" for number in range(1_000_000))
with wave.open("kinds/tone.wav", "wb") as sound:
    sound.setparams((1, 2, 8000, 0, "NONE", ""))
    sound.writeframes(bytes(3200))
pickle.dump({"a": 1}, open("kinds/model.pkl", "wb"))
json.dump({"data": [{"type": "bar", "x": [1, 2], "y": [3, 4]}], "layout": {"title": {"text": "A figure"}}}, open("kinds/plot.json", "w"))
lite = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": "bar", "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}}}
json.dump(lite | {"data": {"values": [{"a": "x", "b": 3}]}}, open("kinds/chart.vl.json", "w"))
json.dump(lite | {"data": {"url": "/ui/evil.csv"}}, open("kinds/loads.vl.json", "w"))
cells = [{"cell_type": "code", "execution_count": 1, "source": "1+1", "outputs": [{"output_type": "stream", "text": ["<b>2</b>"]}]}]
json.dump({"nbformat": 4, "cells": cells}, open("kinds/book.ipynb", "w"))
open("kinds/paper.pdf", "wb").write(b"%PDF-1.4 not much")
open("kinds/large.html", "w").write("<p>" + "x" * 11_000_000)
with wandb.init(name="kinds", project="previews") as run:
    artifact = wandb.Artifact("kinds", "samples")
    artifact.add_dir("kinds")
    run.log_artifact(artifact)
"""

PICTURES = """
import datetime, json
import numpy as np, wandb
from PIL import Image

Image.fromarray(np.full((8, 12, 3), (10, 20, 30), "uint8")).save("flat.png")
json.dump({"outer": {"inner": [1, 2]}, "last": "needle"}, open("deep.json", "w"))
open("source.py", "w").write("".join(f"def f{number}():\\n    return {number}\\n\\n" for number in range(20)))
mask = {"pred": {"mask_data": np.ones((8, 12), "uint8"), "class_labels": {1: "b"}}}
box = {"found": {"box_data": [{"position": {"minX": 0.1, "maxX": 0.9, "minY": 0.1, "maxY": 0.9}, "class_id": 1}], "class_labels": {1: "b"}}}
with wandb.init(name="pictures", project="previews") as run:
    rows = [[number, "ab"[number % 2], wandb.Image("flat.png", masks=mask, boxes=box), datetime.datetime(2026, 1, 1 + number)] for number in range(10)]
    artifact = wandb.Artifact("pictures", "samples")
    for name in ("flat.png", "deep.json", "source.py"):
        artifact.add_file(name)
    table = wandb.Table(columns=["id", "kind", "picture", "when"], data=rows)
    artifact.add(table, "rows")
    run.log_artifact(artifact).wait()
    run.log({"again": table})
"""


@dataclass
class Logged:
    """A server with collections of both worlds."""

    server: LiveServer
    folder: Path

    def run(self, source: str, *requirements: str, arguments: tuple[str, ...] = ()) -> str:
        """Run a program with a real client against the server; return what it wrote."""
        environment = client_environment(
            WANDB_BASE_URL=self.server.url, WANDB_API_KEY=self.server.key, WANDB_PROJECT="digits", WANDB_SILENT="true", USER="tester",
            HOME=str(self.folder),
        )  # fmt: skip
        done = run_client(client_python(*requirements), source, *arguments, env=environment, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    """`tester/digits` with two versions of a data set, and two runs of a pipeline."""
    folder = tmp_path_factory.mktemp("artifacts")
    (folder / "work").mkdir()
    with LiveServer(folder / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server:
        made = Logged(server, folder / "work")
        made.run(PROGRAM, *CLIENT)
        made.run(PIPELINE.replace("URL", server.url), KFP_NEWEST)
        yield made


@pytest.fixture(scope="module")
def files(logged: Logged) -> str:
    """Address of the folder in which a file of each kind lies."""
    logged.run(FILES, *DATA_CLIENT)
    return "/tester/previews/artifacts/samples/kinds/v0/files/"


@pytest.fixture(scope="module")
def pictures(logged: Logged) -> str:
    """Address of the folder with a picture, texts and a table with pictures."""
    logged.run(PICTURES, *CLIENT)
    return "/tester/previews/artifacts/samples/pictures/v0/files/"


PAIRS = """
import numpy as np, wandb
from PIL import Image

for number in range(2):
    with wandb.init(name=f"pair {number}", project="previews") as run:
        for step in range(3):
            run.log({"loss": 1 / (number + step + 1)})
        open("rows.csv", "w").write("id,x\\n" + "".join(f"{row},{row * (1 + number * (row == 2))}\\n" for row in range(5 + number)))
        open("notes.txt", "w").write(f"same\\nnumber {number}\\n")
        Image.fromarray(np.full((20, 40, 3), 60 + 100 * number, "uint8")).save("shade.png")
        artifact = wandb.Artifact("pairs", "samples")
        for name in ("rows.csv", "notes.txt", "shade.png"):
            artifact.add_file(name)
        run.log_artifact(artifact)
"""

PLOTS = """
import wandb

names = ["cat", "dog", "bird"]
with wandb.init(name="plots", project="plots") as run:
    rows = [[number, names[number % 3], names[(number + number // 10) % 3], number / 30] for number in range(30)]
    run.log({"samples": wandb.Table(columns=["id", "truth", "guess", "score"], data=rows)})
    matrix = wandb.plot.confusion_matrix(y_true=[names.index(row[1]) for row in rows], preds=[names.index(row[2]) for row in rows], class_names=names)
    curve = wandb.Table(columns=["class", "fpr", "tpr"], data=[[name, x, y] for name, mid in (("cat", 0.5), ("dog", 1.0)) for x, y in ((0.0, 0.0), (0.5, mid), (1.0, 1.0))])
    run.log({"matrix": matrix, "roc": wandb.plot_table("wandb/area-under-curve/v0", curve, {"x": "fpr", "y": "tpr", "class": "class"}, {"title": "ROC"})})
"""


@pytest.fixture
def tab(chromium: Browser, logged: Logged) -> Iterator[Page]:
    """A fresh page; leaving it checks console and requests."""
    with watched_page(chromium, logged.server.url) as page:
        yield page


def check_axe(tab: Page) -> None:
    """Make sure that axe finds nothing on the page."""
    tab.evaluate(AXE.read_text())
    rules = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']"
    found = tab.evaluate(f"axe.run(document, {{runOnly: {rules}, resultTypes: ['violations'], iframes: false}})")
    assert [(item["id"], [node["html"][:160] for node in item["nodes"][:3]]) for item in found["violations"]] == [], tab.url


def test_collections_of_both_worlds_are_one_list_with_facets(tab: Page) -> None:
    tab.goto("/ui/artifacts")
    rows = tab.locator("tbody tr")
    expect(rows).to_have_count(2)
    digits = rows.filter(has_text="tester/digits")
    for text in ("dataset", "2", "v1", "golden", "reviewed", "make 1", "and 1 more"):
        expect(digits).to_contain_text(text)
    expect(rows.filter(has_text="digits-training")).to_contain_text("load · data")
    check_axe(tab)
    tab.get_by_text("Pipeline", exact=True).locator("visible=true").click()
    tab.get_by_role("link", name="digits-training 1").click()
    expect(rows).to_have_count(1)
    expect(tab).to_have_url(re.compile("q=pipeline"))
    tab.goto("/ui/artifacts?q=alias:golden")
    expect(rows).to_have_count(1)
    tab.get_by_role("link", name="All stored").click()
    expect(tab.locator("tbody tr")).to_have_count(2)


def test_a_version_and_a_folder_of_it_come_as_archives(tab: Page) -> None:
    tab.goto("/tester/digits/artifacts/dataset/digits/v1/files")
    for link, names in (("Download all files", ["data/test.csv", "data/train.csv"]), ("Download this folder", ["test.csv", "train.csv"])):
        with tab.expect_download() as got:
            tab.get_by_role("link", name=link).click()
        archive = zipfile.ZipFile(got.value.path())
        assert sorted(archive.namelist()) == names
        assert archive.read(names[1]) == b"x,y\n1,2\n1,2\n"
        if link == "Download all files":
            tab.get_by_role("link", name="data/").click()
    missing = tab.evaluate("document.querySelector('a[download]').href").partition("?")[0]
    assert tab.request.get(f"{missing}?path=nowhere").status == 404
    assert tab.request.get(f"{missing}?path=dat").status == 404


def test_two_versions_are_laid_beside_each_other(tab: Page) -> None:
    tab.goto("/tester/digits/artifacts/dataset/digits/v1/versions")
    diff = tab.locator("#diff")
    expect(diff.get_by_role("heading", name="From v0 to v1")).to_be_visible()
    expect(diff.locator(".diff-counts")).to_contain_text("1 changed")
    expect(diff.locator(".diff-counts")).to_contain_text("1 the same")
    expect(diff.locator("tbody tr").filter(has_text="data/train.csv")).to_contain_text("changed")
    expect(diff.locator("tbody tr").filter(has_text="rows")).to_contain_text("1020")
    expect(tab.locator(".version-strip [aria-current=page]")).to_contain_text("v1")
    check_axe(tab)


def test_edits_are_written_down_with_who_made_them(tab: Page) -> None:
    tab.goto("/tester/digits/artifacts/dataset/digits/v1")
    tab.get_by_role("button", name="Edit").first.click()
    tab.get_by_label("Days until it is deleted by itself").fill("30")
    tab.get_by_label("Tags").fill("clean")
    tab.get_by_role("button", name="Save").click()
    expect(tab.locator("main .facts")).to_contain_text("30 d")
    expect(tab.locator("main .facts")).to_contain_text("in 29 d")
    check_axe(tab)
    tab.get_by_role("link", name="History").click()
    lines = tab.locator("tbody tr")
    expect(lines.filter(has_text="time to live")).to_contain_text("30 d")
    expect(lines.filter(has_text="clean")).to_contain_text("tester")
    expect(lines.filter(has_text="reviewed")).to_contain_text("v1")
    expect(lines.filter(has_text="golden").filter(has_text="v0").first).to_contain_text("v1")
    check_axe(tab)
    tab.goto("/tester/digits/artifacts/dataset/digits/v0/usage")
    expect(tab.locator("tbody tr")).to_contain_text("train")
    tab.set_viewport_size({"width": 390, "height": 844})
    box = tab.locator(".table-box")
    expect(box.locator("thead")).not_to_be_in_viewport()
    assert box.evaluate("(box) => box.scrollWidth <= box.clientWidth")


def _snippets(tab: Page) -> dict[str, str]:
    read = "all => all.map(one => [one.querySelector('summary').textContent, one.querySelector('code').textContent])"
    return dict(tab.locator(".snippets details").evaluate_all(read))


def test_every_snippet_runs_as_it_stands(tab: Page, logged: Logged) -> None:
    tab.goto("/tester/digits/artifacts/dataset/digits/v1")
    version = _snippets(tab)
    assert list(version) == ["In a run", "Without a run", "In a pipeline", "As an imported file", "In a flow"]
    tab.goto("/ui/artifacts?tab=stored")
    tab.locator("tbody th a").first.click()
    tab.wait_for_url(re.compile(r"/ui/artifacts/\d+$"))
    artifact = _snippets(tab)
    check_axe(tab)
    assert list(artifact) == ["In a pipeline", "In a run", "In a flow", "In plain Python"]
    assert "digits" in logged.run(f"{version['In a run']}\nprint(folder)\n", *CLIENT)
    assert "digits" in logged.run(f"{version['Without a run']}\nprint(folder)\n", *CLIENT)
    logged.run(artifact["In plain Python"], *CLIENT)
    assert (logged.folder / "data").exists()
    logged.run(artifact["In a run"], *CLIENT)
    start = (
        "\nfrom kfp import Client\nrun = Client(host='URL').create_run_from_pipeline_func(use_artifact)\n"
        "state = Client(host='URL').wait_for_run_completion(run.run_id, 100).state\nassert state == 'SUCCEEDED', state\n"
    ).replace("URL", logged.server.url)
    for snippet in (version["As an imported file"], artifact["In a pipeline"]):
        logged.run(snippet + start, KFP_NEWEST)
    for flow in (version["In a flow"], artifact["In a flow"]):
        logged.run(flow, *DATA_CLIENT, arguments=("run",))


def test_collections_are_tagged_compared_and_deleted_in_bulk_and_outputs_say_why_not(tab: Page, logged: Logged) -> None:
    tab.goto("/ui/artifacts")
    both = tab.get_by_role("checkbox", name=re.compile("^Select (digits|load · data)$"))
    for box in both.all():
        box.check()
    bar = tab.locator("[data-bulk-bar]")
    expect(bar.locator("[data-bulk-count]")).to_have_text("2")
    bar.get_by_label("Tag").fill("gold-standard")
    bar.get_by_role("button", name="Add tag").click()
    expect(tab.locator("[data-notice]")).to_contain_text("Tagged 1 of 2.")
    expect(tab.locator("[data-notice] .problems li")).to_contain_text("outputs of pipelines are tagged and deleted one by one")
    check_axe(tab)
    tab.get_by_role("link", name="gold-standard").click()
    expect(tab).to_have_url(re.compile("q=tag%3Dgold-standard"))
    expect(tab.locator("tbody tr")).to_have_count(1)
    asked = "import wandb\nprint(wandb.Api().artifact_collection('dataset', 'digits/digits').tags)"
    assert logged.run(asked, *CLIENT).strip() == "['gold-standard']"

    tab.goto("/ui/artifacts")
    for box in both.all():
        box.check()
    bar.get_by_role("button", name="Compare the newest").click()
    expect(tab.get_by_role("heading", name="Compare artifacts")).to_be_visible()
    expect(tab.locator("#diff")).to_contain_text("their digests are of different kinds")
    check_axe(tab)
    usual = tab.viewport_size
    assert usual is not None
    tab.set_viewport_size({"width": 390, "height": 844})
    assert tab.locator(".compare-box").first.evaluate("(box) => box.scrollWidth <= box.clientWidth")
    tab.set_viewport_size(usual)

    tab.goto("/ui/artifacts?q=tag:gold")
    tab.get_by_role("checkbox", name="Select all").check()
    bar.get_by_role("button", name="Delete").click()
    expect(tab.locator("[data-notice]")).to_contain_text("Deleted 1 of 1: in the trash for 7 d.")
    expect(tab.locator("tbody tr")).to_have_count(0)
    tab.locator("[data-notice]").get_by_role("button", name="Undo").click()
    expect(tab.locator("tbody tr")).to_have_count(1)


def names(logged: Logged) -> set[str]:
    """Return names of the runs that kfp clients see."""
    return {run["display_name"] for run in logged.server.get("/apis/v2beta1/runs").get("runs", [])}


def test_what_is_deleted_comes_back_by_undo_or_from_the_trash(tab: Page, logged: Logged) -> None:
    tab.goto("/ui/runs")
    tab.get_by_role("checkbox", name="Select first").check()
    tab.get_by_role("checkbox", name="Select second").check()
    tab.get_by_role("button", name="Delete").click()
    expect(tab.locator("[data-notice]")).to_contain_text("Deleted 2 of 2 runs: in the trash for 7 d.")
    expect(tab.get_by_role("checkbox", name="Select first")).to_have_count(0)
    assert {"first", "second"}.isdisjoint(names(logged))
    tab.locator("[data-notice]").get_by_role("button", name="Undo").click()
    expect(tab.get_by_role("checkbox", name="Select first")).to_be_visible()
    assert {"first", "second"} <= names(logged)

    tab.goto("/tester/digits/artifacts/dataset/digits/v0")
    tab.get_by_role("button", name="Delete").click()
    dialog = tab.locator("#deletion")
    expect(dialog).to_contain_text("train")
    # One of the two files, and the other as well once the snippets have made artifacts of its bytes.
    expect(dialog).to_contain_text(re.compile(r"(8|16) B of 16 B are shared with other versions and stay"))
    check_axe(tab)
    dialog.get_by_role("button", name="Delete this version").click()
    expect(tab.locator("[data-notice]")).to_contain_text("digits:v0 is in the trash for 7 d.")
    asked = "import wandb\nprint([version.version for version in wandb.Api().artifacts('dataset', 'digits/digits')])"
    assert logged.run(asked, *CLIENT).strip() == "['v1']"
    tab.goto("/ui/trash")
    row = tab.locator("tbody tr").filter(has_text="digits:v0")
    for text in ("Artifact version", "tester/digits", "by tester", "in 6 d"):
        expect(row).to_contain_text(text)
    check_axe(tab)
    row.get_by_role("button", name="Restore").click()
    expect(tab.locator("[data-notice]")).to_contain_text("Restored: digits:v0.")
    assert logged.run(asked, *CLIENT).strip() == "['v1', 'v0']"


def test_outputs_of_pipelines_have_texts_names_a_time_to_live_and_a_history_like_versions(tab: Page, logged: Logged) -> None:
    known = logged.server.get("/apis/v2beta1/artifacts", namespace="default")
    tab.goto("/ui/artifacts?tab=stored")
    tab.locator("tbody th a", has_text="data").last.click()
    expect(tab).to_have_url(re.compile(r"/ui/artifacts/\d+"))
    address = tab.url
    tab.get_by_role("button", name="Edit").first.click()
    tab.get_by_label("Aliases").fill("production, latest")
    tab.get_by_label("Tags").fill("checked")
    tab.get_by_label("Days until it is deleted by itself").fill("30")
    tab.locator("#version-description").fill("Two *rows*, <img src=x onerror=document.title='ran'>")
    check_axe(tab)
    tab.get_by_role("button", name="Save").click()
    for text in ("production", "checked", "30 d", "in 29 d"):
        expect(tab.locator("main .facts").first).to_contain_text(text)
    expect(tab.locator(".version-strip [aria-current=page]")).to_contain_text("production")
    expect(tab.locator(".notes em")).to_have_text("rows")
    assert tab.title() != "ran"
    tab.get_by_role("link", name="History").click()
    lines = tab.locator("tbody tr")
    expect(lines.filter(has_text="time to live")).to_contain_text("30 d")
    expect(lines.filter(has_text="production")).to_contain_text("tester")
    check_axe(tab)
    tab.goto("/ui/artifacts?q=alias:production")
    expect(tab.locator("tbody tr")).to_contain_text("load · data")
    tab.goto("/ui/artifacts?tab=stored&q=tag:checked")
    expect(tab.locator("tbody tr")).to_have_count(1)
    assert logged.server.get("/apis/v2beta1/artifacts", namespace="default") == known

    tab.goto(address)
    tab.get_by_role("button", name="Delete").click()
    expect(tab.locator("#deletion")).to_contain_text("held by")
    check_axe(tab)
    tab.locator("#deletion").get_by_role("button", name="Delete the artifact").click()
    expect(tab.locator("[data-notice]")).to_contain_text("is in the trash for 7 d.")
    tab.goto(address)
    expect(tab.locator("main")).to_contain_text("This artifact lies in the trash")
    assert tab.request.get(f"{address.partition('?')[0]}/download").status == 404
    check_axe(tab)
    tab.get_by_role("button", name="Restore").click()
    expect(tab.locator("main .facts").first).to_contain_text("production")
    tab.get_by_role("link", name="Versions").click()
    tab.get_by_role("link", name="Compare").first.click()
    expect(tab.get_by_role("heading", name="Compare artifacts")).to_be_visible()
    assert tab.request.get(f"{address.partition('?')[0]}/download").body() == b"x,y\n1,2\n"


def test_experiments_pipelines_schedules_and_projects_come_back_by_undo(tab: Page, logged: Logged) -> None:
    server = logged.server
    experiment = server.post("/apis/v2beta1/experiments", {"display_name": "rates"})["experiment_id"]
    pipeline = server.post("/apis/v2beta1/pipelines", {"display_name": "empty"})["pipeline_id"]
    run = server.get("/apis/v2beta1/runs")["runs"][0]
    spec = server.get(f"/apis/v2beta1/runs/{run['run_id']}")["pipeline_spec"]
    schedule = {"display_name": "hourly", "experiment_id": experiment, "pipeline_spec": spec, "max_concurrency": "1", "mode": "ENABLE"}
    schedule["trigger"] = {"periodic_schedule": {"interval_second": "3600"}}
    recurring = server.post("/apis/v2beta1/recurringruns", schedule)["recurring_run_id"]
    for title, address, again in (
        ("hourly", f"/ui/recurring/{recurring}", f"/ui/recurring/{recurring}"),
        ("rates", f"/ui/experiments/{experiment}", f"/ui/recurring/{recurring}"),
        ("empty", f"/ui/pipelines/{pipeline}", f"/ui/pipelines/{pipeline}"),
        ("digits", "/tester/digits/overview", "/tester/digits/artifacts/dataset/digits/v0"),
    ):
        tab.goto(address)
        if title in {"empty", "digits"}:
            tab.get_by_label("More actions").click()
        tab.get_by_role("button", name="Delete").click()
        expect(tab.locator("[data-notice]")).to_contain_text(f"{title} is in the trash for 7 d.")
        assert tab.request.get(again).status == 404
        tab.locator("[data-notice]").get_by_role("button", name="Undo").click()
        expect(tab.locator("[data-notice]")).to_contain_text(f"Restored: {title}.")
        assert tab.request.get(again).status == 200


def test_a_deleted_run_opens_read_only_until_it_is_removed_for_good(tab: Page, logged: Logged) -> None:
    run = logged.server.get("/apis/v2beta1/runs")["runs"][0]
    tab.goto(f"/ui/runs/{run['run_id']}")
    tab.get_by_label("More actions").click()
    tab.get_by_role("button", name="Delete").click()
    expect(tab.locator("[data-notice]")).to_contain_text("in the trash")
    tab.goto(f"/ui/runs/{run['run_id']}")
    expect(tab.locator("#run-head")).to_contain_text("This run was deleted and lies in the trash.")
    expect(tab.get_by_role("button", name="Clone run")).to_have_count(0)
    check_axe(tab)
    tab.goto("/ui/trash")
    tab.get_by_role("checkbox", name=f"Select {run['display_name']}").check()
    tab.get_by_role("button", name="Remove for good").click()
    tab.get_by_role("dialog").get_by_role("button", name="Remove for good").click()
    expect(tab.locator("[data-notice]")).to_contain_text("Removed for good")
    assert tab.request.get(f"/ui/runs/{run['run_id']}").status == 404


def test_previews_of_real_files_show_what_is_in_them(tab: Page, files: str) -> None:
    for name, texts in (
        ("snappy.parquet", ["0 … 0.3988", "2026-01-01 01:00:00", "200 of 500 rows"]),
        ("gzip.parquet", ["2026-01-01 01:00:00", "200 of 500 rows"]),
        ("zstd.parquet", ["timestamp", "score: zstd"]),
        ("arrays.npz", ["shape (3, 2), <f8: 1.0", "a, bb"]),
        ("million.csv", ["row 199", "The first 200 rows"]),
        ("plot.json", ["A figure"]),
        ("chart.vl.json", ["Specification (Vega-Lite or Vega)"]),
        ("loads.vl.json", ["This chart cannot be drawn. The specification loads /ui/evil.csv."]),
        ("book.ipynb", ["1+1", "<b>2</b>"]),
        ("paper.pdf", ["Open the PDF in a new tab"]),
        ("model.pkl", ["Opening one runs code, so the server never does"]),
        ("large.html", ["This file is large: 10.5 MiB"]),
    ):
        tab.goto(files + name)
        for text in texts:
            expect(tab.locator("main")).to_contain_text(text)
        if name == "chart.vl.json":
            expect(tab.locator(".preview-vega [role=graphics-document] canvas")).to_be_visible()
        check_axe(tab)
    expect(tab.locator("iframe")).to_have_count(0)
    tab.get_by_role("link", name="Show it here anyway").click()
    expect(tab.locator("iframe[sandbox]")).to_have_count(1)
    tab.goto(files + "tone.wav")
    seconds = "node => new Promise(done => node.readyState ? done(node.duration) : node.onloadedmetadata = () => done(node.duration))"
    assert tab.locator("audio").evaluate(seconds) == 0.2


def test_rows_of_a_preview_are_sorted_and_filtered_and_columns_show_how_they_are_spread(tab: Page, files: str) -> None:
    tab.goto(files + "million.csv")
    table = tab.locator(".preview-table")
    expect(table.locator("th .spread")).to_have_count(1)
    expect(table.locator("th").nth(1)).to_contain_text("200 different")
    for order, first in (("ascending", "0"), ("descending", "199")):
        table.get_by_role("button", name="id").click()
        expect(table.locator("th").first).to_have_attribute("aria-sort", order)
        expect(table.locator("tbody tr").first.locator("td").first).to_have_text(first)
    table.get_by_role("button", name="name").click()
    expect(table.locator("tbody tr").nth(2).locator("td").nth(1)).to_have_text("row 2")
    tab.get_by_label("Filter the rows shown").fill("row 19")
    expect(tab.locator("[data-sift-count]")).to_have_text("12 / 200")
    expect(table.locator("tbody tr:visible")).to_have_count(12)


def test_whole_files_are_filtered_ordered_and_grouped_by_the_server_piece_by_piece(tab: Page, files: str) -> None:
    tab.goto(f"{files}million.csv")
    tab.get_by_role("button", name="Look through the whole file").click()
    state = tab.locator(".whole-state")
    expect(state).to_contain_text("rows looked at")
    tab.locator("[data-sift-words]").fill("id>=999990 name:9999")
    expect(state).to_contain_text("all 1,000,000 rows looked at", timeout=120_000)
    expect(state).to_contain_text("10 match")
    expect(tab.locator("tbody tr")).to_have_count(10)
    check_axe(tab)
    tab.get_by_role("button", name="id", exact=True).click()
    tab.get_by_role("button", name="id", exact=True).click()
    expect(tab.locator("tbody td").first).to_have_text("999999", timeout=120_000)
    expect(tab).to_have_url(re.compile("whole=1.*order=-id"))
    state.get_by_role("button", name="Stop").or_(state.get_by_role("button", name="Back to the first rows")).first.click()
    tab.goto(f"{files}arrays.npz")
    tab.get_by_role("button", name="Show the rows").first.click()
    expect(tab.locator("[data-sift] tbody tr")).to_have_count(3)
    tab.goto(f"{files}snappy.parquet?whole=1&find=id%3E490&order=-score")
    expect(state).to_contain_text("9 match")
    expect(tab.locator("tbody td").first).to_have_text("499")
    tab.get_by_role("button", name="Back to the first rows").click()
    expect(tab.locator("tbody tr")).to_have_count(200)
    expect(tab).not_to_have_url(re.compile("whole"))
    check_axe(tab)


def test_files_of_two_versions_are_compared_by_rows_lines_and_pictures_beside_the_metrics_of_their_runs(tab: Page, logged: Logged) -> None:
    logged.run(PAIRS, *CLIENT)
    tab.goto("/tester/previews/artifacts/samples/pairs/v1/versions")
    table = tab.get_by_role("region", name="Versions")
    expect(table.get_by_role("columnheader", name="loss")).to_be_visible()
    for row, loss in (("v1", "0.25"), ("v0", "0.33333")):
        expect(table.get_by_role("row").filter(has_text=row)).to_contain_text(loss)
    tab.get_by_role("link", name="What differs: rows.csv").click()
    rows = tab.get_by_role("region", name="Rows")
    expect(tab.locator("#file-diff")).to_contain_text("Rows are told apart by id.")
    expect(rows.locator("tbody tr")).to_have_count(2)
    expect(rows.locator("tbody tr").first).to_contain_text("2 4")
    check_axe(tab)
    tab.get_by_role("link", name="What differs: notes.txt").click()
    expect(tab.locator("#file-diff .diff-new")).to_have_text("+number 1")
    tab.get_by_role("link", name="What differs: shade.png").click()
    pair = tab.locator(".image-pair img")
    expect(pair).to_have_count(2)
    tab.get_by_role("button", name="Swipe").click()
    tab.get_by_role("slider").press("Home")
    expect(pair.first).to_have_css("clip-path", "inset(0px 100% 0px 0px)")
    check_axe(tab)


def test_rows_of_a_preview_are_grouped_and_more_of_them_are_shown_on_demand(tab: Page, files: str, pictures: str) -> None:
    tab.goto(files + "million.csv")
    tab.get_by_role("link", name="Show the first 1000 rows").click()
    expect(tab.locator(".preview-table tbody tr")).to_have_count(1000)
    tab.goto(pictures + "rows.table.json")
    expect(tab.locator(".preview-table th").nth(3)).to_contain_text("timestamp")
    expect(tab.locator(".preview-table tbody tr").first).to_contain_text("2026-01-01T00:00:00Z")
    expect(tab.locator(".media-layers")).to_be_visible()
    tab.get_by_label("Group the rows shown").select_option("kind")
    expect(tab.locator(".preview-table tbody tr")).to_have_count(2)
    expect(tab.locator(".sift-group").first).to_contain_text("⌀ 4")
    tab.locator(".sift-group").first.get_by_role("button").press("Enter")
    expect(tab.locator(".preview-table tbody tr")).to_have_count(7)
    tab.get_by_label("Filter the rows shown").fill("2026-01-03")
    expect(tab.locator(".preview-table tbody tr")).to_have_count(2)
    check_axe(tab)


def test_pictures_of_artifacts_open_with_zoom_pixel_values_and_layers_that_are_switched(tab: Page, pictures: str) -> None:
    tab.goto(pictures + "rows.table.json")
    frame = tab.locator(".preview-table .image-frame").first
    expect(frame.locator(".mask-layer")).to_have_count(1)
    expect(frame.locator(".box-layer rect")).to_have_count(1)
    tab.get_by_role("checkbox", name="found").uncheck()
    expect(frame.locator(".box-layer")).to_have_count(0)
    expect(frame.locator(".mask-layer")).to_have_count(1)
    check_axe(tab)
    tab.goto(pictures + "flat.png")
    expect(tab.locator("a[data-picture]")).to_have_attribute("aria-haspopup", "dialog")
    tab.locator(".preview-image").click()
    picture = tab.locator(".image-stage img")
    expect(picture).to_have_attribute("style", re.compile("width"))
    before = picture.evaluate("node => node.clientWidth")
    tab.get_by_role("slider", name="Zoom").press("ArrowLeft")
    assert picture.evaluate("node => node.clientWidth") < before
    picture.hover()
    expect(tab.get_by_role("dialog").locator("output")).to_contain_text("10 20 30")
    check_axe(tab)


def test_logged_matrices_show_shares_and_the_rows_of_a_cell_and_curves_their_areas(tab: Page, logged: Logged) -> None:
    logged.run(PLOTS, *CLIENT)
    tab.goto("/tester/plots")
    matrix = tab.locator("[data-matrix]")
    cell = matrix.get_by_title("Rows: true cat, predicted dog")
    expect(cell).to_have_text("3")
    matrix.get_by_label("Values").select_option("row")
    expect(cell).to_have_text("30.0 %")
    matrix.get_by_label("Classes shown").fill("cat, dog")
    expect(matrix.locator("tbody tr:visible")).to_have_count(2)
    cell.press("Enter")
    rows = tab.get_by_role("dialog").locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("12")
    check_axe(tab)
    tab.get_by_role("dialog").get_by_role("button", name="Close").click()
    curves = tab.locator('figure[data-key="roc_table"]')
    for name, area in (("cat", "0.5"), ("dog", "0.75")):
        expect(curves.get_by_role("button", name=f"{name} AUC {area}")).to_be_visible()
    expect(curves.locator(".figure-line")).to_have_count(2)
    curves.get_by_role("slider").press("End")
    expect(curves.locator("output")).to_have_text("cat: fpr 1, tpr 1 · dog: fpr 1, tpr 1")
    expect(curves.locator(".figure-mark")).to_have_count(2)
    curves.get_by_role("button", name="cat").click()
    expect(curves.locator(".figure-line")).to_have_count(1)
    expect(curves.locator("output")).to_have_text("dog: fpr 1, tpr 1")
    check_axe(tab)


def test_a_table_that_is_logged_again_shows_the_pictures_of_the_version_that_has_it(tab: Page, pictures: str) -> None:
    tab.goto("/tester/previews")
    picture = tab.locator('figure[data-key="again"] tbody img').first
    expect(picture).to_have_js_property("naturalWidth", 12)
    expect(tab.locator('figure[data-key="again"] .box-layer rect').first).to_be_attached()
    tab.locator('figure[data-key="again"] tbody button').first.click()
    expect(tab.get_by_role("dialog").locator(".image-stage img")).to_be_visible()


def test_texts_of_artifacts_are_folded_and_searched(tab: Page, pictures: str) -> None:
    tab.goto(pictures + "deep.json")
    shown = tab.locator(".lines .line:not([hidden])")
    expect(shown).to_have_count(9)
    tab.get_by_role("button", name="Fold line 3").click()
    expect(shown).to_have_count(7)
    tab.get_by_role("button", name="Fold all", exact=True).click()
    expect(shown).to_have_count(2)
    tab.get_by_label("Search: words or /regex/").fill("needle")
    expect(tab.locator(".lines mark.is-here")).to_be_visible()
    tab.goto(pictures + "source.py")
    find = tab.get_by_label("Search: words or /regex/")
    find.fill("/return 1\\d/")
    expect(tab.locator(".reader output")).to_have_text("1 / 10")
    find.press("Shift+Enter")
    expect(tab.locator(".reader output")).to_have_text("10 / 10")
    expect(tab.locator(".lines mark.is-here")).to_have_text("return 19")
    check_axe(tab)


def test_the_preview_of_a_version_begins_with_its_table_and_shows_the_file_that_is_chosen(tab: Page, pictures: str) -> None:
    tab.goto(pictures.replace("/files/", "/preview"))
    expect(tab.get_by_label("File", exact=True)).to_have_value("rows.table.json")
    expect(tab.locator(".media-layers")).to_be_visible()
    tab.get_by_label("File", exact=True).select_option("deep.json")
    expect(tab).to_have_url(re.compile(r"/preview\?file=deep\.json$"))
    expect(tab.locator(".lines")).to_contain_text("needle")
    check_axe(tab)


def test_versions_are_found_by_the_names_that_the_client_gives_them(logged: Logged) -> None:
    for name, version in (("tester/digits/digits:v0", "v0"), ("digits:v0", "v0"), ("digits:golden", "v1"), ("digits:reviewed", "v1")):
        found = logged.server.text("/ui/search/results", q=name)
        assert f'href="/tester/digits/artifacts/dataset/digits/{version}"' in found, name
    assert "/artifacts/" not in logged.server.text("/ui/search/results", q="digits:unheard")
    assert "/artifacts/" not in logged.server.text("/ui/search/results", q="tester/nowhere/digits:v0")


def test_a_protected_alias_is_locked_and_a_version_is_approved(tab: Page) -> None:
    tab.goto("/tester/digits/artifacts")
    tab.get_by_text("Protected aliases").click()
    tab.get_by_label("Alias to protect").fill("golden")
    tab.get_by_role("button", name="Protect").click()
    expect(tab.locator("[data-notice]")).to_contain_text("golden is protected.")
    check_axe(tab)
    tab.goto("/tester/digits/artifacts/dataset/digits/v1")
    expect(tab.locator("main h1 ~ .chip").filter(has_text="golden")).to_have_attribute("title", "Protected by tester")
    tab.get_by_label("Comment").fill("looks right")
    tab.get_by_role("button", name="Approve").click()
    expect(tab.locator("#approvals")).to_contain_text("looks right")
    expect(tab.locator("#approvals header")).to_contain_text("approved")
    check_axe(tab)


def test_what_is_not_found_is_offered_from_the_trash_or_by_its_nearest_name(tab: Page, logged: Logged) -> None:
    asked = tab.request.get("/tester/digits/artifacts/dataset/digitz/v0", headers={"accept": "text/html"})
    assert asked.status == 404
    assert "Perhaps you meant" in asked.text() and "/tester/digits/artifacts/dataset/digits" in asked.text()
    address = "/tester/digits/artifacts/dataset/digits/v0"
    tab.goto(address)
    tab.get_by_role("button", name="Delete").click()
    tab.locator("#deletion").get_by_role("button", name="Delete this version").click()
    context = tab.context.browser.new_context(base_url=logged.server.url)  # type: ignore[union-attr]
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("heading", name="In the trash")).to_be_visible()
    check_axe(page)
    page.get_by_role("button", name="Restore digits:v0").click()
    expect(page.locator("[data-notice]")).to_contain_text("Restored: digits:v0.")
    context.close()
    expect(tab.locator("body")).to_be_visible()
    assert tab.request.get(address).status == 200


def test_files_of_a_version_are_a_list_like_others(tab: Page) -> None:
    tab.goto("/tester/digits/artifacts/dataset/digits/v1/files")
    rows = tab.locator("table[data-table=files] tbody tr[id]")
    expect(rows).to_have_text([re.compile(r"data/ 2\s*folder")])
    tab.get_by_role("link", name="All files", exact=True).click()
    expect(rows.locator("th")).to_have_text(["data/test.csv", "data/train.csv"])
    tab.locator("summary", has_text="Group").click()
    tab.locator("details[data-groups]").get_by_role("link", name="Kind", exact=True).click()
    expect(tab.locator("#files-live tbody tr")).to_contain_text("csv")
    expect(tab.locator("#files-live thead")).not_to_contain_text("Newest")
    tab.locator("#files-live").get_by_role("link", name="csv").click()
    expect(rows.locator("th")).to_have_text(["data/test.csv", "data/train.csv"])
    tab.locator("summary", has_text="Export").click()
    with tab.expect_download() as got:
        tab.get_by_role("link", name="CSV", exact=True).click()
    lines = Path(got.value.path()).read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["path", "data/test.csv", "data/train.csv"]
    check_axe(tab)
