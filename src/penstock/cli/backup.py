"""`penstock backup`: copies of the data folder, made beside the running server, and trials of restoring them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.options import AsJson, DataDir, print_json, resolve_data_dir
from penstock.domain.backups import Backup
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.sizes import size_words
from penstock.server.backups import build_backups
from penstock.server.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("backup", short_help="Copy the data folder, or try to restore a copy.")(backup)


def backup(
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Folder of the backups. [default: backups in --data-dir]")] = None,
    keep: Annotated[int | None, typer.Option(metavar="N", min=1, help="Remove all but the newest N afterwards.")] = None,
    check: Annotated[str, typer.Option(metavar="NAME", help="Try to restore a backup instead (`latest` for the newest).")] = "",
    is_list: Annotated[bool, typer.Option("--list", help="List the backups instead.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Copy the data folder, whether or not a server runs. To restore, copy a backup and start `penstock up --data-dir COPY`."""
    if keep and (is_list or check):
        raise InvalidArgumentError(f"--keep removes old backups after a new one was made; {'--list' if is_list else '--check'} makes none")
    if is_list and check:
        raise InvalidArgumentError("give --list or --check, not both")
    settings = load_settings(data_dir=resolve_data_dir(data_dir))
    store = build_backups(settings, to)
    if is_list:
        _show(list(store.list()), as_json=as_json)
        return
    if check:
        known = store.list()
        if check == "latest" and not known:
            raise NotFoundError("there is no backup yet; `penstock backup` makes one")
        found = store.check(known[0].name if check == "latest" else check)
        _show([found], as_json=as_json)
        raise typer.Exit(1 if found.problems else 0)
    made = store.make()
    if keep:
        store.remove_old(keep=keep)
    _show([made], as_json=as_json)


def _show(backups: list[Backup], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in backups])
        return
    if not backups:
        typer.echo("no backups yet", err=True)
    for one in backups:
        files = f"{one.file_count} {'file' if one.file_count == 1 else 'files'}"
        typer.echo(f"{one.path}: {files}, {size_words(one.size_bytes)}, of which {size_words(one.copied_bytes)} were copied")
        for problem in one.problems:
            typer.echo(f"  {problem}")
        if one.checked_at is not None and not one.problems:
            typer.echo(f"  a server starts from it, with {one.runs} {'run' if one.runs == 1 else 'runs'}")
