"""Keeps one supervisor per kind: started when first needed, started again when it died, retired when idle or worn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.executors.process.warm import ParentKind, Supervisor

_MOST_PARENTS = 12
"""Warm parents kept at once; beyond that the one unused for longest is hung up and leaves when its tasks have ended."""


class Parents:
    """The supervisors of this server."""

    def __init__(
        self, logs: Path, *, on_message: Callable[[Supervisor, dict[str, Any]], None], on_lost: Callable[[Supervisor], None]
    ) -> None:
        self._logs = logs
        self._on_message = on_message
        self._on_lost = on_lost
        self._starting: dict[ParentKind, asyncio.Task[Supervisor]] = {}
        self._usable: dict[ParentKind, Supervisor] = {}

    async def get(self, kind: ParentKind) -> Supervisor:
        """Return a usable supervisor of this kind.

        Raises:
            UnavailableError: it does not start.
        """
        known = self._usable.pop(kind, None)
        if known is not None and known.is_usable:
            self._usable[kind] = known  # now the last one to be retired
            return known
        starting = self._starting.get(kind)
        if starting is None:
            starting = asyncio.create_task(self._start(kind))
            self._starting[kind] = starting
            starting.add_done_callback(lambda _: self._starting.pop(kind, None))
        return await asyncio.shield(starting)

    def kill_all(self) -> None:
        """End every supervisor and its tasks."""
        for supervisor in self._usable.values():
            supervisor.kill()

    async def close(self) -> None:
        """Hang up on all of them; they leave when their tasks have ended."""
        for starting in list(self._starting.values()):
            starting.cancel()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        for supervisor in self._usable.values():
            supervisor.close()
        self._usable.clear()

    async def _start(self, kind: ParentKind) -> Supervisor:
        supervisor = Supervisor(kind, self._on_message, self._on_lost)
        await supervisor.start(self._logs / "supervisors.log")
        while len(self._usable) >= _MOST_PARENTS:
            oldest = next(iter(self._usable))
            self._usable.pop(oldest).retire()
        self._usable[kind] = supervisor
        return supervisor
