"""The trash on SQLite and PostgreSQL: hidden from every list, restored as it was, names free meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.domain.errors import ConflictError, NotFoundError
from penstock.domain.ids import Digest, RunId, TrackedRunId
from penstock.domain.trash import TrashItem, TrashKind
from penstock.domain.versions import ArtifactVersion, NewVersion
from penstock.interfaces.listing import ListQuery
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.stores.sql.runs import SqlRunStore
from penstock.stores.sql.trash import SqlTrashStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.trash.service import TrashService
from tests.support.postgres import fresh_postgres_url
from tests.support.tracking import HandClock

PROJECT = 7
BLOB = Digest("sha256:" + "1" * 64)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'p.db'}" if request.param == "sqlite" else fresh_postgres_url()
    if url is None:
        pytest.skip("PostgreSQL is not installed")
    found = open_database(url, synchronous="OFF")
    project = "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (?, 'ann', 'p', 1.0, 1.0)"
    found.write_sync(lambda tx: tx.execute(project, (PROJECT,)))
    yield found
    found.close()


@pytest.fixture
def trash(database: Database) -> SqlTrashStore:
    return SqlTrashStore(database)


def put(trash: SqlTrashStore, kind: TrashKind, subject: object) -> TrashItem:
    return asyncio.run(trash.put(kind, str(subject), batch="b", by="ann", at=10.0, due_at=20.0))


def restore(trash: SqlTrashStore, item: TrashItem) -> None:
    asyncio.run(trash.restore(item.item_id, by="ann", at=11.0))


def committed(database: Database, digest: str, *aliases: str, name: str = "ds") -> ArtifactVersion:
    versions = SqlVersionStore(database)
    made = versions.create_version(NewVersion(PROJECT, "dataset", name, digest, 1.0, "ann", aliases=aliases))
    return versions.commit_version(made.version_id, digest=digest, size_bytes=3, file_count=1, manifest=BLOB, at=2.0)


def add_tracked(database: Database, run_id: int, name: str) -> None:
    sql = (
        "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, tags) "
        "VALUES (?, ?, ?, 'title', 'finished', 1.0, 1.0, 1.0, '[\"good\"]')"
    )
    database.write_sync(lambda tx: tx.execute(sql, (run_id, PROJECT, name)))
    database.write_sync(lambda tx: tx.execute("INSERT INTO tracked_document (run_id) VALUES (?)", (run_id,)))


def test_a_run_is_found_by_no_client_until_it_is_restored(database: Database, trash: SqlTrashStore) -> None:
    sql = (
        "INSERT INTO run (run_id, kind, name, state, storage_state, created_at, scheduled_at) "
        "VALUES (?, 'kfp', 'n', 'SUCCEEDED', 'ARCHIVED', 1.0, 1.0)"
    )
    for run_id in ("r1", "r2"):
        database.write_sync(lambda tx, run_id=run_id: tx.execute(sql, (run_id,)))  # type: ignore[misc]
    runs = SqlRunStore(database)

    def listed() -> tuple[list[str], int]:
        page = asyncio.run(runs.list(ListQuery(), namespace="", experiment_id=None))
        return [run.run_id for run in page.items], page.total

    item = put(trash, TrashKind.RUN, "r1")
    assert put(trash, TrashKind.RUN, "r1") == item
    assert listed() == (["r2"], 1)
    assert asyncio.run(runs.get(RunId("r1"))) is None
    restore(trash, item)
    assert listed() == (["r1", "r2"], 2)
    view = asyncio.run(runs.get(RunId("r1")))
    assert view is not None and view.storage_state.value == "ARCHIVED"
    with pytest.raises(NotFoundError):
        restore(trash, item)


def test_the_name_of_a_tracked_run_is_free_while_it_lies_in_the_trash(database: Database, trash: SqlTrashStore) -> None:
    pages = SqlTrackingPages(database)
    add_tracked(database, 100, "abc")
    first = put(trash, TrashKind.TRACKED_RUN, 100)
    assert (first.title, first.place, first.entity) == ("title", "ann/p", "ann")
    assert asyncio.run(pages.runs([TrackedRunId(100)])) == {}
    add_tracked(database, 101, "abc")
    with pytest.raises(ConflictError, match="abc"):
        restore(trash, first)
    second = put(trash, TrashKind.TRACKED_RUN, 101)
    restore(trash, first)
    assert asyncio.run(pages.runs([TrackedRunId(100)]))[TrackedRunId(100)].name == "abc"
    tags = database.read_sync(lambda tx: tx.all("SELECT tag, run_id FROM tracked_tag"))
    assert [(row["tag"], row["run_id"]) for row in tags] == [("good", 100)]
    assert asyncio.run(trash.items()) == [second]


def test_a_version_comes_back_with_its_number_and_the_aliases_that_are_free(database: Database, trash: SqlTrashStore) -> None:
    collections, pages = SqlCollectionStore(database), SqlTrackingPages(database)
    first, second = committed(database, "d1", "best", "old"), committed(database, "d2")
    portfolio = collections.ensure_portfolio(PROJECT, "links", "dataset", at=3.0)
    collections.link(portfolio.collection_id, first.version_id, ["staging"], at=4.0)
    item = put(trash, TrashKind.VERSION, first.version_id)
    assert item.title == "ds:v0"
    collections.set_aliases(second.version_id, [(second.collection_id, "best")], at=5.0)
    assert [entry.version_index for entry in asyncio.run(pages.versions(first.collection_id))] == [1]
    restore(trash, item)
    found = asyncio.run(pages.versions(first.collection_id))
    assert [(entry.version_index, list(entry.aliases)) for entry in found] == [(1, ["best", "latest"]), (0, ["old"])]
    assert [alias.alias for alias in collections.aliases_of_collection(portfolio.collection_id)] == ["latest", "staging"]
    assert asyncio.run(pages.changes(first.collection_id, first.version_id))[0].kind == "restore"


def test_a_collection_comes_back_with_versions_and_links_unless_its_name_is_taken(database: Database, trash: SqlTrashStore) -> None:
    collections, pages = SqlCollectionStore(database), SqlTrackingPages(database)
    version = committed(database, "d1", "best")
    portfolio = collections.ensure_portfolio(PROJECT, "links", "dataset", at=3.0)
    collections.link(portfolio.collection_id, version.version_id, ["staging"], at=4.0)
    item = put(trash, TrashKind.COLLECTION, version.collection_id)
    assert collections.collection_by_name(PROJECT, "ds") is None
    assert SqlVersionStore(database).version(version.version_id) is None
    assert collections.aliases_of_collection(portfolio.collection_id) == []
    fresh = committed(database, "d1")
    assert fresh.version_index == 0
    with pytest.raises(ConflictError, match="ds"):
        restore(trash, item)
    collections.delete_collection(fresh.collection_id, at=12.0)
    restore(trash, item)
    assert [list(entry.aliases) for entry in asyncio.run(pages.versions(version.collection_id))] == [["best", "latest"]]
    assert [alias.alias for alias in collections.aliases_of_collection(portfolio.collection_id)] == ["latest", "staging"]
    put(trash, TrashKind.COLLECTION, version.collection_id)
    collections.purge_collection(version.collection_id, at=13.0)
    assert database.read_sync(lambda tx: tx.all("SELECT 1 FROM artifact_version WHERE collection_id = ?", (version.collection_id,))) == []


def test_what_is_due_goes_for_good_and_what_fails_is_tried_again(database: Database, trash: SqlTrashStore) -> None:
    gone: list[str] = []

    async def remove(subject: str) -> None:
        if not gone:
            gone.append("tried")
            raise ConflictError("busy")
        gone.append(subject)

    class Ids:
        def new_uuid(self) -> str:
            return "batch"

        def new_int(self) -> int:
            return 1

    clock = HandClock(100.0)
    service = TrashService(trash, before={}, removers={TrashKind.TRACKED_RUN: remove}, keep_seconds=50.0, clock=clock, ids=Ids())
    add_tracked(database, 100, "abc")
    asyncio.run(service.put(TrashKind.TRACKED_RUN, "100", batch=service.new_batch(), by="ann"))
    assert asyncio.run(service.empty_due()) == 150.0
    clock.time = 150.0
    assert asyncio.run(service.empty_due()) == 750.0
    assert asyncio.run(service.empty_due()) is None
    assert gone == ["tried", "100"]
    assert asyncio.run(service.items()) == []
