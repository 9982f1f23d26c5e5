"""Fresh databases of either kind for tests of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.stores.sql.database import Database, Transaction, open_database
from tests.support.postgres import fresh_postgres_url


@contextmanager
def seeded_database(kind: str, folder: Path, *seeds: Callable[[Transaction], object]) -> Iterator[Database]:
    """Open an empty database, a file in `folder` (`sqlite`) or on a private server (`postgresql`), and fill it; skips where there is none."""
    url = f"sqlite:///{folder / 'p.db'}" if kind == "sqlite" else fresh_postgres_url()
    if url is None:
        pytest.skip("PostgreSQL is not installed")
    database = open_database(url, synchronous="OFF")
    for seed in seeds:
        database.write_sync(seed)
    yield database
    database.close()
