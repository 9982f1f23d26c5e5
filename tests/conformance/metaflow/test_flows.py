"""The unmodified metaflow client records here and reads everything back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import client_environment, client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

FLOWS = Path(__file__).parent / "flows"
CLIENT = ("metaflow>=2.19", "setuptools<81")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("metaflow") / "data") as running:
        yield running


class Metaflow:
    """A user's machine: a folder, the printed environment, the real client."""

    def __init__(self, server: LiveServer, folder: Path, *, embedded_store: bool) -> None:
        self.folder = folder
        printed = subprocess.run(
            [sys.executable, "-m", "penstock.cli.main", "env", "--data-dir", str(server.data_dir)], capture_output=True, text=True, check=True, env=client_environment()
        ).stdout
        lines = [line.removeprefix("export ").partition("=") for line in printed.splitlines() if line.startswith("export ")]
        variables = {name: value.strip("'\"") for name, _, value in lines}
        kept = {"METAFLOW_DEFAULT_METADATA", "METAFLOW_SERVICE_URL"} if not embedded_store else set(variables)
        self.env = client_environment(
            HOME=str(folder),
            USER="ada",
            **{name: value for name, value in variables.items() if name in kept and not name.startswith("KF_")},
        )

    def run(self, flow: str, *words: str, ok: bool = True, **env: str) -> str:
        done = subprocess.run(
            [str(client_python(*CLIENT)), str(FLOWS / f"{flow}.py"), *words],
            cwd=self.folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def read(self, source: str) -> Any:
        """Run client code that assigns `out`; return it."""
        program = f"import json\nfrom metaflow import *\nnamespace(None)\n{source}\nprint('OUT' + json.dumps(out))\n"
        done = subprocess.run(
            [str(client_python(*CLIENT)), "-c", program],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("OUT"))[3:])


@pytest.fixture(params=[False, True], ids=["local", "embedded"])
def metaflow(request: pytest.FixtureRequest, server: LiveServer, tmp_path: Path) -> Metaflow:
    return Metaflow(server, tmp_path, embedded_store=request.param)


def test_branches_foreach_retry_and_catch(metaflow: Metaflow) -> None:
    metaflow.run("branches", "run", "--alpha", "0.25", "--tag", "mine")
    out = metaflow.read(
        """
run = Flow("BranchesFlow").latest_run
out = {
    "ok": [run.successful, run.finished],
    "products": run.data.products,
    "alpha": run.data.alpha,
    "problem": run.data.problem_text,
    "steps": sorted(step.id for step in run),
    "counts": {step.id: len(list(step)) for step in run},
    "retried": [task.current_attempt for task in run["fan"] if task.data.value == "bb"],
    "tags": sorted(run.user_tags),
    "parents": sorted({parent.split("/")[2] for task in run["nested"] for parent in task.parent_task_pathspecs}),
    "children": sorted({child.split("/")[2] for child in next(iter(run["fan"])).child_task_pathspecs}),
}
run.add_tag("later"); run.remove_tag("mine")
out["changed"] = sorted(Run(run.pathspec).user_tags)
"""
    )
    assert out["ok"] == [True, True]
    assert out["products"] == ["aa1", "aa2", "bb1", "bb2", "cc1", "cc2"]
    assert out["alpha"] == 0.25
    assert "caught on purpose" in out["problem"]
    assert out["counts"]["nested"] == 6
    assert out["retried"] == [1]
    assert out["tags"] == ["mine"]
    assert out["changed"] == ["later"]
    assert out["parents"] == ["fan"]
    assert out["children"] == ["nested"]


def test_cards_logs_and_values(metaflow: Metaflow, server: LiveServer) -> None:
    metaflow.run("cards", "run")
    out = metaflow.read(
        """
task = Flow("CardsFlow").latest_run["start"].task
cards = get_cards(task)
out = {"cards": len(cards), "html": any("Hello card" in card.get() for card in cards), "stdout": task.stdout, "stderr": task.stderr,
       "mapping": task.data.mapping, "path": task.pathspec}
"""
    )
    assert out["cards"] == 2
    assert out["html"]
    assert "to stdout" in out["stdout"]
    assert "to stderr" in out["stderr"]
    assert out["mapping"] == {"k": [1, 2.5, None]}


def test_resume_keeps_what_was_done(metaflow: Metaflow, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    metaflow.run("failing", "run", ok=False, MARKER=str(marker))
    failed = metaflow.read("run = Flow('FailingFlow').latest_run\nout = [run.successful, run.id]")
    assert failed[0] is False
    marker.touch()
    metaflow.run("failing", "resume", MARKER=str(marker))
    out = metaflow.read(
        """
run = Flow("FailingFlow").latest_run
out = [run.successful, run.data.made, run.origin_pathspec if hasattr(run, "origin_pathspec") else ""]
"""
    )
    assert out[:2] == [True, 42]
    assert failed[1] in (out[2] or failed[1])


def test_a_burst_of_tasks_loses_nothing(server: LiveServer, tmp_path: Path) -> None:
    machine = Metaflow(server, tmp_path, embedded_store=False)
    machine.run("wide", "run", "--width", "30", "--max-workers", "15")
    out = machine.read("run = Flow('WideFlow').latest_run\nout = [run.data.total, len(list(run['work'])), run.id]")
    assert out[:2] == [sum(number**2 for number in range(30)), 30]


def test_a_server_killed_during_a_run_costs_nothing(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as own:
        machine = Metaflow(own, tmp_path, embedded_store=False)
        flow = subprocess.Popen(
            [str(client_python(*CLIENT)), str(FLOWS / "branches.py"), "run"],
            cwd=tmp_path,
            env={**machine.env, "METAFLOW_SERVICE_RETRY_COUNT": "8"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not own.get("/metaflow/flows"):
            assert flow.poll() is None
        own.restart()
        assert flow.wait(200) == 0
        out = machine.read("run = Flow('BranchesFlow').latest_run\nout = [run.successful, len(list(run['nested']))]")
        assert out == [True, 6]
