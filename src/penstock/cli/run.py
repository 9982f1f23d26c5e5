"""`penstock run`: submit a pipeline from a Python file or a compiled package and follow it."""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

from penstock.cli.client import V1, Client, connect_or_start
from penstock.cli.follow import follow, run_state, show_failures
from penstock.cli.options import DataDir, resolve_data_dir
from penstock.cli.packages import Package, load_package, parse_parameters, without_cache, workflow_without_cache
from penstock.domain.errors import UnavailableError
from penstock.server.datafolder import running_server


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(short_help="Run a pipeline and follow it.")(run)


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .py with pipelines, or a compiled .yaml.")],
    pipeline: Annotated[str | None, typer.Option(metavar="NAME", help="Which pipeline of FILE, by function or pipeline name.")] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", "--parameter", metavar="KEY=VALUE", help="Pipeline parameter.")] = None,
    experiment: Annotated[str, typer.Option(metavar="NAME", help="Experiment of the run; made when missing.")] = "Default",
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run. [default: pipeline name and time]")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Execute every task, whatever was computed before.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Submit to the running server and return.")] = False,
    python: Annotated[
        str | None, typer.Option(metavar="PATH", help="Interpreter with your kfp. [default: the active one, else on PATH]")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run a pipeline and follow it; the exit code is 0 only when it succeeded.

    When no server runs on the data folder, one is started for the duration, on the same engine and data.
    """
    folder = resolve_data_dir(data_dir)
    has_server = running_server(folder) is not None
    if detach and not has_server:
        raise UnavailableError(f"--detach needs a server that stays: start one on {folder} with `penstock up`")
    package = load_package(file, pipeline=pipeline, python=python)
    parameters = parse_parameters(parameter or [], package.parameter_types())
    console = Console(highlight=False)
    with connect_or_start(folder) as client:
        address = client.url
        submitted = submit(client, package, parameters, name=name, experiment=experiment, no_cache=no_cache)
        run_id = str(submitted["run_id"])
        console.print(f"{submitted['display_name']}  {run_link(client, run_id)}", soft_wrap=True)
        if detach:
            return
        try:
            final = follow(client, run_id, console)
        except KeyboardInterrupt:
            _leave(client, run_id, console, stays=has_server)
            raise typer.Exit(130) from None
        if run_state(final) != "SUCCEEDED":
            show_failures(client, run_id, console)
        console.print(f"{run_state(final)}  {run_link(client, run_id)}", soft_wrap=True)
    if not has_server:
        console.print(f"its server has stopped; `{reopening(address, data_dir)}` opens the link again", style="dim", soft_wrap=True)
    raise typer.Exit(0 if run_state(final) == "SUCCEEDED" else 1)


def reopening(url: str, data_dir: Path | None) -> str:
    """Return the command after which the links of a server that has stopped open again."""
    words = ["penstock", "up", "--port", str(urlsplit(url).port)]
    return shlex.join([*words, "--data-dir", str(data_dir)] if data_dir else words)


def _leave(client: Client, run_id: str, console: Console, *, stays: bool) -> None:
    """Stop following: a server that stays goes on with the run; with one that ends now, the run is canceled first."""
    if stays:
        console.print(f"\nno longer following; stop the run with `penstock runs cancel {run_id}`", soft_wrap=True)
        return
    console.print("\ncanceling the run")
    client.call("POST", f"/runs/{run_id}:terminate")
    follow(client, run_id, console)


def submit(
    client: Client, package: Package, parameters: dict[str, Any], *, name: str | None, experiment: str, no_cache: bool
) -> dict[str, Any]:
    """Create the run and return it as the server answers.

    Raises:
        ApiError: the server refused it.
    """
    shown = name or f"{package.name} {datetime.now().astimezone():%Y-%m-%d %H-%M-%S}"
    experiment_id = client.experiment_id(experiment)
    if package.is_argo:
        manifest = workflow_without_cache(package.documents[0]) if no_cache else package.documents[0]
        reference = {"key": {"type": "EXPERIMENT", "id": experiment_id}, "relationship": "OWNER"}
        values = [{"name": key, "value": value if isinstance(value, str) else json.dumps(value)} for key, value in parameters.items()]
        workflow = {
            "name": shown,
            "resource_references": [reference],
            "pipeline_spec": {"workflow_manifest": json.dumps(manifest), "parameters": values},
        }
        run = client.call("POST", "/runs", body=workflow, api=V1)["run"]
        return {"run_id": run["id"], "display_name": run["name"]}
    spec = without_cache(package.pipeline_spec) if no_cache else package.pipeline_spec
    body = {
        "display_name": shown,
        "experiment_id": experiment_id,
        "pipeline_spec": spec,
        "runtime_config": {"parameters": parameters},
    }
    created: dict[str, Any] = client.call("POST", "/runs", body=body)
    return created


def run_link(client: Client, run_id: str) -> str:
    """Return the address of a run's page."""
    return f"{client.url}/#/runs/details/{run_id}"
