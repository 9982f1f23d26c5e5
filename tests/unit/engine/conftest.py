"""Fixtures of the engine's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from penstock.stores.sql.database import Database
from tests.support.engines import Engine, sqlite_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A fresh database."""
    with sqlite_database(tmp_path) as opened:
        yield opened


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """A running engine."""
    made = Engine(database)
    await made.start()
    yield made
    await made.stop()
