"""Values that no row can hold: whoever sent them is told so, in each kind of database, and others' work goes on."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.stores.sql.database import Database

_INSERT = "INSERT INTO spec (digest, kind, name, content, created_at) VALUES (?, 'kfp', ?, '{}', 0)"


@pytest.mark.parametrize("value", ["half \ud83d", "nul \x00"])
def test_text_that_cannot_be_looked_for_is_a_wrong_request(database: Database, value: str) -> None:
    if "\x00" in value and database.dialect.name == "sqlite":
        assert database.read_sync(lambda tx: tx.all("SELECT * FROM spec WHERE name = ?", (value,))) == []
        return
    with pytest.raises(InvalidArgumentError, match="cannot be stored or looked for"):
        database.read_sync(lambda tx: tx.all("SELECT * FROM spec WHERE name = ?", (value,)))
    with pytest.raises(InvalidArgumentError, match="cannot be stored or looked for"):
        database.write_sync(lambda tx: tx.execute(_INSERT, ("a", value)))


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
