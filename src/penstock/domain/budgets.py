"""Budgets: what a pipeline or a tracking project may use, and whether it keeps to that. A budget warns; it stops nothing.

Hours count per day, week (from Monday) or month of a calendar. Stored bytes count as they are. Pace: hours go on as they did since the
period began, once a tenth of it is over; bytes grow as in the last seven days, looked at thirty days ahead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

DAY_SECONDS = 86_400.0
GROWTH_SECONDS = 7 * DAY_SECONDS
"""Bytes that came in meanwhile are their pace."""
_AHEAD_SECONDS = 30 * DAY_SECONDS
_LEAST_SHARE = 0.1
"""Of a period, before its pace says anything."""


class BudgetScope(StrEnum):
    """What a budget is for."""

    PIPELINE = "pipeline"
    """Attempts of tasks in its runs; contents that its runs put out."""
    PROJECT = "project"
    """Its tracked runs; contents of its artifacts and files."""


class BudgetPeriod(StrEnum):
    """In which hours count."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Budget:
    """What is allowed; None leaves a measure free."""

    scope: BudgetScope
    scope_id: str
    """Of the pipeline; of the project as decimal number."""
    hours: float | None
    period: BudgetPeriod
    size_bytes: int | None
    user_name: str
    """Who set it last."""
    updated_at: float


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What was used."""

    hours: float
    """Since the period began."""
    size_bytes: int
    """Stored now; content that several share counts whole."""
    added_bytes: int
    """Of these, what came in the last seven days."""


@dataclass(frozen=True, slots=True)
class BudgetReading:
    """One measure of a budget."""

    measure: str
    """`hours` or `bytes`."""
    used: float
    allowed: float
    expected: float | None
    """At the present pace by `ends_at`; None: too early to say."""
    began_at: float
    """Of the period; 0 for bytes."""
    ends_at: float
    """End of the period; thirty days ahead for bytes."""

    @property
    def state(self) -> str:
        """`over`, `ahead` (will be over at this pace) or `within`."""
        if self.used > self.allowed:
            return "over"
        return "ahead" if self.expected is not None and self.expected > self.allowed else "within"


def period_around(now: float, period: BudgetPeriod, zone: dt.tzinfo) -> tuple[float, float]:
    """Return begin and end of the calendar's period around `now`."""
    day = dt.datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is BudgetPeriod.DAY:
        begin, end = day, day + dt.timedelta(days=1)
    elif period is BudgetPeriod.WEEK:
        begin = day - dt.timedelta(days=day.weekday())
        end = begin + dt.timedelta(days=7)
    else:
        begin = day.replace(day=1)
        end = (begin + dt.timedelta(days=32)).replace(day=1)
    return begin.timestamp(), end.timestamp()


def readings_of(budget: Budget, use: BudgetUse, *, now: float, zone: dt.tzinfo) -> Sequence[BudgetReading]:
    """Return the measures that are limited, hours first."""
    found = []
    if budget.hours is not None:
        begin, end = period_around(now, budget.period, zone)
        share = (now - begin) / (end - begin)
        found.append(BudgetReading("hours", use.hours, budget.hours, use.hours / share if share >= _LEAST_SHARE else None, begin, end))
    if budget.size_bytes is not None:
        expected = use.size_bytes + use.added_bytes * _AHEAD_SECONDS / GROWTH_SECONDS
        found.append(BudgetReading("bytes", use.size_bytes, budget.size_bytes, expected, 0.0, now + _AHEAD_SECONDS))
    return found
