"""What the real client says that it left out is told on the page of the run and on the start page."""

from __future__ import annotations

import urllib.request

import pytest

from tests.conformance.wandb.conftest import Client
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

BACKWARDS = """
import time
from pathlib import Path
WORDS = "less than the current step"
with wandb.init(id="r1", name="runs backwards") as run:
    for step in range(5):
        run.log({"loss": 1 / (step + 1)}, step=step)
    run.log({"loss": 7.0}, step=2)
    while not (log := Path(run.dir, "output.log")).exists() or WORDS not in log.read_text():
        time.sleep(0.05)
answer = None
"""


def page(server: LiveServer, address: str) -> str:
    request = urllib.request.Request(server.url + address, headers={"accept": "text/html"})
    with urllib.request.urlopen(request) as answer:
        text: str = answer.read().decode()
        return text


def test_rows_that_the_client_ignored_are_told(client: Client) -> None:
    client.run(BACKWARDS, WANDB_SILENT="false")
    run = f"/{client.entity}/{client.project}/runs/r1"
    shown = page(client.server, run)
    assert 'id="losses"' in shown
    assert "step 2 that is less than the current step 4" in shown
    attention = page(client.server, "/ui/home").partition("Needs attention")[2].partition("</section>")[0]
    assert f'href="{run}/overview"' in attention


def test_a_run_that_lost_nothing_says_nothing(client: Client) -> None:
    client.run(BACKWARDS.replace("step=2", "step=9").replace("while not", "while False and not").replace(" or WORDS", " and WORDS"), WANDB_SILENT="false")
    assert 'id="losses"' not in page(client.server, f"/{client.entity}/{client.project}/runs/r1")
