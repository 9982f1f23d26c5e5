from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import KFP_NEWEST, client_environment, client_python

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def penstock(tmp_path: Path) -> Run:
    """Run the command on the test's own data folder; both streams are text."""

    def run(*arguments: str, timeout: float = 120.0, columns: str = "200") -> subprocess.CompletedProcess[str]:
        environment = client_environment(PENSTOCK_HOME=str(tmp_path / "data"), COLUMNS=columns)
        if not columns:
            del environment["COLUMNS"]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path.endswith("src"))
        command = [sys.executable, "-m", "penstock.cli.main", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False)

    return run


@pytest.fixture(scope="session")
def kfp_python() -> str:
    """An interpreter with the newest kfp, as `--python` takes it."""
    return str(client_python(KFP_NEWEST))
