"""What each user had in hand last, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from penstock.interfaces.recent_objects import MOST_KEPT
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.recent_objects import SqlRecentObjects
from tests.stores.test_namespaces import NOW, seed


def add_report(tx: Transaction) -> None:
    tx.execute(
        "INSERT INTO report (project_id, type, name, display_name, user_name, created_at, updated_at) VALUES (2, 'runs', '', 'March', 'eve', 1, 1)"
    )


@pytest.fixture
def database(database: Database) -> Database:
    database.write_sync(seed)
    database.write_sync(add_report)
    return database


async def listed(database: Database, user: str, **options: str) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.object_id, one.is_made) for one in await SqlRecentObjects(database).list(user, **options)]


async def test_all_kinds_are_listed_by_their_present_names_newest_first(database: Database) -> None:
    recent = SqlRecentObjects(database)
    kinds = [
        ("run", "of-ann"), ("pipeline", "of-bob"), ("experiment", "of-all"), ("recurring", "of-all"), ("project", "ann/digits"),
        ("tracked", "crew/digits/runs/r"), ("report", "crew/digits/reports/1"),
    ]  # fmt: skip
    for place, (kind, identity) in enumerate(kinds):
        await recent.note("eve", kind, identity, at=NOW + place)
    await recent.note("eve", "run", "of-ann", at=NOW + 50)
    database.write_sync(lambda tx: tx.execute("UPDATE run SET name = 'renamed' WHERE run_id = 'of-ann'"))
    found = await recent.list("eve")
    assert [(one.kind, one.object_id) for one in found] == [kinds[0], *reversed(kinds[1:])]
    assert (found[0].title, found[0].state) == ("renamed", "FAILED")
    assert [(one.title, one.detail, one.entity) for one in found[1:3]] == [("March", "crew/digits", "crew"), ("r", "crew/digits", "crew")]


async def test_what_is_gone_or_in_the_trash_drops_out(database: Database) -> None:
    recent = SqlRecentObjects(database)
    for identity in ("of-ann", "of-bob", "never-there"):
        await recent.note("eve", "run", identity, at=NOW)
    await recent.note("eve", "artifact", "no-number", at=NOW)
    await recent.note("eve", "sweep", "too/short", at=NOW)
    database.write_sync(lambda tx: tx.execute("UPDATE run SET storage_state = 'TRASHED' WHERE run_id = 'of-bob'"))
    assert await listed(database, "eve") == [("run", "of-ann", False)]


async def test_what_was_made_stays_made_and_users_have_their_own(database: Database) -> None:
    recent = SqlRecentObjects(database)
    await recent.note("eve", "run", "of-ann", at=NOW, is_made=True)
    await recent.note("eve", "run", "of-ann", at=NOW + 1)
    await recent.note("mel", "run", "of-bob", at=NOW + 1)
    assert await listed(database, "eve") == [("run", "of-ann", True)]
    assert await listed(database, "mel") == [("run", "of-bob", False)]
    assert await listed(database, "eve", namespace="bob") == []


async def test_runs_that_a_users_clients_made_are_there_unopened(database: Database) -> None:
    database.write_sync(lambda tx: tx.execute("UPDATE tracked_run SET user_name = 'bob' WHERE run_id = 2"))
    assert await listed(database, "bob") == [("tracked", "crew/digits/runs/r", True), ("flow", "Shop/2", True)]
    assert await listed(database, "bob", namespace="crew") == [("tracked", "crew/digits/runs/r", True)]


async def test_the_oldest_notes_of_a_user_go_first(database: Database) -> None:
    recent = SqlRecentObjects(database)
    await recent.note("mel", "run", "of-ann", at=NOW - 1)
    for place in range(MOST_KEPT + 3):
        await recent.note("eve", "run", f"run-{place}", at=NOW + place)
    count = database.read_sync(lambda tx: tx.all("SELECT user_name, COUNT(*) AS n FROM recent_object GROUP BY user_name ORDER BY user_name"))
    assert [(row["user_name"], row["n"]) for row in count] == [("eve", MOST_KEPT), ("mel", 1)]
