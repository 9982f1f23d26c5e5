"""The trash over all worlds: what the pages delete goes there; it comes back, or goes for good when its time has come."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from penstock.domain.errors import PenstockError
from penstock.domain.trash import TrashItem, TrashKind
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.trash import Remover, TrashStore

_log = logging.getLogger(__name__)
_BATCH = 50
_RETRY_SECONDS = 600.0


class TrashService:
    """Use cases of the trash."""

    def __init__(
        self,
        store: TrashStore,
        *,
        before: Mapping[TrashKind, Remover],
        removers: Mapping[TrashKind, Remover],
        keep_seconds: float,
        clock: Clock,
        ids: IdSource,
        moved: Callable[[TrashKind], None] = lambda kind: None,
    ) -> None:
        """Serve one server.

        Args:
            store: what lies in the trash.
            before: what has to be done before a thing of a kind is hidden, for example to stop a run.
            removers: removes a thing of each kind for good.
            keep_seconds: how long things lie in the trash.
            clock: wall clock.
            ids: names of batches.
            moved: called with its kind after a thing was hidden or restored, for those who remember it.
        """
        self._store = store
        self._before = before
        self._removers = removers
        self.keep_seconds = keep_seconds
        self._clock = clock
        self._ids = ids
        self._moved = moved

    def new_batch(self) -> str:
        """Return a name for what is deleted together."""
        return self._ids.new_uuid()

    async def put(self, kind: TrashKind, subject: str, *, batch: str, by: str) -> TrashItem:
        """Move a thing to the trash.

        Raises:
            NotFoundError: there is no such thing.
            PenstockError: it cannot be stopped.
        """
        if kind in self._before:
            await self._before[kind](subject)
        now = self._clock.now()
        item = await self._store.put(kind, subject, batch=batch, by=by, at=now, due_at=now + self.keep_seconds)
        self._moved(kind)
        if self.keep_seconds <= 0:
            await self.remove(item)
        return item

    async def restore(self, item_id: int, *, by: str) -> TrashItem:
        """Put a thing back where it was.

        Raises:
            NotFoundError: it is not in the trash any more.
            ConflictError: its name is taken or its place is gone.
        """
        item = await self._store.restore(item_id, by=by, at=self._clock.now())
        self._moved(item.kind)
        return item

    async def remove(self, item: TrashItem) -> None:
        """Remove a thing for good. Safe to repeat: what is gone already is fine.

        Raises:
            PenstockError: it could not be removed and stays in the trash.
        """
        await self._removers[item.kind](item.subject)
        await self._store.forget(item.item_id)

    async def items(self, *, batch: str | None = None, limit: int = 500) -> Sequence[TrashItem]:
        """Return what lies there, last deleted first, all or of one batch."""
        return await self._store.items(batch=batch, limit=limit)

    async def get(self, item_id: int) -> TrashItem | None:
        """Return the item, or None."""
        return await self._store.get(item_id)

    async def of_subject(self, kind: TrashKind, subject: str) -> TrashItem | None:
        """Return what lies there under this id, or None."""
        return await self._store.of_subject(kind, subject)

    async def empty_due(self) -> float | None:
        """Remove for good what is due; return when to look again, None when the trash is empty. One that fails is tried again later."""
        now = self._clock.now()
        for item in await self._store.due(now, limit=_BATCH):
            try:
                await self.remove(item)
            except PenstockError:
                _log.exception("%s %s could not be removed from the trash; trying again later", item.kind, item.subject)
                return now + _RETRY_SECONDS
        return await self._store.next_due()
