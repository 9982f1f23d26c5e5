"""Where SQLite and PostgreSQL differ in their SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """Fragments in which the databases differ."""

    name: str
    """`sqlite` or `postgresql`."""
    types: Mapping[str, str]
    """Column type words used in migrations: `{blob}`, `{bigint}`, `{double}`, `{serial}`."""

    def json_text(self, column: str, *keys: str) -> str:
        """SQL for the text of a nested JSON value of `column`; keys are trusted literals, not user input."""
        if self.name == "sqlite":
            path = "$" + "".join(f'."{key}"' for key in keys)
            return f"json_extract({column}, '{path}')"
        return f"({column}::jsonb #>> '{{{','.join(keys)}}}')"

    def json_member(self, column: str, bind: Callable[[str], str], name: str) -> str:
        """SQL for the text of a member of a JSON object in `column`; `bind` binds its name, which users write."""
        if self.name == "sqlite":
            return f"json_extract({column}, {bind(sqlite_json_path([name]))})"
        return f"({column}::jsonb ->> {bind(name)})"

    def ilike(self, column: str, parameter: str) -> str:
        """SQL for case-insensitive substring match with `escape_like` text."""
        if self.name == "sqlite":  # whose LIKE ignores the case by itself, of ASCII as its LOWER does, three times faster
            return f"{column} LIKE {parameter} ESCAPE '\\'"
        return f"LOWER({column}) LIKE LOWER({parameter}) ESCAPE '\\'"


SQLITE = SqlDialect("sqlite", {"blob": "BLOB", "bigint": "INTEGER", "double": "REAL", "serial": "INTEGER PRIMARY KEY AUTOINCREMENT"})
POSTGRESQL = SqlDialect(
    "postgresql", {"blob": "BYTEA", "bigint": "BIGINT", "double": "DOUBLE PRECISION", "serial": "BIGSERIAL PRIMARY KEY"}
)


def sqlite_json_path(keys: Sequence[str], *, is_ascii: bool = True) -> str:
    """Return the path of a member in SQLite's JSON, which compares names as they are written: with escapes of what is not ASCII or without.

    A quotation mark ends a quoted name even where it is escaped (before 3.45), so such a name stands without quotes; where it cannot,
    the path leads to nothing.
    """
    steps = []
    for key in keys:
        written = json.dumps(key, ensure_ascii=is_ascii)[1:-1]
        if '"' not in written:
            steps.append(f'."{written}"')
        elif not {".", "["} & set(written):
            steps.append(f".{written}")
        else:
            return '$."\\u0000"."\\u0000"'
    return "$" + "".join(steps)


def escape_like(text: str) -> str:
    """Escape the wildcards of LIKE with a backslash."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
