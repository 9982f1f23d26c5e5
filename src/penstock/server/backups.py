"""Wires backups: where they lie, and one at a time for the pages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import penstock
from penstock.domain.backups import Backup
from penstock.domain.errors import PenstockError
from penstock.domain.runs import CatalogChanged
from penstock.interfaces.backups import BackupStore
from penstock.interfaces.notifier import Notifier
from penstock.server.config import Settings
from penstock.stores.backups import FolderBackups

_log = logging.getLogger(__name__)


def build_backups(settings: Settings, target: Path | None = None) -> FolderBackups:
    """Return the backups of a data folder; nothing is made or read before they are used."""
    chosen = target or (Path(settings.store_backup_dir).expanduser() if settings.store_backup_dir else settings.data_dir / "backups")
    has_database = not settings.store_database_url
    return FolderBackups(settings.data_dir, chosen.resolve(), has_database=has_database, version=penstock.__version__)


class BackupDesk:
    """`BackupSource` of the pages: makes or tries one backup at a time in a thread, while pages go on. Lives on one event loop."""

    def __init__(self, store: BackupStore, notifier: Notifier) -> None:
        self._store = store
        self._notifier = notifier
        self._task: asyncio.Task[None] | None = None
        self.can_make = store.can_make
        self.problem = ""

    @property
    def is_busy(self) -> bool:
        """See `BackupSource`."""
        return self._task is not None and not self._task.done()

    async def list(self) -> Sequence[Backup]:
        """See `BackupSource`."""
        return await asyncio.to_thread(self._store.list)

    def begin_making(self) -> bool:
        """See `BackupSource`."""
        return self._begin(self._store.make)

    def begin_check(self, name: str) -> bool:
        """See `BackupSource`."""
        return self._begin(lambda: self._store.check(name))

    def _begin(self, work: Callable[[], Backup]) -> bool:
        if self.is_busy:
            return False
        self.problem = ""
        self._notifier.publish(CatalogChanged())
        self._task = asyncio.get_running_loop().create_task(self._do(work), name="backup")
        self._task.add_done_callback(lambda _: self._notifier.publish(CatalogChanged()))
        return True

    async def _do(self, work: Callable[[], Backup]) -> None:
        try:
            await asyncio.to_thread(work)
        except PenstockError as error:
            self.problem = str(error)
        except Exception:
            _log.exception("a backup failed")
            self.problem = "The server made a mistake; its log has the details."
