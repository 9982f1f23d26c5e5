"""Brings a database's schema up to date: numbered SQL files, each applied once, all in one transaction.

A file `NNNN_name.sql` serves both databases. Where they need different text (triggers), there is one file per dialect,
`NNNN_name.sqlite.sql` and `NNNN_name.postgresql.sql`, recorded under the common name. A file that holds lines `--;;` is split at
those instead of at semicolons, for statements that contain some.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from penstock.domain.errors import UnavailableError

if TYPE_CHECKING:
    from penstock.stores.sql.database import Transaction


_BREAK = "--;;\n"


def migrate(tx: Transaction) -> None:
    """Apply every migration that `tx`'s database does not have yet.

    Raises:
        UnavailableError: the database was written by a newer Penstock.
    """
    tx.execute("CREATE TABLE IF NOT EXISTS schema_migration (name TEXT PRIMARY KEY)")
    applied = {row["name"] for row in tx.all("SELECT name FROM schema_migration")}
    files = {}
    for entry in resources.files("penstock.stores.sql.migrations").iterdir():
        stem, _, dialect = entry.name.removesuffix(".sql").partition(".")
        if entry.name.endswith(".sql") and dialect in {"", tx.dialect.name}:
            files[f"{stem}.sql"] = entry
    if unknown := applied - files.keys():
        names = ", ".join(sorted(unknown))
        raise UnavailableError(f"the database has migrations that this version does not know: {names}; upgrade penstock")
    for name in sorted(files.keys() - applied):
        text = files[name].read_text(encoding="utf-8")
        for word, sql_type in tx.dialect.types.items():
            text = text.replace("{" + word + "}", sql_type)
        for statement in _split(text):
            tx.execute(statement)
        tx.execute("INSERT INTO schema_migration (name) VALUES (?)", (name,))


def _split(text: str) -> list[str]:
    """Split a migration into statements; migrations hold no semicolon inside a literal and no `--` inside one either."""
    if _BREAK in text:
        return [statement.strip() for statement in text.split(_BREAK) if statement.strip()]
    lines = (line.split("--", 1)[0] for line in text.splitlines())
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]
