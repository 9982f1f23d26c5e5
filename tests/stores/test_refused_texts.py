"""Texts that a database does not take, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from penstock.stores.sql.database import Database


@pytest.mark.parametrize("text", ["a\ud800b", "\x00", "nul \x00 inside"])
def test_a_text_that_is_none_for_the_database_is_kept_without_what_it_refuses(text: str, database: Database) -> None:
    sql = "INSERT INTO experiment (experiment_id, name, namespace, created_at) VALUES (:id, :name, '', 1)"
    database.write_sync(lambda tx: (tx.execute(sql, {"id": "before", "name": "b"}), tx.execute(sql, {"id": "e", "name": text})))

    found = database.write_sync(lambda tx: tx.one("SELECT experiment_id FROM experiment WHERE name = ?", (text,)))
    assert found is not None and found["experiment_id"] == "e"
    assert not database.write_sync(lambda tx: tx.all("SELECT * FROM experiment WHERE name = ?", (text + "\ud800",)))
    assert database.write_sync(lambda tx: tx.one("SELECT experiment_id FROM experiment WHERE name = 'b'")) is not None
