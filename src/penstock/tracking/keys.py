"""API keys: made, checked, listed, revoked. Keys are 40 lower-case hex characters, which every wandb client accepts.

A key is shown once, when it is made; the store keeps its SHA-256. Keys for pipeline tasks carry a scope and an end.
Checks are answered from memory for a few seconds, so that a file stream does not ask the database at every post; a revocation in
this process works at once, one made by another process within `_TRUST_SECONDS`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from penstock.domain.accounts import ApiKey, Caller, Role
from penstock.domain.errors import NotFoundError, UnauthenticatedError
from penstock.interfaces.accounts import KeyStore
from penstock.interfaces.clock import Clock

_KEY = re.compile(r"(?:local-)?([0-9a-f]{40})")
_TRUST_SECONDS = 5.0
_TOUCH_SECONDS = 60.0
_PREFIX_LENGTH = 6
_MAX_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; the only time its text is known."""

    key: ApiKey
    text: str
    """40 lower-case hex characters."""


class KeyService:
    """Makes and checks keys. All methods block for a database access at most; safe to use from several threads."""

    def __init__(
        self,
        store: KeyStore,
        clock: Clock,
        *,
        random_key: Callable[[], str] = lambda: secrets.token_hex(20),
        derived: Callable[[str], ApiKey | None] | None = None,
        standing: Callable[[str], Role] = lambda user_name: Role.MEMBER,
    ) -> None:
        """Keep keys in `store`.

        Args:
            store: where keys are.
            clock: wall clock.
            random_key: draws the text of a new key.
            derived: recognises keys that are not stored (those of pipeline tasks, `tracking.task_keys`).
            standing: role of a user; raises UnauthenticatedError for one whose keys are refused.
        """
        self._store = store
        self._clock = clock
        self._random_key = random_key
        self._derived = derived
        self._standing = standing
        self._lock = threading.Lock()
        self._trusted: dict[str, tuple[float, ApiKey]] = {}

    def make(
        self, user_name: str, *, description: str = "", scope: Mapping[str, str] | None = None, lifetime_seconds: float | None = None
    ) -> NewKey:
        """Make a key for `user_name`; its text is in the answer and nowhere else."""
        text = self._random_key()
        now = self._clock.now()
        expires_at = None if lifetime_seconds is None else now + lifetime_seconds
        digest = _digest(text)
        key = ApiKey(
            key_id=digest[:16], prefix=text[:_PREFIX_LENGTH], user_name=user_name, description=description, created_at=now,
            scope=dict(scope or {}), expires_at=expires_at,
        )  # fmt: skip
        self._store.add_key(key, digest=digest)
        return NewKey(key, text)

    def adopt(self, text: str, user_name: str, *, description: str = "") -> None:
        """Make sure that `text`, a key made earlier (kept in the data folder), is valid. Safe to repeat; a revoked key stays revoked.

        Raises:
            UnauthenticatedError: `text` is not a key.
        """
        bare = _bare_key(text)
        digest = _digest(bare)
        if self._store.key_by_digest(digest) is None:
            key = ApiKey(digest[:16], bare[:_PREFIX_LENGTH], user_name, description, self._clock.now())
            self._store.add_key(key, digest=digest)

    def check(self, text: str) -> Caller:
        """Return who `text` belongs to.

        Raises:
            UnauthenticatedError: it is no key of this server, it was revoked, it has expired, or its user is disabled.
        """
        digest = _digest(_bare_key(text))
        now = self._clock.now()
        with self._lock:
            seen = self._trusted.get(digest)
        if seen is not None and now - seen[0] < _TRUST_SECONDS:
            key: ApiKey | None = seen[1]
        else:
            key = self._store.key_by_digest(digest)
            if key is None and self._derived is not None:
                key = self._derived(_bare_key(text))
            if key is not None and key.is_valid_at(now):
                self._remember(digest, key, now)
        if key is None or not key.is_valid_at(now):
            raise UnauthenticatedError("the API key is not valid on this server; `penstock env` prints a valid one")
        role = self._standing(key.user_name)
        # Whoever started the pipeline, its tasks carry the name of the server's own user: they get no more than running and recording.
        if key.scope and role.covers(Role.MEMBER):
            role = Role.MEMBER
        return Caller(user_name=key.user_name, key_id=key.key_id, scope=key.scope, role=role)

    def is_valid(self, text: str) -> bool:
        """Whether `text` is a key that `check` accepts."""
        try:
            self.check(text)
        except UnauthenticatedError:
            return False
        return True

    def list(self, user_name: str | None = None) -> list[ApiKey]:
        """Return the keys in force that people made, newest first; of one user if given."""
        now = self._clock.now()
        return [key for key in self._store.list_keys(user_name=user_name) if key.is_valid_at(now)]

    def revoke(self, key_id: str) -> None:
        """Make a key useless at once.

        Raises:
            NotFoundError: there is no such key in force.
        """
        if not self._store.revoke_key(key_id, at=self._clock.now()):
            raise NotFoundError(f"no API key {key_id!r} is in force")
        self._forget()

    def _remember(self, digest: str, key: ApiKey, now: float) -> None:
        if key.last_used_at is None or now - key.last_used_at >= _TOUCH_SECONDS:
            self._store.touch_key(key.key_id, at=now)
        with self._lock:
            if len(self._trusted) >= _MAX_REMEMBERED:
                self._trusted.clear()
            self._trusted[digest] = (now, key)

    def _forget(self) -> None:
        with self._lock:
            self._trusted.clear()


def _bare_key(text: str) -> str:
    match = _KEY.fullmatch(text.strip())
    if match is None:
        raise UnauthenticatedError("an API key of this server is 40 hexadecimal characters; `penstock env` prints one")
    return match.group(1)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("ascii")).hexdigest()
