"""`penstock doctor`: looks at the machine and says what works here, what will be missing, and what helps."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
import uv
from rich.console import Console

from penstock.cli.options import AsJson, DataDir, print_json, resolve_data_dir
from penstock.cli.packages import user_python
from penstock.domain.errors import PenstockError
from penstock.domain.sizes import size_words
from penstock.server.config import load_settings
from penstock.server.datafolder import running_server

Verdict = Literal["ok", "limited", "missing"]
_MARKS = {"ok": ("✓", "green"), "limited": ("!", "yellow"), "missing": ("✗", "bold red")}
_LOW_DISK_BYTES = 5 * 1024**3
_NEEDED_DISK_BYTES = 200 * 1024**2
_CLIENTS = ("kfp", "wandb", "metaflow")
_CLIENT_PROGRAM = """
import json
from importlib import metadata
found = {}
for name in %r:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    text: str
    """What was found."""
    hint: str = ""
    """What to do about it."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(short_help="Look at this machine: what works, what is missing.")(doctor)


def doctor(
    python: Annotated[str | None, typer.Option(metavar="PATH", help="Interpreter with your clients. [default: the one on PATH]")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Look at this machine; the exit code is 1 when something needed is missing."""
    folder = resolve_data_dir(data_dir)
    checks: list[Callable[[], Finding]] = [
        check_python,
        check_uv,
        lambda: check_settings(folder),
        lambda: check_disk(folder),
        lambda: check_database(folder),
        lambda: check_server(folder),
        check_cgroups,
        check_mount_namespaces,
        lambda: check_clients(python or user_python()),
    ]
    findings = [check() for check in checks]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = Console(highlight=False)
        for finding in findings:
            mark, style = _MARKS[finding.verdict]
            console.print(f"[{style}]{mark}[/] {finding.subject:<18} ", end="")
            console.print(finding.text, markup=False, soft_wrap=True)
            if finding.hint:
                console.print(f"{'':21}{finding.hint}", style="dim", markup=False, soft_wrap=True)
    raise typer.Exit(1 if any(finding.verdict == "missing" for finding in findings) else 0)


def check_python() -> Finding:
    """The interpreter that runs this."""
    return Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")


def check_uv() -> Finding:
    """The tool that builds task environments."""
    try:
        binary = uv.find_uv_bin()
        version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        return Finding("uv", "missing", str(error), "tasks with packages cannot run; install it with `pip install uv`")
    return Finding("uv", "ok", f"{version} at {binary}")


def check_settings(data_dir: Path) -> Finding:
    """The environment's and the file's settings."""
    try:
        settings = load_settings(data_dir=data_dir)
    except PenstockError as error:
        return Finding("settings", "missing", str(error), "see docs/configuration.md")
    return Finding("settings", "ok", f"data folder {settings.data_dir}, {settings.slots} task slots")


def check_disk(data_dir: Path) -> Finding:
    """Room and rights where the data goes."""
    place = data_dir
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        return Finding("disk", "missing", f"{place} cannot be written", "choose another folder with --data-dir or PENSTOCK_HOME")
    free = shutil.disk_usage(place).free
    text = f"{free / 1024**3:.1f} GiB free at {place}"
    if free < _NEEDED_DISK_BYTES:
        return Finding("disk", "missing", text, "free some, or choose another folder with --data-dir")
    if free < _LOW_DISK_BYTES:
        return Finding("disk", "limited", text, "task environments and artifacts need room")
    return Finding("disk", "ok", text)


def check_database(data_dir: Path) -> Finding:
    """Whether the database in the data folder can be read."""
    try:
        settings = load_settings(data_dir=data_dir)
    except PenstockError:
        return Finding("database", "limited", "not looked at; the settings cannot be read")
    path = data_dir / "penstock.db"
    if settings.store_database_url:
        return Finding("database", "ok", "PostgreSQL; `penstock up` says whether it answers")
    if not path.exists():
        return Finding("database", "ok", "none yet; the first start makes it")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        return Finding("database", "missing", f"{path}: {error}", "start from a backup instead; `penstock backup --list` names them")
    return Finding("database", "ok", f"SQLite, {size_words(path.stat().st_size)}")


def check_server(data_dir: Path) -> Finding:
    """A running server, or the port for one."""
    if address := running_server(data_dir):
        return Finding("server", "ok", f"running at {address.url}, process {address.pid}")
    try:
        settings = load_settings(data_dir=data_dir)
    except PenstockError:
        return Finding("server", "limited", "not running; its settings cannot be read")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.server_host, settings.server_port))
        except OSError as error:
            text = f"not running; port {settings.server_port} is not free ({error.strerror})"
            return Finding("server", "limited", text, "start with `penstock up --port 0` for a free one")
    return Finding("server", "ok", f"not running; port {settings.server_port} is free")


def check_cgroups() -> Finding:
    """Whether limits of tasks can be enforced by control groups."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        if os.access(root / "cgroup.procs", os.W_OK):
            return Finding("cgroups", "ok", "v2, writable")
        return Finding("cgroups", "limited", "v2, not writable", "memory and CPU limits of tasks fall back to resource limits per process")
    if (root / "memory").is_dir():
        if os.access(root / "memory", os.W_OK):
            return Finding("cgroups", "ok", "v1, writable")
        return Finding("cgroups", "limited", "v1, not writable", "memory and CPU limits of tasks fall back to resource limits per process")
    return Finding("cgroups", "limited", "none", "memory and CPU limits of tasks fall back to resource limits per process")


def check_mount_namespaces() -> Finding:
    """Whether tasks can see literal paths such as /mnt/data through bind mounts."""
    if shutil.which("unshare") is None:
        return Finding("mount namespaces", "limited", "unknown: no `unshare` on PATH", "literal paths of components are remapped")
    flags = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    done = subprocess.run(["unshare", *flags, "true"], capture_output=True, check=False)
    if done.returncode == 0:
        return Finding("mount namespaces", "ok", "available")
    return Finding("mount namespaces", "limited", "not allowed here", "literal paths of components are remapped to folders of the task")


def check_clients(python: str) -> Finding:
    """Which of the clients the user's interpreter has."""
    try:
        done = subprocess.run([python, "-c", _CLIENT_PROGRAM % (_CLIENTS,)], capture_output=True, text=True, check=True)
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        return Finding("clients", "limited", f"{python} cannot be asked: {error}", "name another interpreter with --python")
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    if not found:
        return Finding("clients", "limited", f"none in {python}", "`penstock run` needs kfp to compile; name its interpreter with --python")
    return Finding("clients", "ok", f"{text} in {python}")
