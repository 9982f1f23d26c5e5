"""Every method of the 1.8 client, and the commands of its CLI."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.kfp18.test_programs import CLIENT, HERE
from tests.support.clients import client_environment, client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("kfp18-client") / "data") as running:
        yield running


@pytest.mark.parametrize("group", ["prefix", "experiments", "pipelines", "runs", "stopping_and_retrying", "caching", "jobs"])
def test_client_methods(server: LiveServer, tmp_path: Path, group: str) -> None:
    done = subprocess.run(
        [str(client_python(*CLIENT)), str(HERE / "client_calls.py"), server.url, group, str(tmp_path)],
        env=client_environment(HOME=str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stdout.rstrip().endswith("ok"), done.stdout[-2000:] + done.stderr[-4000:]


def test_every_command_of_the_command_line(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as own:  # lists are compared whole
        done = subprocess.run(
            [str(client_python(*CLIENT)), str(HERE / "cli_calls.py"), own.url],
            env=client_environment(HOME=str(tmp_path), COLUMNS="200"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert done.stdout.rstrip().endswith("ok"), done.stdout[-2000:] + done.stderr[-4000:]


def test_the_command_answers_as_a_process(server: LiveServer, tmp_path: Path) -> None:
    kfp = client_python(*CLIENT).with_name("kfp")

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(kfp), "--endpoint", server.url, *words]
        environment = client_environment(HOME=str(tmp_path), COLUMNS="200")
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)

    listed = call("experiment", "list")
    assert listed.returncode == 0, listed.stderr
    assert "Default" in listed.stdout
    missing = call("run", "get", "no-such-run")
    assert missing.returncode == 1
    assert "no-such-run" in missing.stderr
