"""`penstock env`: the export lines that point the real clients to the server of a data folder."""

from __future__ import annotations

import shlex

import typer

from penstock.api.metaflow.routes import PREFIX as METAFLOW_PREFIX
from penstock.api.s3.routes import PREFIX as S3_PREFIX
from penstock.api.s3.signature import access_key_for, secret_for
from penstock.cli.options import AsJson, DataDir, print_json, resolve_data_dir
from penstock.domain.errors import UnavailableError
from penstock.server.datafolder import read_key, read_secret, running_server


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(env)


def env(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print the environment of the real clients; use it as `eval "$(penstock env)"`."""
    folder = resolve_data_dir(data_dir)
    address = running_server(folder)
    if address is None:
        raise UnavailableError(f"no server runs on {folder}; start one with `penstock up`")
    variables = client_variables(address.url, read_key(folder), read_secret(folder))
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def client_variables(url: str, key: str | None, secret: bytes | None) -> dict[str, str]:
    """Return the variables of the clients that work here, by name.

    Metaflow reads the credentials of its object store from `AWS_*` only (its `METAFLOW_DATATOOLS_SESSION_VARS` does not reach the
    helper processes that move the bytes), so these are replaced in a shell that takes all lines.
    """
    variables = {
        "KF_PIPELINES_ENDPOINT": url,
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_URL": f"{url}{METAFLOW_PREFIX}",
        "METAFLOW_UI_URL": f"{url}/flows",
    }
    if key:
        variables |= {"WANDB_BASE_URL": url, "WANDB_API_KEY": key, "METAFLOW_SERVICE_AUTH_KEY": key}
    if secret:
        access_key = access_key_for("metaflow")
        variables |= {
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DATASTORE_SYSROOT_S3": "s3://metaflow/flows",
            "METAFLOW_S3_ENDPOINT_URL": f"{url}{S3_PREFIX}",
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_for(secret, access_key),
        }
    return variables
