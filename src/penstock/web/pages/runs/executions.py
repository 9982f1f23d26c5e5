"""Executions: every task execution across runs as one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.pages import Condition, Page, RunItem, TaskItem
from penstock.web.lists.filters import chip_text, query_of
from penstock.web.lists.groups import GroupTable, condition_of, facet_menu, without
from penstock.web.lists.key_columns import KeyColumns, chosen_keys, key_columns, named
from penstock.web.pages.compare.tasks import MOST, parameters_of, row_of
from penstock.web.pages.lists.picked import MOST_AT_ONCE, ListAddress, missing, picked
from penstock.web.pages.runs.runs import act_on_runs
from penstock.web.render import Crumb, Frame, query_url, redirect, render, render_part
from penstock.web.runs.causes import Cause, causes_of
from penstock.web.services.web import WebServices

FILTER_FIELDS = ("status", "name", "component", "worker", "code", "run", "pipeline", "cached", "attempts", "started", "duration", "id")
FACETS = (("component", "Component"), ("state", "Status"), ("worker", "Worker"), ("code", "Code"))
"""Columns whose values are counted in a menu."""
GROUPINGS = (*FACETS, ("name", "Task"), ("pipeline", "Pipeline"), ("run", "Run"), ("cached", "Cached"))
"""Columns that group, `interfaces.run_tables.TASK_GROUPINGS`."""

GROUPED_TASKS = 500
"""Failures are grouped by cause over this many newest ones."""
TRACED_CAUSES = 50
"""For so many causes the last good run is looked for."""


@dataclass(frozen=True, slots=True)
class ExecutionsPage:
    """Context of `executions/list.html`."""

    listing: Page[TaskItem]
    """The rows shown."""
    causes: Sequence[Cause] | None
    """Failures by cause; None when executions are shown one by one."""
    groups: GroupTable | None
    """Executions in groups; None when they are shown one by one."""
    chosen: Mapping[str, str]
    """The value of each facet that the filter has; empty for none."""
    sort: str
    """Sort name, with `-` in front for descending."""
    keys: KeyColumns
    """Values in (`in.NAME`) and out (`out.NAME`) and metrics (`metric.NAME`) of the executions, as columns."""
    last_good: Mapping[str, RunItem]
    """The last run that succeeded before the newest failure of a cause, by the run of that failure; of the first `TRACED_CAUSES` causes."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes."""
    facets: Sequence[tuple[str, str]] = FACETS
    """(column, label) of the menus of values."""
    group_choices: Sequence[tuple[str, str]] = GROUPINGS
    """(column, label) of what may group."""

    @staticmethod
    def component_chip(task: TaskItem) -> str:
        """Filter that shows the whole history of a task's component."""
        return chip_text(condition_of("component", task.component))

    @staticmethod
    def worker_chip(task: TaskItem) -> str:
        """Filter that shows what ran on the same machine."""
        return chip_text(condition_of("worker", task.worker))


async def list_page(services: WebServices, request: Request) -> Response:
    """All executions."""
    wanted = request.query_params
    query, by = query_of(request, wanted, now=services.clock.now()), wanted.get("group", "")
    listing: Page[TaskItem] = Page([], None, 0)
    groups, causes = None, None
    last_good: Mapping[str, RunItem] = {}
    if by in dict(GROUPINGS):
        found = await services.run_tables.task_groups(query, by)
        groups = GroupTable(by, dict(GROUPINGS)[by], found, (), request.url.path, wanted)
    elif by == "cause":
        failed = Condition("status", ":", "failed")
        query = dataclasses.replace(query, conditions=(*query.conditions, failed), cursor=None, limit=GROUPED_TASKS)
        listing = await services.runs.list_tasks(query)
        causes = causes_of(listing.items)
        last_good = await services.runs.last_good(list({cause.tasks[0].run_id for cause in causes[:TRACED_CAUSES]}))
    else:
        listing = await services.runs.list_tasks(query)
    chosen = {name: without(wanted.get("q", ""), name)[1] for name, _ in FACETS}
    metrics = (f"metric.{name}" for name in await services.runs.metric_names())
    keys = key_columns(wanted, await values_of(services, listing.items, chosen_keys(wanted)), metrics)
    page = ExecutionsPage(listing, causes, groups, chosen, ("-" if query.is_descending else "") + query.sort, keys, last_good)
    frame = Frame(title="Executions", section="executions", crumbs=(Crumb("Executions"),), live="", scripts=("table",))
    return render(services, request, "executions/list.html", frame=frame, page=page)


async def values_of(services: WebServices, tasks: Sequence[TaskItem], names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return what may be columns of executions, by task: parameters in and out, and metrics if one is among `names`."""
    wants_metrics = any(name.startswith("metric.") for name in names)
    metrics = await services.runs.task_metrics([task.task_id for task in tasks]) if wants_metrics else {}
    return {
        task.task_id: {
            **named("in", parameters_of(task.inputs)),
            **named("out", parameters_of(task.outputs)),
            **{f"metric.{one.name}": one.text if one.number is None else one.number for one in metrics.get(task.task_id, ())},
        }
        for task in tasks
    }


async def facet_part(services: WebServices, request: Request) -> Response:
    """The inside of a menu of values: those of the column `of` in what the rest of the filter matches, with their counts.

    Raises:
        InvalidArgumentError: the column has no menu.
    """
    wanted = request.query_params
    by, text = wanted.get("of", ""), wanted.get("q", "")[:2000]
    if by not in dict(FACETS):
        raise InvalidArgumentError(f"of: {by[:40]!r} has no menu of values; {', '.join(dict(FACETS))} have")
    query = query_of(request, {**wanted, "q": without(text, by)[0]}, now=services.clock.now())
    menu = facet_menu(await services.run_tables.task_groups(query, by), by, text)
    return render_part(services, request, "executions/facet.html", menu=menu)


async def act(services: WebServices, request: Request) -> Response:
    """Lay the picked executions side by side, or compare, retry or terminate the runs that they belong to; a row is named `RUN/TASK`."""

    async def matching(address: ListAddress) -> Sequence[str]:
        return await services.run_tables.task_runs(query_of(request, address.query, now=services.clock.now()), limit=MOST_AT_ONCE)

    wanted = await picked(request, "/ui/executions", matching)
    if wanted.verb == "tasks":
        rows = [row for row in wanted.ids if "/" in row][:MOST]
        if len(rows) < 2:
            return missing(request, wanted.target, "Pick two tasks or more.")
        return redirect(query_url("/ui/executions/compare", {"tasks": ",".join(rows)}))
    runs = list(dict.fromkeys(row_of(row)[0] if "/" in row else row for row in wanted.ids))
    verb = wanted.verb if wanted.verb in {"compare", "retry", "terminate"} else ""
    return await act_on_runs(services, request, dataclasses.replace(wanted, verb=verb, ids=runs))
