"""Runs of an edited flow beside each other, with the code packages that the real client keeps."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path

import httpx
import pytest

from tests.conformance.metaflow.machine import CLIENT, Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

FLOW = """
from metaflow import FlowSpec, Parameter, step


class TuneFlow(FlowSpec):
    rate = Parameter("rate", default=0.1)

    @step
    def start(self):
        self.score = self.rate * 2
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TuneFlow()
"""


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))


def test_an_edited_flow_is_compared_by_its_file_and_parameters(tmp_path: Path) -> None:
    file = tmp_path / "flow" / "tune.py"
    file.parent.mkdir()
    with LiveServer(tmp_path / "data") as server:
        machine = Machine(server, tmp_path / "machine", client=(*CLIENT, "boto3"))
        ids = []
        flow = str(file.with_suffix(""))
        for factor, words in (("2", ()), ("3", ("--rate", "0.25"))):
            file.write_text(FLOW.replace("rate * 2", f"rate * {factor}"))
            ids.append(f"TuneFlow/{machine.run_keeping_code(flow, 'TuneFlow', *words)}")
        machine.run(flow, "run", "--run-id-file", "without-code")
        ids.append(f"TuneFlow/{(machine.folder / 'without-code').read_text()}")
        deadline = time.monotonic() + 120
        while True:  # parameters are read in the background
            page = httpx.get(f"{server.url}/ui/compare?runs={','.join(ids)}", headers={"accept": "text/html"}, timeout=60).text
            if "Parameter rate 0.1 \u2192 0.25" in text_of(page):
                break
            assert time.monotonic() < deadline, text_of(page)
            time.sleep(0.5)
    assert "Code of TuneFlow" in text_of(page)
    assert '<span class="diff-old">-        self.score = self.rate * 2' in page
    assert '<span class="diff-new">+        self.score = self.rate * 3' in page
    assert f"No code was kept of: {ids[2]}" in text_of(page)
