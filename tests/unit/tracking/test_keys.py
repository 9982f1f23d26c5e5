"""API keys and entities over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.tracking import HandClock

from penstock.domain.accounts import Caller, Role
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from penstock.stores.sql.accounts import SqlEntityStore, SqlKeyStore
from penstock.stores.sql.database import Database, open_database
from penstock.tracking.accounts import AccountService, name_from_login
from penstock.tracking.keys import KeyService


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path / 'p.db'}", synchronous="OFF")
    yield found
    found.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def keys(database: Database, clock: HandClock) -> KeyService:
    return KeyService(SqlKeyStore(database), clock)


@pytest.fixture
def accounts(database: Database, clock: HandClock) -> AccountService:
    service = AccountService(SqlEntityStore(database), clock, default_user="ann")
    service.start()
    return service


def test_a_key_is_forty_hex_characters_and_opens_the_door(keys: KeyService) -> None:
    made = keys.make("ann", description="laptop")
    assert len(made.text) == 40
    assert set(made.text) <= set("0123456789abcdef")
    assert keys.check(made.text) == Caller("ann", made.key.key_id, role=Role.MEMBER)
    assert keys.check(f"local-{made.text}").user_name == "ann"


def test_the_key_itself_is_not_stored(keys: KeyService, database: Database, tmp_path: Path) -> None:
    made = keys.make("ann")
    rows = database.read_sync(lambda tx: [dict(row) for row in tx.all("SELECT * FROM api_key")])
    assert made.text not in str(rows)


@pytest.mark.parametrize("text", ["", "x", "a" * 39, "A" * 40, "a" * 40, "local-", "../" + "a" * 40])
def test_other_texts_do_not(keys: KeyService, text: str) -> None:
    with pytest.raises(UnauthenticatedError):
        keys.check(text)
    assert not keys.is_valid(text)


def test_a_revoked_key_stops_working_at_once(keys: KeyService) -> None:
    made = keys.make("ann")
    keys.check(made.text)
    keys.revoke(made.key.key_id)
    assert not keys.is_valid(made.text)
    with pytest.raises(NotFoundError):
        keys.revoke(made.key.key_id)


def test_a_revoked_first_key_is_not_adopted_again(keys: KeyService) -> None:
    keys.adopt("c" * 40, "ann")
    keys.revoke(keys.list("ann")[0].key_id)
    keys.adopt("c" * 40, "ann")
    assert not keys.is_valid("c" * 40)


def test_a_task_key_ends_with_its_time_and_is_not_listed(keys: KeyService, clock: HandClock) -> None:
    made = keys.make("ann", scope={"run_id": "r", "task_id": "t"}, lifetime_seconds=60)
    assert keys.check(made.text).scope == {"run_id": "r", "task_id": "t"}
    assert keys.list() == []
    clock.time += 61
    assert not keys.is_valid(made.text)


def test_entities_come_into_being_as_teams(accounts: AccountService) -> None:
    ann, bob = Caller("ann"), Caller("bob")
    assert accounts.open_for_writing(ann, None) == "ann"
    assert accounts.open_for_writing(ann, "acme") == accounts.open_for_writing(bob, "acme") == "acme"
    assert "acme" in [team.name for team in accounts.teams()]


def test_anothers_entity_is_closed(accounts: AccountService) -> None:
    ann, bob = Caller("ann"), Caller("bob")
    accounts.open_for_writing(bob, None)
    with pytest.raises(PermissionDeniedError):
        accounts.open_for_writing(bob, "ann")
    assert not accounts.is_readable(ann, "bob")
    assert accounts.is_readable(ann, "ann")


@pytest.mark.parametrize("name", ["graphql", "Files", "artifactsV2", "a/b", ".hidden", ""])
def test_names_that_cannot_be_entities(accounts: AccountService, name: str) -> None:
    if not name:
        assert accounts.open_for_writing(Caller("ann"), name) == "ann"
        return
    with pytest.raises(InvalidArgumentError):
        accounts.open_for_writing(Caller("ann"), name)


@pytest.mark.parametrize(("login", "name"), [("ann", "ann"), ("CORP\\ann b", "CORP-ann-b"), ("graphql", "graphql-user"), ("...", "user")])
def test_login_names_become_entity_names(login: str, name: str) -> None:
    assert name_from_login(login) == name
