"""The unmodified kfp clients against a live server: every method of `kfp.Client` and `PipelinesClient`, every command of the CLI."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import kfp_programs
from tests.support.clients import KFP_MIDDLE, KFP_NEWEST, KFP_OLDEST, client_environment, client_python, run_client
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("kfp") / "data") as server:
        yield server


def run_program(server: LiveServer, folder: Path, program: str, *arguments: str, sdk: str = KFP_NEWEST) -> None:
    environment = client_environment(HOME=str(folder))
    done = run_client(client_python(sdk), kfp_programs.PREAMBLE + program, server.url, *arguments, env=environment, cwd=folder, timeout=240)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}\n{server.log[-3000:]}"


@pytest.mark.parametrize("sdk", [KFP_NEWEST, KFP_MIDDLE, KFP_OLDEST])
def test_runs_are_created_read_listed_archived_and_deleted(server: LiveServer, tmp_path: Path, sdk: str) -> None:
    with LiveServer(tmp_path / "data") as own:  # lists are compared whole
        run_program(own, tmp_path, kfp_programs.RUNS, sdk=sdk)


def test_runs_are_terminated_and_retried(server: LiveServer, tmp_path: Path) -> None:
    run_program(server, tmp_path, kfp_programs.TERMINATE_AND_RETRY)


@pytest.mark.parametrize("sdk", [KFP_NEWEST, KFP_OLDEST])
def test_experiments(tmp_path: Path, sdk: str) -> None:
    with LiveServer(tmp_path / "data") as own:
        run_program(own, tmp_path, kfp_programs.EXPERIMENTS, sdk=sdk)


@pytest.mark.parametrize("sdk", [KFP_NEWEST, KFP_OLDEST])
def test_pipelines_and_versions(tmp_path: Path, sdk: str) -> None:
    with LiveServer(tmp_path / "data") as own:
        run_program(own, tmp_path, kfp_programs.PIPELINES, sdk=sdk)


def test_recurring_runs(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as own:
        run_program(own, tmp_path, kfp_programs.RECURRING)


def test_pipelines_client(server: LiveServer, tmp_path: Path) -> None:
    run_program(server, tmp_path, kfp_programs.PIPELINES_CLIENT)


class Cli:
    """The `kfp` command."""

    def __init__(self, server: LiveServer, folder: Path) -> None:
        self._program = client_python(KFP_NEWEST).parent / "kfp"
        self._url = server.url
        self._folder = folder
        run_program(server, folder, kfp_programs.COMPILE, str(folder / "adder.yaml"))

    def text(self, *arguments: str) -> str:
        command = [str(self._program), "--endpoint", self._url, *arguments]
        environment = client_environment(HOME=str(self._folder), COLUMNS="300")
        done = subprocess.run(command, env=environment, cwd=self._folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        output = self.text("--output", "json", *arguments)
        return json.loads(output[min(position for position in (output.find("{"), output.find("[")) if position >= 0) :])


@pytest.fixture
def cli(server: LiveServer, tmp_path: Path) -> Cli:
    return Cli(server, tmp_path)


def test_cli_experiments(cli: Cli) -> None:
    created = cli.json("experiment", "create", "-d", "why", "cli experiment")
    experiment_id = created["experiment_id"]
    table = cli.text("experiment", "list", "-m", "50")
    assert "cli experiment" in table
    assert "STORAGE_STATE" not in table.split("cli experiment")[1][:10]
    assert cli.json("experiment", "get", experiment_id)["description"] == "why"
    assert "ARCHIVED" in cli.text("experiment", "archive", "--experiment-id", experiment_id)
    assert "AVAILABLE" in cli.text("experiment", "unarchive", "--experiment-name", "cli experiment")
    cli.text("experiment", "delete", experiment_id, "-y") if "-y" in cli.text("experiment", "delete", "--help") else None


def test_cli_pipelines_and_runs(cli: Cli) -> None:
    pipeline = cli.json("pipeline", "create", "-p", "cli pipe", "-d", "text", "adder.yaml")
    pipeline_id = pipeline["pipeline_id"]
    version = cli.json("pipeline", "create-version", "adder.yaml", "-v", "cli v2", "-p", pipeline_id)
    version_id = version["pipeline_version_id"]
    assert "cli pipe" in cli.text("pipeline", "list", "-m", "50")
    assert "cli v2" in cli.text("pipeline", "list-versions", pipeline_id)
    assert cli.json("pipeline", "get", pipeline_id)["display_name"] == "cli pipe"
    assert cli.json("pipeline", "get-version", pipeline_id, version_id)["display_name"] == "cli v2"

    output = cli.text("run", "create", "-e", "cli runs", "-r", "from cli", "-f", "adder.yaml", "-w", "-t", "90", "a=7")
    assert "SUCCEEDED" in output.upper()
    cli.text("run", "create", "-e", "cli runs", "-r", "of version", "-p", pipeline_id, "-v", version_id, "-w", "a=8")
    table = cli.text("run", "list", "-m", "50")
    assert "from cli" in table
    run_id = next(run["run_id"] for run in cli.json("run", "list") if run["display_name"] == "from cli")
    detail = cli.json("run", "get", run_id)
    assert detail["runtime_config"]["parameters"] == {"a": 7}
    assert "ARCHIVED" in cli.text("run", "archive", run_id)
    assert "AVAILABLE" in cli.text("run", "unarchive", run_id)


def test_cli_recurring_runs(cli: Cli) -> None:
    created = cli.json(
        "recurring-run", "create", "--experiment-name", "cli schedules", "--job-name", "cli job", "--cron-expression", "0 0 4 * * *",
        "--pipeline-package-path", "adder.yaml", "--disabled", "a=1",
    )  # fmt: skip
    recurring_id = created["recurring_run_id"]
    table = cli.text("recurring-run", "list", "-m", "50")
    assert "cli job" in table
    assert "DISABLED" in cli.text("recurring-run", "get", recurring_id)
    assert "ENABLED" in cli.text("recurring-run", "enable", recurring_id)
    assert "DISABLED" in cli.text("recurring-run", "disable", recurring_id)
