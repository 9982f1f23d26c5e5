from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.clients import KFP_V1, client_environment, client_python
from tests.support.server import LiveServer

_FILE = """
import sys
from kfp import dsl

IMAGE = "python:%d.%d" % sys.version_info[:2]

@dsl.component(base_image=IMAGE)
def add(a: float, b: float) -> float:
    print("adding", a, b)
    return a + b

@dsl.component(base_image=IMAGE)
def fail(word: str):
    for line in range(40):
        print("line", line)
    raise ValueError(word)

@dsl.pipeline(name="addition")
def addition(x: float = 1.0, flags: dict = {}):
    add(a=x, b=2.0)

@dsl.component(base_image=IMAGE)
def wait(folder: str):
    import os, time
    open(os.path.join(folder, "started"), "w").write(str(os.getpid()))
    while True:
        time.sleep(0.05)

@dsl.pipeline(name="waiting")
def waiting(folder: str):
    wait(folder=folder)

@dsl.pipeline(name="failing")
def failing(word: str):
    fail(word=word)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pipelines.py"
    path.write_text(_FILE)
    return path


_MISUSED = {
    ("nothing",): "'nothing' is no list; runs, executions",
    ("runs", "--sort", "-durtion"): "runs are not sorted by 'durtion', but by created",
    ("runs", "--group", "pipelin"): "runs are not grouped by 'pipelin', but by pipeline",
    ("runs", "--columns", "name,stat"): "rows have no 'stat'; they have run_id, name, state",
    ("runs", "--columns", "parameters.y"): "no row shown has 'parameters.y'; there are parameters.x",
    ("runs", "--group", "state", "--sort", "name"): "--sort orders rows; with --group",
    ("executions", "--archived"): "executions are not archived; runs and experiments are",
    ("pipelines", "statu:failed"): "pipelines are not narrowed by 'statu', but by name",
}
"""Words of `penstock ls` that mean nothing -> what is said."""


def test_a_python_file_runs_without_a_server_and_the_data_stays(penstock: Run, file: Path, kfp_python: str, tmp_path: Path) -> None:
    done = penstock("run", str(file), "--pipeline", "addition", "-p", "x=5", "-p", 'flags={"a": 1}', "--python", kfp_python)
    assert done.returncode == 0, done.stderr
    assert "add" in done.stdout
    assert "SUCCEEDED" in done.stdout
    assert re.search(r"http://127\.0\.0\.1:(\d+)/.*its server has stopped; `penstock up --port \1` opens", done.stdout, re.DOTALL)

    with LiveServer(tmp_path / "data"):
        listed = json.loads(penstock("runs", "ls", "--json").stdout)
        assert [run["state"] for run in listed] == ["SUCCEEDED"]
        assert penstock("runs", "logs", listed[0]["run_id"][:8], "add").stdout.count("adding 5.0 2.0") == 1
        assert [row["run_id"] for row in json.loads(penstock("ls", "runs", "status:succeeded", "x=5", "--json").stdout)] == [listed[0]["run_id"]]
        assert json.loads(penstock("ls", "runs", "status:succeeded", "x>5", "--json").stdout) == []
        (group,) = json.loads(penstock("ls", "executions", "add", "--group", "component", "--json").stdout)
        assert (group["group"], group["count"]) == ("comp-add", 1)
        assert "SUCCEEDED" in penstock("ls", "executions", "component:comp-add", "--limit", "1").stdout
        assert "'nothing' is no list" in penstock("ls", "nothing").stderr
        assert penstock("ls", "runs", "--columns", "name,parameters.x").stdout.split()[:2] == ["name", "parameters.x"]
        (row,) = json.loads(penstock("ls", "runs", "--columns", "state,parameters.x", "--json").stdout)
        assert row == {"state": "SUCCEEDED", "parameters.x": 5}
        for arguments, said in _MISUSED.items():
            refused = penstock("ls", *arguments)
            assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (2, "", 1), (arguments, refused)
            assert said in refused.stderr


def test_a_failure_has_exit_code_1_and_the_last_lines_of_the_log(penstock: Run, file: Path, kfp_python: str) -> None:
    done = penstock("run", str(file), "--pipeline", "failing", "-p", "word=boom", "--python", kfp_python)
    assert done.returncode == 1
    assert "fail failed: exit code 1: ValueError: boom" in done.stdout
    assert "executor_main" not in done.stdout
    assert "ValueError: boom" in done.stdout
    assert "line 39" in done.stdout
    assert "line 0\n" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "has several pipelines (addition, waiting, failing); choose one with --pipeline"),
        (["--pipeline", "none"], "has no pipeline called none; it has addition, waiting, failing"),
        (["--pipeline", "addition", "-p", "x"], "expected KEY=VALUE"),
        (["--pipeline", "addition", "-p", "x=much"], "is not a NUMBER_DOUBLE, such as 0.5"),
        (["--pipeline", "addition", "--detach"], "--detach needs a server that stays"),
    ],
)
def test_wrong_use_says_what_is_wrong(penstock: Run, file: Path, kfp_python: str, arguments: list[str], message: str) -> None:
    done = penstock("run", str(file), *arguments, "--python", kfp_python)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_active_environment_the_interpreter_that_has_kfp_is_taken(kfp_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.cli.packages import user_python

    (tmp_path / "python").symlink_to(sys.executable)
    (tmp_path / "python3").write_text(f'#!/bin/sh\nexec {kfp_python} "$@"\n')
    (tmp_path / "python3").chmod(0o755)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert user_python() == str(tmp_path / "python3")


def test_a_file_that_does_not_compile_shows_its_own_traceback(penstock: Run, tmp_path: Path, kfp_python: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text("from kfp import dsl\nimport no_such_module\n")
    done = penstock("run", str(path), "--python", kfp_python)
    assert done.returncode == 1
    assert "No module named 'no_such_module'" in done.stderr
    assert 'broken.py", line 2' in done.stderr
    path.write_text("from kfp import dsl\n\n\n@dsl.component\ndef f(): pass\n\n\n@dsl.pipeline(name='p')\ndef p(): f(x=1)\n")
    done = penstock("run", str(path), "--python", kfp_python)
    assert "line 9, in p" in done.stderr
    assert "site-packages" not in done.stderr
    assert "FutureWarning" not in done.stderr
    path.write_text("def f(:\n")
    assert "compiler_program" not in penstock("run", str(path), "--python", kfp_python).stderr
    path.write_text("x = 1\n")
    assert "no function with the decorator @dsl.pipeline" in penstock("run", str(path), "--python", kfp_python).stderr


def test_a_file_of_another_kind_is_refused_by_its_ending(penstock: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hi")
    assert "neither a Python file with a pipeline (.py) nor a compiled one" in penstock("run", str(path)).stderr


def test_a_run_on_the_server_can_be_detached_shown_retried_and_deleted(penstock: Run, file: Path, kfp_python: str, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as server:
        done = penstock("run", str(file), "--pipeline", "failing", "-p", "word=boom", "--name", "mine", "--detach", "--python", kfp_python)
        assert done.returncode == 0, done.stderr
        (run,) = json.loads(penstock("runs", "ls", "--json").stdout)
        assert server.wait_for_run(run["run_id"])["state"] == "FAILED"

        shown = penstock("runs", "show", "min")
        assert "FAILED" in shown.stdout
        assert "exit code 1" in shown.stdout
        assert {task["state"] for task in json.loads(penstock("runs", "show", "mine", "--json").stdout)["tasks"]} == {"FAILED"}

        retried = penstock("runs", "retry", "mine")
        assert retried.returncode == 1
        (task,) = [task for task in server.get(f"/apis/v2beta1/runs/{run['run_id']}/tasks")["tasks"] if task["type"] == "RUNTIME"]
        assert task["attempts"] == 2

        assert "it has ended" in penstock("runs", "cancel", "mine").stderr
        assert "no run 'min'" in penstock("runs", "delete", "min", "--yes").stderr
        assert penstock("runs", "delete", "mine", "--yes").stdout == f"deleted mine ({run['run_id']})\n"
        assert json.loads(penstock("runs", "ls", "--json").stdout) == []
        missing = penstock("runs", "show", "mine")
        assert (missing.returncode, "no run 'mine'" in missing.stderr) == (1, True)


def test_following_a_log_ends_with_the_task(penstock: Run, file: Path, kfp_python: str, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data"):
        penstock("run", str(file), "--pipeline", "addition", "--name", "mine", "--detach", "--python", kfp_python)
        followed = penstock("runs", "logs", "mine", "add", "-f")
        assert followed.returncode == 0, followed.stderr
        assert "adding 1.0 2.0" in followed.stdout


def test_interrupting_a_run_without_a_server_cancels_it_and_ends_its_processes(file: Path, kfp_python: str, tmp_path: Path) -> None:
    environment = client_environment(PENSTOCK_HOME=str(tmp_path / "data"))
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path.endswith("src"))
    command = [sys.executable, "-m", "penstock.cli.main", "run", str(file), "--pipeline", "waiting", "-p", f"folder={tmp_path}"]
    started = tmp_path / "started"
    with subprocess.Popen([*command, "--python", kfp_python], env=environment, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (started.exists() and started.read_text()):
            assert time.monotonic() < deadline, "the task did not start"
            assert process.poll() is None, "the command ended early"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "canceling the run" in output
    assert not Path(f"/proc/{started.read_text()}").exists()


_V1_FILE = """
from kfp import components, dsl

def _double(n: int) -> int:
    print("doubling", n)
    return n * 2

double = components.create_component_from_func(_double)

@dsl.pipeline(name="doubling")
def doubling(n: int = 2):
    double(n)
"""


def test_a_program_of_kfp_1_8_runs_too(tmp_path: Path) -> None:
    file = tmp_path / "doubling.py"
    file.write_text(_V1_FILE)
    client = client_python(KFP_V1, "setuptools<81")
    command = [sys.executable, "-m", "penstock.cli.main", "run", str(file), "-p", "n=21", "--python", str(client)]
    done = subprocess.run(
        [*command, "--data-dir", str(tmp_path / "data")], env=client_environment(), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCEEDED" in done.stdout
