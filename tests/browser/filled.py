"""A server that the real clients have filled, for pictures: the demonstration, runs that fail, loop and go on, tracked runs, flows, a trash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.browser.furnishing import furnish, put_away
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
    flow = str(PROGRAMS / "load_flow")
    for words, is_good in (("--days", "14", "--tag", "nightly"), True), (("--days", "21", "--limit", "1.0"), False), (("--days", "28", "--tag", "nightly"), True):
        say(f"a flow, {' '.join(words)}")
        machine.run(flow, "run", *words, ok=is_good)
    # After all others, so that theirs is the project that changed last.
    wandb = client_environment(WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", HOME=str(folder))
    say("tracked runs")
    _run([str(client_python(WANDB_NEWEST, "pillow", "numpy", "pandas", "plotly")), str(PROGRAMS / "tracked.py")], folder, wandb)
    say("a report")
    _run([str(client_python(WANDB_NEWEST, "wandb-workspaces==0.4.13")), str(PROGRAMS / "report.py")], folder, wandb)
    say("what people do on the pages")
    furnish(server)
    put_away(server, "load, a first try", verb="delete")
    put_away(server, "load, as last year", verb="archive")
    say("a run that goes on")
    _run([str(client_python(KFP_NEWEST)), str(PROGRAMS / "waiting.py")], folder, kfp)


def _run(command: list[str], folder: Path, env: dict[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, check=True)
