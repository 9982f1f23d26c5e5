"""Values of real flows in the lineage graph: by content in the embedded store, with the task that made them and the one that got them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.metaflow.machine import Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]


@pytest.mark.parametrize("is_embedded", [True, False])
def test_a_value_is_made_by_one_step_and_used_by_the_next(tmp_path: Path, is_embedded: bool) -> None:
    with LiveServer(tmp_path / "data") as server:
        machine = Machine(server, tmp_path / "machine", embedded_store=is_embedded)
        machine.run("lineage", "run")
        start, end = machine.read("run = Flow('LineageFlow').latest_run\nout = [run['start'].task.pathspec, run['end'].task.pathspec]")
        graph = server.get("/apis/penstock/v1/lineage", of=f"flow:{start}", depth=2)
        names = {node["group"]: node for node in graph["nodes"] if node["kind"] == "data"}
        arrows = {(edge["source"], edge["type"], edge["target"]) for edge in graph["edges"]}
        rows = names["rows"]["id"]
        assert rows.startswith("digest:sha256:" if is_embedded else "flowdata:")
        assert {(f"task:{start}", "produced", rows), (rows, "used", f"task:{end}")} <= arrows
        assert names["small"]["id"].startswith("flowdata:")
        assert "total" not in names
        above = server.get("/apis/penstock/v1/lineage", of=rows, direction="upstream")
        assert [node["id"] for node in above["nodes"] if node["distance"] == -1] == [f"task:{start}"]
