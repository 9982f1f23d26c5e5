"""Budgets are set, read with what was used, and looked after: who passes one is told, once a period. Nothing is stopped."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.budgets import Budget, BudgetPeriod, BudgetReading, BudgetScope, BudgetUse, period_around, readings_of
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.sizes import size_words
from penstock.interfaces.budgets import BudgetStore, NamedBudget
from penstock.interfaces.clock import Clock

TRUST_SECONDS = 60.0
"""How long what was added up is good for."""
LOOK_SECONDS = 300.0
_MOST_HOURS = 1e6
_MOST_BYTES = 1 << 60


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget with what was used of it."""

    named: NamedBudget
    readings: Sequence[BudgetReading]


class BudgetService:
    """Use cases. What was used may be a minute old."""

    def __init__(self, store: BudgetStore, clock: Clock, zone: dt.tzinfo) -> None:
        """Args: zone: in whose days, weeks and months hours are counted."""
        self._store = store
        self._clock = clock
        self._zone = zone
        self._uses: dict[tuple[BudgetScope, str], tuple[float, BudgetPeriod, BudgetUse]] = {}

    async def set(
        self, scope: BudgetScope, scope_id: str, *, hours: float | None, period: str, size_bytes: int | None, user_name: str
    ) -> None:
        """Make it the budget of a pipeline or project that exists; without any limit there is none.

        Raises:
            InvalidArgumentError: a limit is no positive number, or too large, or the period is unknown.
        """
        if period not in set(BudgetPeriod):
            raise InvalidArgumentError(f"period: {period[:40]!r} is none of {', '.join(BudgetPeriod)}")
        if hours is not None and not (math.isfinite(hours) and 0 < hours <= _MOST_HOURS):
            raise InvalidArgumentError(f"hours: a number above 0 and up to {_MOST_HOURS:.0f}")
        if size_bytes is not None and not 0 < size_bytes <= _MOST_BYTES:
            raise InvalidArgumentError(f"bytes: a number above 0 and up to {_MOST_BYTES}")
        self._uses.pop((scope, scope_id), None)
        if hours is None and size_bytes is None:
            await self._store.delete(scope, scope_id)
            return
        fresh = Budget(scope, scope_id, hours, BudgetPeriod(period), size_bytes, user_name, self._clock.now())
        await self._store.put(fresh)

    async def of(self, scope: BudgetScope, scope_id: str) -> BudgetView | None:
        """Return the budget of a pipeline or project, None when it has none."""
        named = await self._store.get(scope, scope_id)
        return await self._view(named) if named is not None else None

    async def all(self) -> Sequence[BudgetView]:
        """Return all budgets."""
        return [await self._view(named) for named in await self._store.list()]

    async def look(self) -> float | None:
        """Note which budgets were passed since the last look; return when to look again."""
        for view in await self.all():
            budget = view.named.budget
            for reading in view.readings:
                if reading.state == "over":
                    detail = described(reading, budget.period)
                    await self._store.note_passing(
                        budget, reading.measure, began_at=reading.began_at, detail=detail, at=self._clock.now()
                    )
                elif reading.measure == "bytes":
                    await self._store.forget_passing(budget, reading.measure)
        return self._clock.now() + LOOK_SECONDS

    async def _view(self, named: NamedBudget) -> BudgetView:
        budget, now = named.budget, self._clock.now()
        key = (budget.scope, budget.scope_id)
        known = self._uses.get(key)
        if known is None or not 0 <= now - known[0] < TRUST_SECONDS or known[1] is not budget.period:
            begin, _ = period_around(now, budget.period, self._zone)
            known = self._uses[key] = (now, budget.period, await self._store.use(budget, begin=begin, now=now))
        return BudgetView(named, readings_of(budget, known[2], now=now, zone=self._zone))


def described(reading: BudgetReading, period: BudgetPeriod) -> str:
    """Say in a few words what was used of what is allowed."""
    if reading.measure == "hours":
        return f"{reading.used:.4g} / {reading.allowed:g} h ({period.value})"
    return f"{size_words(reading.used)} / {size_words(reading.allowed)}"
