"""Tasks of flows, and the server below them, killed with SIGKILL: flows that run on the user's machine and flows that the server runs."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.metaflow.machine import Machine, deploying_machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.faults, pytest.mark.conformance, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    # Clients send a heartbeat every ten seconds.
    silence = {"PENSTOCK_FLOWS_TASK_SILENCE_SECONDS": "25"}
    with LiveServer(tmp_path_factory.mktemp("kills") / "data", env=silence) as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    found = deploying_machine(server, tmp_path_factory.mktemp("machine"))
    found.run("fragile", "penstock", "create")
    return found


class Place:
    """Folder by which the steps of a run are watched and let go on."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def pid(self, name: str) -> int:
        """Process id of the step that stands at `name`, as soon as it does."""
        path = self.folder / f"{name}.pid"
        deadline = time.monotonic() + 300
        while not path.exists():
            assert time.monotonic() < deadline, f"no step came to {name}"
            time.sleep(0.1)
        return int(path.read_text())

    def kill(self, name: str) -> None:
        """SIGKILL the step's process."""
        os.kill(self.pid(name), signal.SIGKILL)

    def let_go(self, name: str) -> None:
        """Let the step go on."""
        (self.folder / f"{name}.go").touch()


def start_local(machine: Machine, place: Place) -> subprocess.Popen[str]:
    return machine.start("fragile", "run", "--folder", str(place.folder), METAFLOW_SERVICE_RETRY_COUNT="8")


def trigger(machine: Machine, place: Place) -> str:
    note = place.folder / "run-id"
    machine.run("fragile", "penstock", "trigger", "--folder", str(place.folder), "--run-id-file", str(note))
    return note.read_text()


def read_run(machine: Machine, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = machine.read(
        f"run = Run('FragileFlow/{run_id}')\n"
        "out = {'ok': run.successful, 'tries': run['start'].task.data.tries, 'attempt': run['start'].task.current_attempt,"
        " 'start': run['start'].task.pathspec, 'work': run['work'].task.pathspec}"
    )
    return found


def text(server: LiveServer, path: str, **query: str) -> str:
    page = httpx.get(f"{server.url}/flows/{path}", params=query, headers={"accept": "text/html"}, timeout=30).text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_killed_task_of_a_local_flow_is_tried_again_where_it_may_be_and_fails_its_run_where_not(
    machine: Machine, server: LiveServer, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place")
    flow = start_local(machine, place)
    place.kill("first")
    place.kill("second")
    Machine.finish(flow, ok=False)
    run_id = server.get("/metaflow/flows/FragileFlow/runs")[0]["run_number"]
    read = read_run(machine, run_id)
    assert (read["ok"], read["tries"], read["attempt"]) == (False, 1, 1)
    first = text(server, read["start"], attempt="0")
    assert "killed by signal 9 (SIGKILL)" in first
    assert "SIGKILL" not in text(server, read["start"], attempt="1")
    deadline = time.monotonic() + 120
    while not server.get("/metaflow/flows/FragileFlow/runs", status="failed"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    place_of_work = read["work"].split("/", 2)[2]
    silence, ending = "no heartbeat for more than 25 seconds", r"killed by signal 9 \(SIGKILL\)"
    shown = text(server, f"FragileFlow/{run_id}")
    assert re.search(rf"{place_of_work} failed(?: after [^:]+)?: (?:{silence}|{ending})", shown), shown[:4000]
    while not re.search(rf"{place_of_work} failed(?: after [^:]+)?: {ending}", shown):  # read from the note of the client's runtime
        assert time.monotonic() < deadline, shown[:4000]
        time.sleep(0.5)
        shown = text(server, f"FragileFlow/{run_id}")
    listed = httpx.get(f"{server.url}/flows", headers={"accept": "text/html"}, timeout=30).text
    assert f"task {place_of_work} failed and the client stopped" in listed
    assert "killed by signal 9 (SIGKILL)" in text(server, read["work"])


def test_a_killed_task_of_a_deployed_flow_fails_both_records_where_it_may_not_be_tried_again(
    machine: Machine, server: LiveServer, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place")
    run_id = trigger(machine, place)
    place.let_go("first")
    place.pid("second")
    (work,) = server.get(f"/metaflow/flows/FragileFlow/runs/{run_id}/steps/work/tasks")
    deadline = time.monotonic() + 200
    while "standing at second" not in text(server, f"FragileFlow/{run_id}/work/{work['task_id']}/lines"):  # its log is there while it runs
        assert time.monotonic() < deadline
        time.sleep(0.5)
    place.kill("second")
    run = server.wait_for_run(run_id, seconds=600)
    assert run["state"] == "FAILED"
    assert "`work` failed: exit code 137" in run["error"]["message"]
    assert "`work` failed: exit code 137" in text(server, f"FragileFlow/{run_id}")


def test_flows_here_and_there_survive_kills_of_a_task_and_of_the_server(machine: Machine, server: LiveServer, tmp_path: Path) -> None:
    here, there = Place(tmp_path / "here"), Place(tmp_path / "there")
    run_id = trigger(machine, here)
    flow = start_local(machine, there)
    for place in (here, there):
        place.kill("first")
    for place in (here, there):
        place.pid("second")
    server.restart()
    for place in (here, there):
        place.let_go("second")
    Machine.finish(flow)
    assert server.wait_for_run(run_id, seconds=600)["state"] == "SUCCEEDED"
    numbers = [run["run_number"] for run in server.get("/metaflow/flows/FragileFlow/runs")]
    for number in (run_id, next(number for number in numbers if isinstance(number, int))):
        read = read_run(machine, str(number))
        assert (read["ok"], read["tries"], read["attempt"]) == (True, 1, 1)
        ending = "a newer attempt began" if number == run_id else "killed by signal 9 (SIGKILL)"  # the note of the client's own runtime
        deadline = time.monotonic() + 120
        while ending not in (shown := text(server, read["start"], attempt="0")):
            assert time.monotonic() < deadline, shown[:4000]
            time.sleep(0.5)
