"""One run of a deployed flow is suspended and goes on: from Python, from the command line and on its page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conformance.metaflow.machine import FLOWS, Machine, deploying_machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]



@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("suspending") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return deploying_machine(server, tmp_path_factory.mktemp("machine"))


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def states(server: LiveServer, run_id: str) -> dict[str, str]:
    details = server.get(f"/apis/v2beta1/runs/{run_id}")["run_details"]["task_details"]
    return {task["display_name"]: task["state"] for task in details if task["display_name"] in {"start", "end"}}


def press(server: LiveServer, address: str, verb: str) -> httpx.Response:
    """Press a button of a page; return the page after it."""
    page = httpx.get(server.url + address, headers={"accept": "text/html"}, timeout=60).text
    (form,) = re.findall(rf'<form method="post" action="/ui/runs/actions"[^>]*>((?:(?!</form>).)*value="{verb}".*?)</form>', page, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    answer = httpx.post(f"{server.url}/ui/runs/actions", data=fields, headers={"origin": server.url}, timeout=60)
    assert answer.status_code == 303
    return httpx.get(server.url + address, headers={"accept": "text/html"}, timeout=60)


def test_a_suspended_run_starts_no_further_step_until_it_goes_on(server: LiveServer, machine: Machine) -> None:
    gate = machine.folder / "gate"
    run_id, suspended = machine.read(
        f"""
import time
from pathlib import Path
run = Deployer({str(FLOWS / "held.py")!r}, pylint=False).penstock().create().trigger(gate={str(gate)!r})
while not Path({str(gate) + ".begun"!r}).exists():
    time.sleep(0.1)
out = [run.run_id, [run.suspend(), run.status, run.is_running, run.suspend()]]
"""
    )
    assert suspended == [True, "PAUSED", True, False]
    gate.touch()
    wait_until(lambda: states(server, run_id)["start"] == "SUCCEEDED")
    assert states(server, run_id)["end"] == "PENDING"
    flow_page = httpx.get(f"{server.url}/flows/HeldFlow/{run_id}", headers={"accept": "text/html"}, timeout=60).text
    assert 'id="run-paused"' in flow_page

    again = machine.read(f"run = DeployedFlow.get_triggered_run('HeldFlow', {run_id!r})\nout = [run.unsuspend(), run.unsuspend()]")
    assert again == [True, False]
    assert server.wait_for_run(run_id, seconds=240)["state"] == "SUCCEEDED"
    assert machine.read(f"out = Run('HeldFlow/{run_id}').data.ended") is True


def test_commands_and_the_page_suspend_a_run_too(server: LiveServer, machine: Machine) -> None:
    gate = machine.folder / "second-gate"
    machine.run("held", "penstock", "create")
    machine.run("held", "penstock", "trigger", "--gate", str(gate), "--run-id-file", "started")
    run_id = (machine.folder / "started").read_text()
    wait_until(Path(f"{gate}.begun").exists)
    assert f"Run {run_id} is suspended." in machine.run("held", "penstock", "suspend", run_id)
    assert "paused already" in machine.run("held", "penstock", "suspend", run_id, ok=False)
    assert machine.run("held", "penstock", "status", run_id).strip().endswith("PAUSED")

    address = f"/flows/HeldFlow/{run_id}"
    assert 'id="run-paused"' not in press(server, address, "unpause").text
    assert 'id="run-paused"' in press(server, f"/ui/runs/{run_id}", "pause").text
    machine.run("held", "penstock", "unsuspend", run_id)
    gate.touch()
    assert server.wait_for_run(run_id, seconds=240)["state"] == "SUCCEEDED"
