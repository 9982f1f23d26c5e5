"""Roles, disabled users and invitations on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from penstock.domain.accounts import Caller, EntityKind, Role
from penstock.domain.errors import NotFoundError, RoleNeededError, UnauthenticatedError
from penstock.stores.sql.accounts import SqlEntityStore, SqlInviteStore, SqlKeyStore
from penstock.stores.sql.database import Database
from penstock.tracking.accounts import AccountService
from penstock.tracking.invites import LIFETIME_SECONDS, InviteService
from penstock.tracking.keys import KeyService
from tests.support.tracking import HandClock


@pytest.fixture
def accounts(database: Database, clock: HandClock) -> AccountService:
    service = AccountService(SqlEntityStore(database), clock, default_user="boss")
    service.start()
    return service


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_users_are_members_until_an_administrator_says_otherwise(database: Database, accounts: AccountService) -> None:
    store = SqlEntityStore(database)
    accounts.add_user("ann@example.org")
    assert accounts.standing("ann") is Role.MEMBER
    assert accounts.standing("boss") is Role.ADMIN
    with pytest.raises(RoleNeededError, match="this needs the role admin; you have member"):
        accounts.change_role(Caller("ann", role=Role.MEMBER), "ann", Role.ADMIN)
    accounts.change_role(accounts.owner, "ann", Role.VIEWER)
    assert accounts.standing("ann") is Role.VIEWER
    with pytest.raises(NotFoundError):
        accounts.change_role(accounts.owner, "nobody", Role.VIEWER)
    store.ensure_entity("crew", EntityKind.TEAM, at=1.0)
    assert not store.set_role("crew", Role.ADMIN)
    boss, ann = store.entity("boss"), store.entity("ann")
    assert boss is not None
    assert ann is not None
    assert (boss.role, ann.role, ann.disabled_at) == (Role.ADMIN, Role.VIEWER, None)


def test_another_process_learns_of_a_change_within_seconds(database: Database, clock: HandClock, accounts: AccountService) -> None:
    other = AccountService(SqlEntityStore(database), clock, default_user="boss")
    accounts.add_user("ann@example.org")
    keys = KeyService(SqlKeyStore(database), clock, standing=other.standing)
    key = keys.make("ann").text
    assert keys.check(key).role is Role.MEMBER
    accounts.switch(accounts.owner, "ann", is_enabled=False)
    clock.time += 6.0
    with pytest.raises(UnauthenticatedError, match="disabled"):
        keys.check(key)
    accounts.switch(accounts.owner, "ann", is_enabled=True)
    clock.time += 6.0
    assert keys.check(key).user_name == "ann"


def test_the_list_of_users_knows_their_keys(database: Database, clock: HandClock, accounts: AccountService) -> None:
    accounts.add_user("ann@example.org")
    accounts.add_service_account("night jobs")
    keys = KeyService(SqlKeyStore(database), clock, standing=accounts.standing)
    keys.check(keys.make("ann").text)
    keys.make("ann")
    database.write_sync(lambda tx: None)  # the time of use is noted before this
    ann, boss, robot = accounts.accounts(keys.list())
    assert (ann.user_name, ann.email, ann.keys, ann.last_used_at, ann.is_service) == ("ann", "ann@example.org", 2, clock.now(), False)
    assert (boss.is_owner, boss.role, boss.last_used_at) == (True, Role.ADMIN, None)
    assert (robot.user_name, robot.is_service, robot.keys) == ("night-jobs", True, 0)


def test_an_invitation_is_accepted_once_and_in_time(database: Database, clock: HandClock, accounts: AccountService) -> None:
    keys = KeyService(SqlKeyStore(database), clock, standing=accounts.standing)
    invites = InviteService(SqlInviteStore(database), keys, clock)
    accounts.add_user("ann@example.org")
    with pytest.raises(RoleNeededError):
        invites.make(Caller("ann", role=Role.MEMBER), "ann")
    first, late = invites.make(accounts.owner, "ann"), invites.make(accounts.owner, "ann")
    assert keys.check(invites.accept(first.token).text).user_name == "ann"
    with pytest.raises(NotFoundError):
        invites.accept(first.token)
    assert [invite.invite_id for invite in invites.list()] == [late.invite.invite_id]
    clock.time += LIFETIME_SECONDS + 1
    with pytest.raises(NotFoundError):
        invites.accept(late.token)
    with pytest.raises(NotFoundError):
        invites.withdraw(accounts.owner, late.invite.invite_id)
    assert len(keys.list("ann")) == 1
