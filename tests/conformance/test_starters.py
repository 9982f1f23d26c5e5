"""The programs that an empty server offers to copy, with the real clients, as they stand."""

from __future__ import annotations

from pathlib import Path

from penstock.web.texts.starters import starters
from tests.support.clients import KFP_NEWEST, WANDB_NEWEST, client_environment, client_python, run_client
from tests.support.server import LiveServer


def test_the_pipeline_starter_runs(live_server: LiveServer, tmp_path: Path) -> None:
    starter = next(one for one in starters(live_server.url) if one.package == "kfp")
    done = run_client(client_python(KFP_NEWEST), starter.program, env=client_environment(HOME=str(tmp_path)), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [run] = [run for run in live_server.get("/apis/v2beta1/runs")["runs"] if run["display_name"].startswith("add-pipeline")]
    assert live_server.wait_for_run(run["run_id"], seconds=280.0)["state"] == "SUCCEEDED"


def test_the_tracked_starter_logs_a_hundred_steps(live_server: LiveServer, tmp_path: Path) -> None:
    starter = next(one for one in starters(live_server.url) if one.package == "wandb")
    env = client_environment(HOME=str(tmp_path), WANDB_BASE_URL=live_server.url, WANDB_API_KEY=live_server.key)
    done = run_client(client_python(WANDB_NEWEST), starter.program, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "/first/runs/" in done.stderr
