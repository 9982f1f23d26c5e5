"""API keys and entities in SQL (`interfaces.accounts`)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from penstock.domain.accounts import ApiKey, Entity, EntityKind, Invite, Role
from penstock.domain.errors import AlreadyExistsError
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.version_rows import only


class SqlKeyStore:
    """`KeyStore` over table `api_key`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_key(self, key: ApiKey, *, digest: str) -> None:
        """See `KeyStore.add_key`."""

        def work(tx: Transaction) -> None:
            if tx.one("SELECT 1 FROM api_key WHERE digest = ? OR key_id = ?", (digest, key.key_id)) is not None:
                raise AlreadyExistsError("this API key exists already")
            tx.execute(
                "INSERT INTO api_key (key_id, digest, prefix, user_name, description, scope, created_at, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key.key_id, digest, key.prefix, key.user_name, key.description, json.dumps(dict(key.scope)),
                    key.created_at, key.expires_at,
                ),
            )  # fmt: skip

        self._database.write_sync(work)

    def key_by_digest(self, digest: str) -> ApiKey | None:
        """See `KeyStore.key_by_digest`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM api_key WHERE digest = ?", (digest,)))
        return None if row is None else _key_from_row(row)

    def list_keys(self, *, user_name: str | None = None) -> list[ApiKey]:
        """See `KeyStore.list_keys`."""
        rows = self._database.read_sync(
            lambda tx: tx.all(
                "SELECT * FROM api_key WHERE revoked_at IS NULL AND scope = '{}' AND (:user = '' OR user_name = :user)"
                " ORDER BY created_at DESC, key_id",
                {"user": user_name or ""},
            )
        )
        return [_key_from_row(row) for row in rows]

    def revoke_key(self, key_id: str, *, at: float) -> bool:
        """See `KeyStore.revoke_key`."""
        sql = "UPDATE api_key SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL"
        return self._database.write_sync(lambda tx: tx.execute(sql, (at, key_id))) > 0

    def touch_key(self, key_id: str, *, at: float) -> None:
        """See `KeyStore.touch_key`. Does not wait for the commit: the time of use may be lost, a request must not be slow."""
        self._database.submit(lambda tx: tx.execute("UPDATE api_key SET last_used_at = ? WHERE key_id = ?", (at, key_id)))


class SqlEntityStore:
    """`EntityStore` over tables `tracked_entity` and `server_setting`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entity(self, name: str) -> Entity | None:
        """See `EntityStore.entity`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM tracked_entity WHERE name = ?", (name,)))
        return None if row is None else _entity_from_row(row)

    def entity_by_id(self, entity_id: int) -> Entity | None:
        """See `EntityStore.entity_by_id`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM tracked_entity WHERE entity_id = ?", (entity_id,)))
        return None if row is None else _entity_from_row(row)

    def list_entities(self) -> list[Entity]:
        """See `EntityStore.list_entities`."""
        return [_entity_from_row(row) for row in self._database.read_sync(lambda tx: tx.all("SELECT * FROM tracked_entity ORDER BY name"))]

    def ensure_entity(self, name: str, kind: EntityKind, *, at: float) -> Entity:
        """See `EntityStore.ensure_entity`."""
        known = self.entity(name)
        if known is not None:
            return known

        def work(tx: Transaction) -> Row:
            tx.execute(
                "INSERT INTO tracked_entity (name, kind, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING", (name, kind.value, at)
            )
            return only(tx, "SELECT * FROM tracked_entity WHERE name = ?", (name,))

        return _entity_from_row(self._database.write_sync(work))

    def set_role(self, name: str, role: Role) -> bool:
        """See `EntityStore.set_role`."""
        sql = "UPDATE tracked_entity SET role = ? WHERE name = ? AND kind = 'user'"
        return self._database.write_sync(lambda tx: tx.execute(sql, (role.value, name))) > 0

    def set_disabled(self, name: str, *, at: float | None) -> bool:
        """See `EntityStore.set_disabled`."""
        sql = "UPDATE tracked_entity SET disabled_at = ? WHERE name = ? AND kind = 'user'"
        return self._database.write_sync(lambda tx: tx.execute(sql, (at, name))) > 0

    def settings(self, prefix: str) -> Mapping[str, str]:
        """See `EntityStore.settings`."""
        sql = "SELECT name, value FROM server_setting WHERE substr(name, 1, ?) = ?"
        rows = self._database.read_sync(lambda tx: tx.all(sql, (len(prefix), prefix)))
        return {str(row["name"])[len(prefix) :]: str(row["value"]) for row in rows}

    def setting(self, name: str) -> str | None:
        """See `EntityStore.setting`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT value FROM server_setting WHERE name = ?", (name,)))
        return None if row is None else str(row["value"])

    def put_setting_once(self, name: str, value: str) -> str:
        """See `EntityStore.put_setting_once`."""

        def work(tx: Transaction) -> Row:
            tx.execute("INSERT INTO server_setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, value))
            return only(tx, "SELECT value FROM server_setting WHERE name = ?", (name,))

        return str(self._database.write_sync(work)["value"])


def _key_from_row(row: Row) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        prefix=row["prefix"],
        user_name=row["user_name"],
        description=row["description"],
        created_at=row["created_at"],
        scope=json.loads(row["scope"]),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


def _entity_from_row(row: Row) -> Entity:
    return Entity(
        entity_id=row["entity_id"], name=row["name"], kind=EntityKind(row["kind"]), created_at=row["created_at"], role=Role(row["role"]),
        disabled_at=row["disabled_at"],
    )  # fmt: skip


class SqlInviteStore:
    """`InviteStore` over table `account_invite`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_invite(self, invite: Invite, *, digest: str) -> None:
        """See `InviteStore.add_invite`."""
        sql = "INSERT INTO account_invite (invite_id, digest, user_name, made_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)"
        row = (invite.invite_id, digest, invite.user_name, invite.made_by, invite.created_at, invite.expires_at)
        self._database.write_sync(lambda tx: tx.execute(sql, row))

    def invite_by_digest(self, digest: str, *, now: float) -> Invite | None:
        """See `InviteStore.invite_by_digest`."""
        sql = "SELECT * FROM account_invite WHERE digest = ? AND closed_at IS NULL AND expires_at > ?"
        row = self._database.read_sync(lambda tx: tx.one(sql, (digest, now)))
        return None if row is None else _invite_from_row(row)

    def list_invites(self, *, now: float) -> list[Invite]:
        """See `InviteStore.list_invites`."""
        sql = "SELECT * FROM account_invite WHERE closed_at IS NULL AND expires_at > ? ORDER BY created_at DESC, invite_id"
        return [_invite_from_row(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (now,)))]

    def close_invite(self, invite_id: str, *, at: float) -> bool:
        """See `InviteStore.close_invite`."""
        sql = "UPDATE account_invite SET closed_at = ? WHERE invite_id = ? AND closed_at IS NULL AND expires_at > ?"
        return self._database.write_sync(lambda tx: tx.execute(sql, (at, invite_id, at))) > 0


def _invite_from_row(row: Row) -> Invite:
    return Invite(row["invite_id"], row["user_name"], row["made_by"], row["created_at"], row["expires_at"])
