"""`penstock env`: the export lines that point the real clients to the server of a data folder."""

from __future__ import annotations

import shlex

import typer

from penstock.cli.client import address_of
from penstock.cli.options import AsJson, DataDir, print_json, resolve_data_dir
from penstock.server.accounts import client_variables
from penstock.server.datafolder import read_key, read_secret


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(short_help="Print the environment of the real clients.")(env)


def env(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print the environment of the real clients; use it as `eval "$(penstock env)"`."""
    folder = resolve_data_dir(data_dir)
    address = address_of(folder)
    variables = client_variables(address.url, read_key(folder), read_secret(folder), flows_prefix=address.flows_prefix)
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
