"""Copies of the whole data folder from which a server can be started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backup:
    """One finished copy."""

    name: str
    """Name of its folder: the moment at which it was begun, in UTC."""
    path: str
    """Absolute path of the folder."""
    created_at: float
    """When it was begun."""
    seconds: float
    """How long it took."""
    version: str
    """Of the program that made it."""
    file_count: int
    size_bytes: int
    """Of all its files; those that it shares with the data folder or the backup before take no room of their own."""
    copied_bytes: int
    """Of the files that were copied for it."""
    checked_at: float | None = None
    """When a restore was last tried, or None."""
    problems: Sequence[str] = ()
    """What the last trial found wrong; empty when a server can be started from it."""
    runs: int | None = None
    """Runs of pipelines, flows and tracked runs that the last trial found in it."""
