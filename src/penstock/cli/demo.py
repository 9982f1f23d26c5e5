"""`penstock demo`: a real pipeline through the real kfp client, twice: once computed, once mostly reused."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer
import uv
from rich.console import Console

from penstock.cli.client import Client, connect, started_server
from penstock.cli.follow import follow, leaf_tasks, run_state, seconds_between, show_failures, task_name
from penstock.cli.options import DataDir, resolve_data_dir
from penstock.cli.run import reopening, run_link
from penstock.domain.catalog import DEMO_TAG
from penstock.domain.errors import UnavailableError
from penstock.server.accounts import client_variables
from penstock.server.config import DEFAULT_FLOWS_PREFIX, load_settings
from penstock.server.datafolder import read_key, read_secret, running_server

_CLIENT_REQUIREMENT = "kfp>=2.14,<3"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(short_help="Run the digits pipeline twice, show what was reused.")(demo)


def demo(
    keep: Annotated[
        bool | None, typer.Option("--keep/--no-keep", help="Leave the server up afterwards, until Ctrl-C. [default: on a terminal]")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the server. [default: 8080, or a free one]")] = None,
    data_dir: DataDir = None,
) -> None:
    """Start the server, run the digits pipeline, run a changed version and show what was reused."""
    folder = resolve_data_dir(data_dir)
    console = Console(highlight=False)
    with _server(folder, port, console):
        python = _client_environment(folder, console)
        with connect(folder) as client:
            address = client.url
            first = _run_version(client, folder, python, "first", console)
            console.rule("a changed version: one more model size")
            second = _run_version(client, folder, python, "second", console)
            _show_reuse(client, first, second, console)
            console.print("\nLook at them:", style="bold")
            for run in (first, second):
                console.print(f"  {run['display_name']:<24} {run_link(client, run['run_id'])}", soft_wrap=True)
        if console.is_terminal if keep is None else keep:
            console.print("The server stays up; Ctrl-C stops it.")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
        else:
            console.print(f"Open them with `{reopening(address, data_dir)}`, or start the demonstration with --keep.", soft_wrap=True)


@contextlib.contextmanager
def _server(folder: Path, port: int | None, console: Console) -> Iterator[None]:
    """Use the folder's server, or run one for the duration."""
    if address := running_server(folder):
        console.print(f"Using the server at {address.url}")
        yield
        return
    wanted = load_settings(data_dir=folder, server_port=port).server_port
    with started_server(folder, port=wanted if port is not None or _is_free(wanted) else 0) as (address, _):
        console.print(f"Penstock is ready at {address.url}")
        yield


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _client_environment(folder: Path, console: Console) -> Path:
    """Return an interpreter with the unmodified kfp client; built once per data folder."""
    target = folder / "demo-client"
    python = target / "bin" / "python"
    ready = target / ".ready"
    if not ready.exists():
        with console.status("installing the kfp client"):
            _uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(target))
            _uv("pip", "install", "--quiet", "--python", str(python), _CLIENT_REQUIREMENT)
        ready.touch()
    return python


def _uv(*arguments: str) -> None:
    done = subprocess.run([uv.find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"the kfp client could not be installed: {done.stderr.strip()}")


def _run_version(client: Client, folder: Path, python: Path, version: str, console: Console) -> dict[str, Any]:
    """Submit a version with `kfp.Client`, follow it and return the run."""
    environment = {**os.environ, **client_variables(client.url, read_key(folder), read_secret(folder), flows_prefix=DEFAULT_FLOWS_PREFIX)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # it would make every import of kfp compile it anew
    with resources.as_file(resources.files("penstock.demo")) as programs:
        command = [str(python), str(programs / "submit.py"), version]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    _mark_uploads(client, done.stdout)
    if done.returncode != 0:
        raise UnavailableError(f"the kfp client failed:\n{done.stderr.strip()}")
    run_id = done.stdout.split()[-1]
    console.print(f"submitted with kfp.Client: {run_link(client, run_id)}", soft_wrap=True)
    run = follow(client, run_id, console)
    if run_state(run) != "SUCCEEDED":
        show_failures(client, run_id, console)
        raise typer.Exit(1)
    return run


def _mark_uploads(client: Client, output: str) -> None:
    """Tag the pipeline as one of the demonstration, so that lists can leave it out, and name what was uploaded with it."""
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "version":
            pipeline_id, version_id, name = rest.split(" ", 2)
            client.call("PATCH", f"/pipelines/{pipeline_id}", body={"tags": dict([DEMO_TAG])})
            client.call("PATCH", f"/pipelines/{pipeline_id}/versions/{version_id}", body={"display_name": name})


def _show_reuse(client: Client, first: dict[str, Any], second: dict[str, Any], console: Console) -> None:
    """Print which steps of the second run were taken from the first and the time that saved."""
    took = {task["task_id"]: _seconds(task) for task in leaf_tasks(client.tasks(first["run_id"]))}
    by_name = {task_name(task): _seconds(task) for task in leaf_tasks(client.tasks(first["run_id"]))}
    tasks = leaf_tasks(client.tasks(second["run_id"]))
    reused = [task for task in tasks if task.get("state") == "CACHED"]
    executed = [task for task in tasks if task.get("state") == "SUCCEEDED"]
    saved = sum(took.get(str(task.get("cached_task_id")), by_name.get(task_name(task), 0.0)) for task in reused)
    console.print(f"\nreused:   {', '.join(task_name(task) for task in reused) or 'nothing'}", soft_wrap=True)
    console.print(f"executed: {', '.join(task_name(task) for task in executed)}", soft_wrap=True)
    console.print(f"saved:    {saved:.1f} s of computing", style="bold")


def _seconds(task: dict[str, Any]) -> float:
    return seconds_between(task.get("start_time") or task.get("create_time"), task.get("end_time")) or 0.0
