"""What clients ask for and this server does not have: counted, so that the System page shows what to build next."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from penstock.domain.gaps import Gap
from penstock.interfaces.clock import Clock
from penstock.interfaces.gaps import GapStore

_MAX_TEXT = 300
_MAX_NEW = 1000


class GapService:
    """Counts gaps. Safe to use from several threads."""

    def __init__(self, store: GapStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: set[tuple[str, str, str]] = set()

    def note(self, protocol: str, what: str, client: str) -> None:
        """Count one request for something missing. Clients that make things up cannot fill the store."""
        key = (protocol, what[:_MAX_TEXT], client[:_MAX_TEXT])
        with self._lock:
            if key not in self._known and len(self._known) >= _MAX_NEW:
                return
            self._known.add(key)
        self._store.add([Gap(*key, seen=1, last_seen_at=self._clock.now())])

    def list(self, *, limit: int = 200) -> Sequence[Gap]:
        """Return gaps, most seen first."""
        return self._store.list(limit=limit)
