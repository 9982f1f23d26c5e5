"""Errors of this process since it started, kept in memory for the System page: which service, what, why, how often, when last."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from penstock.interfaces.clock import Clock
from penstock.interfaces.system_status import ErrorItem
from penstock.server.status import without_passwords

_SERVICES: Mapping[str, str] = {
    "penstock.engine": "Run engine",
    "penstock.background.rounds:recurrence": "Recurring runs",
    "penstock.background.rounds:triggers": "Event triggers",
    "penstock.background.rounds:trash": "Trash",
    "penstock.background.rounds:retention": "Retention",
    "penstock.background.tracking": "Tracked runs",
    "penstock.tracking": "Tracked runs",
    "penstock.background.automations": "Automations",
    "penstock.background.flow_reaper": "Flow heartbeats",
    "penstock.background.flow_values": "Flow values",
    "penstock.background.blob_collector": "Removal of unused files",
    "penstock.trash": "Trash",
}
"""Logger, with the name that services with rounds give first, -> service as the System page calls it."""
_MOST_KINDS = 100
_LONGEST = 500


class ErrorMemory(logging.Handler):
    """A log handler that counts errors by service and message. Handlers are called from any thread, one record at a time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(logging.ERROR)
        self._clock = clock
        self._seen: dict[tuple[str, str], ErrorItem] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record; beyond a hundred kinds the one that was not seen for longest is forgotten."""
        key = (_service_of(record), _shown(record.getMessage()))
        known = self._seen.pop(key, None)
        raised = record.exc_info[1] if record.exc_info else None
        cause = "" if raised is None else _shown(f"{type(raised).__name__}: {raised}")
        self._seen[key] = ErrorItem(*key, cause, 1 + (known.count if known else 0), self._clock.now())
        if len(self._seen) > _MOST_KINDS:
            del self._seen[next(iter(self._seen))]

    def list(self) -> Sequence[ErrorItem]:
        """Return what was seen, the last first."""
        self.acquire()
        try:
            return list(self._seen.values())[::-1]
        finally:
            self.release()


def _service_of(record: logging.LogRecord) -> str:
    name = record.name
    if isinstance(record.args, tuple) and record.args:
        found = _SERVICES.get(f"{name}:{record.args[0]}")
        if found is not None:
            return found
    while name:
        if name in _SERVICES:
            return _SERVICES[name]
        name = name.rpartition(".")[0]
    return ""


def _shown(text: str) -> str:
    line = " ".join(without_passwords(text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
