"""What the accounts use cases ask of a store: API keys and entities. All methods block; callers run them in threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from penstock.domain.accounts import ApiKey, Entity, EntityKind, Invite, Role


class KeyStore(Protocol):
    """API keys by their digest; the keys themselves are never stored."""

    def add_key(self, key: ApiKey, *, digest: str) -> None:
        """Remember `key` under `digest` (hex SHA-256 of the key text).

        Raises:
            AlreadyExistsError: a key with this digest or id exists.
        """
        ...

    def key_by_digest(self, digest: str) -> ApiKey | None:
        """Return the key with this digest, revoked and expired ones too."""
        ...

    def list_keys(self, *, user_name: str | None = None) -> list[ApiKey]:
        """Return keys that are not revoked and belong to no task, newest first."""
        ...

    def revoke_key(self, key_id: str, *, at: float) -> bool:
        """Make the key useless from `at` on; False when there is no such key or it was revoked before."""
        ...

    def touch_key(self, key_id: str, *, at: float) -> None:
        """Note when the key was last used."""
        ...


class EntityStore(Protocol):
    """Entities by name."""

    def entity(self, name: str) -> Entity | None:
        """Return the entity, or None."""
        ...

    def entity_by_id(self, entity_id: int) -> Entity | None:
        """Return the entity, or None."""
        ...

    def list_entities(self) -> list[Entity]:
        """Return all entities by name."""
        ...

    def ensure_entity(self, name: str, kind: EntityKind, *, at: float) -> Entity:
        """Return the entity of this name, made as `kind` if there is none. Safe to repeat; never changes an existing one's kind."""
        ...

    def set_role(self, name: str, role: Role) -> bool:
        """Give a user a role; False when there is no such user."""
        ...

    def set_disabled(self, name: str, *, at: float | None) -> bool:
        """Refuse a user's keys from `at` on, or accept them again; False when there is no such user."""
        ...

    def settings(self, prefix: str) -> Mapping[str, str]:
        """Return the values whose names begin with `prefix`, by the rest of the name."""
        ...

    def setting(self, name: str) -> str | None:
        """Return a value kept for the whole server (`server_setting`), or None."""
        ...

    def put_setting_once(self, name: str, value: str) -> str:
        """Keep `value` under `name` unless one is kept already; return what is kept now."""
        ...


class InviteStore(Protocol):
    """Invitations by the digest of their token; the tokens themselves are never stored."""

    def add_invite(self, invite: Invite, *, digest: str) -> None:
        """Remember an invitation."""
        ...

    def invite_by_digest(self, digest: str, *, now: float) -> Invite | None:
        """Return the invitation if it can still be accepted at `now`."""
        ...

    def list_invites(self, *, now: float) -> list[Invite]:
        """Return those that can still be accepted at `now`, newest first."""
        ...

    def close_invite(self, invite_id: str, *, at: float) -> bool:
        """Accept or withdraw an invitation; of several at once only one gets True."""
        ...
