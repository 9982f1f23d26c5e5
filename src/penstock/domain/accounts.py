"""Who may ask: API keys, callers, entities. An entity is the first part of a tracked run's address: a user, a team, the organization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.domain.errors import RoleNeededError


class Role(StrEnum):
    """What a user may do on the whole server, in W&B's words; each may do what those before it may."""

    VIEWER = "viewer"
    """Reads."""
    MEMBER = "member"
    """Runs and records: everything but what is an administrator's."""
    ADMIN = "admin"
    """Also users, secrets, backups and the System page."""

    def covers(self, needed: Role) -> bool:
        """Whether somebody of this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class EntityKind(StrEnum):
    """What an entity stands for."""

    USER = "user"
    """One person; its projects are that person's alone to write."""
    TEAM = "team"
    """Shared by everybody who has a key of this server."""
    ORGANIZATION = "organization"
    """Holds the registries; shared like a team."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An owner of projects."""

    entity_id: int
    name: str
    kind: EntityKind
    created_at: float
    role: Role = Role.MEMBER
    """Of a user; teams have none that counts."""
    disabled_at: float | None = None
    """Since when the user's keys are refused."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is remembered: never the key itself."""

    key_id: str
    prefix: str
    """First characters of the key, to tell keys apart in lists."""
    user_name: str
    description: str
    created_at: float
    scope: Mapping[str, str] = field(default_factory=dict)
    """Empty, or `run_id` and `task_id` of the pipeline task that the key was made for."""
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None

    def is_valid_at(self, now: float) -> bool:
        """Whether the key opens the door at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    user_name: str
    key_id: str = ""
    """Empty when no key was needed (command line, loopback pages)."""
    scope: Mapping[str, str] = field(default_factory=dict)
    """As in `ApiKey.scope`."""
    role: Role = Role.VIEWER
    """The least, unless whoever knows better says so."""

    def need(self, needed: Role) -> None:
        """Make sure that the caller has the role `needed`, or one that may do more.

        Raises:
            RoleNeededError: it has not.
        """
        if not self.role.covers(needed):
            raise RoleNeededError(needed.value, self.role.value)


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the list of users shows it."""

    user_name: str
    email: str
    role: Role
    is_service: bool
    """Made for programs."""
    is_owner: bool
    """The server's own user, who cannot be disabled and stays an administrator."""
    created_at: float
    disabled_at: float | None = None
    last_used_at: float | None = None
    """When one of its keys was last used; of the keys in force."""
    keys: int = 0
    """How many are in force."""


@dataclass(frozen=True, slots=True)
class Invite:
    """A link that makes one key for a user, once."""

    invite_id: str
    user_name: str
    made_by: str
    created_at: float
    expires_at: float
