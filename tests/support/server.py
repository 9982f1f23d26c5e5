"""A live server for tests: the real `penstock up` process on a free port with its own data folder, to be killed and started again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.clients import client_environment

_START_SECONDS = 180.0
_STOP_SECONDS = 120.0


class LiveServer:
    """One data folder and, most of the time, one server process over it.

    The port is chosen at the first start and kept, so that clients survive a restart.
    """

    def __init__(self, data_dir: Path, *, flags: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port = 0
        self.url = ""
        self._flags = flags
        self._env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def key(self) -> str:
        """First API key of the data folder."""
        return (self.data_dir / "api-key").read_text().strip()

    @property
    def log(self) -> str:
        """What the server wrote so far, all lives together."""
        path = self.data_dir / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> Self:
        """Start the process and wait until it answers."""
        assert self._process is None, "the server is already running"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        place = ["--port", str(self.port), "--data-dir", str(self.data_dir)]
        command = [sys.executable, "-m", "penstock.cli.main", "up", *place, *self._flags]
        environment = client_environment(**self._env)
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path.endswith("src"))
        with (self.data_dir / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._read_ready_line(self._process)
        address = json.loads((self.data_dir / "server.json").read_text())
        self.url = address["url"]
        self.port = int(self.url.rpartition(":")[2])
        return self

    def kill(self) -> None:
        """SIGKILL the server process, nothing else; return when it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM the server and return its exit code."""
        return self._end(signal.SIGTERM)

    def restart(self) -> Self:
        """Kill and start again."""
        self.kill()
        return self.start()

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON answer of a GET."""
        answer = httpx.get(f"{self.url}{path}", params=parameters or None, timeout=120.0)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def text(self, path: str, **parameters: Any) -> str:
        """Return the text answer of a GET."""
        answer = httpx.get(f"{self.url}{path}", params=parameters or None, timeout=120.0)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.text

    def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON answer of a POST."""
        answer = httpx.post(f"{self.url}{path}", json=body, timeout=120.0)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def wait_for_run(self, run_id: str, *, seconds: float = 400.0) -> dict[str, Any]:
        """Poll until the run reports a final state; return it. Fails with the run and the server's log when it takes longer."""
        deadline = time.monotonic() + seconds
        while True:
            run: dict[str, Any] = self.get(f"/apis/v2beta1/runs/{run_id}")
            if run.get("state") in {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}:
                return run
            assert time.monotonic() < deadline, f"run {run_id} did not end: {run}\n{self.log[-4000:]}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self.stop()

    def _read_ready_line(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        line = process.stdout.readline() if readable else b""
        if b"ready" not in line:
            process.kill()
            process.wait()
            process.stdout.close()
            self._process = None
            raise AssertionError(f"the server did not start: {line!r}\n{self.log[-4000:]}")

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        assert process is not None, "the server is not running"
        assert process.stdout is not None
        process.send_signal(number)
        try:
            code = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop\n{self.log[-4000:]}") from None
        finally:
            process.stdout.close()
            self._process = None
        return code
