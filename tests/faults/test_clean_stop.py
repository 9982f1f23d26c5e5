"""SIGTERM with a task running: by default the task goes on; with `executor_leave_running` off it is ended and run again, and says so."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import LiveServer

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(("leave_running", "starts"), [("true", 1), ("false", 2)])
def test_a_running_task_is_kept_or_run_again(tmp_path: Path, packages: dict[str, dict[str, Any]], leave_running: str, starts: int) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    with LiveServer(tmp_path / "data", env={"PENSTOCK_EXECUTOR_LEAVE_RUNNING": leave_running}) as server:
        body = {
            "display_name": "stop",
            "pipeline_spec": packages["no-retry"],
            "runtime_config": {"parameters": {"folder": str(marks)}},
        }
        run_id = server.post("/apis/v2beta1/runs", body)["run_id"]
        _wait_for(marks / "sleeper.start")
        assert server.stop() == 0
        server.start()
        (marks / "go").touch()
        assert server.wait_for_run(run_id)["state"] == "SUCCEEDED"
        assert (marks / "sleeper.start").read_text() == "x" * starts
        assert _notes(server) == (["reattached"] if starts == 1 else ["lost"])


def _notes(server: LiveServer) -> list[str]:
    connection = sqlite3.connect(server.data_dir / "penstock.db")
    try:
        rows = connection.execute("SELECT kind FROM task_note WHERE kind IN ('lost', 'reattached') ORDER BY at").fetchall()
    finally:
        connection.close()
    return [kind for (kind,) in rows]


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)
