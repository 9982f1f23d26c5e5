"""Where file streams find their run without asking the database at every request.

Entries are good for a moment only, and are forgotten when this process changes the run; another process's change (a stop, say) is
seen when the moment is over.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import TrackedState
from penstock.interfaces.clock import Clock
from penstock.interfaces.tracking_store import TrackedRunStore

_TRUST_SECONDS = 2.0
_MAX_ENTRIES = 4096


@dataclass(slots=True)
class LiveRun:
    """What a stream needs to know about its run."""

    run_id: TrackedRunId
    state: TrackedState
    is_stop_requested: bool
    is_shared: bool
    read_at: float


class LiveRuns:
    """Runs that are being written to. Lives on the event loop."""

    def __init__(self, store: TrackedRunStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._runs: OrderedDict[tuple[str, str, str], LiveRun] = OrderedDict()

    async def find(self, entity: str, project: str, name: str) -> LiveRun | None:
        """Return the run, or None."""
        key = (entity, project, name)
        now = self._clock.now()
        known = self._runs.get(key)
        if known is not None and 0 <= now - known.read_at < _TRUST_SECONDS:
            return known
        run = await self._store.get(entity, project, name)
        if run is None:
            self._runs.pop(key, None)
            return None
        fresh = LiveRun(run.run_id, run.state, run.is_stop_requested, run.is_shared, now)
        self._runs[key] = fresh
        self._runs.move_to_end(key)
        while len(self._runs) > _MAX_ENTRIES:
            self._runs.popitem(last=False)
        return fresh

    def forget(self, entity: str, project: str, name: str) -> None:
        """The run was changed: read it again next time."""
        self._runs.pop((entity, project, name), None)

    def forget_all(self) -> None:
        """Whole projects were changed."""
        self._runs.clear()
