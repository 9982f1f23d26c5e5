"""Files that are made to break who looks at them: each is logged by a real client, its page opened in a browser, and the server asked beside it.

Pictures of billions of pixels, texts that unpack, nest or take long to read, notebooks, drawings and cards with script.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_hostile_content import ESCAPE, Elsewhere
from tests.conformance.metaflow.machine import Machine
from tests.support.clients import client_environment, client_python, run_client
from tests.support.server import LiveServer

pytestmark = pytest.mark.timeout(900)
PROGRAM = r"""
import io, json, os, struct, zipfile, zlib
import wandb

os.makedirs("bombs")
def write(name, data):
    open("bombs/" + name, "wb").write(data if isinstance(data, bytes) else data.encode())
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
mark = "<script>top.hacked=1</script><img src=x onerror=top.hacked=1>"
away = os.environ["ELSEWHERE"]
write("vast.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 1, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(bytes(7501 * 6000))) + chunk(b"IEND", b""))
frame = b"\x21\xf9\x04\0\x01\0\0\0\x2c\0\0\0\0" + struct.pack("<HH", 900, 900) + b"\0\x02\x02\x44\x01\0"
write("frames.gif", b"GIF89a" + struct.pack("<HH", 900, 900) + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * 30000 + b";")
write("exif.jpg", b"\xff\xd8" + (b"\xff\xe1\xff\xffExif\0\0" + bytes(65527)) * 20 + b"\xff\xd9")
entities = "".join('<!ENTITY %s "%s">' % (chr(98 + at), ("&" + chr(97 + at) + ";") * 10) for at in range(9))
write("laughs.svg", '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha">' + entities + ']><svg xmlns="http://www.w3.org/2000/svg"><text>&j;</text></svg>')
write("foreign.svg", '<svg xmlns="http://www.w3.org/2000/svg" onload="top.hacked=1"><foreignObject width="99" height="99"><body xmlns="http://www.w3.org/1999/xhtml"><script>top.hacked=1</script>'
    '<iframe src="/ui/home"></iframe><form action="/ui/trash/actions"><input/></form></body></foreignObject><image href="' + away + '/x"/><style>@import url(' + away + '/y)</style></svg>')
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w", force_zip64=True) as member:
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (67108864,), }"
    member.write(b"\x93NUMPY\x01\0" + struct.pack("<H", 118) + head.ljust(117) + b"\n")
    for _ in range(512):
        member.write(bytes(1 << 20))
write("bomb.npz", packed.getvalue())
write("line.csv", "a,b\n" + "1,2\n" * 500 + "y" * (20 << 20) + "\n" + "3,4\n" * 500)
write("deep.json", "[" * 100000 + "]" * 100000)
write("parts.json", '{"a":[' + "[]," * 2000000 + "0]}")
write("book.ipynb", json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "execution_count": mark, "source": [mark], "outputs": [
    {"output_type": "display_data", "data": {"text/html": [mark], "application/javascript": "top.hacked=1", "image/png": "javascript:top.hacked=1", "text/plain": [mark]}},
    {"output_type": "error", "traceback": ["\x1b[2J" + mark]}]}, {"cell_type": "markdown", "source": "[x](javascript:top.hacked=1) <iframe srcdoc='" + mark + "'></iframe> " + "[" * 20000}] * 30}))
write("notes.md", mark + " [a](javascript:top.hacked=1) ![p](" + away + "/p.png) <style>*{display:none}</style> <meta http-equiv=refresh content='0;url=/ui/trash'>\n\n" + "> " * 5000 + "x\n\n" + "[" * 30000)
write("plot.json", json.dumps({"data": [None, 5, {"type": ["bar"], "x": {"a": 1}, "y": None, "z": 5}, {"type": "__proto__", "y": [1]}], "layout": {"title": [1]}}))
write("script.pdf", "%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF")
with wandb.init(project="bombs", name="bombs") as run:
    run.log({"large": wandb.Table(columns=["id", "text"], data=[[number, "x" * 2000] for number in range(9000)])})
    run.notes = mark + "[" * 200000
    artifact = wandb.Artifact("bombs", "samples")
    artifact.add_dir("bombs")
    run.log_artifact(artifact)
print("RUN" + run.id)
"""
FLOW = """
import os
from metaflow import FlowSpec, card, step

class HostileFlow(FlowSpec):
    @card(type="html")
    @step
    def start(self):
        self.html = os.environ["ESCAPE"]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    HostileFlow()
"""
FILES = "/tester/bombs/artifacts/samples/bombs/v0/files/"
PATIENCE = 30
"""Seconds within which the server has answered someone else, also on a busy machine: hours if it were held up."""


@dataclass
class Bombs:
    """A server with hostile files, and the address of a task with a hostile card."""

    server: LiveServer
    run: str
    task: str
    elsewhere: Elsewhere


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bombs]:
    folder = tmp_path_factory.mktemp("bombs")
    elsewhere = Elsewhere()
    with LiveServer(folder / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server:
        work = Path(folder / "work")
        work.mkdir()
        environment = client_environment(
            WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", USER="tester", HOME=str(work), ELSEWHERE=elsewhere.url
        )  # fmt: skip
        done = run_client(client_python("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly"), PROGRAM, env=environment, cwd=work)
        assert done.returncode == 0, done.stderr
        (work / "hostile_flow.py").write_text(FLOW)
        machine = Machine(server, folder / "machine")
        machine.run(str(work / "hostile_flow"), "run", ESCAPE=ESCAPE.replace("ELSEWHERE", elsewhere.url))
        runs = f"{server.url}/metaflow/flows/HostileFlow/runs"
        number = httpx.get(runs, timeout=PATIENCE).json()[0]["run_number"]
        task = httpx.get(f"{runs}/{number}/steps/start/tasks", timeout=PATIENCE).json()[0]["task_id"]
        yield Bombs(server, done.stdout.rpartition("RUN")[2].strip(), f"/flows/HostileFlow/{number}/start/{task}", elsewhere)
    elsewhere.shutdown()
    elsewhere.server_close()


@pytest.fixture
def tab(chromium: Browser, bombs: Bombs) -> Iterator[Page]:
    """A fresh page; leaving it makes sure that nothing was asked of another site."""
    context = chromium.new_context(base_url=bombs.server.url, viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="UTC")
    yield context.new_page()
    context.close()
    assert bombs.elsewhere.asked == []


def opened(tab: Page, address: str) -> None:
    """Open a page; it comes, is one of ours, and nothing in it ran."""
    began = time.monotonic()
    answer = tab.goto(address)
    assert answer is not None
    assert answer.status == 200
    assert time.monotonic() - began < PATIENCE
    assert tab.evaluate("[window.hacked ?? null, document.querySelectorAll('main').length]") == [None, 1]
    assert urlsplit(tab.url).path == urlsplit(address).path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vast.png", "This picture is large: 60"),
        ("frames.gif", "frames.gif"),
        ("exif.jpg", "exif.jpg"),
        ("laughs.svg", "laughs.svg"),
        ("foreign.svg", "foreign.svg"),
        ("bomb.npz", "shape (67108864,)"),
        ("line.csv", "The first 200 rows"),
        ("deep.json", "Only the beginning is shown"),
        ("parts.json", "Only the beginning is shown"),
        ("book.ipynb", "<script>top.hacked=1</script>"),
        ("notes.md", "<script>top.hacked=1</script>"),
        ("plot.json", "plot.json"),
        ("script.pdf", "Open the PDF in a new tab"),
    ],
)
def test_a_hostile_file_shows_what_it_is_and_runs_nothing(tab: Page, name: str, said: str) -> None:
    opened(tab, FILES + name)
    expect(tab.get_by_role("main")).to_contain_text(said)
    expect(tab.get_by_role("link", name="Download").first).to_be_visible()
    if name.endswith(".svg"):
        expect(tab.locator("iframe.boxed")).to_have_attribute("sandbox", "")
        tab.locator("iframe.boxed").scroll_into_view_if_needed()
    if name == "plot.json":
        expect(tab.locator("[data-figure] .skeleton")).to_have_count(0)
        expect(tab.get_by_text("could not be loaded")).to_have_count(0)
    if name == "line.csv":
        tab.get_by_role("button", name="Look through the whole file").click()
        expect(tab.get_by_text("1 damaged rows left out")).to_be_visible(timeout=PATIENCE * 1000)
    assert tab.evaluate("window.hacked ?? null") is None


def test_notes_that_take_long_to_read_hold_nobody_up(tab: Page, bombs: Bombs) -> None:
    opened(tab, f"/tester/bombs/runs/{bombs.run}/overview")
    expect(tab.locator(".notes")).to_contain_text("<script>top.hacked=1</script>")
    expect(tab.locator(".notes pre")).to_contain_text("[[[[")


def test_a_table_that_is_too_large_for_a_panel_leads_to_its_page_where_it_is_looked_through(tab: Page, bombs: Bombs) -> None:
    opened(tab, f"/tester/bombs/runs/{bombs.run}/charts")
    panel = tab.locator('figure[data-key="large"]')
    panel.scroll_into_view_if_needed()
    panel.get_by_role("link", name="Open", exact=True).click()
    tab.get_by_role("button", name="Look through the whole file").click()
    expect(tab.get_by_text("all 9,000 rows looked at")).to_be_visible(timeout=PATIENCE * 1000)


def test_a_hostile_card_stays_in_its_box(tab: Page, bombs: Bombs) -> None:
    happened: list[str] = []
    tab.on("download", lambda one: happened.append(f"download {one.url}"))
    opened(tab, f"{bombs.task}?tab=cards")
    tab.context.on("page", lambda one: happened.append(f"window {one.url}"))
    box = tab.locator("iframe[sandbox='allow-scripts']").first
    box.scroll_into_view_if_needed()
    expect(box.content_frame.locator("script").first).to_be_attached()
    assert box.content_frame.locator("html").evaluate("() => self.origin") == "null"
    assert (happened, tab.evaluate("[window.hacked ?? null, location.pathname]")) == ([], [None, bombs.task])
