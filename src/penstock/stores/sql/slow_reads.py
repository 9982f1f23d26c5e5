"""Remembers which reads of the database took long, by the function that reads; for the System page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from penstock.interfaces.page_catalog import SlowRead

SLOW_SECONDS = 0.2
_MOST = 100


class SlowReads:
    """Counts by name; thread-safe. A read that is not slow costs one comparison."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, SlowRead] = {}

    def note(self, work: Callable[..., Any], seconds: float) -> None:
        """Take in how long `work` took."""
        if seconds < SLOW_SECONDS:
            return
        name = getattr(work, "__qualname__", type(work).__name__).replace(".<locals>", "").removesuffix(".<lambda>")
        with self._lock:
            before = self._found.get(name)
            if before is None and len(self._found) >= _MOST:
                return
            count, longest = (before.count, before.longest_seconds) if before else (0, 0.0)
            self._found[name] = SlowRead(name, count + 1, max(longest, seconds), time.time())

    def list(self, *, limit: int = 20) -> Sequence[SlowRead]:
        """Return them, longest first."""
        with self._lock:
            return sorted(self._found.values(), key=lambda read: -read.longest_seconds)[:limit]
