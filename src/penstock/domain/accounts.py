"""Who may ask: API keys, callers, entities. An entity is the first part of a tracked run's address: a user, a team, the organization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
