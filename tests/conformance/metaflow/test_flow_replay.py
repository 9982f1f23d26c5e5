"""The lines of *Replay locally* on the pages of recorded tasks, pasted into a shell with the real client."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conformance.metaflow.machine import CLIENT, FLOWS, Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

EXTENSION = Path(__file__).parents[3] / "metaflow-penstock"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("replaying") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(server, tmp_path_factory.mktemp("machine"), client=(*CLIENT, "boto3"))


def page_of(server: LiveServer, pathspec: str) -> str:
    return httpx.get(f"{server.url}/flows/{pathspec}?tab=replay", headers={"accept": "text/html"}, timeout=60).text


def lines_of(page: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)]


def paste(machine: Machine, line: str, folder: Path) -> str:
    """Run a line as a user's shell would, in `folder`; return what it said."""
    folder.mkdir(exist_ok=True)
    path = f"{Path(machine.python).parent}:{machine.env['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=folder, env={**machine.env, "PATH": path}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_a_task_of_a_deployed_flow_is_run_again_from_its_stored_code(server: LiveServer, machine: Machine, tmp_path: Path) -> None:
    gate = machine.folder / "gate"
    gate.touch()
    machine.run("held", "penstock", "create", PYTHONPATH=str(EXTENSION))
    machine.run("held", "penstock", "trigger", "--gate", str(gate), "--run-id-file", "started", PYTHONPATH=str(EXTENSION))
    run_id = (machine.folder / "started").read_text()
    assert server.wait_for_run(run_id, seconds=300)["state"] == "SUCCEEDED"
    (pathspec,) = machine.read(f"out = [task.pathspec for task in Run('HeldFlow/{run_id}')['start']]")
    page = page_of(server, pathspec)
    install, environment, line = lines_of(page)
    assert environment.startswith('eval "$(penstock env')
    assert re.fullmatch(r"pip install metaflow==2\.\d+\.\d+ boto3", install)
    assert 'id="no-code"' not in page
    Path(f"{gate}.begun").unlink()
    said = paste(machine, line, tmp_path)
    assert "Task finished successfully." in said
    assert Path(f"{gate}.begun").exists(), "the step itself ran, with the parameter of the run"
    assert machine.read("out = len(list(Flow('HeldFlow')))") == 1, "nothing of it is recorded here"


def test_a_foreach_task_of_a_run_by_hand_is_run_again_on_its_own_item(server: LiveServer, machine: Machine, tmp_path: Path) -> None:
    run_id = machine.run_keeping_code("branches", "BranchesFlow")
    found = machine.read(f"out = {{task.pathspec: task.data.product for task in Run('BranchesFlow/{run_id}')['nested']}}")
    pathspec, product = max(found.items())
    line = lines_of(page_of(server, pathspec))[-1].replace(" spin ", " spin --persist ")
    assert "Task finished successfully." in paste(machine, line, tmp_path)
    (folder,) = tmp_path.iterdir()
    kept = machine.read(
        f"import os\nos.chdir({str(folder)!r})\ninspect_spin('.')\nout = next(iter(Flow('BranchesFlow').latest_run['nested'])).data.product"
    )
    assert kept == product


def test_without_stored_code_the_line_runs_what_lies_in_the_folder_and_says_so(server: LiveServer, machine: Machine, tmp_path: Path) -> None:
    machine.run("branches", "run", "--run-id-file", "plain")
    run_id = (machine.folder / "plain").read_text()
    (pathspec,) = machine.read(f"out = [task.pathspec for task in Run('BranchesFlow/{run_id}')['join_fan']]")
    page = page_of(server, pathspec)
    assert 'id="no-code"' in page
    line = lines_of(page)[-1]
    assert "code pull" not in line
    shutil.copy(FLOWS / "branches.py", tmp_path)
    assert "Task finished successfully." in paste(machine, line, tmp_path)
