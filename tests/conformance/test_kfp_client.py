"""The unmodified kfp clients against a live server: every method of `kfp.Client` and `PipelinesClient`, every command of the CLI."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import kfp_programs
from tests.support.clients import KFP_MIDDLE, KFP_NEWEST, KFP_OLDEST, client_environment, client_python, run_client
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance
CLIENTS = {"kfp.Client": "client|mine", "PipelinesClient": "pipelines"}
"""Names that objects of each client have in the programs."""


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


@pytest.mark.parametrize("sdk", [KFP_NEWEST, KFP_OLDEST])
def test_variables_namespaces_and_tokens(server: LiveServer, tmp_path: Path, sdk: str) -> None:
    run_program(server, tmp_path, kfp_programs.SETTINGS, sdk=sdk)


def test_lists_are_filtered_by_every_operation_sorted_and_paged(server: LiveServer, tmp_path: Path) -> None:
    run_program(server, tmp_path, kfp_programs.LISTS)


def test_every_command_of_the_command_line(server: LiveServer, tmp_path: Path) -> None:
    run_program(server, tmp_path, kfp_programs.CLI)


def test_the_command_answers_as_a_process(server: LiveServer, tmp_path: Path) -> None:
    command = [str(client_python(KFP_NEWEST).parent / "kfp"), "--endpoint", server.url, "experiment", "list"]
    environment = client_environment(HOME=str(tmp_path), COLUMNS="200")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["ID", "NAME", "CREATED", "AT", "STORAGE", "STATE"]


def test_no_method_of_the_clients_is_left_out(server: LiveServer, tmp_path: Path) -> None:
    programs = "\n".join(text for name, text in vars(kfp_programs).items() if name.isupper())
    called = {name: set(re.findall(rf"\b(?:{words})\.(\w+)", programs)) for name, words in CLIENTS.items()}
    run_program(server, tmp_path, kfp_programs.METHODS, *(",".join(sorted(names)) for names in called.values()))
