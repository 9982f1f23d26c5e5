"""Every flow task has one tracked run, decorated or not: what `wandb.Api` reads of flows that never speak to it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conformance.metaflow.machine import DATA_CLIENT, Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]

READ = """
import wandb
def plain(value):
    return {key: plain(value[key]) for key in value.keys() if not key.startswith("_")} if hasattr(value, "keys") else value
api = wandb.Api()
out = []
for project in api.projects(api.default_entity):
    for run in api.runs(f"{api.default_entity}/{project.name}", order="+created_at"):
        out.append({
            "project": project.name, "name": run.name, "id": run.id, "group": run.group, "job_type": run.job_type, "state": run.state,
            "config": {key: value for key, value in run.config.items() if not key.startswith("_")}, "summary": plain(run.summary),
        })
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("tracked") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(server, tmp_path_factory.mktemp("machine"), client=DATA_CLIENT)


@pytest.fixture(scope="module")
def runs(server: LiveServer, machine: Machine) -> list[dict[str, Any]]:
    """Of a run that failed in its last step but one, and of the run that resumed it."""
    machine.run("silent", "run", "--rate", "0.5", ok=False, FAIL_AT_END="1")
    machine.run("silent", "resume")
    first = server.get("/metaflow/flows/SilentFlow/runs")[-1]["run_number"]
    wait_for_values(machine, f"SilentFlow/{first}", {"start", "work", "gather"})
    return wait_for_values(machine, "", {"end"})


def wait_for_values(machine: Machine, group: str, steps: set[str]) -> list[dict[str, Any]]:
    """Read until these steps' records have values and all runs have parameters: they are read from the datastore soon after a task ended."""
    deadline = time.monotonic() + 300
    while True:
        found: list[dict[str, Any]] = machine.read(READ)
        filled = {run["job_type"] for run in found if run["summary"] and (run["group"] or "").startswith(group)}
        if steps <= filled and all("rate" in run["config"] for run in found):
            return found
        assert time.monotonic() < deadline, found


def of(runs: list[dict[str, Any]], number: int, step: str) -> list[dict[str, Any]]:
    groups = sorted({run["group"] for run in runs if run["project"] == "SilentFlow"})
    return [run for run in runs if run["group"] == groups[number] and run["job_type"] == step]


def test_each_task_that_ran_has_one_record(runs: list[dict[str, Any]]) -> None:
    steps = [
        sorted(run["job_type"] for run in runs if run["group"] == group) for group in sorted({run["group"] for run in runs if run["group"]})
    ]
    assert steps == [["gather", "start", "work", "work"], ["end"]]
    assert [run["project"] for run in runs if run["project"] != "SilentFlow"] == ["talks", "talks"]


def test_parameters_are_config_and_what_a_step_set_is_summary(runs: list[dict[str, Any]]) -> None:
    (start,) = of(runs, 0, "start")
    assert start["config"] == {"rate": 0.5, "title_text": "plain"}
    assert start["summary"] == {
        "count": 3, "ratio": 0.75, "is_good": True, "word": "hello", "names": ["a", "b"], "mapping": {"k": {"n": 1}}, "unique": [7],
    }  # fmt: skip
    assert of(runs, 0, "gather")[0]["summary"] == {"parts": ["a", "b"]}
    assert of(runs, 1, "end")[0]["summary"] == {"count": 4}


def test_the_record_of_a_task_has_its_log(runs: list[dict[str, Any]], server: LiveServer) -> None:
    query = (
        "query Q($entity: String, $project: String, $run: String!) { project(name: $project, entityName: $entity)"
        " { run(name: $run) { logLines(first: 100) { edges { node { line } } } } } }"
    )
    variables = {"project": "SilentFlow", "run": of(runs, 0, "start")[0]["id"]}
    answer = httpx.post(f"{server.url}/graphql", json={"query": query, "variables": variables}, auth=("api", server.key), timeout=30).json()
    assert "counting to 3" in [edge["node"]["line"] for edge in answer["data"]["project"]["run"]["logLines"]["edges"]]


def test_a_retried_task_tells_its_last_attempt(runs: list[dict[str, Any]]) -> None:
    assert sorted((run["state"], run["summary"]["part"], run["summary"]["tries"]) for run in of(runs, 0, "work")) == [
        ("finished", "a", 0), ("finished", "b", 1),
    ]  # fmt: skip


def test_a_run_begun_by_hand_takes_the_record_s_place(runs: list[dict[str, Any]], server: LiveServer) -> None:
    talks = [run for run in runs if run["project"] == "talks"]
    assert {run["state"] for run in talks} == {"finished"}  # `wandb.init` ended before the step failed
    assert all(run["config"] == {"own": 1, "rate": 0.5, "title_text": "plain"} for run in talks)
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}, timeout=30) as browser:
        number = server.get("/metaflow/flows/SilentFlow/runs")[0]["run_number"]
        page = browser.get(f"/flows/SilentFlow/{number}/view/tasks").text
        linked = re.findall(
            rf'<tr data-href="(/flows/SilentFlow/{number}/\w+/\d+)"(?:(?!</tr>).)*?href="(/[^"/]+/[^"/]+/runs/[^"/]+)"', page, re.DOTALL
        )
        assert len(linked) == 2
        for task, address in linked:
            tracked = browser.get(address, follow_redirects=True).text
            back = re.findall(r'href="(/ui/runs/[^"]*task=[^"]*)"', tracked)[0]
            assert str(browser.get(back, follow_redirects=True).url.path) == task
