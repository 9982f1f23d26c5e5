"""What the database itself refuses: callers hear `UnavailableError`, and work goes on once the database is back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import UnavailableError
from penstock.stores.sql.database import Database, Transaction, open_database
from tests.support.postgres import fresh_postgres_url


def _count(tx: Transaction) -> int:
    row = tx.one("SELECT COUNT(*) AS n FROM spec")
    assert row is not None
    return int(row["n"])


def _insert(digest: str, size: int = 1) -> Any:
    def work(tx: Transaction) -> None:
        tx.execute("INSERT INTO spec (digest, kind, name, content, created_at) VALUES (?, 'kfp', 'p', ?, 0)", (digest, "x" * size))

    return work


def test_full_disk_is_unavailable_and_passes(tmp_path: Path) -> None:
    """Every write of a group that meets a full disk fails with the domain's error; with room again writing works."""
    database = open_database(f"sqlite:///{tmp_path / 'p.db'}")
    try:
        pages = database.write_sync(lambda tx: tx.one("PRAGMA page_count"))
        database.write_sync(lambda tx: tx.all(f"PRAGMA max_page_count={pages['page_count'] + 8}"))  # type: ignore[index]
        with pytest.raises(UnavailableError, match="full"):
            database.write_sync(_insert("big", 1 << 20))
        database.write_sync(lambda tx: tx.all("PRAGMA max_page_count=1000000"))
        database.write_sync(_insert("big", 1 << 20))
        assert database.read_sync(_count) == 1
    finally:
        database.close()


def test_a_caller_that_leaves_takes_nobody_along(tmp_path: Path) -> None:
    """A write whose caller was cancelled while it was queued is made, and those after it are made and answered."""
    database = open_database(f"sqlite:///{tmp_path / 'p.db'}")
    try:
        is_free = threading.Event()
        first = database.submit(lambda tx: is_free.wait(60))
        left = database.submit(_insert("left"))
        assert left.cancel()
        after = database.submit(_insert("after"))
        is_free.set()
        assert first.result(60)
        assert after.result(60) is None
        assert database.read_sync(_count) == 2
    finally:
        database.close()


def test_faults_of_statements_keep_their_class(tmp_path: Path) -> None:
    """A statement that is wrong is a bug of ours, not an outage."""
    database = open_database(f"sqlite:///{tmp_path / 'p.db'}")
    try:
        with pytest.raises(Exception, match="no such table") as caught:
            database.read_sync(lambda tx: tx.all("SELECT * FROM nowhere"))
        assert not isinstance(caught.value, UnavailableError)
    finally:
        database.close()


@pytest.fixture
def postgres() -> Any:
    url = fresh_postgres_url()
    if url is None:
        pytest.skip("PostgreSQL is not installed")
    database = open_database(url)
    yield database
    database.close()


_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def test_idle_connections_that_were_cut_are_replaced(postgres: Database) -> None:
    """A restart of PostgreSQL between two uses is not noticed by callers."""
    postgres.write_sync(_insert("a"))
    assert postgres.read_sync(_count) == 1
    postgres.read_sync(lambda tx: tx.all(_OTHERS))  # the writer's connection
    postgres.write_sync(_insert("b"))
    postgres.write_sync(lambda tx: tx.all(_OTHERS))  # the reader's
    assert postgres.read_sync(_count) == 2


def test_a_connection_cut_in_the_middle_is_unavailable_once(postgres: Database) -> None:
    """Work under way fails with the domain's error; the next goes through."""
    suicide = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(UnavailableError):
        postgres.write_sync(lambda tx: tx.all(suicide))
    with pytest.raises(UnavailableError):
        postgres.read_sync(lambda tx: tx.all(suicide))
    postgres.write_sync(_insert("c"))
    assert postgres.read_sync(_count) == 1
