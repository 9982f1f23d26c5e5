"""`penstock env`: the export lines that point the real clients to the server of a data folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

import typer

from penstock.cli.options import AsJson, DataDir, print_json, resolve_data_dir
from penstock.domain.errors import UnavailableError
from penstock.server.accounts import client_variables
from penstock.server.datafolder import read_key, read_secret, running_server

ROOT_NAME = "root-user"
"""Whose runs of flows are in a shell of root, as in most containers: Metaflow takes `root` for nobody, and runs nothing for nobody."""


def has_name_for_metaflow(environ: Mapping[str, str]) -> bool:
    """Whether Metaflow's client finds out who runs it: variables that it asks name somebody other than root."""
    return any(environ.get(name) not in {None, "", "root"} for name in ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER"))


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(env)


def env(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print the environment of the real clients; use it as `eval "$(penstock env)"`."""
    folder = resolve_data_dir(data_dir)
    address = running_server(folder)
    if address is None:
        raise UnavailableError(f"no server runs on {folder}; start one with `penstock up`")
    variables = client_variables(address.url, read_key(folder), read_secret(folder), flows_prefix=address.flows_prefix)
    if not has_name_for_metaflow(os.environ):
        variables["METAFLOW_USER"] = ROOT_NAME
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
