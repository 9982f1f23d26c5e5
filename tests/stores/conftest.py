"""Fixtures of the suites of stores: each test runs on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.stores.sql.database import Database
from tests.support.databases import seeded_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A fresh database of each kind. A module that wants it filled has a `database` of its own that takes this one."""
    with seeded_database(request.param, tmp_path) as found:
        yield found
