"""Sweeps with the real client: made, run by its agent, read back."""

from __future__ import annotations

import pytest

from tests.conformance.wandb.conftest import Client

pytestmark = pytest.mark.conformance

AGENT = """
from wandb.agents import pyagent
pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.2
project = PROJECT.split("/")[1]

def trial():
    with wandb.init() as run:
        for i in range(4):
            run.log({"loss": run.config["lr"] * (i + 1)})

def sweep(method, lr, **extra):
    sweep_id = wandb.sweep({"method": method, "name": method, "metric": {"name": "loss", "goal": "minimize"},
                            "parameters": {"lr": lr, "model": {"parameters": {"depth": {"value": 3}}}}, **extra}, project=project)
    return sweep_id
"""


def test_a_grid_is_walked_to_its_end(client: Client) -> None:
    answer = client.run(
        AGENT
        + """
sweep_id = sweep("grid", {"values": [0.1, 0.2, 0.3]})
wandb.agent(sweep_id, function=trial, project=project)
seen = wandb.Api().sweep(f"{PROJECT}/{sweep_id}")
answer = {"state": seen.state, "lr": [run.config["lr"] for run in seen.runs], "depth": seen.runs[0].config["model"]["depth"],
          "best": seen.best_run().config["lr"], "expected": seen.expected_run_count, "name": seen.name, "order": seen.order}
"""
    )
    assert answer["state"] == "FINISHED"
    assert answer["lr"] == [0.1, 0.2, 0.3]
    assert answer["depth"] == 3
    assert answer["best"] == 0.1
    assert answer["expected"] == 3
    assert answer["name"] == "grid"


def test_random_and_bayes_propose_within_bounds(client: Client) -> None:
    answer = client.run(
        AGENT
        + """
answer = {}
for method, count in (("random", 2), ("bayes", 7)):
    sweep_id = sweep(method, {"min": 0.0, "max": 1.0})
    wandb.agent(sweep_id, function=trial, project=project, count=count)
    answer[method] = [run.config["lr"] for run in wandb.Api().sweep(f"{PROJECT}/{sweep_id}").runs]
"""
    )
    assert len(answer["random"]) == 2
    assert len(answer["bayes"]) == 7
    assert all(0 <= lr <= 1 for values in answer.values() for lr in values)
    assert len({*answer["random"], *answer["bayes"]}) == 9


def test_the_agent_of_the_command_line_runs_a_program(client: Client) -> None:
    (client.folder / "train.py").write_text(
        "import argparse, wandb\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float)\n"
        "lr = parser.parse_args().lr\n"
        "with wandb.init() as run:\n"
        "    run.log({'loss': lr})\n"
    )
    (client.folder / "sweep.yaml").write_text("program: train.py\nmethod: grid\nparameters:\n  lr:\n    values: [1.0, 2.0]\n")
    made = client.command("sweep", "--project", client.project, "sweep.yaml", WANDB_SILENT="false")
    assert made.returncode == 0, made.stderr
    sweep_id = next(word for word in made.stderr.split() if f"/{client.project}/" in word and "http" not in word).rpartition("/")[2]
    ran = client.command("agent", f"{client.entity}/{client.project}/{sweep_id}", PATH=f"{client.python.parent}:/usr/bin:/bin")
    assert ran.returncode == 0, ran.stderr
    answer = client.run(f'answer = [run.summary["loss"] for run in wandb.Api().sweep(f"{{PROJECT}}/{sweep_id}").runs]')
    assert answer == [1.0, 2.0]


def test_a_wrong_configuration_is_refused_with_its_reason(client: Client) -> None:
    answer = client.run(
        """
try:
    wandb.sweep({"method": "grid", "parameters": {"lr": {"min": 0.0, "max": 1.0}}}, project=PROJECT.split("/")[1])
    answer = "made"
except Exception as error:
    answer = str(error)
"""
    )
    assert "grid sweep cannot go over 'lr'" in answer


def test_runs_from_before_belong_to_the_sweep_that_names_them(client: Client) -> None:
    answer = client.run(
        AGENT
        + """
for number in range(6):
    with wandb.init(id=f"old{number}", config={"lr": number / 10, "model": {"depth": 3}}) as run:
        run.log({"loss": (number / 10 - 0.3) ** 2})
sweep_id = wandb.sweep({"method": "bayes", "metric": {"name": "loss", "goal": "minimize"}, "parameters": {"lr": {"min": 0.0, "max": 1.0}}},
                       project=project, prior_runs=[f"old{number}" for number in range(1, 6)])
wandb.agent(sweep_id, function=lambda: wandb.init().finish(), project=project, count=1)
seen = wandb.Api().sweep(f"{PROJECT}/{sweep_id}")
answer = {"runs": [run.id for run in seen.runs][:5], "count": len(seen.runs), "best": seen.best_run().id, "other": wandb.Api().run(f"{PROJECT}/old0").sweep}
"""
    )
    assert answer == {"runs": [f"old{number}" for number in range(1, 6)], "count": 6, "best": "old3", "other": None}


def test_agents_of_a_deleted_sweep_end(client: Client) -> None:
    answer = client.run(
        AGENT
        + """
import base64, json, urllib.request
def delete(wire_id):
    body = json.dumps({"query": "mutation D($id: ID!) { deleteSweep(input: {id: $id}) { success } }", "variables": {"id": wire_id}})
    key = base64.b64encode(b"api:" + os.environ["WANDB_API_KEY"].encode()).decode()
    request = urllib.request.Request(os.environ["WANDB_BASE_URL"] + "/graphql", body.encode(),
        {"Content-Type": "application/json", "Authorization": "Basic " + key})
    return json.load(urllib.request.urlopen(request))["data"]["deleteSweep"]["success"]
sweep_id = sweep("random", {"min": 0.1, "max": 1.0})
wire_id = wandb.Api().sweep(f"{PROJECT}/{sweep_id}")._attrs["id"]
deleted = []
def last_trial():
    trial()
    deleted.append(delete(wire_id))
wandb.agent(sweep_id, function=last_trial, project=project)
answer = {"deleted": deleted, "runs": len(wandb.Api().runs(PROJECT))}
"""
    )
    assert answer == {"deleted": [True], "runs": 1}
