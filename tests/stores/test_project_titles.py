"""Reports and collections of a project as its lists read them: those that changed last, and those with the words of a filter however old."""

from __future__ import annotations

from penstock.domain.tracking import TrackedProjectId
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.stores.sql.reports import SqlReportStore
from tests.stores.test_namespaces import seed

KINDS = ("runs", "runs/draft")


def filled(tx: Transaction) -> None:
    """Thirty reports and collections of project 2; a report of another kind and of another project."""
    seed(tx)
    report = "INSERT INTO report (project_id, type, name, display_name, description, spec, user_name, created_at, updated_at) VALUES (?, ?, ?, ?, ?, '{}', 'ann', 1, ?)"
    collection = "INSERT INTO collection (project_id, name, kind, type_name, description, created_at, updated_at) VALUES (?, ?, 'sequence', ?, ?, 1, ?)"
    for number in range(30):
        tx.execute(report, (2, KINDS[number % 2], f"n{number}", f"Title {number}", "100% Old" if number == 0 else "", number))
        tx.execute(collection, (2, f"set-{number}", "model" if number == 1 else "dataset", "100% Old" if number == 0 else "", number))
    tx.execute(report, (2, "penstock/frozen", "n", "Title 99", "", 99))
    tx.execute(report, (1, "runs", "n", "Title 98", "", 98))


async def test_reports_that_changed_last_are_read_without_what_they_say_and_words_find_older_ones(database: Database) -> None:
    database.write_sync(filled)
    store = SqlReportStore(database)

    def titles(*words: str) -> list[str]:
        return [one.display_name for one in store.titles(2, kinds=KINDS, words=words, limit=3)]

    assert titles() == ["Title 29", "Title 28", "Title 27"]
    assert {one.spec for one in store.titles(2, kinds=KINDS, words=(), limit=3)} == {""}
    assert titles("oLd", "100%") == ["Title 0"]
    assert titles("n1", "title") == ["Title 19", "Title 18", "Title 17"]
    assert titles("100_") == []
    assert (store.count(2, kinds=KINDS), store.count(2, kinds=KINDS[:1]), store.count(7, kinds=KINDS)) == (30, 15, 0)


async def test_collections_that_changed_last_are_read_and_words_find_older_ones(database: Database) -> None:
    database.write_sync(filled)
    pages = SqlTrackingPages(database)

    async def names(*words: str) -> list[str]:
        return [one.name for one in await pages.collections(TrackedProjectId(2), words=words, limit=3)]

    assert await names() == ["set-27", "set-28", "set-29"]
    assert await names("oLd", "100%") == ["set-0"]
    assert await names("model") == ["set-1"]
    assert await names("100_") == []
