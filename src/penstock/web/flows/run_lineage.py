"""What the lineage of a flow's run is drawn around: one of its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.interfaces.page_flows import FlowPages, FlowTaskItem, FlowTaskQuery

_MOST_CHOICES = 300


@dataclass(frozen=True, slots=True)
class RunLineage:
    """What the drawing is around, and what else it may be around."""

    around: FlowTaskItem | None = None
    """None: no task has begun."""
    choices: Sequence[FlowTaskItem] = ()
    """Tasks of the run, newest first; of very many the newest ones, and the one that was asked for."""


async def run_lineage(pages: FlowPages, flow_id: str, run_id: str, asked: str) -> RunLineage:
    """Return what the lineage is drawn around: the task that `asked` names (`step/task`), else the newest."""
    newest = (await pages.tasks(flow_id, run_id, FlowTaskQuery(is_descending=True, limit=_MOST_CHOICES))).items
    step, _, task_id = asked.partition("/")
    wanted = next((task for task in newest if (task.step_name, task.task_id) == (step, task_id)), None)
    if wanted is None and task_id:
        found = await pages.tasks(flow_id, run_id, FlowTaskQuery(steps=[step], task_id=task_id, limit=1))
        wanted = next(iter(found.items), None)
        newest = [*([wanted] if wanted else ()), *newest]
    return RunLineage(wanted or next(iter(newest), None), newest)
