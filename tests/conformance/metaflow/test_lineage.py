"""Values of real flows in the lineage graph: by content in the embedded store, with the task that made them and the one that got them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conformance.metaflow.machine import DATA_CLIENT, FLOWS, Machine
from tests.support.clients import client_environment, client_python
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1200)]


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


def test_a_table_of_a_flow_is_one_thing_with_what_a_pipeline_used_and_the_other_way_round(live_server: LiveServer, tmp_path: Path) -> None:
    server, machine = live_server, Machine(live_server, tmp_path / "machine", client=DATA_CLIENT)
    machine.run("frames", "run", WANDB_PROJECT="frames")
    made, uri = machine.read(
        "task = Flow('FramesFlow').latest_run['start'].task\nsha = task['frame'].sha\n"
        "out = [task.pathspec, f's3://metaflow/flows/FramesFlow/data/{sha[:2]}/{sha}']"
    )
    run_id = submit(server, tmp_path, made.rpartition("/start/")[0], uri)
    assert server.wait_for_run(run_id, seconds=800)["state"] == "SUCCEEDED", server.get(f"/apis/v2beta1/runs/{run_id}")
    machine.run("frames", "run", "--source", "doubled:latest", WANDB_PROJECT="frames")
    (taken,) = machine.read("out = [Flow('FramesFlow').latest_run['start'].task.pathspec]")
    tasks = {
        task["display_name"]: f"task:{task['task_id']}" for task in server.get(f"/apis/v2beta1/runs/{run_id}")["run_details"]["task_details"]
    }

    below = Walk(server, f"flow:{made}", "downstream")
    above = {name: Walk(server, tasks[name], "upstream") for name in ("by-client", "by-tracker", "by-importer")}
    assert {tasks["by-client"], tasks["by-tracker"], tasks["by-importer"], f"task:{taken}"} <= below.nodes
    value, version = below.between(f"task:{made}", tasks["by-client"]), below.between(f"task:{made}", tasks["by-tracker"])
    assert below.between(f"task:{made}", tasks["by-importer"]) == value
    for name, data in (("by-client", value), ("by-tracker", version), ("by-importer", value)):
        assert above[name].between(f"task:{made}", tasks[name]) == data
    assert all(key.startswith("digest:") for key in (value, version))

    doubled = Walk(server, f"flow:{taken}", "upstream").between(tasks["by-tracker"], f"task:{taken}")
    assert {"made", "doubled:v0"} <= below.names[doubled], "an artifact of the pipeline and a version are one thing"
    assert Walk(server, tasks["by-tracker"], "downstream").between(tasks["by-tracker"], f"task:{taken}") == doubled


class Walk:
    """A walk through the graph, unfolded."""

    def __init__(self, server: LiveServer, of: str, direction: str) -> None:
        graph = server.get("/apis/penstock/v1/lineage", of=of, direction=direction, depth=6, fold="false")
        self.nodes = {node["id"] for node in graph["nodes"]}
        self.names = {node["id"]: {name["name"].split(" ")[0] for name in node["names"]} for node in graph["nodes"]}
        self._edges = {(edge["source"], edge["target"]) for edge in graph["edges"]}

    def between(self, producer: str, consumer: str) -> str:
        """The one thing that the first made and the second used."""
        (found,) = {target for source, target in self._edges if source == producer and (target, consumer) in self._edges}
        return found


def submit(server: LiveServer, folder: Path, *arguments: str) -> str:
    program = str(FLOWS / "frames_pipeline.py")
    environment = client_environment(HOME=str(folder))
    done = subprocess.run(
        [str(client_python("kfp==2.17.0")), "-W", "ignore", program, server.url, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split("RUN ")[1].split()[0]
