"""Somebody else's S3: moto's server as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.clients import client_environment, client_python

_REQUIREMENTS = ("moto[server]>=5", "setuptools<81")


@contextmanager
def s3_server(folder: Path, *, bucket: str) -> Iterator[str]:
    """Run a server that has an empty bucket; gives its address. Any key opens it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(client_python(*_REQUIREMENTS).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=client_environment()) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 400
            while not _is_up(address):
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the S3 server did not come up"
                time.sleep(0.1)
            assert httpx.put(f"{address}/{bucket}", timeout=60).status_code == 200
            yield address
        finally:
            server.kill()  # else leaving the block waits for it


def _is_up(address: str) -> bool:
    try:
        return httpx.get(address, timeout=60).status_code < 500
    except httpx.HTTPError:
        return False
