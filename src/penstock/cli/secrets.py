"""`penstock secrets`: the server-side store of secrets and config maps that tasks ask for by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from penstock.cli.options import AsJson, DataDir, print_json, print_table, resolve_data_dir
from penstock.domain.errors import InvalidArgumentError
from penstock.pipelines.secrets import SecretEntry, SecretService
from penstock.server.clock import SystemClock
from penstock.server.config import load_settings
from penstock.stores.sql.database import open_database
from penstock.stores.sql.secrets import SqlSecretStore

T = TypeVar("T")
ConfigMap = Annotated[bool, typer.Option("--config-map", help="A config map instead of a secret.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name by which pipelines ask for it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(no_args_is_help=True, help="Set, list and remove secrets and config maps of tasks.", rich_markup_mode=None)
    group.command("set", short_help="Store entries under a name.")(set_entries)
    group.command("ls")(list_names)
    group.command("rm")(remove)
    app.add_typer(group, name="secrets")


def set_entries(
    name: Name,
    entries: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Entries.")] = None,
    from_file: Annotated[list[str] | None, typer.Option(metavar="KEY=PATH", help="Entry whose value is a file's content.")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Keep entries that are not named.")] = False,
    config_map: ConfigMap = False,
    data_dir: DataDir = None,
) -> None:
    """Store entries under a name, whether or not a server runs; a running one uses them from the next task on."""
    values = {key: value.encode() for key, value in map(_pair, entries or [])}
    for key, path in map(_pair, from_file or []):
        try:
            values[key] = Path(path).read_bytes()
        except OSError as error:
            raise InvalidArgumentError(f"{path}: {error.strerror}") from error
    if not values:
        raise InvalidArgumentError("give at least one KEY=VALUE or --from-file KEY=PATH")
    entry = _with_service(data_dir, lambda service: service.put(_kind(config_map), name, values, merge=merge))
    typer.echo(f"{entry.kind} {entry.name}: {', '.join(entry.keys)}")


def list_names(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List names and keys; values are never shown."""

    async def everything(service: SecretService) -> list[SecretEntry]:
        return [*await service.list("secret"), *await service.list("configmap")]

    found = _with_service(data_dir, everything)
    if as_json:
        print_json([{"kind": one.kind, "name": one.name, "keys": list(one.keys), "updated_at": one.updated_at} for one in found])
        return
    table = Table("kind", "name", "keys", box=None, pad_edge=False)
    for one in found:
        table.add_row(one.kind, one.name, ", ".join(one.keys))
    print_table(table)


def remove(name: Name, config_map: ConfigMap = False, data_dir: DataDir = None) -> None:
    """Remove a secret or config map."""
    _with_service(data_dir, lambda service: service.delete(_kind(config_map), name))


def _with_service(data_dir: Path | None, work: Callable[[SecretService], Awaitable[T]]) -> T:
    """Run `work` on the store of the data folder. The database takes changes beside a running server."""
    settings = load_settings(data_dir=resolve_data_dir(data_dir))
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = open_database(settings.database_url)

    async def run() -> T:
        return await work(SecretService(SqlSecretStore(database), SystemClock()))

    try:
        return asyncio.run(run())
    finally:
        database.close()


def _kind(is_config_map: bool) -> str:
    return "configmap" if is_config_map else "secret"


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InvalidArgumentError(f"{text}: expected KEY=VALUE")
    return key, value
