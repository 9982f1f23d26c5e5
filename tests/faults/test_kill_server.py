"""SIGKILL of the server, of warm parents and of tasks at any moment: runs end as they would have, nothing successful runs twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import LiveServer

pytestmark = pytest.mark.faults

_NAMES = ["first", "a", "b", "c", "d", "after-a", "after-b", "after-c", "after-d", "last", "yes"]
Packages = dict[str, dict[str, Any]]


def submit(server: LiveServer, package: dict[str, Any], folder: Path, **parameters: Any) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    body = {"display_name": "run", "pipeline_spec": package, "runtime_config": {"parameters": {"folder": str(folder), **parameters}}}
    return str(server.post("/apis/v2beta1/runs", body)["run_id"])


def leaves(server: LiveServer, run_id: str) -> list[dict[str, Any]]:
    tasks = server.get(f"/apis/v2beta1/runs/{run_id}/tasks", page_size=200)["tasks"]
    return [task for task in tasks if task["type"] == "RUNTIME"]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


def value_of(task: dict[str, Any], parameter: str) -> Any:
    return next(entry["value"] for entry in task["inputs"]["parameters"] if entry["parameter_key"] == parameter)


def log_of(server: LiveServer, run_id: str, task: dict[str, Any], attempt: int | None = None) -> str:
    part = "" if attempt is None else f"/attempts/{attempt}"
    answer = httpx.get(f"{server.url}/apis/v2beta1/runs/{run_id}/tasks/{task['task_id']}{part}/log", timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.text


def check_ended_as_it_would_have(server: LiveServer, run_id: str, folder: Path) -> None:
    run = server.wait_for_run(run_id)
    assert run["state"] == "SUCCEEDED", (run.get("error"), server.log[-3000:])
    by_name = {value_of(task, "name"): task for task in leaves(server, run_id)}
    assert sorted(by_name) == sorted(_NAMES)
    for name, task in by_name.items():
        assert task["state"] == "SUCCEEDED", (name, task)
        assert (folder / f"{name}.end").read_text() == "x", f"{name} ended more than once"
        lines = log_of(server, run_id, task).splitlines()
        assert [line for line in lines if line.startswith(f"{name} line ")] == [f"{name} line {number}" for number in range(20)], name


def kill_rounds(server: LiveServer, package: dict[str, Any], base: Path, *, rounds: int, seed: int) -> None:
    """Run the pipeline `rounds` times; kill the server once at a random moment in each and start it again."""
    chance = random.Random(seed)
    warm = submit(server, package, base / "warm", seconds=0.0)  # the environment exists from here on
    begun = time.monotonic()
    server.wait_for_run(warm)
    usual = max(0.4, time.monotonic() - begun)
    for number in range(rounds):
        folder = base / f"round-{number}"
        run_id = submit(server, package, folder, seconds=0.05)
        time.sleep(chance.uniform(0.0, usual))  # the moment of the kill is what is random here; nothing waits on it
        server.restart()
        check_ended_as_it_would_have(server, run_id, folder)


def test_a_killed_server_goes_on_where_it_was(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    kill_rounds(live_server, packages["marks"], tmp_path / "marks", rounds=5, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [2, 3])
def test_fifty_killed_servers_go_on_where_they_were(live_server: LiveServer, packages: Packages, tmp_path: Path, seed: int) -> None:
    kill_rounds(live_server, packages["marks"], tmp_path / "marks", rounds=25, seed=seed)


def test_a_server_killed_again_and_again_still_finishes_the_run(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, packages["marks"], folder, seconds=0.2)
    for name in ("first", "a", "last"):
        wait_until((folder / f"{name}.start").exists, f"the start of {name}")
        live_server.restart()
    check_ended_as_it_would_have(live_server, run_id, folder)


def test_a_running_task_is_taken_up_again_after_a_kill(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, packages["no-retry"], folder)
    wait_until((folder / "sleeper.start").exists, "the start")
    live_server.restart()
    (folder / "go").touch()
    assert live_server.wait_for_run(run_id)["state"] == "SUCCEEDED", live_server.log[-3000:]
    assert (folder / "sleeper.start").read_text() == "x"


def test_a_task_that_ended_while_no_server_ran_is_not_run_again(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, packages["no-retry"], folder)
    wait_until((folder / "sleeper.start").exists, "the start")
    live_server.kill()
    (folder / "go").touch()
    attempt = live_server.data_dir / "runs" / run_id
    wait_until(lambda: any(b"went on" in log.read_bytes() for log in attempt.glob("*/*/log")), "the end of the task")
    live_server.start()
    assert live_server.wait_for_run(run_id)["state"] == "SUCCEEDED", live_server.log[-3000:]
    assert (folder / "sleeper.start").read_text() == "x"


def test_a_stopped_server_leaves_tasks_to_the_next_one(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, packages["no-retry"], folder)
    wait_until((folder / "sleeper.start").exists, "the start")
    assert live_server.stop() == 0
    live_server.start()
    (folder / "go").touch()
    assert live_server.wait_for_run(run_id)["state"] == "SUCCEEDED", live_server.log[-3000:]
    assert (folder / "sleeper.start").read_text() == "x"


def test_a_killed_task_is_retried_by_its_policy_with_a_reason(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, packages["waiting"], folder)
    wait_until((folder / "sleeper.start").exists, "the start")
    os.kill(task_pid(live_server, run_id), signal.SIGKILL)
    wait_until(lambda: (folder / "sleeper.start").read_text() == "xx", "the second attempt")
    (folder / "go").touch()
    assert live_server.wait_for_run(run_id)["state"] == "SUCCEEDED"
    (task,) = leaves(live_server, run_id)
    assert task["attempts"] == 2


def test_a_killed_task_without_retries_fails_and_says_so(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, packages["no-retry"], folder)
    wait_until((folder / "sleeper.start").exists, "the start")
    os.kill(task_pid(live_server, run_id), signal.SIGKILL)
    run = live_server.wait_for_run(run_id)
    assert run["state"] == "FAILED"
    (task,) = leaves(live_server, run_id)
    assert "SIGKILL" in task["status_metadata"]["message"] or "signal 9" in task["status_metadata"]["message"], task


def test_a_killed_warm_parent_costs_no_run(live_server: LiveServer, packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    run_id = submit(live_server, packages["no-retry"], folder)
    wait_until((folder / "sleeper.start").exists, "the start")
    parent = parent_of(task_pid(live_server, run_id))
    assert parent != live_server.pid
    os.kill(parent, signal.SIGKILL)
    (folder / "go").touch()
    assert live_server.wait_for_run(run_id)["state"] == "SUCCEEDED", (leaves(live_server, run_id), live_server.log[-3000:])
    again = submit(live_server, packages["marks"], tmp_path / "again")
    check_ended_as_it_would_have(live_server, again, tmp_path / "again")


def task_pid(server: LiveServer, run_id: str) -> int:
    """Return the process that runs the one task of the run, as the kernel knows it: the one whose environment names the task."""
    (task,) = leaves(server, run_id)
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _runs_task(entry, task["task_id"])]
    assert found, "no process of the task"
    return max(found)


def _runs_task(process: Path, task_id: str) -> bool:
    try:
        return task_id.encode() in (process / "cwd").readlink().as_posix().encode()
    except OSError:
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
