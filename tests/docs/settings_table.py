"""Prints the table of settings for docs/configuration.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from penstock.server.config import environment_name, setting_names

MARK = "<!-- settings:"
PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def table() -> str:
    """Return the table as Markdown, one row per setting in the order of the dataclass."""
    rows = ["| Variable | In the file | Default | Meaning |", "|---|---|---|---|"]
    for name, entry in setting_names().items():
        room, _, key = name.partition("_")
        rows.append(f"| `{environment_name(name)}` | `[{room}] {key}` | {shown(entry.default)} | {entry.metadata['help']} |")
    return "\n".join(rows) + "\n"


def shown(value: Any) -> str:
    """Return a default as the page shows it."""
    if value in ("", ()):
        return ""
    value = ", ".join(value) if isinstance(value, tuple) else value
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    print(table(), end="")
