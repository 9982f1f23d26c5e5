"""Values that no row can hold: whoever sent them is told so, in each kind of database, and others' work goes on."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.stores.sql.database import Database

_INSERT = "INSERT INTO spec (digest, kind, name, content, created_at) VALUES (?, 'kfp', ?, '{}', 0)"


@pytest.mark.parametrize("text", ["a\ud800b", "\x00", "nul \x00 inside"])
def test_text_that_a_statement_cannot_send_is_kept_and_looked_for_without_what_the_database_refuses(database: Database, text: str) -> None:
    sql = "INSERT INTO experiment (experiment_id, name, namespace, created_at) VALUES (:id, :name, '', 1)"
    database.write_sync(lambda tx: (tx.execute(sql, {"id": "before", "name": "b"}), tx.execute(sql, {"id": "e", "name": text})))

    found = database.write_sync(lambda tx: tx.one("SELECT experiment_id FROM experiment WHERE name = ?", (text,)))
    assert found is not None and found["experiment_id"] == "e"
    assert not database.write_sync(lambda tx: tx.all("SELECT * FROM experiment WHERE name = ?", (text + "\ud800",)))
    assert database.write_sync(lambda tx: tx.one("SELECT experiment_id FROM experiment WHERE name = 'b'")) is not None


@pytest.mark.parametrize("value", ["half \ud83d", "nul \x00"])
def test_rows_of_which_one_has_such_text_are_a_wrong_request_together(database: Database, value: str) -> None:
    def put() -> None:
        database.write_sync(lambda tx: tx.many(_INSERT, [("a", "a"), ("b", value)]))

    is_held = "\x00" in value and database.dialect.name == "sqlite"
    if is_held:
        put()
    else:
        with pytest.raises(InvalidArgumentError, match="cannot be stored or looked for"):
            put()
    found = database.read_sync(lambda tx: tx.all("SELECT name FROM spec WHERE digest IN ('a', 'b') ORDER BY digest"))
    assert [row["name"] for row in found] == (["a", value] if is_held else [])


@pytest.mark.parametrize("number", [2**63, -(2**70)])
def test_a_number_beyond_its_column_is_a_wrong_request_and_stores_nothing(database: Database, number: int) -> None:
    sql = "INSERT INTO artifact_label (artifact_id, kind, label, sequence, at) VALUES (?, 'tag', 'x', 0, 0)"

    def both(tx: Any) -> None:
        tx.execute(_INSERT, ("b", "b"))
        tx.execute(sql, (number,))

    other = database.submit(lambda tx: tx.execute(_INSERT, ("other", "other")))
    with pytest.raises(InvalidArgumentError, match="cannot be stored or looked for"):
        database.write_sync(both)
    assert other.result() == 1
    assert [row["name"] for row in database.read_sync(lambda tx: tx.all("SELECT name FROM spec WHERE digest IN ('b', 'other')"))] == ["other"]


def test_a_fault_of_the_program_stays_what_it_is(database: Database) -> None:
    with pytest.raises(OverflowError):
        database.read_sync(lambda tx: float(10**400))
    with pytest.raises(Exception) as caught:
        database.read_sync(lambda tx: tx.all("SELECT nothing FROM spec"))
    assert not isinstance(caught.value, InvalidArgumentError)
