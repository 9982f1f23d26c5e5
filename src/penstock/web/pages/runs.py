"""The list of runs, and what its bulk bar does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import PenstockError
from penstock.interfaces.pages import ListQuery, Page, RunItem, ScalarMetric
from penstock.web.filters import list_query
from penstock.web.render import Crumb, Frame, Notice, query_url, redirect, render
from penstock.web.security import check_own_form, safe_next
from penstock.web.services import WebServices

FILTER_FIELDS = (
    "status", "name", "pipeline", "experiment", "version", "recurring", "tag", "started", "finished", "duration", "cached", "tasks", "id",
)  # fmt: skip
_DEFAULT_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class RunTable:
    """A table of runs on any page."""

    listing: Page[RunItem]
    """The rows shown."""
    base: str
    """Address of the page that holds the table; filter, sort and paging lead there."""
    is_archived: bool
    """The Archived tab is open."""
    sort: str
    """Sort name, with `-` in front for descending."""
    columns: Sequence[str]
    """Metrics and parameters shown as columns."""
    column_choices: Sequence[str]
    """Metrics and parameters that may become columns."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes."""
    shows_experiment: bool = True
    """Whether the experiment column makes sense here."""

    @staticmethod
    def cell(run: RunItem, name: str) -> ScalarMetric | None:
        """Value of a metric or parameter column."""
        for metric in run.metrics:
            if metric.name == name:
                return metric
        if name in run.parameters:
            value = run.parameters[name]
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return ScalarMetric(name, float(value) if is_number else None, None if is_number else str(value))
        return None


async def run_table(services: WebServices, request: Request, query: ListQuery, *, shows_experiment: bool = True) -> RunTable:
    """Fetch the rows of a table of runs and decide its columns."""
    listing = await services.runs.list_runs(query)
    choices = list(await services.runs.metric_names())
    for run in listing.items:
        choices += [name for name in run.parameters if name not in choices]
    if request.query_params.get("columns") == "chosen":
        columns = [name for name in request.query_params.getlist("column") if name in choices]
    else:
        seen: dict[str, int] = {}
        for run in listing.items:
            for metric in run.metrics:
                if metric.number is None:
                    continue
                seen[metric.name] = seen.get(metric.name, 0) + 1
        columns = sorted(seen, key=lambda name: -seen[name])[:_DEFAULT_COLUMNS]
    return RunTable(
        listing=listing,
        base=request.url.path,
        is_archived=query.is_archived,
        sort=("-" if query.is_descending else "") + query.sort,
        columns=columns,
        column_choices=choices[:60],
        shows_experiment=shows_experiment,
    )


async def list_page(services: WebServices, request: Request) -> Response:
    """All runs across experiments."""
    query = list_query(request.query_params, now=services.clock.now())
    page = await run_table(services, request, query)
    frame = Frame(title="Runs", section="runs", crumbs=(Crumb("Runs"),), live="", scripts=("table",))
    return render(services, request, "runs/list.html", frame=frame, page=page)


_VERBS = {
    "retry": "retry_run",
    "terminate": "terminate_run",
    "archive": "archive_run",
    "unarchive": "unarchive_run",
    "delete": "delete_run",
}
_DONE = {"retry": "Retried", "terminate": "Terminating", "archive": "Archived", "unarchive": "Restored", "delete": "Deleted"}
_UNDO = {"archive": "unarchive", "unarchive": "archive"}


async def act(services: WebServices, request: Request) -> Response:
    """Do one thing to one or many runs; says how many it worked for and why it did not for the others."""
    check_own_form(request)
    form = await request.form()
    ids = [str(value) for value in form.getlist("id")]
    verb = str(form.get("verb", ""))
    target = safe_next(str(form.get("next", "")), "/ui/runs")
    if verb == "compare":
        return redirect(query_url("/ui/compare", {"runs": ",".join(ids)}))
    if verb == "clone" and ids:
        return redirect(query_url("/ui/runs/new", {"clone": ids[0]}))
    if verb not in _VERBS or not ids:
        return redirect(target, Notice("Nothing was selected.", "error"))
    problems: list[str] = []
    for run_id in ids:
        try:
            await getattr(services.actions, _VERBS[verb])(run_id)
        except PenstockError as error:
            problems.append(f"{run_id[:8]}: {error}")
    done = len(ids) - len(problems)
    text = f"{_DONE[verb]} {done} of {len(ids)} runs." if len(ids) > 1 else f"{_DONE[verb]}."
    if problems:
        text = (f"{text} " if done else "") + " ".join(problems[:5])
    undo = {"verb": _UNDO[verb], "next": target} if verb in _UNDO and len(ids) == 1 and done else None
    notice = Notice(text, "error" if problems else "done", "/ui/runs/actions" if undo else "", {**undo, "id": ids[0]} if undo else {})
    return redirect("/ui/runs" if verb == "delete" and "/ui/runs/" in target else target, notice)
