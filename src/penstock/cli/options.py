"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from penstock.server.config import default_data_dir

DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="Data folder. [default: $PENSTOCK_HOME, else ~/.penstock]")]
_FREE_WIDTH = 10_000
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def resolve_data_dir(given: Path | None) -> Path:
    """Return the data folder that a command works on, absolute."""
    return (given.expanduser() if given else default_data_dir(os.environ)).resolve()


def print_table(table: Table) -> None:
    """Print `table`: as wide as the terminal, and in full where a program or a file reads it, so that no id is cut."""
    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    Console(highlight=False, width=_FREE_WIDTH if is_free else None).print(table)


def print_json(value: Any) -> None:
    """Print `value` as indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
