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


def test_command_line(server: LiveServer, tmp_path: Path) -> None:
    kfp = client_python(*CLIENT).with_name("kfp")

    def call(*words: str) -> str:
        done = subprocess.run(
            [str(kfp), "--endpoint", server.url, *words],
            env=client_environment(HOME=str(tmp_path)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("experiment", "create", "by command")
    assert "by command" in call("experiment", "list")
    package = tmp_path / "say.yaml"
    source = "import programs, sys\nfrom kfp.compiler import Compiler\nCompiler().compile(programs.addition, sys.argv[1])\n"
    subprocess.run(
        [str(client_python(*CLIENT)), "-c", source, str(package)],
        env=client_environment(PYTHONPATH=str(HERE), HOME=str(tmp_path)),
        check=True,
        capture_output=True,
    )
    call("pipeline", "upload", "-p", "by command", str(package))
    assert "by command" in call("pipeline", "list")
    call("run", "submit", "-e", "by command", "-r", "submitted", "-f", str(package), "a=2")
    assert "submitted" in call("run", "list")
