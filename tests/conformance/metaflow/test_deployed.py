"""Flows that the server runs: deployed and triggered from Python and from the command line, with the extension of `metaflow-penstock`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.metaflow.machine import CLIENT, FLOWS, Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]

EXTENSION = Path(__file__).parents[3] / "metaflow-penstock"
FILE = FLOWS / "deployed.py"

DEPLOY = f"""
from metaflow import Deployer
deployed = Deployer({str(FILE)!r}, pylint=False, environment="pypi").penstock(name="nightly-work").create()
triggered = deployed.trigger(scale=2.0, options={{"shift": 3}})
out = {{"pathspec": triggered.pathspec, "name": deployed.name, "flow": deployed.flow_name}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("deployed") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    found = Machine(server, tmp_path_factory.mktemp("machine"), client=(*CLIENT, "boto3"))
    found.env["PYTHONPATH"] = str(EXTENSION)
    return found


@pytest.fixture(scope="module")
def runs(server: LiveServer, machine: Machine) -> dict[str, Any]:
    """One run that succeeds and one that is asked to fail, both ended."""
    deployed = machine.read(DEPLOY)
    words = ("--environment=pypi", "penstock", "--name", "nightly-work", "trigger", "--is-broken", "True", "--run-id-file", "broken")
    machine.run("deployed", *words)
    good, broken = deployed["pathspec"].split("/")[1], (machine.folder / "broken").read_text()
    states = {run_id: server.wait_for_run(run_id, seconds=600)["state"] for run_id in (good, broken)}
    return {**deployed, "good": good, "broken": broken, "states": states}


def test_a_deployed_flow_succeeds_and_is_read_back(runs: dict[str, Any], machine: Machine) -> None:
    assert runs["name"] == "nightly-work"
    assert runs["states"][runs["good"]] == "SUCCEEDED"
    out = machine.read(
        f"""
from metaflow.cards import get_cards
run = Run({runs["pathspec"]!r})
out = {{
    "ok": run.successful, "values": run.data.values, "animals": run.data.animals > 5, "counts": {{step.id: len(list(step)) for step in run}},
    "log": run["end"].task.stdout, "cards": len(get_cards(run["end"].task)), "indexes": sorted(task.index for task in run["work"]),
    "code": b"DeployedFlow" in run.code.flowspec,
}}
"""
    )
    assert out["ok"] is True
    assert out["values"] == [5.0, 7.0]
    assert out["animals"] is True
    assert out["counts"] == {"start": 1, "work": 2, "gather": 1, "end": 1}
    assert "values: [5.0, 7.0]" in out["log"]
    assert out["cards"] == 1
    assert out["indexes"] == [0, 1]
    assert out["code"] is True


def test_a_failing_step_is_tried_again_and_fails_both_records(runs: dict[str, Any], machine: Machine, server: LiveServer) -> None:
    assert runs["states"][runs["broken"]] == "FAILED"
    out = machine.read(
        f"task = Run('DeployedFlow/{runs['broken']}')['gather'].task\nout = [task.current_attempt, task.successful, task.stderr]"
    )
    assert out[:2] == [1, False]
    assert "broken as asked" in out[2]
    page = httpx.get(f"{server.url}/flows", params={"status": "failed"}, headers={"accept": "text/html"}, timeout=30).text
    assert runs["broken"] in page
    assert runs["good"] not in page


def test_the_run_is_a_pipeline_run_with_the_same_id(runs: dict[str, Any], server: LiveServer) -> None:
    run = server.get(f"/apis/v2beta1/runs/{runs['good']}")
    tasks = {task["display_name"] for task in run["run_details"]["task_details"]}
    assert {"start", "work", "gather", "end"} <= tasks
    assert run["runtime_config"]["parameters"]["scale"] == 2.0
    page = httpx.get(f"{server.url}/flows/DeployedFlow/{runs['good']}", headers={"accept": "text/html"}, timeout=30).text
    assert f"/ui/runs/{runs['good']}" in page


def test_the_schedule_is_a_recurring_run(runs: dict[str, Any], server: LiveServer) -> None:
    del runs
    found = server.get("/apis/v2beta1/recurringruns")["recurringRuns"]
    assert [(item["display_name"], item["trigger"]["cron_schedule"]["cron"]) for item in found] == [("nightly-work", "0 30 4 ? * MON")]
    assert found[0]["status"] == "ENABLED"


def test_what_cannot_run_here_is_refused_with_its_step(machine: Machine, server: LiveServer) -> None:
    said = machine.run("switching", "penstock", "create", ok=False)
    assert "*choose*" in said or "choose" in said
    assert "switch" in said
    answer = httpx.get(f"{server.url}/apis/v2beta1/pipelines/names/SwitchingFlow", timeout=30)
    assert answer.status_code == 404
