"""A tracking room over real SQLite and column files in a temporary folder."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from penstock.server.clock import SystemIds
from penstock.server.notifier import LocalNotifier
from penstock.server.tracking import Tracking, build_tracking
from penstock.stores.sql.database import Database, open_database


class HandClock:
    """A clock that moves when told."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        """Return the time set."""
        return self.time


def sqlite_url(folder: Path) -> str:
    """Return where a room in `folder` keeps its records; tests for other databases replace this function."""
    return f"sqlite:///{folder / 'penstock.db'}"


@contextlib.asynccontextmanager
async def tracking_room(folder: Path, clock: HandClock | None = None, database: Database | None = None) -> AsyncIterator[Tracking]:
    """Open, start and stop a tracking room in `folder`."""
    own = database is None
    database = database or open_database(sqlite_url(folder), synchronous="OFF")
    room = build_tracking(database, folder / "tracking", clock=clock or HandClock(), ids=SystemIds(), notifier=LocalNotifier())
    await room.start()
    try:
        yield room
    finally:
        await room.stop()
        if own:
            database.close()
