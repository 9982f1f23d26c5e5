"""Use cases of secrets and config maps: what tasks find in their environment and mounts. Values never leave by the API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.interfaces.catalog_store import SecretStore
from penstock.interfaces.clock import Clock

KINDS = ("secret", "configmap")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_MAX_BYTES = 1024 * 1024
"""All entries together; the limit that Kubernetes has."""


@dataclass(frozen=True, slots=True)
class SecretEntry:
    """What may be shown of a secret or config map."""

    kind: str
    name: str
    keys: Sequence[str]
    updated_at: float


class SecretService:
    """Sets, lists and removes secrets and config maps."""

    def __init__(self, store: SecretStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def put(self, kind: str, name: str, entries: Mapping[str, bytes], *, merge: bool = False) -> SecretEntry:
        """Store entries under a name, replacing all that were there, or only those of the same key with `merge`.

        Raises:
            InvalidArgumentError: kind, name or a key is not valid, or the entries are larger than 1 MiB together.
        """
        _check(kind, name)
        for key in entries:
            if not _KEY.fullmatch(key) or key in {".", ".."}:
                raise InvalidArgumentError(f"{key!r} cannot be a key of a {kind}: use letters, digits, '-', '_' and '.'")
        if merge:
            entries = {**(await self._store.read(kind, name) or {}), **entries}
        if sum(len(value) for value in entries.values()) > _MAX_BYTES:
            raise InvalidArgumentError(f"{kind} {name!r} is larger than 1 MiB")
        now = self._clock.now()
        await self._store.put(kind, name, entries, at=now)
        return SecretEntry(kind, name, sorted(entries), now)

    async def list(self, kind: str) -> list[SecretEntry]:
        """Return what there is of a kind, by name; keys only."""
        return [SecretEntry(kind, name, keys, updated_at) for name, keys, updated_at in await self._store.names(kind)]

    async def delete(self, kind: str, name: str) -> None:
        """Remove a secret or config map.

        Raises:
            NotFoundError: there is none of that name.
        """
        _check(kind, name)
        if not await self._store.delete(kind, name):
            raise NotFoundError(f"{kind} {name!r} not found")


def _check(kind: str, name: str) -> None:
    if kind not in KINDS:
        raise InvalidArgumentError(f"kind {kind!r} is not one of {', '.join(KINDS)}")
    if not _NAME.fullmatch(name):
        rule = "use lower-case letters, digits, '-' and '.', with a letter or a digit first and last"
        raise InvalidArgumentError(f"{name!r} cannot be the name of a {kind}: {rule}")
