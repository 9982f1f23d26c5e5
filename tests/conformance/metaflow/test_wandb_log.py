"""`@wandb_log` in the shapes of the integration's guide: on a flow, on steps, and on a flow with an override; read back by the public API."""

from __future__ import annotations

import re
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
for project in ("uncategorized", "elsewhere", "guided"):
    for run in api.runs(f"{api.default_entity}/{project}", order="+created_at"):
        out.append({
            "project": project, "name": run.name, "id": run.id, "url": run.url, "group": run.group, "job_type": run.job_type, "state": run.state,
            "config": {key: value for key, value in run.config.items() if not key.startswith("_")},
            "summary": plain(run.summary),
            "logged": sorted([artifact.name, artifact.type, sorted(artifact.manifest.entries)] for artifact in run.logged_artifacts()),
            "used": sorted([artifact.name, artifact.type] for artifact in run.used_artifacts()),
        })
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("logged") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def runs(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    machine = Machine(server, tmp_path_factory.mktemp("machine"), client=DATA_CLIENT)
    running = [
        machine.start("logged", "run", "--rate", "0.5"),
        machine.start("partly", "run"),
        machine.start("guided", "run", WANDB_PROJECT="guided"),
    ]
    for process in running:
        Machine.finish(process)
    found: list[dict[str, Any]] = machine.read(READ)
    return found


def of_step(runs: list[dict[str, Any]], flow: str, step: str) -> dict[str, Any]:
    return next(run for run in runs if run["group"].startswith(f"{flow}/") and run["job_type"] == step)


def test_group_is_the_flow_run_and_job_type_the_step(runs: list[dict[str, Any]]) -> None:
    logged = [run for run in runs if run["group"].startswith("LoggedFlow/")]
    assert sorted(run["job_type"] for run in logged) == ["end", "mid", "start"]
    assert len({run["group"] for run in logged}) == 1
    assert {run["state"] for run in runs} == {"finished"}


def test_parameters_are_config(runs: list[dict[str, Any]]) -> None:
    for step in ("start", "mid", "end"):
        assert of_step(runs, "LoggedFlow", step)["config"] == {"rate": 0.5, "title": "plain"}


def test_plain_types_are_summary_and_locals_are_never_logged(runs: list[dict[str, Any]]) -> None:
    assert of_step(runs, "LoggedFlow", "start")["summary"] == {
        "count": 3, "ratio": 0.75, "is_good": True, "word": "hello", "names": ["a", "b"], "mapping": {"k": 1}, "unique": [7],
    }  # fmt: skip


def test_datasets_and_models_of_a_decorated_flow_are_artifacts(runs: list[dict[str, Any]]) -> None:
    assert of_step(runs, "LoggedFlow", "start")["logged"] == [
        ["model:v0", "model", ["model.pkl"]],
        ["raw_df:v0", "dataset", ["raw_df.parquet"]],
        ["source_file:v0", "dataset", ["numbers.csv"]],
    ]


def test_what_a_later_step_reads_is_lineage(runs: list[dict[str, Any]]) -> None:
    used = of_step(runs, "LoggedFlow", "mid")["used"]
    assert used == [["model:v0", "model"], ["raw_df:v0", "dataset"], ["source_file:v0", "dataset"]]


def test_a_step_overrides_its_flow(runs: list[dict[str, Any]]) -> None:
    end = of_step(runs, "LoggedFlow", "end")
    assert end["summary"] == {"rows": 3}
    assert end["logged"] == []
    assert end["used"] == []


def test_others_pickle_what_is_left(runs: list[dict[str, Any]]) -> None:
    assert of_step(runs, "PartlyFlow", "start")["logged"] == [["anything:v0", "other", ["anything.pkl"]]]


def test_each_foreach_task_has_a_run_and_undecorated_steps_stay_out_of_its_project(runs: list[dict[str, Any]]) -> None:
    partly = [run for run in runs if run["group"].startswith("PartlyFlow/")]
    assert sorted(run["job_type"] for run in partly) == ["start", "work", "work"]
    assert sorted(run["summary"]["part"] for run in partly if run["job_type"] == "work") == ["a", "b"]


def test_own_settings_win(runs: list[dict[str, Any]]) -> None:
    own = next(run for run in runs if run["project"] == "elsewhere")
    assert (own["group"], own["job_type"], own["summary"]) == ("my-group", "my-type", {"length": 3})


def test_every_kind_of_the_guide_has_its_switch(runs: list[dict[str, Any]]) -> None:
    start, silent = of_step(runs, "GuidedFlow", "start"), of_step(runs, "GuidedFlow", "silent")
    assert start["logged"] == [
        ["folder:v0", "dataset", ["a.txt", "b.txt"]],
        ["moment:v0", "other", ["moment.pkl"]],
        ["table:v0", "dataset", ["table.parquet"]],
        ["tree:v0", "model", ["tree.pkl"]],
    ]
    assert (silent["logged"], silent["used"]) == ([], [])


def test_config_summary_and_artifacts_are_within_reach_of_the_step_itself(runs: list[dict[str, Any]]) -> None:
    assert of_step(runs, "GuidedFlow", "silent")["summary"] == {"seen_rate": 0.25}
    end = of_step(runs, "GuidedFlow", "end")
    assert end["summary"] == {"inside": 7, "rows": 10}
    assert end["used"] == [["table:v0", "dataset"]]


def test_each_kind_is_on_the_tab_that_the_guide_names(runs: list[dict[str, Any]]) -> None:
    start, end = of_step(runs, "GuidedFlow", "start"), of_step(runs, "GuidedFlow", "end")
    config, summary = (
        re.findall(r'<tr [^>]*data-key="(\w+)">.*?</th>.*?title="([^"]*)"', page(f"{run['url']}/overview"), re.DOTALL) for run in (start, end)
    )
    assert config == [("rate", "0.25")]
    assert dict(summary) == {"inside": "7", "rows": "10", "rate": "0.25"}  # in the order in which the client sent them, which varies
    assert len(summary) == 3
    found = set(re.findall(r'href="/[^/"]+/guided/artifacts/(\w+/\w+/v0)"', page(f"{start['url']}/artifacts")))
    assert found == {"dataset/table/v0", "dataset/folder/v0", "model/tree/v0", "other/moment/v0"}


def page(address: str) -> str:
    return httpx.get(address, headers={"accept": "text/html"}, timeout=30).text


def test_flow_tasks_and_tracked_runs_lead_to_one_another(runs: list[dict[str, Any]], server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}, timeout=30) as browser:
        for flow in ("LoggedFlow", "PartlyFlow"):
            run = re.findall(rf'href="(/flows/{flow}/\d+)"', browser.get("/flows").text)[0]
            page = browser.get(f"{run}/view/tasks").text
            rows = re.findall(r'<tr data-href="/flows/\w+/\d+/(\w+)/\d+".*?</tr>', page, re.DOTALL)
            linked = re.findall(rf'<tr data-href="/flows/{flow}/\d+/(\w+)/\d+"(?:(?!</tr>).)*?/runs/([\w-]+)"', page, re.DOTALL)
            for address in re.findall(r'href="(/[^"/]+/[^"/]+/runs/[\w-]+)"', page):
                tracked = browser.get(address, follow_redirects=True).text
                back = re.findall(r'href="(/ui/runs/[^"]*task=[^"]*)"', tracked)[0]
                assert str(browser.get(back, follow_redirects=True).url.path).startswith(run)
            wanted = {"LoggedFlow": ["end", "mid", "start"], "PartlyFlow": ["end", "gather", "start", "work", "work"]}[flow]
            assert sorted(step for step, _ in linked) == wanted, rows
            by_id = {item["id"]: item["job_type"] for item in runs}
            assert all(by_id[identity] in {step, "my-type"} for step, identity in linked if step != "gather")


def test_a_table_and_a_model_are_shown_without_being_made(runs: list[dict[str, Any]], server: LiveServer) -> None:
    del runs
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}, timeout=60) as browser:
        run = re.findall(r'href="(/flows/GuidedFlow/\d+)"', browser.get("/flows").text)[0]
        (task,) = re.findall(rf'data-href="({run}/start/\d+)"', browser.get(f"{run}/start").text)
        table, tree = (browser.get(f"{task}/values/{name}").json() for name in ("table", "tree"))
    assert table["text"] == "3 rows, 2 columns\n\n   x  y\n0  1  0\n1  2  1\n2  3  1"
    assert "random_state: 1" in tree["text"]
