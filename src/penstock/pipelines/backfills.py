"""Backfills: planned times of the past that a person wants run, planned first, then started as far as concurrency allows.

The run of a time that never fired has the id that the schedule itself would have given it, so it cannot be started by both.
Interrupted anywhere, starting is simply done again.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from penstock.domain.catalog import RecurringRun
from penstock.domain.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, PenstockError, UnavailableError
from penstock.domain.ids import RecurringRunId, RunId
from penstock.domain.runs import RecurringRunChanged
from penstock.domain.triggers import Backfill, BackfillState
from penstock.interfaces.catalog_store import RecurringRunStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.trigger_store import BackfillStore
from penstock.pipelines.recurring_runs import MAX_NAME, request_of, scheduled_run_id
from penstock.pipelines.runs import RunService, Scheduled
from penstock.pipelines.schedules import planned_times

MAX_TIMES = 1000
_RECHECK_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlannedTime:
    """A planned time of the range and what a backfill would do with it."""

    planned_at: float
    fired_run_id: RunId | None
    """Run that it had already."""
    will_start: bool


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What a backfill would do."""

    times: Sequence[PlannedTime]
    """Every planned time of the range, oldest first."""
    is_cut: bool
    """There are more than `MAX_TIMES`; the rest is left out."""
    usual_seconds: float | None
    """Median duration of runs of this schedule that succeeded, else of its version of the pipeline; None without any."""
    max_concurrency: int

    @property
    def starts(self) -> int:
        """How many runs it would start."""
        return sum(time.will_start for time in self.times)

    @property
    def total_seconds(self) -> float | None:
        """How long it would take with so many runs at a time, by history; None without history."""
        return None if self.usual_seconds is None else -(-self.starts // self.max_concurrency) * self.usual_seconds


class BackfillService:
    """What people do with backfills, and the server for them."""

    def __init__(
        self,
        store: BackfillStore,
        recurring_runs: RecurringRunStore,
        runs: RunService,
        *,
        clock: Clock,
        ids: IdSource,
        notifier: Notifier,
        zone: tzinfo = UTC,
    ) -> None:
        self._store = store
        self._recurring_runs = recurring_runs
        self._runs = runs
        self._clock = clock
        self._ids = ids
        self._notifier = notifier
        self._zone = zone

    async def plan(
        self,
        recurring_run_id: RecurringRunId,
        *,
        from_at: float,
        until_at: float,
        is_again: bool = False,
        max_concurrency: int | None = None,
    ) -> BackfillPlan:
        """Say what a backfill of the range would start, and how long that takes by history; nothing is stored.

        Raises:
            NotFoundError: no such schedule.
            InvalidArgumentError: it waits for events, or the range is empty or not past.
        """
        recurring = await self._schedule(recurring_run_id)
        if from_at > until_at or until_at > self._clock.now():
            raise InvalidArgumentError("a backfill needs a range of the past: from before until, until not later than now")
        at_once = max_concurrency or recurring.max_concurrency
        if not 1 <= at_once <= 10:
            raise InvalidArgumentError(f"max_concurrency has to be 1 to 10, not {at_once}")
        moments = planned_times(recurring, from_at=from_at, until_at=until_at, limit=MAX_TIMES + 1, zone=self._zone)
        fired = await self._store.fired(recurring_run_id, from_at=from_at, until_at=until_at)
        usual = await self._store.usual_seconds(recurring_run_id)
        times = [PlannedTime(moment, run := fired.get(round(moment, 3)), is_again or run is None) for moment in moments[:MAX_TIMES]]
        return BackfillPlan(times, len(moments) > MAX_TIMES, usual[0] if usual else None, at_once)

    async def start(
        self,
        recurring_run_id: RecurringRunId,
        *,
        from_at: float,
        until_at: float,
        is_again: bool = False,
        max_concurrency: int | None = None,
    ) -> Backfill:
        """Begin what `plan` says; runs start as far as concurrency allows, also while the schedule is disabled.

        Raises:
            NotFoundError, InvalidArgumentError: as `plan`; or there is nothing to start.
        """
        plan = await self.plan(recurring_run_id, from_at=from_at, until_at=until_at, is_again=is_again, max_concurrency=max_concurrency)
        moments = [time.planned_at for time in plan.times if time.will_start]
        if not moments:
            raise InvalidArgumentError("there is nothing to start in this range")
        backfill = Backfill(
            backfill_id=self._ids.new_uuid(),
            recurring_run_id=recurring_run_id,
            from_at=from_at,
            until_at=until_at,
            is_again=is_again,
            max_concurrency=plan.max_concurrency,
            state=BackfillState.RUNNING,
            created_at=self._clock.now(),
            total=len(moments),
        )
        await self._store.create(backfill, moments)
        self._notifier.publish(RecurringRunChanged(recurring_run_id))
        return backfill

    async def cancel(self, recurring_run_id: RecurringRunId, backfill_id: str) -> None:
        """Start no more of its runs; those that were started go on. Safe to repeat."""
        await self._store.finish(backfill_id, BackfillState.CANCELED, at=self._clock.now())
        self._notifier.publish(RecurringRunChanged(recurring_run_id))

    async def list(self, recurring_run_id: RecurringRunId, *, limit: int = 20) -> Sequence[Backfill]:
        """Return the newest backfills, newest first."""
        return await self._store.list(recurring_run_id, limit=limit)

    async def fire_due(self) -> float | None:
        """Start what running backfills may start now; return when to look again by the clock, None for only after news.

        Raises:
            UnavailableError: the store could not be reached; what was not recorded is done again at the next call.
        """
        wake: float | None = None
        for backfill, recurring, active, times in await self._store.open():
            free = max(0, backfill.max_concurrency - active)
            for planned_at in times[:free]:
                await self._fire(backfill, recurring, planned_at)
            if len(times) <= free:
                await self._store.finish(backfill.backfill_id, BackfillState.FINISHED, at=self._clock.now())
            else:
                wake = self._clock.now() + _RECHECK_SECONDS
            if times[:free]:
                self._notifier.publish(RecurringRunChanged(backfill.recurring_run_id))
        return wake

    async def _fire(self, backfill: Backfill, recurring: RecurringRun, planned_at: float) -> None:
        run_id = _run_id(backfill, planned_at)
        request = replace(request_of(recurring), name=f"{recurring.display_name[: MAX_NAME - 40]}-backfill-{run_id[:8]}")
        outcome, reason = "fired", ""
        try:
            await self._runs.create(request, scheduled=Scheduled(recurring.recurring_run_id, run_id, planned_at, recurring.trigger_index))
        except AlreadyExistsError:
            pass  # created before a crash, or by the schedule itself
        except UnavailableError:
            raise
        except PenstockError as error:
            outcome, reason = "error", str(error)
        except Exception as error:
            # A fault with one time must not hold up the others; it is told where people look.
            _log.exception("backfill %s could not start a run", backfill.backfill_id)
            outcome, reason = "error", f"internal error: {error}"
        await self._store.record(
            backfill.backfill_id, planned_at, outcome=outcome, reason=reason, run_id=run_id if outcome == "fired" else None
        )

    async def _schedule(self, recurring_run_id: RecurringRunId) -> RecurringRun:
        recurring = await self._recurring_runs.get(recurring_run_id)
        if recurring is None:
            raise NotFoundError(f"recurring run {recurring_run_id} not found")
        if recurring.trigger.event is not None:
            raise InvalidArgumentError("an event trigger has no planned times to fill in")
        return recurring


def _run_id(backfill: Backfill, planned_at: float) -> RunId:
    if not backfill.is_again:
        return scheduled_run_id(backfill.recurring_run_id, planned_at)
    return RunId(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{backfill.backfill_id}@{planned_at:.3f}")))
