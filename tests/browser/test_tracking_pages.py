"""Pages of tracked runs over what the real wandb client logged, in a real browser against a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT
from tests.browser.watching import watched_page
from tests.support.clients import client_environment, client_python, run_client
from tests.support.server import LiveServer

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
CLIENT = ("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")
HACK = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
PROGRAM = """
import json, math, os, sys
import wandb
from PIL import Image

HACK = os.environ["HACK"]
os.makedirs("data", exist_ok=True)
open("data/rows.csv", "w").write("x,y\\n1,2\\n")
open("cube.obj", "w").write("v 0 0 0\\nv 1 0 0\\nv 0 1 0\\nf 1 2 3\\n")
open("one.pdb", "w").write("ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00           N\\nEND\\n")
Image.new("RGB", (16, 16)).save("film.gif")
ids = []
NESTED = {"net": {"kind": "mlp", "depth": 2, "widths": {"first": 64, "second": 32}}, "seed": 3}
with wandb.init(name="make data", job_type="data") as run:
    artifact = wandb.Artifact("digits", "dataset", metadata={"rows": 1})
    artifact.add_dir("data")
    run.log_artifact(artifact, aliases=["golden"])
for number in range(2):
    with wandb.init(name=f"train {number}", job_type="train", group="trial", config={"lr": 0.1 / (number + 1), "who": HACK, **NESTED}, notes=HACK) as run:
        ids.append(run.id)
        run.use_artifact("digits:latest")
        for step in range(120):
            row = {"train/loss": math.exp(-step / 40) * (number + 1), "accuracy": step / 120}
            if step == 60:
                row["train/loss"] = 50.0
            if step % 40 == 0:
                row["samples"] = wandb.Image(Image.new("RGB", (24, 24), (step, 80, 120)), caption=HACK)
                row["weights"] = wandb.Histogram([math.sin(step + k) for k in range(100)])
            run.log(row)
        print(f"\\x1b[32mgreen\\x1b[0m line {HACK}")
        print("on stderr", file=sys.stderr)
        table = wandb.Table(columns=["id", "text", "picture"], data=[[k, HACK, wandb.Image(Image.new("RGB", (8, 8)))] for k in range(3)])
        run.log({"predictions": table})
        together = {
            "together/pages": [wandb.Html(f"<p>page {k}</p>", inject=False) for k in range(2)], "together/shapes": [wandb.Object3D(open("cube.obj")) for k in range(2)],
            "together/molecules": [wandb.Molecule("one.pdb"), wandb.Molecule("one.pdb")], "together/films": [wandb.Video("film.gif", format="gif") for k in range(2)],
        }
        run.log(together)
print("IDS " + json.dumps(ids))
"""


SHARED = """
import os, subprocess, sys
import wandb
label = sys.argv[1] if len(sys.argv) > 1 else "rank0"
run = wandb.init(id="together", name="two writers", settings=wandb.Settings(mode="shared", x_primary=label == "rank0", x_label=label))
print("said by", label)
if label == "rank0":
    own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_SERVICE")}
    subprocess.run([sys.executable, "shared.py", "rank1"], check=True, env=own)
run.finish()
"""


@dataclass
class Logged:
    """A server with a project of runs."""

    url: str
    runs: list[str]
    base: str = "/tester/digits"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    """`tester/digits` with three runs, two artifacts' worth of versions, media, tables and console lines; `tester/shared`."""
    folder = tmp_path_factory.mktemp("tracked")
    with LiveServer(folder / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server:
        environment = client_environment(
            WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_PROJECT="digits", WANDB_SILENT="true", HOME=str(folder), HACK=HACK,
        )  # fmt: skip
        done = run_client(client_python(*CLIENT), PROGRAM, env=environment, cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "shared.py").write_text(SHARED)
        both = run_client(client_python(*CLIENT), SHARED, env={**environment, "WANDB_PROJECT": "shared"}, cwd=folder)
        assert both.returncode == 0, both.stderr
        line = next(line for line in done.stdout.splitlines() if line.startswith("IDS "))
        yield Logged(server.url, json.loads(line.removeprefix("IDS ")))


@pytest.fixture
def tab(chromium: Browser, logged: Logged) -> Iterator[Page]:
    """A fresh page; leaving it checks the console, requests that leave this machine, and script from logged texts."""
    with watched_page(chromium, logged.url) as page:
        yield page
        assert page.evaluate("window.hacked") is None


def test_addresses_that_the_client_prints_open_the_right_page(tab: Page, logged: Logged) -> None:
    for address, heading in (
        (logged.base, "digits"), (f"{logged.base}/workspace", "digits"), (f"{logged.base}/runs/{logged.runs[0]}", "train 0"),
        (f"{logged.base}/runs/{logged.runs[0]}/overview", "train 0"), (f"{logged.base}/artifacts/dataset/digits/v0", "digits:v0"),
        (f"{logged.base}/artifacts/dataset/digits/v0/graph", "digits:v0"), (f"{logged.base}/sweeps", "digits"), ("/authorize?ref=models", "API keys"),
        ("/ui/projects", "Projects"), (f"{logged.base}/reports", "digits"),
    ):  # fmt: skip
        tab.goto(address)
        expect(tab.locator("h1")).to_have_text(heading)


def test_tracked_things_are_found_by_the_search(tab: Page, logged: Logged) -> None:
    tab.goto("/ui/home")
    for text, kind, name, address in (
        ("train 0", "Tracked runs", "train 0", f"{logged.base}/runs/{logged.runs[0]}"),
        ("digits", "Projects", "digits", logged.base),
        ("digits", "Artifact collections", "digits", f"{logged.base}/artifacts/dataset/digits"),
    ):
        tab.keyboard.press("Control+k")
        tab.get_by_role("combobox", name="Search").fill(text)
        found = tab.get_by_role("group", name=kind, exact=True).get_by_role("option").filter(has_text=name).first
        expect(found).to_have_attribute("href", address)
        if kind == "Tracked runs":
            expect(found.locator(".state")).to_have_text("Finished")
        tab.keyboard.press("Escape")


def test_charts_draw_zoom_and_keep_the_spike(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/charts")
    panel = tab.locator('figure[data-key="train/loss"]')
    expect(panel.locator("canvas")).to_be_visible()
    expect(panel.locator(".panel-note")).to_have_text("full resolution, 120 points")
    panel.get_by_role("button", name="Values as a table").click()
    expect(panel.locator(".chart-table")).to_contain_text("50")
    over = panel.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    with tab.expect_response(re.compile("/ui/tracking/series.*from=")):
        tab.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 40)
        tab.mouse.down()
        tab.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 42, steps=5)
        tab.mouse.up()
    expect(tab).to_have_url(re.compile("from=.*to="))
    expect(panel.locator(".panel-note")).not_to_have_text("full resolution, 120 points")
    over.dblclick()
    expect(tab).not_to_have_url(re.compile("from="))
    expect(panel.locator(".panel-note")).to_have_text("full resolution, 120 points")
    expect(panel.locator(".chart-tip.is-pinned")).to_have_count(0)  # what the first of two clicks does, the second takes back
    panel.focus()
    tab.keyboard.press("+")
    expect(tab).to_have_url(re.compile("from="))
    tab.keyboard.press("0")
    expect(tab).not_to_have_url(re.compile("from="))
    tab.get_by_label("Horizontal axis").select_option("accuracy")
    expect(tab).to_have_url(re.compile("x=accuracy"))
    tab.get_by_label("Amount of smoothing").fill("60")
    tab.get_by_label("log y").check()
    expect(tab).to_have_url(re.compile("smooth=60.*ly=1"))
    expect(panel.locator("canvas")).to_be_visible()
    panel.get_by_role("button", name="Alert me").click()
    expect(tab.get_by_label("Metric", exact=True)).to_have_value("train/loss")


def test_config_is_a_tree_that_is_folded_and_searched(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/overview")
    tree = tab.locator("#config-tree")
    leaf, other = tree.locator('tr[data-key="net.widths.first"]'), tree.locator('tr[data-key="lr"]')
    expect(leaf).to_be_visible()
    tree.get_by_role("button", name="net", exact=True).click()
    expect(leaf).to_be_hidden()
    expect(tree.get_by_role("button", name="widths", exact=True)).to_be_hidden()
    tab.get_by_label("Filter keys: Config").fill("first")
    expect(leaf).to_be_visible()
    expect(tree.get_by_role("button", name="widths", exact=True)).to_be_visible()
    expect(other).to_be_hidden()
    tab.get_by_label("Filter keys: Config").fill("")
    expect(other).to_be_visible()
    expect(leaf).to_be_hidden()


def test_media_and_tables_show_what_was_logged(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/charts")
    picture = tab.locator('figure[data-key="samples"] img')
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", 24)
    expect(tab.locator('figure[data-key="samples"]')).to_contain_text("Step 80")
    expect(tab.locator('figure[data-key="weights"] canvas')).to_be_visible()
    table = tab.locator('figure[data-key="predictions"]')
    expect(table.locator("tbody tr")).to_have_count(3)
    expect(table).to_contain_text("<script>")
    expect(table.locator("tbody img").first).to_have_js_property("naturalWidth", 8)


def test_media_that_were_logged_together_are_all_shown(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/charts")
    for key, parts in (("pages", "iframe"), ("shapes", "canvas"), ("molecules", "canvas"), ("films", "img.media-player")):
        panel = tab.locator(f'figure[data-key="together/{key}"]')
        panel.scroll_into_view_if_needed()
        expect(panel.locator(parts)).to_have_count(2)
    expect(tab.frame_locator('figure[data-key="together/pages"] iframe >> nth=1').locator("p")).to_have_text("page 1")


def test_the_log_shows_colours_errors_and_finds_text(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/logs")
    expect(tab.locator(".ansi-fg-2")).to_have_text("green")
    expect(tab.locator(".log-line.is-stderr")).to_have_text(re.compile("on stderr"))
    tab.get_by_role("searchbox", name="Search the log").fill("stderr")
    tab.get_by_role("searchbox", name="Search the log").press("Enter")
    expect(tab.locator(".log-line.is-marked")).to_contain_text("on stderr")


def test_the_log_is_read_without_script(chromium: Browser, logged: Logged) -> None:
    with chromium.new_context(java_script_enabled=False, base_url=logged.url) as context:
        page = context.new_page()
        page.goto(f"{logged.base}/runs/{logged.runs[0]}/logs")
        expect(page.locator(".tracked-log > .log-view")).to_be_hidden()
        frame = page.frame_locator("iframe.log-plain")
        expect(frame.locator(".log-line.is-stderr .log-text")).to_have_text(re.compile("on stderr"))
        page.goto("/tester/shared/runs/together/logs?label=rank1")
        expect(frame.locator(".log-view")).to_contain_text("said by rank1")
        expect(frame.locator(".log-view")).not_to_contain_text("said by rank0")


def test_a_hit_of_the_search_in_logs_opens_the_runs_log_at_its_line(tab: Page, logged: Logged) -> None:
    tab.goto("/ui/logs?text=on%20stderr&q=project:digits")
    tab.locator("table[data-table=log-hits] tbody th a").first.click()
    expect(tab).to_have_url(re.compile(rf"{re.escape(logged.base)}/runs/[^/]+/logs#L\d+$"))
    expect(tab.locator(".log-line.is-marked")).to_contain_text("on stderr")


def test_the_log_of_two_writers_is_read_merged_or_one_writers_alone(tab: Page, logged: Logged) -> None:
    tab.goto("/tester/shared/runs/together/logs")
    lines = tab.locator("[data-log-lines]")
    expect(lines).to_contain_text("said by rank0")
    expect(lines).to_contain_text("said by rank1")
    tab.get_by_label("Writer").select_option("rank1")
    expect(tab).to_have_url(re.compile("label=rank1"))
    expect(lines).to_contain_text("said by rank1")
    expect(lines).not_to_contain_text("said by rank0")
    expect(tab.get_by_label("Writer")).to_have_value("rank1")
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download the log").last.click()
    text = download.value.path().read_text()
    assert "said by rank1" in text
    assert "said by rank0" not in text
    tab.get_by_label("Writer").select_option("All writers")
    expect(lines).to_contain_text("said by rank0")
    expect(lines).to_contain_text("said by rank1")


def test_the_workspace_draws_runs_groups_and_hides_them(tab: Page, logged: Logged) -> None:
    tab.goto(logged.base)
    expect(tab.locator("#drawn-note")).to_have_text("3 of 3 runs drawn")
    legend = tab.locator('figure[data-key="train/loss"] .chart-legend')
    expect(legend).to_contain_text("train 1")
    tab.get_by_role("button", name="Draw train 1").click()
    expect(tab.locator("#drawn-note")).to_have_text("2 of 3 runs drawn")
    expect(legend).to_have_text("")
    tab.reload()
    expect(tab.locator("#drawn-note")).to_have_text("2 of 3 runs drawn")
    tab.get_by_role("button", name="Draw train 1").click()
    tab.get_by_label("Group by").select_option("group")
    tab.wait_for_url("**group=group**")
    group = tab.locator(".run-group").first
    expect(group.locator("summary")).to_contain_text("trial")
    tab.get_by_label("Then by").select_option("config.lr")
    tab.wait_for_url("**then=config.lr**")
    expect(group.locator(".run-group")).not_to_have_count(0)
    expect(legend).to_contain_text("trial · 0.1 (1)")
    inner = group.locator(".run-group").first
    swatch, row = inner.locator(".group-tools .run-swatch"), inner.locator(".workspace-row .run-swatch").first
    before = swatch.get_attribute("class") or ""
    expect(row).to_have_class(before)
    inner.get_by_role("button", name="Next colour for").first.click()
    expect(swatch).not_to_have_class(before)
    expect(row).to_have_class(swatch.get_attribute("class") or "")
    group.locator("> .group-tools").get_by_role("button", name="Draw").click()
    expect(group.locator(".workspace-row.is-hidden")).to_have_count(group.locator(".workspace-row").count())
    tab.get_by_role("button", name="Undo").first.click()
    expect(group.locator(".workspace-row.is-hidden")).to_have_count(0)
    tab.get_by_label("Order", exact=True).select_option("config.lr")
    tab.wait_for_url("**sort=config.lr**")
    tab.get_by_role("link", name="Turn the order round").click()
    tab.wait_for_url("**sort=-config.lr**")
    tab.goto(f"{logged.base}?q=config.lr<0.07")
    expect(tab.locator(".workspace-row")).to_have_count(1)


def test_columns_of_runs_are_chosen_pinned_and_given_widths_in_one_menu(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs")
    menu = tab.locator(".table-tools details").filter(has_text="Columns")
    expect(menu).to_have_count(1)
    menu.locator("summary").click()
    expect(menu.get_by_role("heading", name="Summary")).to_be_visible()
    menu.get_by_label("Pin the column: State").check()
    expect(tab.locator("table[data-table=tracked] thead th").filter(has_text="State")).to_have_css("position", "sticky")


def test_runs_are_compared_and_edited(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs?q=train")
    for box in tab.get_by_role("checkbox", name=re.compile("Select train")).all():
        box.check()
    tab.get_by_role("button", name="Compare").click()
    tab.wait_for_url("**/ui/compare?runs=*")
    expect(tab.locator("tr.is-different").filter(has=tab.get_by_text("lr", exact=True))).to_be_visible()
    tab.locator('figure[data-key="train/loss"]').scroll_into_view_if_needed()
    expect(tab.locator('figure[data-key="train/loss"] canvas')).to_be_visible()
    expect(tab.locator("#outputs")).to_contain_text("0 of 1 differ")  # their tables of the same name and content
    expect(tab.locator("#inputs")).to_contain_text("0 of 1 differ")
    samples = tab.locator('figure[data-key="samples"]')
    samples.scroll_into_view_if_needed()
    expect(samples.locator(".media-run img")).to_have_count(2)
    left, right = (samples.locator(".media-run").nth(at).bounding_box() for at in range(2))
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"], "media of runs stand side by side"
    assert right["x"] - left["x"] > 300, "over the whole width"
    samples.get_by_role("slider").fill("0")
    expect(samples.locator("output")).to_have_text("Step 0")
    tab.evaluate("document.dispatchEvent(new CustomEvent('penstock:step', { detail: 41 }))")  # as the slider of the shelves tells it
    expect(samples.locator("output")).to_have_text("Step 40")
    tab.locator("#add-run > summary").click()
    expect(tab.get_by_role("group", name="Runs to add").get_by_role("link", name="make data")).to_be_visible()
    field = tab.get_by_role("searchbox", name="A run of any kind")
    field.fill("nothing like this")
    expect(tab.get_by_role("group", name="Runs to add")).to_have_text("Nothing found.")
    field.press("Enter")
    expect(tab.locator("#not-found")).to_contain_text("nothing like this")
    expect(tab.locator("#add-run")).to_have_attribute("open", "")
    first = tab.locator(".run-chip a.quiet").first.get_attribute("href")
    names = tab.locator(".run-chip a.quiet").all_inner_texts()
    tab.locator(".run-chip").first.get_by_role("link", name="Remove").click()
    expect(tab.locator(".run-chip")).to_have_count(1)
    tab.locator("#add-run > summary").click()
    field.fill(f"http://elsewhere:8080{first}/overview")
    field.press("Enter")
    expect(tab.locator(".run-chip a.quiet")).to_have_text(names[::-1])
    tab.goto(f"{logged.base}/runs/{logged.runs[1]}")
    tab.get_by_role("link", name="Compare").click()
    expect(tab.locator(".run-chip")).to_have_count(1)
    expect(tab.get_by_text("Add a second run.")).to_be_visible()
    tab.go_back()
    tab.get_by_role("button", name="Edit").click()
    tab.get_by_label("Tags").fill("kept, seen")
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(tab.locator(".run-facts")).to_contain_text("kept")


@pytest.mark.parametrize("place", ["runs", "workspace"])
def test_filter_bars_of_runs_complete_states_keys_and_their_values(tab: Page, logged: Logged, place: str) -> None:
    tab.goto(f"{logged.base}/{place}")
    bar, offered = tab.get_by_role("combobox", name="Filter"), tab.locator(".suggest button")
    for text, option in (("state:fin", "state:finished"), ("config.l", "config.lr:"), ("config.lr:0.0", "config.lr:0.05"), ("group:tr", "group:trial")):
        bar.fill("")
        bar.press_sequentially(text)
        expect(offered.first).to_have_text(re.compile(f"^{re.escape(option)}\\s*$"))
    bar.press("ArrowDown")
    bar.press("Enter")
    bar.press("Enter")
    expect(tab).to_have_url(re.compile(r"q=group%3Atrial"))


def test_the_collections_of_a_project_are_narrowed_grouped_and_exported(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/artifacts")
    names = tab.locator("table[data-table=collections] tbody th .name")
    expect(names.filter(has_text="digits")).to_have_count(1)
    every = names.count()
    assert every > 1
    tab.locator("details.facet summary", has_text="Type").click()
    tab.locator("details.facet a", has_text="dataset").click()
    expect(tab).to_have_url(re.compile(r"q=type%3Ddataset"))
    expect(names).to_have_count(1)
    tab.locator(".table-tools summary", has_text="Export").click()
    with tab.expect_download() as got:
        tab.locator(".table-tools").get_by_role("link", name="CSV").click()
    assert "tester/digits" in got.value.path().read_text()
    tab.goto(f"{logged.base}/artifacts/dataset")
    expect(tab.get_by_role("combobox", name="Filter")).to_have_value("type=dataset")
    expect(names).to_have_count(1)
    tab.goto(f"{logged.base}/artifacts")
    tab.locator(".table-tools summary", has_text="Group").click()
    tab.locator("details[data-groups] a", has_text="Type").click()
    expect(tab.locator(".group-rows tbody tr")).not_to_have_count(0)


def test_artifacts_show_files_lineage_and_take_aliases(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/artifacts")
    tab.get_by_role("link", name="digits", exact=True).first.click()
    expect(tab.locator("h1")).to_have_text("digits:v0")
    tab.get_by_role("link", name="Files").click()
    tab.get_by_role("link", name="rows.csv").click()
    expect(tab.get_by_role("region", name="Preview")).to_contain_text("2")
    tab.goto(f"{logged.base}/artifacts/dataset/digits/v0/lineage")
    expect(tab.locator("#lineage")).to_contain_text("train 1")
    tab.get_by_text("The same as a table").click()
    expect(tab.locator(".lineage-rows tbody")).to_contain_text("train 1")
    tab.get_by_role("button", name="Edit").click()
    tab.get_by_label("Aliases").fill("golden, latest, production")
    tab.get_by_role("button", name="Save").click()
    expect(tab.locator(".page-head .chip", has_text="production")).to_be_visible()


def test_embedded_pages_have_no_rail_and_no_second_sign_in(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}/runs/{logged.runs[0]}/charts?kfp=true")
    expect(tab.locator('figure[data-key="train/loss"] canvas')).to_be_visible()
    expect(tab.locator(".rail")).to_have_count(0)
    tab.get_by_role("link", name="Overview").click()
    expect(tab).to_have_url(re.compile(r"overview\?kfp=true"))


def test_an_embedded_run_stays_in_its_frame_and_links_that_leave_it_lead_the_window(tab: Page, logged: Logged) -> None:
    tab.goto("/ui/projects")
    run = f"{logged.base}/runs/{logged.runs[0]}"
    tab.evaluate("(source) => { const frame = document.createElement('iframe'); frame.src = source; frame.width = 900; frame.height = 700; document.querySelector('main').prepend(frame); }", f"{run}?kfp=true")
    embedded = tab.frame_locator("main > iframe")
    embedded.get_by_role("link", name="Config diff").click()
    embedded.get_by_label("Compared with").select_option(logged.runs[1])
    expect(embedded.get_by_label("Compared with")).to_have_value(logged.runs[1])
    expect(embedded.get_by_role("link", name="Overview")).to_be_visible()
    assert tab.url.endswith("/ui/projects")
    embedded.locator(".run-facts").get_by_role("link", name="trial").click()
    tab.wait_for_url(re.compile(f"{re.escape(logged.base)}\\?q=group"))
    expect(tab.locator("#workspace-runs [data-run]")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_known_barriers(tab: Page, logged: Logged, scheme: str) -> None:
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    run = f"{logged.base}/runs/{logged.runs[0]}"
    version = f"{logged.base}/artifacts/dataset/digits/v0"
    for address in (
        logged.base, f"{logged.base}/runs", f"{logged.base}/overview", f"{logged.base}/artifacts", f"{logged.base}/sweeps", "/ui/projects", "/authorize",
        run, f"{run}/charts", f"{run}/logs", f"{run}/files", f"{run}/artifacts", version, f"{version}/files", f"{version}/lineage",
    ):  # fmt: skip
        tab.goto(address)
        tab.wait_for_load_state("networkidle" if "lineage" in address else "load")
        if address in {logged.base, f"{run}/charts"}:
            expect(tab.locator("figure canvas").first).to_be_visible()
        tab.evaluate(Path(AXE).read_text())
        found = tab.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'], iframes: false})")
        told = [(item["id"], [node["html"][:160] for node in item["nodes"][:3]]) for item in found["violations"]]
        assert told == [], address


def test_the_name_of_a_project_opens_a_list_of_the_others(tab: Page, logged: Logged) -> None:
    tab.goto("/tester/digits/overview")
    crumb = tab.locator(".crumbs details.menu")
    expect(crumb.locator("a")).to_have_count(0)
    crumb.locator("summary").press("Enter")
    expect(crumb.get_by_role("link", name="All projects")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(crumb).not_to_have_attribute("open", "")


def test_groups_within_groups_say_in_words_that_runs_have_no_value(tab: Page, logged: Logged) -> None:
    tab.goto(f"{logged.base}?group=config.nothing,config.lr")
    eye = tab.locator("[data-run-group] [data-run-group] [data-group-eye]").first
    expect(eye).to_have_attribute("aria-label", re.compile(r"^Draw without a value · 0\.\d+$"))
    expect(tab.locator('figure[data-key="train/loss"] .chart-legend')).to_contain_text("without a value · 0.1 (1)")
    expect(tab.get_by_text("– ·")).to_have_count(0)
