"""What a backfill would cost: tasks that it would run or reuse, foretold for some of its runs, and their processor time by history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.catalog import RecurringRun
from penstock.domain.ids import RecurringRunId, RunId
from penstock.interfaces.trigger_store import BackfillStore
from penstock.pipelines.backfills import BackfillPlan
from penstock.pipelines.cache_plan import CachePlan, CachePlanService, Forecast
from penstock.pipelines.recurring_runs import RecurringRunService, request_of
from penstock.pipelines.runs import Scheduled

_SAMPLES = 3
"""Runs that are foretold; the others are taken to be like these."""


@dataclass(frozen=True, slots=True)
class BackfillCost:
    """Tasks of all runs together."""

    executed: int
    """At most: later runs may reuse what earlier ones of the same backfill do."""
    reused: int
    left_out: int
    """Whose conditions are false."""
    cpu_seconds: float | None
    """Processor time of what is executed, by the newest 20 runs of the pipeline; None without any."""
    is_partial: bool
    """Something of it has no history, so that it may well take more."""
    is_same: bool
    """All runs get the same parameters."""
    is_sampled: bool
    """Foretold by some of the runs."""


class BackfillCosts:
    """Foretells costs."""

    def __init__(self, store: BackfillStore, recurring_runs: RecurringRunService, plans: CachePlanService) -> None:
        self._store = store
        self._recurring_runs = recurring_runs
        self._plans = plans

    async def of(self, recurring_run_id: RecurringRunId, plan: BackfillPlan) -> BackfillCost | None:
        """Return what the runs of a plan would cost; None when it starts none.

        Raises:
            NotFoundError, InvalidArgumentError: such a run cannot be made any more.
        """
        moments = [time.planned_at for time in plan.times if time.will_start]
        if not moments:
            return None
        recurring = await self._recurring_runs.get(recurring_run_id)
        samples = sorted({moments[at * (len(moments) - 1) // (_SAMPLES - 1)] for at in range(_SAMPLES)})
        found = [await self._plans.plan(request_of(recurring), scheduled=_scheduled(recurring, moment)) for moment in samples]
        usual = await self._store.usual_cpu_seconds(found[0].plan.name)
        factor = len(moments) / len(found)
        counts = Counter(task.outcome for one in found for task in one.tasks)
        works = [task.template for one in found for task in one.tasks if task.outcome in (Forecast.RUN, Forecast.UNKNOWN)]
        return BackfillCost(
            executed=round(factor * len(works)),
            reused=round(factor * counts[Forecast.CACHED]),
            left_out=round(factor * counts[Forecast.SKIPPED]),
            cpu_seconds=factor * sum(usual.get(template, 0.0) for template in works) if usual else None,
            is_partial=any(template not in usual for template in works) or any(one.is_partial for one in found),
            is_same=len(moments) > 1 and _are_same(found),
            is_sampled=len(moments) > len(found),
        )


def _scheduled(recurring: RecurringRun, planned_at: float) -> Scheduled:
    return Scheduled(recurring.recurring_run_id, RunId("backfill"), planned_at, recurring.trigger_index)


def _are_same(plans: Sequence[CachePlan]) -> bool:
    return all(one.parameters == plans[0].parameters for one in plans)

