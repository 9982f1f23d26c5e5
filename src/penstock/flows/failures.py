"""Why attempts of flow tasks failed: read from the end of their logs, since Metaflow's client tells only that they did.

The client's runtime writes the logs, and beside them how the process ended, after the attempt has told that it failed (Metaflow protocol
notes, section 5), so what is not there yet is looked for again. A datastore that the server cannot read leaves the reason in the log.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from penstock.domain.errors import PenstockError
from penstock.domain.tracebacks import UNCAUGHT_EXIT, exception_of
from penstock.flows.queue import FlowQueue, is_hopeless
from penstock.flows.reading import FlowReader
from penstock.interfaces.flow_failures import FlowFailureStore, UnexplainedAttempt

_EXITED, _KILLED = "exit code ", "killed by signal "
_LINES = 400
_MAX_CHARACTERS = 400


class FlowFailures:
    """Works the queue off."""

    def __init__(self, store: FlowFailureStore, reader: FlowReader, *, on_change: Callable[[str], None] = lambda _: None) -> None:
        """Read by `reader`; `on_change` is called with the `Flow/run` of which a reason became known."""
        self._store = store
        self._reader = reader
        self._on_change = on_change
        self._queue = FlowQueue(store.unexplained, self._take, self._put_off)

    async def read_waiting(self, *, again: bool) -> bool:
        """Look at attempts of the queue once each, with `again` also those looked at before; return whether new ones are left."""
        return await self._queue.work_off(again=again)

    async def _put_off(self, item: UnexplainedAttempt, is_over: bool) -> None:
        await (self._store.explain(item, "") if is_over else self._store.put_off(item))

    async def _take(self, item: UnexplainedAttempt) -> None:
        try:
            reason = await self._reason(item)
        except PenstockError as error:
            await self._put_off(item, is_hopeless(item, error))
            return
        if not reason:
            await self._put_off(item, is_hopeless(item))
            return
        await self._store.explain(item, reason)
        self._on_change(f"{item.task.run.flow_id}/{item.task.run.shown_id}")

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
    return f"{_EXITED}{code}" if code > 0 else f"{_KILLED}{-code}{name}"


def has_ending(reason: str) -> bool:
    """Whether a reason that was kept begins with how the process ended, so that the note of it need not be read."""
    return reason.startswith((_EXITED, _KILLED))
