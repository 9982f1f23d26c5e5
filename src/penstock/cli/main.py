"""Entry point of the `penstock` command: a table of commands, one module each, loaded only when it is needed.

Every command module has `register(app)`, which adds its commands to the Typer application. Errors that are made for the user
(`PenstockError`, `ApiError`) end in one line on standard error and exit code 1, without a traceback.
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Annotated

import typer

import penstock
from penstock.domain.errors import PenstockError

COMMANDS = {
    "up": "penstock.cli.up",
    "env": "penstock.cli.env",
    "run": "penstock.cli.run",
    "runs": "penstock.cli.runs",
    "ls": "penstock.cli.lists",
    "secrets": "penstock.cli.secrets",
    "backup": "penstock.cli.backup",
    "demo": "penstock.cli.demo",
    "doctor": "penstock.cli.doctor",
}
"""Command to module, in the order of the help page."""


def make_app(names: list[str]) -> typer.Typer:
    """Return the application with the commands in `names`."""
    app = typer.Typer(
        name="penstock",
        help="Run and track Kubeflow Pipelines, Weights & Biases and Metaflow code on this machine.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def root(
        _version: Annotated[
            bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
        ] = False,
    ) -> None:
        """Run and track Kubeflow Pipelines, Weights & Biases and Metaflow code on this machine."""

    for name in names:
        importlib.import_module(COMMANDS[name]).register(app)
    return app


def main() -> None:
    """Run the command line and exit with its code."""
    # Kept compiled also where PYTHONDONTWRITEBYTECODE is set for other programs: compiling it anew costs every start seconds.
    sys.dont_write_bytecode = False
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    # Modules stay: looking for garbage among them while they load takes a fifth of the load.
    gc.disable()
    app = make_app([wanted] if wanted in COMMANDS else list(COMMANDS))
    gc.enable()
    try:
        app()
    except PenstockError as error:
        typer.echo(f"penstock: {error}", err=True)
        sys.exit(1)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(penstock.__version__)
        raise typer.Exit


if __name__ == "__main__":
    main()
