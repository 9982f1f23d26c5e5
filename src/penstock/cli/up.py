"""`penstock up`: run the server in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.options import DataDir
from penstock.server.config import load_settings
from penstock.server.datafolder import ServerAddress
from penstock.server.run import serve


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(up)


def up(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; anything but loopback demands a key. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one. [default: 8080]")] = None,
    data_dir: DataDir = None,
    database_url: Annotated[str | None, typer.Option(help="postgresql://..., instead of SQLite in the data folder.")] = None,
    url: Annotated[str | None, typer.Option(help="Address that clients use, when a proxy stands in front.")] = None,
    slots: Annotated[int | None, typer.Option(help="Tasks that run at the same time. [default: four per CPU]")] = None,
    strict_python: Annotated[bool | None, typer.Option("--strict-python/--any-python", help="Refuse tasks whose Python is absent.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Never reuse results.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error. [default: warning]")] = None,
) -> None:
    """Start the server and stay until SIGTERM or Ctrl-C."""
    settings = load_settings(
        data_dir=data_dir,
        server_host=host,
        server_port=port,
        server_url=url,
        server_log_level=log_level,
        store_database_url=database_url,
        executor_slots=slots,
        executor_strict_python=strict_python,
        cache_enabled=False if no_cache else None,
    )
    raise typer.Exit(serve(settings, announce=_announce))


def _announce(address: ServerAddress) -> None:
    typer.echo(f"Penstock {address.version} is ready at {address.url}")
