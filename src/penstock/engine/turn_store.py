"""Makes turns of the driver durable, through outages of the journal and around runs that it refuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from penstock.domain.errors import UnavailableError
from penstock.domain.ids import RunId
from penstock.engine.live import BatchBuilder, LiveRun
from penstock.interfaces.journal import RunJournal

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


class TurnStore:
    """The journal, as the driver writes to it."""

    def __init__(self, journal: RunJournal) -> None:
        self._journal = journal
        self._is_closing = False

    def close(self) -> None:
        """Wait for the journal no more; what could not be written is left to the next server."""
        self._is_closing = True

    async def store(self, parts: Sequence[tuple[LiveRun, BatchBuilder]]) -> Mapping[RunId, int] | None:
        """Make a turn durable, however long that takes; return versions of the runs, None when it was closed meanwhile.

        A run whose records the journal refuses is given up alone.
        """
        try:
            return await self._append(BatchBuilder.merged(batch for _, batch in parts))
        except Exception:
            _log.exception("the journal refused a turn; storing its runs one by one")
        versions: dict[RunId, int] = {}
        for live, batch in parts:
            try:
                stored = await self._append(batch)
            except Exception as error:
                _log.exception("run %s cannot be stored", live.state.new_run.run_id)
                live.break_down(f"internal error: the run's progress cannot be stored: {error}")
                stored = await self._append(live.broken_batch())
            if stored is None:
                return None
            versions.update(stored)
        return versions

    async def _append(self, batch: BatchBuilder) -> Mapping[RunId, int] | None:
        """Append, waiting for a store that cannot be reached; None when it was closed meanwhile."""
        while True:
            try:
                return await self._journal.append(batch.build())
            except UnavailableError as error:
                _log.warning("the journal cannot be written, trying again: %s", error)
            if self._is_closing:
                return None
            await asyncio.sleep(_RETRY_SECONDS)
