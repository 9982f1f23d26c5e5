"""A user's machine for tests: a folder, the environment that `penstock env` prints, the real metaflow client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.clients import client_environment, client_python
from tests.support.server import LiveServer

FLOWS = Path(__file__).parent / "flows"
_EXTENSION = Path(__file__).parents[3] / "metaflow-penstock"
CLIENT = ("metaflow>=2.19", "setuptools<81")
DATA_CLIENT = ("metaflow>=2.19", "wandb==0.31.0", "pandas", "scikit-learn", "pyarrow", "setuptools<81")
TORCH_CLIENT = (*DATA_CLIENT, "torch==2.13.0")
_LOCAL = {"METAFLOW_DEFAULT_METADATA", "METAFLOW_SERVICE_URL"}


class Machine:
    """Runs flows and client programs against a server."""

    def __init__(
        self,
        server: LiveServer,
        folder: Path,
        *,
        embedded_store: bool = True,
        client: tuple[str, ...] = CLIENT,
        install: Callable[..., Path] = client_python,
    ) -> None:
        self.folder = folder
        # Metaflow takes the nearest `.metaflow` upwards for its local datastore: one of another run would give it that run's tasks.
        (folder / ".metaflow").mkdir(parents=True, exist_ok=True)
        self.python = str(install(*client))
        printed = subprocess.run(
            [sys.executable, "-m", "penstock.cli.main", "env", "--data-dir", str(server.data_dir)],
            capture_output=True,
            text=True,
            check=True,
            env=client_environment(),
        ).stdout
        lines = [line.removeprefix("export ").partition("=") for line in printed.splitlines() if line.startswith("export ")]
        variables = {name: value.strip("'\"") for name, _, value in lines if not name.startswith("KF_")}
        kept = variables if embedded_store else {name: value for name, value in variables.items() if name in _LOCAL}
        self.env = client_environment(HOME=str(folder), USER="ada", **kept)
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)

    def start(self, flow: str, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start a flow's command; end it with `finish`."""
        command = [self.python, str(FLOWS / f"{flow}.py"), "--no-pylint", *words]
        return subprocess.Popen(
            command, cwd=self.folder, env={**self.env, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    @staticmethod
    def finish(process: subprocess.Popen[str], *, ok: bool = True) -> str:
        """Wait for a command; return what it said."""
        said, _ = process.communicate(timeout=800)
        assert (process.returncode == 0) is ok, said[-4000:]
        return said

    def run(self, flow: str, *words: str, ok: bool = True, **env: str) -> str:
        """Run a flow's command to its end."""
        return self.finish(self.start(flow, *words, **env), ok=ok)

    def run_keeping_code(self, flow: str, name: str, *words: str) -> str:
        """Run the flow `name` with its code package kept; return the run's id.

        The client names the package in tasks that begin after it is stored, and waits for that a hundredth of a second only: a run whose
        first step began earlier is made again.
        """
        for _ in range(20):
            self.run(flow, "run", "--run-id-file", "run-with-code", *words, METAFLOW_FEAT_ALWAYS_UPLOAD_CODE_PACKAGE="1")
            run_id = (self.folder / "run-with-code").read_text()
            if self.read(f"out = 'code-package' in Run({f'{name}/{run_id}'!r})['start'].task.metadata_dict"):
                return run_id
        raise AssertionError("the client was never in time to name the code package")

    def run_at_once(self, flow: str, *commands: tuple[str, ...]) -> list[str]:
        """Run several commands of a flow side by side; return what each said."""
        return [self.finish(process) for process in [self.start(flow, *words) for words in commands]]

    def read(self, source: str, **env: str) -> Any:
        """Run a client program that assigns `out`; return it."""
        program = f"import json\nfrom metaflow import *\nnamespace(None)\n{source}\nprint('OUT' + json.dumps(out))\n"
        done = subprocess.run(
            [self.python, "-c", program],
            cwd=self.folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("OUT"))[3:])


def deploying_machine(server: LiveServer, folder: Path) -> Machine:
    """A machine with the extension that deploys flows."""
    found = Machine(server, folder, client=(*CLIENT, "boto3"))
    found.env["PYTHONPATH"] = str(_EXTENSION)
    return found
