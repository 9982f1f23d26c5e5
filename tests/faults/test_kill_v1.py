"""SIGKILL of the server in the middle of kfp 1.8 runs: they end as they would have, and no step that succeeded runs twice."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.test_kill_server import wait_until
from tests.support.clients import KFP_V1, client_environment, client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.faults

_PROGRAM = """
import sys
import kfp.dsl as dsl
from kfp.compiler import Compiler
from kfp.components import OutputPath, InputPath, create_component_from_func

def _mark(name: str, folder: str, seconds: float, data_path: OutputPath("Data"), value: int = 0) -> int:
    import os, time
    path = os.path.join(folder, name)
    with open(path + ".start", "a") as file:
        file.write("x")
    time.sleep(seconds)
    with open(data_path, "w") as file:
        file.write(name)
    with open(path + ".end", "a") as file:
        file.write("x")
    return value + 1

def _read(name: str, folder: str, data_path: InputPath("Data")):
    import os
    with open(os.path.join(folder, name + ".end"), "a") as file, open(data_path) as data:
        file.write(data.read())

mark = create_component_from_func(_mark)
read = create_component_from_func(_read)

@dsl.graph_component
def count_down(left, folder, seconds):
    step = mark("down-%s" % left, folder, seconds, left)
    with dsl.Condition(step.outputs["output"] < 3):
        count_down(step.outputs["output"], folder, seconds)

@dsl.pipeline(name="marks-v1")
def marks(folder: str, seconds: float = 0.05, zero: int = 0):
    with dsl.ExitHandler(mark("bye-{{workflow.status}}", folder, seconds)):
        first = mark("first", folder, seconds)
        with dsl.ParallelFor(["a", "b", "c"]) as letter:
            inner = mark(letter, folder, seconds, first.outputs["output"])
            read("after-%s" % letter, folder, inner.outputs["data"])
        with dsl.Condition(first.outputs["output"] == 1):
            volume = dsl.VolumeOp(name="make", resource_name="data", size="1Gi", modes=dsl.VOLUME_MODE_RWO)
            mark("last", folder, seconds).after(volume)
        count_down(zero, folder, seconds)

Compiler().compile(marks, sys.argv[1])
"""
_EXPECTED = dict.fromkeys(("first", "a", "b", "c", "last", "down-0", "down-1", "down-2", "bye-Succeeded"), "x") | {
    f"after-{letter}": letter for letter in "abc"
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The workflow as the 1.8 compiler writes it, as JSON text."""
    folder = tmp_path_factory.mktemp("v1")
    program = folder / "program.py"
    program.write_text(_PROGRAM)
    command = [str(client_python(KFP_V1, "setuptools<81")), str(program), str(folder / "marks.yaml")]
    done = subprocess.run(command, env=client_environment(HOME=str(folder)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.dumps(yaml.safe_load((folder / "marks.yaml").read_text()))


def submit(server: LiveServer, manifest: str, folder: Path, seconds: float) -> str:
    folder.mkdir(parents=True)
    parameters = [{"name": "folder", "value": str(folder)}, {"name": "seconds", "value": str(seconds)}]
    spec = {"workflow_manifest": manifest, "parameters": parameters}
    return str(server.post("/apis/v1beta1/runs", {"name": "marks", "pipeline_spec": spec})["run"]["id"])


def check(server: LiveServer, run_id: str, folder: Path) -> None:
    server.wait_for_run(run_id)
    detail: dict[str, Any] = server.get(f"/apis/v1beta1/runs/{run_id}")
    assert detail["run"]["status"] == "Succeeded", (detail["run"].get("error"), server.log[-3000:])
    ended = {path.stem: path.read_text() for path in folder.glob("*.end")}
    assert ended == _EXPECTED
    nodes = json.loads(detail["pipeline_runtime"]["workflow_manifest"])["status"]["nodes"].values()
    assert {node["phase"] for node in nodes if node["type"] == "Pod"} == {"Succeeded"}
    assert [node["phase"] for node in nodes if node["type"] == "Skipped"] == ["Skipped"]  # the end of the recursion


def test_a_killed_server_goes_on_with_a_run_of_the_old_sdk(live_server: LiveServer, manifest: str, tmp_path: Path) -> None:
    begun = time.monotonic()
    check(live_server, submit(live_server, manifest, tmp_path / "warm", 0.0), tmp_path / "warm")
    usual = max(0.5, time.monotonic() - begun)
    chance = random.Random(18)
    for number in range(2):
        folder = tmp_path / f"round-{number}"
        run_id = submit(live_server, manifest, folder, 0.1)
        time.sleep(chance.uniform(0.0, usual))  # the moment of the kill is what is random here; nothing waits on it
        live_server.restart()
        check(live_server, run_id, folder)


def test_a_server_killed_at_every_stage_runs_no_successful_step_twice(live_server: LiveServer, manifest: str, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, manifest, folder, 0.4)
    for name in ("first", "b", "down-1"):
        wait_until((folder / f"{name}.start").exists, f"the start of {name}")
        live_server.restart()
    check(live_server, run_id, folder)
    assert {path.stem: path.read_text() for path in folder.glob("*.start")} == dict.fromkeys(
        [name for name in _EXPECTED if not name.startswith("after-")], "x"
    )
