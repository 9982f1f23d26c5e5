"""`@wandb_log` on pipeline components of both SDK generations: one record per task, whether it is decorated or not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import KFP_NEWEST, KFP_V1, WANDB_NEWEST, client_environment, client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

HERE = Path(__file__).parent
V1_CLIENT = (KFP_V1, "wandb==0.24.2", "setuptools<81")
V2_CLIENT = (KFP_NEWEST, WANDB_NEWEST, "setuptools<81")
READ = """
import json, sys, wandb
out = []
for run in wandb.Api().runs(sys.argv[1], lazy=False):
    out.append({
        "id": run.id, "name": run.name, "group": run.group, "job_type": run.job_type, "state": run.state, "config": dict(run.config),
        "summary": {key: value for key, value in run.summary.items() if not key.startswith("_")}, "notes": run.notes,
        "logged": sorted(item.name.split(":")[0] + "/" + item.type for item in run.logged_artifacts()),
        "used": sorted(item.name.split(":")[0] for item in run.used_artifacts()),
        "console": [line.content for line in run.console_logs()],
        "system": run.history(stream="system", pandas=False)[-1:], "latest": run.system_metrics or {},
        "losses": [row["loss"] for row in run.scan_history(keys=["loss"])],
    })
print("OUT" + json.dumps(out))
"""


def output_of(server: LiveServer, client: tuple[str, ...], folder: Path, marker: str, *command: str) -> Any:
    env = client_environment(HOME=str(folder), WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true")
    done = subprocess.run(
        [str(client_python(*client)), *command], env=env, cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith(marker))[len(marker) :])


def runs_of(server: LiveServer, folder: Path, project: str) -> dict[str, dict[str, Any]]:
    """Runs by job type, read by the newest client (wandb 0.24 cannot list artifacts beside pydantic 1, a bug of that client)."""
    rows = output_of(server, V2_CLIENT, folder, "OUT", "-c", READ, project)
    assert len(rows) == len({row["job_type"] for row in rows}), rows
    return {row["job_type"]: row for row in rows}


def test_components_of_kfp_2(live_server: LiveServer, tmp_path: Path) -> None:
    result = output_of(live_server, V2_CLIENT, tmp_path, "RESULT", str(HERE / "kfp2_program.py"), live_server.url)
    assert result["status"] == "SUCCEEDED", result["error"]
    runs = runs_of(live_server, tmp_path, "decorated")
    assert {name: (run["state"], run["group"]) for name, run in runs.items()} == dict.fromkeys(runs, ("finished", result["name"]))
    prepare, train = runs["prepare"], runs["train"]
    link = f"{live_server.url}/#/runs/details/{result['run_id']}"
    assert prepare["config"] == {"n": 3, "LINK_TO_KUBEFLOW": link}
    assert prepare["summary"]["prepare"] == 6
    assert prepare["logged"] == ["data/kfp_artifact"]
    assert train["config"]["lr"] == 0.1
    assert train["used"] == ["data"]
    assert train["logged"] == ["model/kfp_artifact"]
    assert train["losses"] == [1 / (step + 1) for step in range(5)]
    undecorated = next(run for name, run in runs.items() if "plain" in name)
    assert undecorated["config"]["score"] == 0.9
    assert undecorated["summary"]["Output"] == "done"
    assert undecorated["summary"]["accuracy"] == 0.9
    assert [line for line in undecorated["console"] if line.startswith("scored")] == [f"scored {i}" for i in range(3)]
    [use] = undecorated["system"]
    assert use["system.task.cpu_seconds"] > 0
    assert undecorated["latest"]["system.task.max_rss_bytes"] == use["system.task.max_rss_bytes"] > 1_000_000


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="kfp 1.8 and its wandb need an interpreter up to 3.11 for quick wheels")
def test_components_of_kfp_1_8(live_server: LiveServer, tmp_path: Path) -> None:
    result = output_of(live_server, V1_CLIENT, tmp_path, "RESULT", str(HERE / "kfp18_program.py"), live_server.url)
    assert result["status"] == "Succeeded", result["error"]
    runs = runs_of(live_server, tmp_path, "example-pipeline")
    plain = runs.pop("scale")  # without the decorator, as a component of kfp 2 is recorded
    assert plain["config"] == {"n": 2, "x": 0.5, "flag": True, "d": {"k": [1]}, "text": "b is 4", "b": "4"}
    assert plain["summary"] == {"Output": 1.0}
    assert set(runs) == {"add", "make_data", "train_model"}
    link = f"{live_server.url}/#/runs/details/{result['run_id']}"
    assert {run["notes"] for run in runs.values()} == {link}
    assert {run["group"] for run in runs.values()} == {result["name"]}
    assert runs["add"]["config"] == {"a": 3, "b": 4, "LINK_TO_KUBEFLOW_RUN": link}
    assert runs["add"]["summary"]["return"] == 7
    assert runs["add"]["logged"] == ["add/kubeflow_component_file"]
    assert runs["make_data"]["logged"] == [
        "make_data/kubeflow_component_file",
        "test_dataloader_path/dataloader",
        "train_dataloader_path/dataloader",
    ]
    assert runs["train_model"]["used"] == ["test_dataloader_path", "train_dataloader_path"]
    assert "model_path/pytorch_model" in runs["train_model"]["logged"]
    assert len(runs["train_model"]["losses"]) == 6
