"""Fires schedules: waits for the next planned time or for news, then lets the use case do what is due.

Nothing is remembered here. What is due follows from the stored schedules, their last considered time and their active runs
(`pipelines.schedules.decide`), and run ids follow from schedule and planned time; so a server that was killed at any point goes on
where it stood, and nothing fires twice or is lost. News are: a schedule was changed, a run ended (its slot is free).
"""

from __future__ import annotations

from penstock.background.rounds import Rounds
from penstock.domain.runs import DomainEvent, RecurringRunChanged, RunFinished
from penstock.interfaces.clock import Clock, Timers
from penstock.interfaces.notifier import Notifier
from penstock.pipelines.recurring_runs import RecurringRunService


class RecurrenceService(Rounds):
    """A background service with `start` and `stop`."""

    def __init__(self, schedules: RecurringRunService, *, clock: Clock, timers: Timers, notifier: Notifier) -> None:
        super().__init__("recurrence", (schedules.fire_due,), wants=_wants, clock=clock, timers=timers, notifier=notifier)


def _wants(event: DomainEvent) -> bool:
    return isinstance(event, RecurringRunChanged | RunFinished)
