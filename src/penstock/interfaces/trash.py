"""The trash: moving things there and back in one transaction each. Removal for good is the business of each kind's own use cases."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from penstock.domain.trash import TrashItem, TrashKind


class TrashStore(Protocol):
    """What lies in the trash. Nothing in it is found by lists, names or clients."""

    async def put(self, kind: TrashKind, subject: str, *, batch: str, by: str, at: float, due_at: float) -> TrashItem:
        """Move a thing to the trash; one that lies there already stays as it is.

        Raises:
            NotFoundError: there is no such thing.
        """
        ...

    async def restore(self, item_id: int, *, by: str, at: float) -> TrashItem:
        """Put a thing back where it was, with the aliases that nobody took meanwhile.

        Raises:
            NotFoundError: it is not in the trash any more.
            ConflictError: its name is taken or its place is gone; it stays in the trash.
        """
        ...

    async def items(self, *, batch: str | None = None, limit: int = 500) -> Sequence[TrashItem]:
        """Return what lies there, last deleted first, all or of one batch."""
        ...

    async def get(self, item_id: int) -> TrashItem | None:
        """Return the item, or None."""
        ...

    async def of_subject(self, kind: TrashKind, subject: str) -> TrashItem | None:
        """Return what lies there under this id, or None."""
        ...

    async def due(self, at: float, *, limit: int) -> Sequence[TrashItem]:
        """Return items whose time has come, the oldest first."""
        ...

    async def next_due(self) -> float | None:
        """Return when the next item is due, or None for an empty trash."""
        ...

    async def forget(self, item_id: int) -> None:
        """Take the item off the list: the thing was removed for good. Missing is fine."""
        ...


class Remover(Protocol):
    """Removes one kind of thing for good, whatever state it is in; what is gone already is fine."""

    def __call__(self, subject: str) -> Awaitable[None]:
        """Remove the thing of this id."""
        ...
