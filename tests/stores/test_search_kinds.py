"""What the search finds beside names: sweeps, reports, and objects by their tags; and what lies in the store by type."""

from __future__ import annotations

import pytest

from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_home import SqlHomePages
from tests.stores.test_namespaces import seed


@pytest.fixture
def database(database: Database) -> Database:
    database.write_sync(seed)
    database.write_sync(more)
    return database


def more(tx: Transaction) -> None:
    """A sweep, reports of several kinds, tags, artifacts of two types."""
    tx.execute(
        "INSERT INTO sweep (project_id, name, display_name, config, method, state, created_at, updated_at)"
        " VALUES (2, 'abc123', 'Rates of March', '', 'grid', 'RUNNING', 1, 1)"
    )
    for kind, title in (("runs", "Findings of March"), ("penstock/frozen", "March frozen"), ("penstock/comment", "March comment")):
        tx.execute(
            "INSERT INTO report (project_id, type, name, display_name, user_name, created_at, updated_at) VALUES (2, ?, 'x', ?, 'ann', 1, 1)",
            (kind, title),
        )
    tx.execute("UPDATE run SET tags = '{\"season\":\"march\"}' WHERE run_id = 'of-ann'")
    tx.execute("UPDATE run SET tags = '{\"season\":\"march\"}', storage_state = 'TRASHED' WHERE run_id = 'of-bob'")
    tx.execute("UPDATE pipeline SET tags = '{\"season\":\"march\"}' WHERE pipeline_id = 'of-bob'")
    for number, kind, digest, size in ((1, "system.Model", "sha256:a", 70), (2, "system.Model", "sha256:a", 70), (3, "system.Dataset", "sha256:b", 9)):
        tx.execute(
            "INSERT INTO artifact (artifact_id, run_id, name, type, uri, digest, size_bytes, created_at) VALUES (?, 'of-ann', 'x', ?, 'u', ?, ?, 1)",
            (number, kind, digest, size),
        )


async def test_sweeps_reports_and_tags_are_found(database: Database) -> None:
    found = {(hit.kind, hit.object_id, hit.entity) for hit in await SqlHomePages(database).search("march")}
    report = next(identity for kind, identity, _ in found if kind == "report")
    assert report.startswith("crew/digits/reports/")
    assert found == {
        ("sweep", "crew/digits/sweeps/abc123", "crew"), ("report", report, "crew"), ("tagged", "of-ann", ""), ("pipeline", "of-bob", ""),
    }  # fmt: skip


async def test_artifacts_are_told_apart_by_the_run_that_made_them_and_without_one_by_their_address(database: Database) -> None:
    def add(tx: Transaction) -> None:
        for number, run in ((4, "of-ann"), (5, "of-nobody")):
            tx.execute(
                "INSERT INTO artifact (artifact_id, run_id, name, type, uri, created_at) VALUES (?, ?, 'weights', 'system.Model', 's3://b/weights', ?)",
                (number, run, number),
            )

    database.write_sync(add)
    run = database.read_sync(lambda tx: tx.one("SELECT name FROM run WHERE run_id = 'of-ann'"))
    assert run is not None
    found = [(hit.object_id, hit.title, hit.detail) for hit in await SqlHomePages(database).search("weights") if hit.kind == "artifact"]
    assert found == [("5", "weights", "s3://b/weights"), ("4", "weights", run["name"])]


async def test_the_store_is_told_by_type_too(database: Database) -> None:
    shares = [share for share in await SqlHomePages(database).storage() if share.kind == "type"]
    assert [(share.name, share.contents, share.size_bytes) for share in shares] == [("system.Model", 1, 70), ("system.Dataset", 1, 9)]
