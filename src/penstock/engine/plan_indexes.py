"""Indexes of the definitions that were run last: runs of one definition share one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from penstock.domain.plan import RunPlan
from penstock.domain.runs import NewRun
from penstock.engine.index import PlanIndex
from penstock.interfaces.plans import PlanLoader

_KEPT = 64


class PlanIndexes:
    """A few indexes by digest of the definition, the one used longest ago gives way."""

    def __init__(self, plans: PlanLoader) -> None:
        self._plans = plans
        self._kept: OrderedDict[str, PlanIndex] = OrderedDict()

    def find(self, new_run: NewRun, plan: RunPlan | None, content: Mapping[str, Any] | None) -> PlanIndex | None:
        """Return the index of a definition: the kept one, or one made of `plan` or else `content`; None: neither is given.

        Raises:
            SpecError: `content` cannot be lowered.
        """
        found = self._kept.get(new_run.spec_digest)
        if found is not None:
            self._kept.move_to_end(new_run.spec_digest)
            return found
        if plan is None and content is not None:
            plan = self._plans.load(new_run.kind, content)
        if plan is None:
            return None
        found = self._kept[new_run.spec_digest] = PlanIndex(plan)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found
