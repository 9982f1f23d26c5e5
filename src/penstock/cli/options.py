"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="Data folder. [default: $PENSTOCK_HOME, else ~/.penstock]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
