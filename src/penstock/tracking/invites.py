"""Invitations: a link that makes one key for a user, once, so that nobody but that user ever sees the key."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from penstock.domain.accounts import Caller, Invite, Role
from penstock.domain.errors import NotFoundError
from penstock.interfaces.accounts import InviteStore
from penstock.interfaces.clock import Clock
from penstock.tracking.keys import KeyService, NewKey

LIFETIME_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class NewInvite:
    """An invitation that was just made; the only time its token is known."""

    invite: Invite
    token: str


class InviteService:
    """Makes and accepts invitations. Methods block for a database access at most."""

    def __init__(
        self, store: InviteStore, keys: KeyService, clock: Clock, *, random_token: Callable[[], str] = lambda: secrets.token_urlsafe(24)
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._random_token = random_token

    def make(self, by: Caller, user_name: str) -> NewInvite:
        """Invite a user; the link is good for a week.

        Raises:
            RoleNeededError: `by` is no administrator.
        """
        by.need(Role.ADMIN)
        token, now = self._random_token(), self._clock.now()
        digest = _digest(token)
        invite = Invite(digest[:16], user_name, by.user_name, now, now + LIFETIME_SECONDS)
        self._store.add_invite(invite, digest=digest)
        return NewInvite(invite, token)

    def list(self) -> list[Invite]:
        """Return invitations that can still be accepted, newest first."""
        return self._store.list_invites(now=self._clock.now())

    def find(self, token: str) -> Invite:
        """Return the invitation that a link leads to.

        Raises:
            NotFoundError: there is none, or it was accepted, withdrawn or not accepted in time.
        """
        found = self._store.invite_by_digest(_digest(token), now=self._clock.now())
        if found is None:
            raise NotFoundError("this invitation is not valid (any more); an administrator can make another one")
        return found

    def accept(self, token: str) -> NewKey:
        """Make the user's key; of several who hold the link the first one gets it.

        Raises:
            NotFoundError: as for `find`.
        """
        invite = self.find(token)
        if not self._store.close_invite(invite.invite_id, at=self._clock.now()):
            raise NotFoundError("this invitation was accepted already; an administrator can make another one")
        return self._keys.make(invite.user_name, description=f"invitation by {invite.made_by}")

    def withdraw(self, by: Caller, invite_id: str) -> None:
        """Make a link useless.

        Raises:
            RoleNeededError: `by` is no administrator.
            NotFoundError: there is no such open invitation.
        """
        by.need(Role.ADMIN)
        if not self._store.close_invite(invite_id, at=self._clock.now()):
            raise NotFoundError(f"there is no open invitation {invite_id!r}")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
