"""A small client of the server's own HTTP interface, for the commands; and how a command finds or starts its server."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx

from penstock.cli.options import resolve_data_dir
from penstock.domain.errors import NotFoundError, PenstockError, UnavailableError
from penstock.server.datafolder import ServerAddress, read_key, running_server

_START_SECONDS = 60.0
V2 = "/apis/v2beta1"
V1 = "/apis/v1beta1"
"""For what kfp 1.8 compiled."""


class ApiError(PenstockError):
    """The server refused; `str(error)` is its sentence."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status
        """HTTP status; 400 is what was asked wrongly."""


class Client:
    """Talks to one server; close when done (a context manager)."""

    def __init__(self, url: str, *, key: str | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=httpx.Timeout(30.0, read=120.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, *, body: Any = None, params: dict[str, Any] | None = None, api: str = V2) -> Any:
        """Return the decoded JSON of one request under `api` (`V2` or `V1`).

        Raises:
            NotFoundError: no such object.
            ApiError: the server refused.
            UnavailableError: the server does not answer.
        """
        try:
            answer = self._http.request(method, api + path, json=body, params=params)
        except httpx.HTTPError as error:
            raise UnavailableError(f"the server at {self.url} does not answer: {error}") from error
        if answer.status_code == 404:
            raise NotFoundError(_message(answer))
        if answer.is_error:
            raise ApiError(_message(answer), answer.status_code)
        return answer.json()

    def experiment_id(self, name: str, *, is_made: bool = True) -> str:
        """Return the id of experiment `name`, which is made when missing if `is_made`.

        Raises:
            NotFoundError: it is missing, and not to be made.
        """
        wanted = json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "string_value": name}]})
        found = self.call("GET", "/experiments", params={"filter": wanted}).get("experiments", [])
        if not found and not is_made:
            raise NotFoundError(f"no experiment {name!r}; `penstock ls experiments` lists them")
        if not found:
            found = [self.call("POST", "/experiments", body={"display_name": name})]
        return str(found[0]["experiment_id"])

    def tasks(self, run_id: str) -> list[dict[str, Any]]:
        """Return every task of a run, oldest first."""
        tasks: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.call("GET", f"/runs/{run_id}/tasks", params={"page_size": 200, "page_token": token})
            tasks += page.get("tasks", [])
            token = page.get("next_page_token", "")
            if not token:
                return tasks

    def log(self, run_id: str, task_id: str, *, follow: bool = False) -> Iterator[bytes]:
        """Yield a task's log as it comes; with `follow` until the task ends."""
        path = f"/apis/v1alpha1/runs/{run_id}/nodes/{task_id}/log"
        try:
            with self._http.stream("GET", path, params={"follow": "true"} if follow else None, timeout=None) as answer:
                if answer.is_error:
                    answer.read()
                    raise NotFoundError(_message(answer))
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise UnavailableError(f"the server at {self.url} does not answer: {error}") from error

    def log_end(self, task_id: str, *, size_bytes: int) -> tuple[bytes, bool]:
        """Return the last bytes of a task's log, and whether that is all of it.

        Raises:
            PenstockError: it has none, or the server does not answer.
        """
        try:
            answer = self._http.get(f"/apis/v2beta1/tasks/{task_id}/log", headers={"Range": f"bytes=-{size_bytes}"})
        except httpx.HTTPError as error:
            raise UnavailableError(f"the server at {self.url} does not answer: {error}") from error
        if answer.is_error:
            raise NotFoundError(_message(answer))
        begins = answer.headers.get("content-range", "bytes 0-").removeprefix("bytes ").partition("-")[0]
        return answer.content, begins == "0"


def connect(data_dir: Path) -> Client:
    """Return a client of the running server of the data folder.

    Raises:
        UnavailableError: no server runs on it.
    """
    return Client(address_of(data_dir).url, key=read_key(data_dir))


def address_of(data_dir: Path) -> ServerAddress:
    """Return where the server of the data folder is.

    Raises:
        UnavailableError: no server runs on it; the message has the line that starts one there.
    """
    address = running_server(data_dir)
    if address is None:
        where = "" if data_dir == resolve_data_dir(None) else f" --data-dir {shlex.quote(str(data_dir))}"
        raise UnavailableError(f"no server runs on {data_dir}; start one with `penstock up{where}`")
    return address


@contextlib.contextmanager
def connect_or_start(data_dir: Path) -> Iterator[Client]:
    """Yield a client of the folder's server; when none runs, one is started and stopped afterwards."""
    if running_server(data_dir) is not None:
        with connect(data_dir) as client:
            yield client
        return
    with started_server(data_dir, port=0), connect(data_dir) as client:
        yield client


@contextlib.contextmanager
def started_server(data_dir: Path, *, port: int) -> Iterator[tuple[ServerAddress, subprocess.Popen[bytes]]]:
    """Run a server process for the duration; its own log goes to `<data>/server.log`.

    Raises:
        UnavailableError: it did not become ready; the message carries its last words.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = data_dir / "server.log"
    command = [sys.executable, "-m", "penstock.cli.main", "up", "--port", str(port), "--data-dir", str(data_dir)]
    with log.open("ab") as sink:
        # Its own session: Ctrl-C in the terminal reaches this command only, which then stops the server in order.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink, start_new_session=True)
    try:
        yield _wait_until_ready(process, data_dir, log), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], data_dir: Path, log: Path) -> ServerAddress:
    assert process.stdout is not None
    with process.stdout as output:
        readable, _, _ = select.select([output], [], [], _START_SECONDS)
        line = output.readline() if readable else b""
    address = running_server(data_dir)
    if not line or address is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise UnavailableError("the server did not start: " + ("\n".join(words) or "it said nothing"))
    return address


def _message(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}: {answer.text[:500]}"
    if isinstance(body, dict):
        error = body.get("error")
        text = body.get("message") or (error.get("message") if isinstance(error, dict) else error) or answer.text[:500]
        return str(text)
    return answer.text[:500]
