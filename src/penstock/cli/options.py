"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock.server.config import default_data_dir

DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="Data folder. [default: $PENSTOCK_HOME, else ~/.penstock]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def resolve_data_dir(given: Path | None) -> Path:
    """Return the data folder that a command works on, absolute."""
    return (given.expanduser() if given else default_data_dir(os.environ)).resolve()


def print_json(value: Any) -> None:
    """Print `value` as indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
