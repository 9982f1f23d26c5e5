"""Flows that the server runs: deployed and triggered from Python and from the command line, with the extension of `metaflow-penstock`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conformance.metaflow.machine import FLOWS, Machine, deploying_machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]

FILE = FLOWS / "deployed.py"

DEPLOY = f"""
from metaflow import Deployer
deployed = Deployer({str(FILE)!r}, pylint=False, environment="pypi").penstock(name="nightly-work").create()
triggered = deployed.trigger(scale=2.0, options={{"shift": 3}})
out = {{"pathspec": triggered.pathspec, "name": deployed.name, "flow": deployed.flow_name}}
"""

PUBLISH = """
from metaflow.integrations import ArgoEvent
event = ArgoEvent("data.ready", payload={"times": "3", "other": 1})
out = event.publish(ignore_errors=False)
ArgoEvent("nobody.waits").publish(ignore_errors=False)
for name, value in (("left.ready", 1), ("left.ready", 4), ("right.ready", 2)):
    ArgoEvent(name, payload={"value": value}).publish(ignore_errors=False)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("deployed") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return deploying_machine(server, tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="module")
def runs(server: LiveServer, machine: Machine) -> dict[str, Any]:
    """One run that succeeds and one that is asked to fail, both ended; the latter was resumed on its page once what ailed it was mended."""
    machine.folder.joinpath("note.txt").write_text("a note\n")
    creating = [machine.start(flow, "penstock", "create") for flow in ("routes", "waits", "follows")]
    deployed = machine.read(DEPLOY)
    for process in creating:
        Machine.finish(process)
    mended = machine.folder / "mended"
    given = ("--is-broken", "True", "--mended", str(mended), "--run-id-file", "broken")
    triggering = machine.start("deployed", "--environment=pypi", "penstock", "--name", "nightly-work", "trigger", *given)
    machine.read(PUBLISH)
    Machine.finish(triggering)
    good, broken = deployed["pathspec"].split("/")[1], (machine.folder / "broken").read_text()
    deployed["routes"], deployed["waits"] = wait_for_started(server, "RoutesFlow"), wait_for_started(server, "WaitsFlow")
    for name in ("routes", "waits"):
        assert server.wait_for_run(deployed[name], seconds=600)["state"] == "SUCCEEDED"
    states = {run_id: server.wait_for_run(run_id, seconds=600)["state"] for run_id in (good, broken)}
    page = httpx.get(f"{server.url}/flows", params={"status": "failed"}, headers={"accept": "text/html"}, timeout=60).text
    mended.touch()
    resumed = resume_on_page(server, f"/flows/DeployedFlow/{broken}")
    return {**deployed, "good": good, "broken": broken, "states": states, "failed page": page, "resumed": resumed}


def resume_on_page(server: LiveServer, address: str) -> str:
    """Press the button of a run's page; return the state in which the run ended then."""
    page = httpx.get(server.url + address, headers={"accept": "text/html"}, timeout=60).text
    (form,) = re.findall(r'<form method="post" action="/ui/runs/actions">((?:(?!</form>).)*value="retry".*?)</form>', page, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    answer = httpx.post(f"{server.url}/ui/runs/actions", data=fields, headers={"origin": server.url}, timeout=60)
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    return str(server.wait_for_run(fields["id"], seconds=600)["state"])


def wait_for_started(server: LiveServer, flow: str) -> str:
    """Return the id of the only run of a flow, as soon as there is one."""
    deadline = time.monotonic() + 300
    while not (found := [run for run in server.get("/apis/v2beta1/runs")["runs"] if run["display_name"].startswith(flow)]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(found) == 1
    return str(found[0]["run_id"])


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


def test_a_failing_step_is_tried_again_and_fails_both_records(runs: dict[str, Any]) -> None:
    assert runs["states"][runs["broken"]] == "FAILED"
    assert runs["broken"] in runs["failed page"]
    assert runs["good"] not in runs["failed page"]


def test_a_failed_run_is_resumed_on_its_page_with_attempts_that_keep_counting(runs: dict[str, Any], machine: Machine) -> None:
    assert runs["resumed"] == "SUCCEEDED"
    out = machine.read(
        f"""
run = Run('DeployedFlow/{runs["broken"]}')
task = run['gather'].task
tries = [Task(task.pathspec, attempt=number) for number in range(3)]
out = [run.successful, run.data.values, task.current_attempt, [one.successful for one in tries], [one.stderr for one in tries]]
"""
    )
    assert out[:4] == [True, [2.5, 4.0], 2, [False, False, True]]
    assert ["broken as asked" in text for text in out[4]] == [True, True, False]
    assert ["gathering" in text for text in out[4]] == [True, True, True]


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
    timed = {item["display_name"]: item["trigger"]["cron_schedule"]["cron"] for item in found if "trigger" in item}
    assert timed == {"nightly-work": "0 30 4 ? * MON", "RoutesFlow": "CRON_TZ=Asia/Seoul 0 15 3 * * ?"}
    assert {item["status"] for item in found} == {"ENABLED"}


def test_an_event_starts_a_flow_of_switches_repetition_and_parallel_nodes(runs: dict[str, Any], machine: Machine) -> None:
    out = machine.read(
        f"""
run = Run("RoutesFlow/{runs["routes"]}")
finish = run["finish"].task
out = {{
    "ok": run.successful, "words": run.data.words, "counts": {{step.id: len(list(step)) for step in run}},
    "finish": [finish.data.all_seen, finish.data.count, finish.data.nodes, len(list(finish.parent_tasks))],
    "control": [task.metadata_dict["foreach-execution-path"] for task in run["train"].control_tasks()],
    "nodes": sorted(task.metadata_dict["foreach-execution-path"] for task in run["train"]),
    "parents": sorted(sorted(path.split("/")[2] for path in task.parent_task_pathspecs) for task in run["after"]),
}}
"""
    )
    assert out["ok"] is True
    assert out["words"] == ["a note", "configured", "named", "like", "inputs"]
    assert out["counts"] == {
        "start": 1, "choose": 2, "slow": 1, "after": 2, "gather": 1, "again": 3, "spread": 1, "train": 2, "finish": 1, "end": 1,
    }  # fmt: skip
    assert out["finish"] == [["longslowly", "short"], 3, [[0, 2], [1, 2]], 2]
    assert out["control"] == ["train:0"]
    assert out["nodes"] == ["train:0", "train:1"]


def test_several_events_start_one_run_with_what_the_newest_of_each_says(runs: dict[str, Any], machine: Machine) -> None:
    out = machine.read(
        f"""
run = Run("WaitsFlow/{runs["waits"]}")
out = [run.data.total, run.data.names, sorted(event.name for event in run.trigger.events), run.trigger["left.ready"].type]
routes = Run("RoutesFlow/{runs["routes"]}")
out += [routes["start"].task.data.event]
"""
    )
    assert out == [42, ["left.ready", "right.ready"], ["left.ready", "right.ready"], "event", ["data.ready", "event"]]


def test_a_flow_starts_once_when_two_others_ended_well(runs: dict[str, Any], machine: Machine, server: LiveServer) -> None:
    started = wait_for_started(server, "FollowsFlow")
    assert server.wait_for_run(started, seconds=600)["state"] == "SUCCEEDED"
    before = sorted([f"RoutesFlow/{runs['routes']}", f"WaitsFlow/{runs['waits']}"])
    assert machine.read(f"run = Run('FollowsFlow/{started}')\nout = [run.data.before, sorted(r.pathspec for r in run.trigger.runs)]") == [
        before, before,
    ]  # fmt: skip
    assert sum(run["display_name"].startswith("FollowsFlow") for run in server.get("/apis/v2beta1/runs")["runs"]) == 1


def test_a_deployment_is_found_again_without_its_file(runs: dict[str, Any], machine: Machine, server: LiveServer) -> None:
    out = machine.read(
        f"""
from metaflow import DeployedFlow
found = DeployedFlow.from_deployment("nightly-work")
run = DeployedFlow.get_triggered_run("nightly-work", {runs["good"]!r})
run.wait_for_completion(timeout=1)
again = found.trigger(scale=3, is_broken=False)
out = {{
    "found": [found.name, found.flow_name, found.TYPE], "run": [run.status, run.is_running, run.run.successful, run.name],
    "all": sorted((flow.name, flow.flow_name) for flow in DeployedFlow.list_deployed_flows()),
    "own": [flow.name for flow in DeployedFlow.list_deployed_flows("DeployedFlow")],
    "again": again.pathspec, "stopped": again.terminate(),
}}
again.wait_for_completion(check_interval=0.2, timeout=60)
out["ended"] = again.status
"""
    )
    assert out["found"] == ["nightly-work", "DeployedFlow", "penstock"]
    assert out["run"] == ["SUCCEEDED", False, True, "nightly-work"]
    assert [tuple(pair) for pair in out["all"]] == [
        ("FollowsFlow", "FollowsFlow"), ("RoutesFlow", "RoutesFlow"), ("WaitsFlow", "WaitsFlow"), ("nightly-work", "DeployedFlow"),
    ]  # fmt: skip
    assert out["own"] == ["nightly-work"]
    assert (out["stopped"], out["ended"]) == (True, "CANCELED")
    assert server.get(f"/apis/v2beta1/runs/{out['again'].split('/')[1]}")["runtime_config"]["parameters"]["scale"] == 3


def test_branches_of_a_project_are_deployments_of_their_own(machine: Machine) -> None:
    out = machine.read(
        f"""
from metaflow import DeployedFlow, Deployer
names = [Deployer({str(FLOWS / "shop.py")!r}, pylint=False, **more).penstock().create().name for more in ({{}}, dict(branch="try"), dict(production=True))]
found = DeployedFlow.from_deployment("shop.test.try.ShopFlow")
out = [names, found.flow_name, [flow.delete() for flow in DeployedFlow.list_deployed_flows("ShopFlow")]]
"""
    )
    assert out == [["shop.user.ada.ShopFlow", "shop.test.try.ShopFlow", "shop.prod.ShopFlow"], "ShopFlow", [True, True, True]]


def test_commands_list_suspend_and_delete(runs: dict[str, Any], machine: Machine, server: LiveServer) -> None:
    def statuses() -> set[str]:
        found = server.get("/apis/v2beta1/recurringruns")["recurringRuns"]
        return {item["status"] for item in found if item["display_name"] == "WaitsFlow"}

    commands = [("list",), ("list-runs", "--succeeded"), ("status", runs["waits"])]
    listed, of_flow, status = machine.run_at_once("waits", *(("penstock", *words) for words in commands))
    assert "WaitsFlow\tWaitsFlow\t" in listed
    assert re.findall(rf"^{runs['waits']}\tSUCCEEDED\t", of_flow, re.MULTILINE)
    assert status.strip().endswith("SUCCEEDED")
    machine.run("waits", "penstock", "suspend")
    assert statuses() == {"DISABLED"}
    machine.run("waits", "penstock", "unsuspend")
    assert statuses() == {"ENABLED"}
    machine.run("waits", "penstock", "delete")
    assert statuses() == set()
    assert "nothing is deployed" in machine.run("waits", "penstock", "trigger", ok=False)


def test_tasks_of_a_deployed_flow_have_one_tracked_run_each(runs: dict[str, Any], server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}, timeout=30) as browser:
        page = browser.get(f"/flows/RoutesFlow/{runs['routes']}/view/tasks").text
        rows = re.findall(rf'<tr data-href="/flows/RoutesFlow/{runs["routes"]}/\w+/[^"]+".*?</tr>', page, re.DOTALL)
        linked = [re.findall(r'href="/[^"/]+/RoutesFlow/runs/[^"]+"', row) for row in rows]
        assert [len(found) for found in linked] == [1] * 15


def test_a_deployed_flow_leaves_no_project_under_its_pipeline_s_name(runs: dict[str, Any], server: LiveServer) -> None:
    del runs
    page = httpx.get(f"{server.url}/ui/projects", headers={"accept": "text/html"}, timeout=30).text
    found = set(re.findall(r'href="/[^/"]+/([\w-]+)"', page))
    assert {"DeployedFlow", "RoutesFlow"} <= found
    assert not {"nightly-work", "routesflow", "followsflow"} & found


def test_secrets_of_the_server_reach_steps_that_name_them(machine: Machine, server: LiveServer) -> None:
    entries = {"lake": {"LAKE_USER": "ada", "LAKE_PASSWORD": "correct horse"}, "mail.box": {"pass-word": "battery staple"}, "other": {"X": "no"}}
    for name, values in entries.items():
        assert httpx.put(f"{server.url}/apis/v2beta1/secrets/{name}", json={"string_data": values}, timeout=30).status_code == 200
    at_home = machine.start("guarded", "run", "--run-id-file", "at-home")
    machine.run("guarded", "penstock", "create")
    machine.run("guarded", "penstock", "trigger", "--run-id-file", "deployed")
    Machine.finish(at_home)
    deployed, local = (machine.folder.joinpath(name).read_text() for name in ("deployed", "at-home"))
    assert server.wait_for_run(deployed, seconds=600)["state"] == "SUCCEEDED"
    found = machine.read(
        f"""
runs = [Run("GuardedFlow/" + name) for name in ({deployed!r}, {local!r})]
out = [[run.data.is_right, run.data.lengths, run.data.is_clean, run.data.other, run["start"].task.stdout] for run in runs]
"""
    )
    lengths = {"LAKE_USER": 3, "LAKE_PASSWORD": 13, "MAIL_PASSWORD": 14}
    assert [row[:3] for row in found] == [[True, lengths, True]] * 2
    assert "the key of a task does not open secret 'other'" in found[0][3]
    assert found[1][3] == {"X": "no"}
    for name, row in zip((deployed, local), found, strict=True):
        assert "the password is *************\n" in row[4]
        page = httpx.get(f"{server.url}/flows/GuardedFlow/{name}/start", headers={"accept": "text/html"}, timeout=30).text
        (task,) = re.findall(rf'data-href="(/flows/GuardedFlow/{name}/start/[^"]+)"', page)
        for place in ("log", "lines"):  # of the download and of the viewer
            log = httpx.get(f"{server.url}{task}/{place}", timeout=30).text
            assert "the password is *************\n" in log
            assert "correct horse" not in log


def test_secrets_are_not_given_to_whoever_asks(machine: Machine, server: LiveServer) -> None:
    httpx.put(f"{server.url}/apis/v2beta1/secrets/lake", json={"string_data": {"A": "hidden"}}, timeout=30)
    address = f"{server.url}/metaflow/secrets/lake"
    assert httpx.get(address, timeout=30).status_code == 401
    assert httpx.get(address, headers={"x-api-key": "0" * 40}, timeout=30).status_code == 401
    own = {"x-api-key": machine.env["METAFLOW_SERVICE_AUTH_KEY"]}
    assert httpx.get(address, headers=own, timeout=30).json() == {"A": "hidden"}
    assert httpx.get(f"{server.url}/metaflow/secrets/none", headers=own, timeout=30).status_code == 404


def test_what_cannot_run_here_is_refused_with_its_reason(machine: Machine, server: LiveServer) -> None:
    said = machine.run("cards", "penstock", "create", ok=False, METAFLOW_DEFAULT_DATASTORE="local")
    assert "penstock env" in said
    answer = httpx.get(f"{server.url}/apis/v2beta1/pipelines/names/CardsFlow", timeout=30)
    assert answer.status_code == 404
