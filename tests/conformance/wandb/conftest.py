"""One live server for the whole folder, and clients of several releases that talk to it from their own environments."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import client_environment, client_python, run_client
from tests.support.server import LiveServer

NEWEST = ("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")
MIDDLE = ("wandb==0.24.2", "numpy", "pandas")
OLDEST = ("wandb==0.16.6", "numpy<2", "setuptools<80")
_MARK = "ANSWER "
_EPILOGUE = f"""
import json as _json
print("{_MARK}" + _json.dumps(answer))
"""
_numbers = itertools.count(1)


@dataclass
class Client:
    """A wandb release in its own environment, with a project of its own on the server."""

    python: Path
    server: LiveServer
    folder: Path
    project: str = field(default_factory=lambda: f"project-{next(_numbers)}")
    entity: str = "tester"

    def __post_init__(self) -> None:
        # Releases up to 0.17 write their settings without making the folder first.
        (self.folder / "config").mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a client process."""
        return client_environment(
            WANDB_BASE_URL=self.server.url,
            WANDB_API_KEY=self.server.key,
            WANDB_PROJECT=self.project,
            WANDB_SILENT="true",
            WANDB_CONFIG_DIR=str(self.folder / "config"),
            WANDB_CACHE_DIR=str(self.folder / "cache"),
            WANDB_DATA_DIR=str(self.folder / "staging"),
            HOME=str(self.folder),
            PROJECT=f"{self.entity}/{self.project}",
        )

    def run(self, source: str, *, timeout: float = 400.0, **extra: str) -> Any:
        """Run a program that leaves its result in `answer`; return that. The program must end well."""
        text = _PROLOGUE + source + _EPILOGUE
        done = run_client(self.python, text, env={**self.environment, **extra}, cwd=self.folder, timeout=timeout)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.server.log[-2000:]}"
        line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith(_MARK))
        return json.loads(line.removeprefix(_MARK))

    def command(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run the `wandb` command line."""
        return subprocess.run(
            [str(self.python.parent / "wandb"), *words], env={**self.environment, **extra}, cwd=self.folder, capture_output=True, text=True,
            timeout=400, check=False,
        )  # fmt: skip


_PROLOGUE = """
import os, wandb
PROJECT = os.environ["PROJECT"]
"""


@pytest.fixture(scope="session")
def wandb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server whose user is `tester`."""
    with LiveServer(tmp_path_factory.mktemp("wandb-server") / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server:
        yield server


@pytest.fixture
def client(wandb_server: LiveServer, tmp_path: Path) -> Client:
    """The newest client."""
    return Client(client_python(*NEWEST), wandb_server, tmp_path)


@pytest.fixture(params=[NEWEST, MIDDLE, OLDEST], ids=["newest", "middle", "oldest"])
def any_client(request: pytest.FixtureRequest, wandb_server: LiveServer, tmp_path: Path) -> Client:
    """Each client release in turn."""
    return Client(client_python(*request.param), wandb_server, tmp_path)
