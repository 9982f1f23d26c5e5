"""Users, entities and the organization: who owns a project, who may write to it, what the default is.

One server serves one household of people: each key belongs to a user, each user has a personal entity, everybody shares the teams.
A team comes into being when somebody first logs to it, as code that names a team should run here unchanged. One organization
holds the registries; its entity is a team like any other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from penstock.domain.accounts import Account, ApiKey, Caller, Entity, EntityKind, Role
from penstock.domain.errors import (
    AccountDisabledError,
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
)
from penstock.interfaces.accounts import EntityStore
from penstock.interfaces.clock import Clock

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")
ORGANIZATION = "penstock"
"""Name of the one organization."""
ORGANIZATION_ENTITY = "penstock-org"
"""Entity that owns the organization's registries."""
_SIGNING_KEY = "wandb.url_signing_key"
_EMAIL = "wandb.email."
_SERVICE = "wandb.service_account."
"""Settings by user: the address, the description of a service account."""
_KEY_LENGTH = 40
_TRUST_SECONDS = 5.0
_MAX_REMEMBERED = 4096
RESERVED_ENTITIES = frozenset(
    {
        "graphql",
        "files", "artifacts", "artifactsv2", "authorize", "api", "apis", "oidc", "storage", "static", "healthz", "signin", "settings",
        "runs", "pipelines", "pipeline", "experiments", "recurring-runs", "recurringruns", "tasks", "lineage", "system", "metrics", "docs",
        "login", "logout", "events", "favicon.ico", "projects", "sweeps", "reports", "registry", "registries", "compare", "search", "flows",
        "ui", "s3", "metaflow", "ml_metadata",
        "health", "ping", "service", "flows-api", "k8s", "orgs", "artifact", "schedules", "cache", "help", "home", "keys", "new", "me",
    }
)  # fmt: skip
"""First path segments that every server uses itself; an entity of that name would have no address."""


def name_from_login(login: str, reserved: frozenset[str] = RESERVED_ENTITIES) -> str:
    """Return `login` as an entity name: other characters become `-`, reserved names get a suffix."""
    name = _NOT_IN_NAME.sub("-", login).strip("-._") or "user"
    return f"{name}-user" if name.lower() in reserved else name[:128]


class AccountService:
    """Entities and who may use them. Methods block for a database access at most."""

    def __init__(self, store: EntityStore, clock: Clock, *, default_user: str, reserved: frozenset[str] = RESERVED_ENTITIES) -> None:
        """Serve `default_user`'s server, where no entity gets a `reserved` name; call `start` once before anything else."""
        self._store = store
        self._reserved = reserved
        self._clock = clock
        self.default_user = default_user
        self._standings: dict[str, tuple[float, Entity | None]] = {}

    def start(self) -> None:
        """Make sure that the default user's entity and the organization's exist."""
        owner = self._store.ensure_entity(self.default_user, EntityKind.USER, at=self._clock.now())
        if owner.role is not Role.ADMIN:
            self._store.set_role(owner.name, Role.ADMIN)
        if owner.disabled_at is not None:
            self._store.set_disabled(owner.name, at=None)
        self._store.ensure_entity(ORGANIZATION_ENTITY, EntityKind.ORGANIZATION, at=self._clock.now())

    def entity(self, name: str) -> Entity | None:
        """Return the entity, or None."""
        return self._store.entity(name)

    def entity_by_id(self, entity_id: int) -> Entity | None:
        """Return the entity, or None."""
        return self._store.entity_by_id(entity_id)

    def personal_entity(self, user_name: str) -> Entity:
        """Return the user's own entity, made when missing."""
        return self._store.ensure_entity(user_name, EntityKind.USER, at=self._clock.now())

    def teams(self) -> list[Entity]:
        """Return every entity that all users share."""
        return [entity for entity in self._store.list_entities() if entity.kind is not EntityKind.USER]

    def users(self) -> list[Entity]:
        """Return the personal entities."""
        return [entity for entity in self._store.list_entities() if entity.kind is EntityKind.USER]

    def email(self, user_name: str) -> str:
        """Return the address that the user was made with; without one, an address of this machine."""
        return self._store.setting(_EMAIL + user_name) or f"{user_name}@localhost"

    def find_user(self, name_or_email: str) -> Entity | None:
        """Return the user of this name or address, or None."""
        known = self._store.entity(name_or_email)
        if known is not None and known.kind is EntityKind.USER:
            return known
        return next((person for person in self.users() if self.email(person.name) == name_or_email), None)

    def add_user(self, email: str) -> Entity:
        """Make a user named after the first part of an address.

        Raises:
            InvalidArgumentError: not an address.
            AlreadyExistsError: somebody has this address, or an entity has the name.
        """
        local, at, host = email.partition("@")
        if not local or not at or not host:
            raise InvalidArgumentError(f"{email!r} is no e-mail address")
        if self.find_user(email) is not None:
            raise AlreadyExistsError(f"there is a user {email!r} already")
        return self._new_user(name_from_login(local, self._reserved), email)

    def add_service_account(self, description: str) -> Entity:
        """Make a user for programs; `service_key` is what it signs in with.

        Raises:
            InvalidArgumentError: the description is empty.
            AlreadyExistsError: an entity has the name that the description leads to.
        """
        if not description.strip():
            raise InvalidArgumentError("a service account needs a description")
        name = name_from_login(description.strip(), self._reserved)
        made = self._new_user(name, f"{name}@localhost")
        self._store.put_setting_once(_SERVICE + name, description)
        return made

    def service_key(self, user_name: str) -> str | None:
        """Return the key of a service account, None for people: it follows from the server's secret, so it can be shown again."""
        if self._store.setting(_SERVICE + user_name) is None:
            return None
        return hmac.new(self.url_signing_key(), f"service account {user_name}".encode(), hashlib.sha256).hexdigest()[:_KEY_LENGTH]

    @property
    def owner(self) -> Caller:
        """The server's own user, who asks when no key is needed and none was given."""
        return Caller(self.default_user, role=Role.ADMIN)

    def standing(self, user_name: str) -> Role:
        """Return a user's role. Answered from memory for a few seconds; a change made in this process counts at once.

        Raises:
            AccountDisabledError: the user is disabled.
        """
        if user_name == self.default_user:
            return Role.ADMIN
        now = self._clock.now()
        seen = self._standings.get(user_name)
        if seen is None or not 0 <= now - seen[0] < _TRUST_SECONDS:
            if len(self._standings) >= _MAX_REMEMBERED:
                self._standings.clear()
            seen = self._standings[user_name] = (now, self._store.entity(user_name))
        known = seen[1]
        if known is not None and known.disabled_at is not None:
            raise AccountDisabledError(f"the account of {user_name!r} is disabled; an administrator of this server can enable it")
        return Role.MEMBER if known is None else known.role

    def accounts(self, keys: Iterable[ApiKey] = ()) -> list[Account]:
        """Return all users by name, with what `keys` tell of them. Three reads, however many there are."""
        own: dict[str, list[ApiKey]] = {}
        for key in keys:
            own.setdefault(key.user_name, []).append(key)
        emails, services = self._store.settings(_EMAIL), self._store.settings(_SERVICE)
        return [
            Account(
                person.name, emails.get(person.name, ""), person.role, person.name in services, person.name == self.default_user,
                person.created_at, person.disabled_at, _last_used(own.get(person.name, ())), len(own.get(person.name, ())),
            )
            for person in self.users()
        ]  # fmt: skip

    def change_role(self, by: Caller, user_name: str, role: Role) -> None:
        """Give a user a role.

        Raises:
            RoleNeededError: `by` is no administrator.
            NotFoundError: there is no such user.
            PreconditionError: it is the server's own user.
        """
        self._check_change(by, user_name)
        self._store.set_role(user_name, role)
        self._standings.clear()

    def switch(self, by: Caller, user_name: str, *, is_enabled: bool) -> None:
        """Refuse a user's keys from now on, or accept them again; nothing that the user made is touched.

        Raises:
            RoleNeededError: `by` is no administrator.
            NotFoundError: there is no such user.
            PreconditionError: it is the server's own user, or `by` itself.
        """
        self._check_change(by, user_name)
        if user_name == by.user_name and not is_enabled:
            raise PreconditionError("you cannot disable yourself")
        self._store.set_disabled(user_name, at=None if is_enabled else self._clock.now())
        self._standings.clear()

    def _check_change(self, by: Caller, user_name: str) -> None:
        by.need(Role.ADMIN)
        known = self._store.entity(user_name)
        if known is None or known.kind is not EntityKind.USER:
            raise NotFoundError(f"there is no user {user_name!r}")
        if user_name == self.default_user:
            raise PreconditionError(f"{user_name!r} is the server's own user: it stays an administrator and cannot be disabled")

    def _new_user(self, name: str, email: str) -> Entity:
        if self._store.entity(name) is not None:
            raise AlreadyExistsError(f"there is an entity {name!r} already")
        made = self._store.ensure_entity(name, EntityKind.USER, at=self._clock.now())
        self._store.put_setting_once(_EMAIL + name, email)
        return made

    def resolve(self, caller: Caller, name: str | None) -> str:
        """Return `name`, or the caller's default entity when it is missing or empty."""
        return name or caller.user_name

    def open_for_writing(self, caller: Caller, name: str | None) -> str:
        """Return the entity to write to, made as a team when nobody has used the name yet.

        Raises:
            InvalidArgumentError: no entity can have this name.
            PermissionDeniedError: it is another user's.
        """
        resolved = self.resolve(caller, name)
        if not _NAME.fullmatch(resolved):
            raise InvalidArgumentError(f"{resolved!r} cannot be the name of an entity: use letters, digits, '-', '_' and '.'")
        if resolved.lower() in self._reserved:
            raise InvalidArgumentError(f"entity {resolved!r} is reserved: the server itself uses the address /{resolved}")
        if resolved == caller.user_name:
            return self.personal_entity(resolved).name
        entity = self._store.ensure_entity(resolved, EntityKind.TEAM, at=self._clock.now())
        self._allow(caller, entity)
        return entity.name

    def is_readable(self, caller: Caller, name: str) -> bool:
        """Whether the caller may see what entity `name` owns: own and shared entities; what nobody owns yet counts as shared."""
        if name == caller.user_name:
            return True
        entity = self._store.entity(name)
        return entity is None or entity.kind is not EntityKind.USER

    def check_writable(self, caller: Caller, name: str) -> None:
        """Make sure that the caller may change what entity `name` owns.

        Raises:
            PermissionDeniedError: it is another user's.
        """
        if name != caller.user_name and (entity := self._store.entity(name)) is not None:
            self._allow(caller, entity)

    def url_signing_key(self) -> bytes:
        """Return the secret that signs this server's file addresses; made on first use and kept in the database."""
        known = self._store.setting(_SIGNING_KEY)
        return bytes.fromhex(known or self._store.put_setting_once(_SIGNING_KEY, secrets.token_hex(32)))

    def _allow(self, caller: Caller, entity: Entity) -> None:
        if entity.kind is EntityKind.USER and entity.name != caller.user_name:
            raise PermissionDeniedError(f"entity {entity.name!r} belongs to another user; you are {caller.user_name!r}")


def _last_used(keys: Iterable[ApiKey]) -> float | None:
    return max((key.last_used_at for key in keys if key.last_used_at is not None), default=None)
