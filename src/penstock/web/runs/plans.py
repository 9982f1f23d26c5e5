"""Plans of stored definitions for the pages: lowered once off the event loop, kept by digest, which never changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import PenstockError
from penstock.domain.plan import RunPlan
from penstock.web.services.web import WebServices

_KEPT = 8
_plans: OrderedDict[str, RunPlan | None] = OrderedDict()


def kept_plan(digest: str) -> tuple[bool, RunPlan | None]:
    """Return whether the plan of a definition is kept, and the plan (None: it cannot be read)."""
    if digest not in _plans:
        return False, None
    _plans.move_to_end(digest)
    return True, _plans[digest]


def keep_plan(digest: str, plan: RunPlan | None) -> None:
    """Keep the plan of a definition; the oldest goes when there are too many."""
    _plans[digest] = plan
    while len(_plans) > _KEPT:
        _plans.popitem(last=False)


def load_plan(services: WebServices, kind: str, content: Mapping[str, Any]) -> RunPlan | None:
    """Lower a stored definition; None when it cannot be (a flow, or an older form), the pages then show recorded tasks only."""
    try:
        return services.plans.load(kind, content)
    except (PenstockError, KeyError, NotImplementedError):
        return None


async def plan_of(services: WebServices, digest: str | None) -> RunPlan | None:
    """Plan of a stored definition, or None when there is none or it cannot be read."""
    if not digest:
        return None
    is_kept, plan = kept_plan(digest)
    if not is_kept and (stored := await services.runs.spec(digest)):
        plan = await asyncio.to_thread(load_plan, services, stored[0], stored[1])  # seconds for 10,000 tasks
        keep_plan(digest, plan)
    return plan
