"""Words in lists of runs are found through an index that follows every change: the same answers from SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.interfaces.pages import ListQuery
from penstock.stores.sql.database import Database, Transaction, open_database
from penstock.stores.sql.pages_runs import SqlRunPages
from tests.support.postgres import fresh_postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'p.db'}" if request.param == "sqlite" else fresh_postgres_url()
    if url is None:
        pytest.skip("PostgreSQL is not installed")
    database = open_database(url, synchronous="OFF")
    yield database
    database.close()


def add_runs(tx: Transaction, count: int, *, name: str) -> None:
    tx.many(
        "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'kfp', ?, ?, 'SUCCEEDED', ?, 0)",
        [(f"{name[:4]}{number:04d}", f"{name} {number}", f"flow-{number % 2}", float(number)) for number in range(count)],
    )


async def test_words_are_found_in_names_pipelines_and_ids_also_after_changes(database: Database) -> None:
    pages = SqlRunPages(database)

    async def found(*words: str) -> list[str]:
        return [run.run_id for run in (await pages.list_runs(ListQuery(words=words, limit=200))).items]

    await database.write(lambda tx: add_runs(tx, 600, name="nightly"))
    await database.write(lambda tx: add_runs(tx, 3, name='odd "Quo%te_'))
    assert await found('"quo%TE_') == ["odd 0002", "odd 0001", "odd 0000"]
    assert await found("nightly 59") == [*(f"nigh{number:04d}" for number in range(599, 589, -1)), "nigh0059"]
    assert await found("nightly 59", "flow-1", "9") == [f"nigh{number:04d}" for number in (599, 597, 595, 593, 591, 59)]
    assert len(await found("nightly")) == 200  # more than are looked up one by one: read newest first
    assert await found("nigh0123") == ["nigh0123"]
    assert await found("unheard") == []
    assert await found("quote") == []  # what looks like a wildcard is none
    await database.write(lambda tx: tx.execute("UPDATE run SET name = 'renamed' WHERE run_id = 'nigh0123'"))
    assert await found("renamed") == ["nigh0123"]
    assert await found("nightly 123") == []
    await database.write(lambda tx: tx.execute("DELETE FROM run WHERE run_id = 'nigh0123'"))
    assert await found("renamed") == []
