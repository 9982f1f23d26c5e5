"""A private PostgreSQL server for the tests of one process, and a fresh database on it for each test that asks."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

_USER = "penstock"


def fresh_postgres_url() -> str | None:
    """Return the URL of an empty database; None when PostgreSQL (or the driver) is not installed."""
    server = _server()
    if server is None:
        return None
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{server}/{name}"


@functools.cache
def _server() -> str | None:
    """Start the server once; it ends with the process."""
    programs = _programs()
    try:
        import psycopg
    except ImportError:
        return None
    if programs is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="penstock-postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root; Debian's package brings a user for it
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    create = [*as_user, str(programs / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(create, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = [*as_user, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
    process = subprocess.Popen([*run, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], stderr=subprocess.DEVNULL)
    atexit.register(_stop, process, folder)
    url = f"postgresql://{_USER}@127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while True:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return url


def _programs() -> Path | None:
    """Folder of `initdb` and `postgres`."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.terminate()
    process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)
