"""Serves event triggers and backfills: waits for news or the time to look again, then lets the use cases do what is due.

News shorten the wait, they are never needed: events that another server or a missed piece of news brought are found at the next look.
"""

from __future__ import annotations

from penstock.background.rounds import Rounds
from penstock.domain.runs import DomainEvent, RecurringRunChanged, RunFinished, TrackedRunChanged
from penstock.interfaces.clock import Clock, Timers
from penstock.interfaces.notifier import Notifier
from penstock.pipelines.backfills import BackfillService
from penstock.pipelines.triggers import TriggerService

_LOOK_SECONDS = 5.0
"""How long an event may stay unnoticed that no news tell of: an alias that a person moved, a change of a file (two looks)."""


class TriggerWatcher(Rounds):
    """A background service with `start` and `stop`."""

    def __init__(
        self,
        triggers: TriggerService,
        backfills: BackfillService,
        *,
        clock: Clock,
        timers: Timers,
        notifier: Notifier,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        async def look_at_files() -> None:
            await triggers.look_at_files()

        duties = (look_at_files, triggers.fire_due, backfills.fire_due)
        super().__init__("triggers", duties, wants=_wants, clock=clock, timers=timers, notifier=notifier, look_seconds=look_seconds)


def _wants(event: DomainEvent) -> bool:
    if isinstance(event, TrackedRunChanged):
        return event.what in {"state", "artifacts"}
    return isinstance(event, RecurringRunChanged | RunFinished)
