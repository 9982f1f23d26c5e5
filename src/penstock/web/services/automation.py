"""Use cases behind event triggers, backfills and the change log of recurring runs."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.pipelines.backfill_costs import BackfillCosts
from penstock.pipelines.backfills import BackfillService
from penstock.pipelines.recurring_runs import RecurringRunService
from penstock.pipelines.triggers import TriggerService


@dataclass(frozen=True, slots=True)
class Automation:
    """What the pages of recurring runs act through."""

    recurring_runs: RecurringRunService
    triggers: TriggerService
    backfills: BackfillService
    costs: BackfillCosts
    user_name: str
    """Whom the change log names for what is done on the pages."""
