"""Backups as the pages and the command line see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.domain.backups import Backup


class BackupStore(Protocol):
    """Makes, lists and tries backups. Every method blocks; call it from a thread of its own."""

    can_make: bool
    """The database lies in the data folder."""

    def list(self) -> Sequence[Backup]:
        """Return the finished backups, newest first."""
        ...

    def make(self) -> Backup:
        """Copy the data folder while its server runs: what was acknowledged before the call is in the copy.

        Raises:
            PreconditionError: the database is not in the folder.
            UnavailableError: the disk is full, or something could not be read or written.
        """
        ...

    def check(self, name: str) -> Backup:
        """Try a restore: open a copy of the database, bring it up to date, and look for every content it refers to. Changes nothing else.

        Raises:
            NotFoundError: there is no such backup.
        """
        ...

    def remove_old(self, *, keep: int) -> Sequence[str]:
        """Remove all but the newest `keep` backups; return the names of those that went."""
        ...


class BackupSource(Protocol):
    """What the System page shows of backups, and starts."""

    can_make: bool
    """See `BackupStore`."""
    problem: str
    """Why the last backup or trial could not be made; empty when it was."""

    @property
    def is_busy(self) -> bool:
        """A backup is being made or tried."""
        ...

    async def list(self) -> Sequence[Backup]:
        """Return the finished backups, newest first."""
        ...

    def begin_making(self) -> bool:
        """Begin a backup; False when one is being made or tried."""
        ...

    def begin_check(self, name: str) -> bool:
        """Begin to try a restore; False when a backup is being made or tried."""
        ...
