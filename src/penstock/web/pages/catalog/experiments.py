"""Experiments: the list, one experiment with its runs, and the forms that make, archive and remove them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.trash import TrashKind
from penstock.interfaces.page_catalog import BestMetric, ExperimentItem, RecurringItem
from penstock.interfaces.pages import ListQuery, Page
from penstock.web.comparisons.runs import is_cost
from penstock.web.lists.catalog_groups import choices_of, group_table
from penstock.web.lists.experiment_choices import offered
from penstock.web.lists.filters import query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.pages.lists.picked import ListAddress, bulk_form, every, ids_of
from penstock.web.pages.lists.undone import Words, for_each
from penstock.web.pages.runs.table import RunTable, run_table
from penstock.web.pages.system.trash import done_notice, each, put_away
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.runs.metric_charts import MOST_CHARTS, MetricChart, metric_charts
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.web import WebServices


@dataclass(frozen=True, slots=True)
class ExperimentListPage:
    """Context of `experiments/list.html`."""

    listing: Page[ExperimentItem]
    """The rows shown."""
    is_archived: bool
    """The Archived tab is open."""
    sort: str
    """Sort name, with `-` in front for descending."""
    metrics: Sequence[str]
    """Metrics that may be the column."""
    metric: str
    """The one that is; empty: none."""
    is_least: bool
    """Its least number is the best one."""
    best: Mapping[str, BestMetric]
    """Best numbers by experiment."""
    groups: GroupTable | None
    """Experiments in groups; None: they are shown one by one."""
    group_choices: Sequence[tuple[str, str]]
    """(column, label) of what may group."""


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    """Context of `experiments/experiment.html`."""

    experiment: ExperimentItem
    """The experiment."""
    runs: RunTable
    """Its runs."""
    schedules: Page[RecurringItem]
    """Schedules that put runs into it."""
    charts: Sequence[MetricChart]
    """Its metrics over its newest runs."""
    most_charts: int = MOST_CHARTS
    """Of these are drawn; the page says how many are not."""


async def list_page(services: WebServices, request: Request) -> Response:
    """All experiments."""
    query = query_of(request, now=services.clock.now(), sort="activity")
    groups = await group_table(services, "experiments", query, request.query_params, request.url.path)
    metrics = await services.runs.metric_names()
    metric, is_least = best_of(request.query_params, metrics)
    sorted_by = by_metric(query, metric, is_least=is_least)
    listing: Page[ExperimentItem] = Page([], None, 0) if groups else await services.catalog.list_experiments(sorted_by)
    ids = [item.experiment_id for item in listing.items]
    best = await services.catalog.best_metrics(ids, metric, is_least=is_least) if metric else {}
    sort = ("-" if query.is_descending else "") + query.sort
    choices = choices_of("experiments")
    page = ExperimentListPage(listing, query.is_archived, sort, metrics, metric, is_least, best, groups, choices)
    frame = Frame(title="Experiments", section="experiments", crumbs=(Crumb("Experiments"),), live="", scripts=("table",))
    return render(services, request, "experiments/list.html", frame=frame, page=page)


def best_of(wanted: Mapping[str, str], metrics: Sequence[str]) -> tuple[str, bool]:
    """Return the metric that a list of experiments has as its column, empty for none, and whether its least number is the best one."""
    metric, least = wanted.get("metric", ""), wanted.get("least")
    metric = metric if metric in metrics else ""
    return metric, is_cost(metric) if least is None else least == "1"


def by_metric(query: ListQuery, metric: str, *, is_least: bool) -> ListQuery:
    """Return a query that sorts by the best number of a metric, where an address says `sort=best`."""
    return replace(query, sort=f"{'least' if is_least else 'best'}.{metric}") if query.sort == "best" and metric else query


async def choices(services: WebServices, request: Request) -> Response:
    """Experiments that the `text` in a field may mean: (value, note)."""
    found = await offered(services.catalog, request.query_params.get("text", "")[:200])
    return JSONResponse(found, headers={"cache-control": "no-store"})


async def experiment_page(services: WebServices, request: Request) -> Response:
    """One experiment."""
    experiment_id = request.path_params["experiment_id"]
    experiment = await services.catalog.experiment(experiment_id)
    if experiment is None:
        raise NotFoundError(f"There is no experiment {experiment_id}.")
    address = {"tab": "archived" if experiment.storage_state == "ARCHIVED" else "", **request.query_params}
    query = query_of(request, address, now=services.clock.now(), scope={"experiment_id": experiment_id})
    page = ExperimentPage(
        experiment,
        await run_table(services, request, query, shows_experiment=False),
        await services.catalog.list_recurring(ListQuery(scope={"experiment_id": experiment_id}, limit=25)),
        metric_charts(await services.catalog.metric_points(experiment_id)),
    )
    names = await services.catalog.experiment_names(limit=12)
    siblings = [(name, f"/ui/experiments/{identity}") for identity, name in names if identity != experiment_id]
    crumbs = (Crumb("Experiments", "/ui/experiments"), Crumb(experiment.name, "", siblings))
    frame = Frame(title=experiment.name, section="experiments", crumbs=crumbs, live="", scripts=("table",))
    return render(services, request, "experiments/experiment.html", frame=frame, page=page)


async def act(services: WebServices, request: Request) -> Response:
    """Create one, or archive, restore or delete one or many."""
    check_own_form(request)
    form = await bulk_form(request)
    verb, identity = str(form.get("verb", "")), str(form.get("id", ""))
    target = safe_next(str(form.get("next", "")), "/ui/experiments")
    if verb == "create":
        identity = await services.actions.experiments.create(str(form.get("name", "")).strip(), str(form.get("description", "")).strip())
        return redirect(f"/ui/experiments/{identity}", Notice("Experiment created."))
    if verb == "notes":
        await services.actions.experiments.write_notes(identity, str(form.get("notes", "")).replace("\r\n", "\n").strip())
        return redirect(target, Notice("Notes saved."))

    async def matching(address: ListAddress) -> Sequence[str]:
        query = query_of(request, address.query, now=services.clock.now(), sort="activity")
        return await every(services.catalog.list_experiments, query, lambda item: item.experiment_id)

    ids = await ids_of(form, target, matching)
    if verb == "archive":
        words = Words(target, "Archived, with its runs; its schedules are disabled.", "Archived", "/ui/experiments/actions", "unarchive")
        return await for_each(services, request, form, ids, services.actions.experiments.archive, words)
    if verb == "unarchive":
        words = Words(target, "Restored. Its runs stay archived until you restore them.", "Restored", "/ui/experiments/actions", "archive")
        return await for_each(services, request, form, ids, services.actions.experiments.unarchive, words)
    if verb == "delete":
        if (answer := await put_away(services, request, TrashKind.EXPERIMENT, ids, "/ui/experiments")) is not None:
            return answer
        return done_notice("/ui/experiments", "Deleted", ids, await each(ids, services.actions.experiments.delete))
    return redirect(target, Notice("Nothing was selected.", "error"))
