"""Why attempts of flow tasks failed: read from the end of their logs, since Metaflow's client tells only that they did.

The client's runtime writes the logs, and beside them how the process ended, after the attempt has told that it failed (Metaflow protocol
notes, section 5), so what is not there yet is looked for again. A datastore that the server cannot read leaves the reason in the log.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.tracebacks import UNCAUGHT_EXIT, exception_of
from penstock.flows.reading import FlowReader
from penstock.interfaces.flow_failures import FlowFailureStore, UnexplainedAttempt

_log = logging.getLogger(__name__)
_MAX_TRIES = 12
_AT_ONCE = 50
_LINES = 400
_MAX_CHARACTERS = 400


class FlowFailures:
    """Works the queue off."""

    def __init__(self, store: FlowFailureStore, reader: FlowReader, *, on_change: Callable[[str], None] = lambda _: None) -> None:
        """Read by `reader`; `on_change` is called with the `Flow/run` of which a reason became known."""
        self._store = store
        self._reader = reader
        self._on_change = on_change

    async def read_waiting(self, *, again: bool) -> bool:
        """Look at attempts of the queue once each, with `again` also those looked at before; return whether new ones are left."""
        waiting = await self._store.unexplained(limit=_AT_ONCE, again=again)
        for item in waiting:
            await self._read(item)
        return len(waiting) == _AT_ONCE and waiting[0].tries == 0

    async def _read(self, item: UnexplainedAttempt) -> None:
        is_last = item.tries + 1 >= _MAX_TRIES
        try:
            reason = await self._reason(item)
        except PenstockError as error:
            # A task may still tell where its data is; a datastore that is out of reach stays so.
            reason, is_last = "", is_last or not isinstance(error, NotFoundError)
        except Exception:
            _log.exception("why flow task %s/%s failed could not be read", item.task.step_name, item.task.shown_id)
            reason = ""
        if reason or is_last:
            await self._store.explain(item, reason)
            if reason:
                self._on_change(f"{item.task.run.flow_id}/{item.task.run.shown_id}")
        else:
            await self._store.put_off(item)

    async def _reason(self, item: UnexplainedAttempt) -> str:
        names = (item.task.run.flow_id, item.task.run.shown_id, item.task.step_name, item.task.shown_id, item.attempt)
        code = await self._reader.exit_code(*names)
        exception = exception_of(await self._reader.last_words(*names, count=_LINES), UNCAUGHT_EXIT if code is None else code)
        return ": ".join(part for part in (ending_of(code), exception[:_MAX_CHARACTERS]) if part)


def ending_of(code: int | None) -> str:
    """Say how a process ended badly, by its exit code (below 0: a signal); empty when it did not, or nothing is known."""
    if not code:
        return ""
    name = next((f" ({one.name})" for one in signal.Signals if one.value == -code), "")
    return f"exit code {code}" if code > 0 else f"killed by signal {-code}{name}"
