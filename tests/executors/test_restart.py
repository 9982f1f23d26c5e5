"""The server is killed with SIGKILL and started again on the same folder: nothing runs twice, nothing is forgotten."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.executors.stage import request_for, shell, stage

from penstock.domain.execution import AttemptFinished, FailureKind, OutputParameterFile
from penstock.domain.plan import ParameterType
from penstock.executors.process.inside import tree
from penstock.stores.files.attempt_logs import AttemptLogFiles

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]


class Server:
    """A process with an executor in it."""

    def __init__(self, data: Path, envs: Path, verb: str, script: str, *names: str) -> None:
        env = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}", "PYTHONDONTWRITEBYTECODE": ""}
        arguments = [sys.executable, str(Path(__file__).with_name("server_process.py")), str(data), str(envs), verb, script, *names]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        self.lines: list[dict] = []

    def read_until(self, wanted) -> dict:
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if wanted(self.lines[-1]):
                return self.lines[-1]
        raise AssertionError(f"the server ended: {self.lines}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.lines += [json.loads(line) for line in self.process.stdout]
        self._close()

    def finish(self) -> list[dict]:
        self.lines += [json.loads(line) for line in self.process.stdout]
        assert self.process.wait(60) == 0
        self._close()
        return self.lines

    def _close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()

    def of(self, task: str) -> list[dict]:
        return [line for line in self.lines if line.get("task") == task]


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


def attempt(data: Path, name: str) -> Path:
    return data / "runs" / "run-1" / name / "0"


def is_started(name: str):
    return lambda line: line["type"] == "AttemptStarted" and line["task"] == name


def test_a_running_task_is_taken_up_again_and_its_log_is_whole(tmp_path: Path, env_root: Path, gate: Path) -> None:
    script = f"echo one; while [ ! -e {gate} ]; do sleep 0.02; done; echo two"
    first = Server(tmp_path, env_root, "launch", script, "task")
    first.read_until(is_started("task"))
    first.kill()
    usage = attempt(tmp_path, "task") / "usage"
    noted = usage.read_bytes() if usage.exists() else b""
    second = Server(tmp_path, env_root, "adopt", script, "task")
    second.read_until(lambda line: line["type"] == "adopted")
    while not usage.exists() or usage.read_bytes() == noted:
        time.sleep(0.05)
    assert usage.read_bytes().startswith(noted)
    gate.touch()
    lines = second.finish()
    told, told_again = ([line["detail"] for line in server.of("task") if line["type"] == "AttemptStarted"] for server in (first, second))
    assert told_again == told, "the first server may have died before it kept the word"
    assert [line["failure"] for line in lines if line["type"] == "AttemptFinished"] == [None]
    assert any("taken up again" in (line.get("text") or "") for line in lines)
    assert (attempt(tmp_path, "task") / "log").read_text() == "one\ntwo\n"


def test_a_killed_server_takes_nothing_of_the_stderr_of_a_command_along(tmp_path: Path, env_root: Path, gate: Path) -> None:
    script = f"echo one >&2; while [ ! -e {gate} ]; do sleep 0.02; done; head -c 1000000 /dev/zero >&2; echo two; echo three >&2"
    first = Server(tmp_path, env_root, "launch", script, "task")
    first.read_until(is_started("task"))
    first.kill()
    gate.touch()
    lines = Server(tmp_path, env_root, "adopt", script, "task").finish()
    log = (attempt(tmp_path, "task") / "log").read_bytes()
    spans = AttemptLogFiles(tmp_path).stderr_spans("run-1", "task", 0, start=0, end=len(log))
    assert [line["failure"] for line in lines if line["type"] == "AttemptFinished"] == [None]
    assert b"".join(log[begin:end] for begin, end in spans) == b"one\n" + bytes(1_000_000) + b"three\n"
    assert len(log) == 1_000_014


def test_a_task_that_ended_while_no_server_ran_is_reported_by_the_next(tmp_path: Path, env_root: Path, gate: Path) -> None:
    script = f"while [ ! -e {gate} ]; do sleep 0.02; done; echo ran"
    first = Server(tmp_path, env_root, "launch", script, "task")
    pid = first.read_until(is_started("task"))["detail"]["pid"]
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    first.kill()
    descriptor = os.pidfd_open(supervisor)
    gate.touch()
    import select

    assert select.select([descriptor], [], [], 30)[0], "a supervisor without server and tasks leaves"
    os.close(descriptor)
    lines = Server(tmp_path, env_root, "adopt", script, "task").finish()
    assert [line["failure"] for line in lines if line["type"] == "AttemptFinished"] == [None]
    assert (attempt(tmp_path, "task") / "log").read_text() == "ran\n"


def test_a_supervisor_killed_while_no_server_ran_leaves_a_lost_attempt(tmp_path: Path, env_root: Path) -> None:
    first = Server(tmp_path, env_root, "launch", "sleep 600", "task")
    pid = first.read_until(is_started("task"))["detail"]["pid"]
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    first.kill()
    os.kill(supervisor, signal.SIGKILL)
    lines = Server(tmp_path, env_root, "adopt", "sleep 600", "task").finish()
    assert [line["failure"] for line in lines if line["type"] == "AttemptFinished"] == ["LOST"]


def test_an_adopted_task_can_be_canceled(tmp_path: Path, env_root: Path) -> None:
    script = "trap '' TERM; while true; do sleep 0.1; done"
    first = Server(tmp_path, env_root, "launch", script, "task")
    pid = first.read_until(is_started("task"))["detail"]["pid"]
    first.kill()
    second = Server(tmp_path, env_root, "adopt", script, "task")
    second.read_until(lambda line: line["type"] == "ready")
    second.process.stdin.write("task\n")
    second.process.stdin.flush()
    lines = second.finish()
    assert [line["canceled"] for line in lines if line["type"] == "AttemptFinished"] == [True]
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_every_task_runs_exactly_once(tmp_path: Path, env_root: Path, seed: int) -> None:
    names = [f"task{number}" for number in range(12)]
    witness = tmp_path / "witness"
    script = f"echo NAME >> {witness}; sleep 0.05; echo done"
    moment = random.Random(seed).randrange(2, 40)
    server = Server(tmp_path, env_root, "launch", script, *names)
    for _ in range(3):
        seen = 0

        def is_moment(line) -> bool:
            nonlocal seen
            seen += 1
            return seen >= moment or (line["type"] == "AttemptFinished" and line["task"] == names[-1])

        server.read_until(is_moment)
        server.kill()
        server = Server(tmp_path, env_root, "adopt", script, *names)
    lines = server.finish()
    finished = {line["task"]: line["failure"] for line in lines if line["type"] == "AttemptFinished"}
    assert finished == dict.fromkeys(names)
    assert sorted(witness.read_text().split()) == sorted(names)
    assert all((attempt(tmp_path, name) / "log").read_text() == "done\n" for name in names)


async def test_tasks_ended_by_a_closing_server_are_lost_not_canceled(tmp_path: Path, env_root: Path) -> None:
    async with stage(tmp_path, env_root=env_root, settings={"grace_seconds": 0.1}) as scene:
        await scene.launch(shell("sleep 600"))
        pid = (await scene.started()).detail["pid"]
    assert tree.stat_of(pid) is None
    assert not any(isinstance(report, AttemptFinished) for report in scene.reports)
    async with stage(tmp_path, env_root=env_root) as scene:
        assert await scene.executor.adopt(request_for("task"))
        finished = await scene.finished()
        assert finished.failure is not None
        assert finished.failure.kind == FailureKind.LOST
        assert not finished.failure.was_canceled


async def test_a_result_that_was_cleaned_up_can_still_be_reported(tmp_path: Path, env_root: Path) -> None:
    async with stage(tmp_path, env_root=env_root) as scene:
        first = await scene.run(
            lambda request, layout: shell(
                f"mkdir -p {layout.outputs}; echo -n 7 > {layout.outputs}/n",
                output_parameters=(OutputParameterFile("n", layout.outputs / "n", ParameterType.STRING),),
            )
        )
    assert first.outputs is not None
    async with stage(tmp_path, env_root=env_root) as scene:
        assert await scene.executor.adopt(request_for("task"))
        assert (await scene.finished()).outputs == first.outputs
