"""A server that the real clients have filled, for pictures: the demonstration, runs that fail and loop, tracked runs, flows, a trash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.conformance.metaflow.machine import CLIENT, Machine
from tests.support.clients import KFP_NEWEST, WANDB_NEWEST, client_environment, client_python
from tests.support.server import LiveServer

PROGRAMS = Path(__file__).parent / "programs"


def fill(server: LiveServer, folder: Path, say: Callable[[str], object]) -> None:
    """Run the programs one after the other; `say` hears which one runs. Takes about three minutes once the environments are there.

    Raises:
        CalledProcessError: a program failed; what it wrote is above.
    """
    say("the demonstration")
    demo = [sys.executable, "-m", "penstock.cli.main", "demo", "--no-keep", "--data-dir", str(server.data_dir)]
    _run(demo, folder, client_environment())
    say("pipelines")
    kfp = client_environment(KF_PIPELINES_ENDPOINT=server.url)
    _run([str(client_python(KFP_NEWEST)), str(PROGRAMS / "pipelines.py")], folder, kfp)
    machine = Machine(server, folder / "machine", client=(*CLIENT, "boto3"))
    for flow in ("branches", "cards"):
        say(f"the flow {flow}")
        machine.run(flow, "run", "--tag", "nightly")
    # After all others, so that theirs is the project that changed last.
    wandb = client_environment(WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", HOME=str(folder))
    say("tracked runs")
    _run([str(client_python(WANDB_NEWEST, "pillow", "numpy", "pandas", "plotly")), str(PROGRAMS / "tracked.py")], folder, wandb)
    say("a report")
    _run([str(client_python(WANDB_NEWEST, "wandb-workspaces==0.4.13")), str(PROGRAMS / "report.py")], folder, wandb)
    say("the trash")
    _throw_away(server)


def _run(command: list[str], folder: Path, env: dict[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, check=True)


def _throw_away(server: LiveServer) -> None:
    """Move the first try to the trash, as the list of runs does."""
    runs = server.get("/apis/v2beta1/runs", page_size=100)["runs"]
    (first,) = [run["run_id"] for run in runs if run["display_name"] == "load, a first try"]
    form = {"verb": "delete", "id": first, "next": "/ui/runs"}
    answer = httpx.post(f"{server.url}/ui/runs/actions", data=form, headers={"origin": server.url}, timeout=60)
    if answer.status_code != httpx.codes.SEE_OTHER:
        answer.raise_for_status()
