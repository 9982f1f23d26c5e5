"""The form for a new run or schedule: typed parameters or YAML, one-off or recurring, with the cache plan beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError
from penstock.domain.expr import UNSET
from penstock.domain.plan import RunPlan
from penstock.interfaces.page_catalog import PipelineItem, PipelineView, RecurringItem, VersionItem
from penstock.interfaces.pages import ListQuery, RunItem
from penstock.web.lists.experiment_choices import meant
from penstock.web.pages.catalog.parameter_fields import Field, converted, fields_of, parameters_of, yaml_of
from penstock.web.render import Crumb, Frame, Notice, language_of, redirect, render, render_part
from penstock.web.runs.plans import plan_of
from penstock.web.security import check_own_form
from penstock.web.services.web import WebServices
from penstock.web.texts import sentences
from penstock.web.texts.cron_words import in_zone
from penstock.web.texts.formats import UNITS
from penstock.web.texts.zones import moment_of


@dataclass(frozen=True, slots=True)
class NewRunPage:
    """Context of `runs/new.html`."""

    pipelines: Sequence[PipelineItem]
    """To choose from: the first by name, and the chosen one."""
    pipeline_count: int
    """How many there are."""
    versions: Sequence[VersionItem]
    """Of the chosen pipeline."""
    pipeline_id: str
    version_id: str
    """Empty: the latest at every start."""
    spec_digest: str
    """Definition of a clone that has no version."""
    fields: Sequence[Field]
    """Parameters."""
    experiments: Sequence[tuple[str, str]]
    """(id, name) to choose from: those that ran last, and the chosen one."""
    experiment_id: str
    archived_experiment: str
    """Name of the experiment of the cloned run, which takes no runs any more; empty: it takes some."""
    name: str
    description: str
    pipeline_root: str
    source: RunItem | None
    """The run being cloned."""
    yaml_text: str
    """Parameters as YAML."""
    kind: str
    """`once` or `recurring`."""
    recurring: RecurringItem | None = None
    """The schedule being edited."""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    """Why there is no form."""
    gone: str = ""
    """What is named and not there any more: `pipeline`, `version`, `own` where the definition of the source takes its place."""
    is_fix: bool = False
    """The cloned run failed, and this one is to go on from what it has done."""


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Context of `runs/plan.html`."""

    entries: Sequence[Mapping[str, Any]]
    """One per task: `task`, `outcome`, `reason`, `seconds`."""
    problem: str = ""
    """Why there is no plan."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Tasks by outcome."""
    expected_seconds: float = 0.0
    """How long what would be executed takes by history."""
    is_partial: bool = False
    """Some of it was never executed before."""
    environments: Sequence[Mapping[str, Any]] = ()
    """Of what is not reused; see `RunActions.cache_plan`."""


def seen_of(form: FormData) -> float | None:
    """Return when the schedule that the form was filled from had last been changed; None: the form does not say.

    Raises:
        InvalidArgumentError: it says something else.
    """
    try:
        return float(text) if (text := str(form.get("seen", ""))) else None
    except ValueError as error:
        raise InvalidArgumentError("seen has to be a time") from error


def trigger_of(form: FormData) -> dict[str, Any]:
    """Read the trigger from the form.

    Raises:
        InvalidArgumentError: no cron expression, or a period that is no number.
    """
    trigger: dict[str, Any] = {}
    if form.get("trigger") == "cron":
        expression = str(form.get("cron", "")).strip()
        if not expression:
            raise InvalidArgumentError("Give a cron expression of six fields: second minute hour day month weekday.")
        trigger["cron"] = in_zone(expression, str(form.get("cron_zone", "")).strip())
    else:
        try:
            trigger["interval_seconds"] = round(float(str(form.get("every", "1"))) * UNITS[str(form.get("unit", "hours"))])
        except (ValueError, KeyError, OverflowError) as error:
            raise InvalidArgumentError("The period has to be a number of seconds, minutes, hours, days or weeks.") from error
    for name in ("start", "end"):
        if text := str(form.get(name, "")).strip():
            trigger[name] = moment_of(text, str(form.get("zone", "")))
    return trigger


@dataclass(slots=True)
class _Start:
    """What the form begins with."""

    pipeline_id: str | None
    """None: the address does not say."""
    version_id: str | None
    experiment_id: str
    kind: str
    digest: str = ""
    name: str = ""
    description: str = ""
    pipeline_root: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    source: RunItem | None = None
    recurring: RecurringItem | None = None
    trigger: Mapping[str, Any] = field(default_factory=dict)


async def _start_of(services: WebServices, ask: QueryParams) -> _Start:
    """Return what the address asks for.

    Raises:
        NotFoundError: the run or schedule it names is not there.
    """
    start = _Start(ask.get("pipeline"), ask.get("version"), ask.get("experiment", ""), ask.get("kind", "once"))
    if clone := ask.get("clone"):
        found = await services.runs.runs([clone])
        if not found:
            raise NotFoundError(f"There is no run {clone} to clone.")
        _take_run(start, found[0])
    if edit := ask.get("edit"):
        schedule = await services.catalog.recurring(edit)
        if schedule is None:
            raise NotFoundError(f"There is no recurring run {edit}.")
        _take_schedule(start, schedule[0])
    return start


def _take_pipeline(start: _Start, pipeline_id: str | None, version_id: str | None) -> None:
    """Begin with these, unless the address says otherwise: empty there is a definition of its own, or the latest version."""
    if start.pipeline_id is None:
        start.pipeline_id = pipeline_id or ""
        start.version_id = version_id or "" if start.version_id is None else start.version_id


def _take_run(start: _Start, run: RunItem) -> None:
    start.source, start.pipeline_root = run, run.pipeline_root
    start.given, start.digest = dict(run.parameters), run.spec_digest or ""
    _take_pipeline(start, run.pipeline_id, run.pipeline_version_id)
    start.experiment_id, start.name, start.description = run.experiment_id or "", f"Clone of {run.name}", run.description


def _take_schedule(start: _Start, schedule: RecurringItem) -> None:
    start.recurring, start.kind, start.trigger = schedule, "recurring", schedule.trigger
    start.given = dict(schedule.runtime_config.get("parameters") or {})
    _take_pipeline(start, schedule.pipeline_id, schedule.pipeline_version_id)
    start.digest, start.experiment_id = schedule.spec_digest or "", schedule.experiment_id
    start.name, start.description = schedule.name, schedule.description
    start.pipeline_root = str(schedule.runtime_config.get("pipeline_root") or "")


async def new_run_page(services: WebServices, request: Request) -> Response:
    """The form, filled from `?clone=` (with `?fix=1` in the newest version, to go on from what that run has done), `?pipeline=`,
    `?version=`, `?edit=` (a schedule), `?kind=recurring`.
    """
    ask = request.query_params
    start = await _start_of(services, ask)
    is_fix = start.source is not None and ask.get("fix") == "1"
    page = await _page_of(services, start, is_fix=is_fix, is_newest=is_fix and "version" not in ask)
    title = "Edit schedule" if start.recurring else "New recurring run" if start.kind == "recurring" else "New run"
    section, above = ("recurring", "Recurring runs") if start.kind == "recurring" else ("runs", "Runs")
    frame = Frame(title=title, section=section, crumbs=(Crumb(above, f"/ui/{section}"), Crumb(title, is_word=True)), scripts=("new_run",))
    return render(services, request, "runs/new.html", frame=frame, page=page)


async def _page_of(services: WebServices, start: _Start, *, is_fix: bool, is_newest: bool) -> NewRunPage:
    pipeline_id, version_id = start.pipeline_id or "", start.version_id or ""
    view = await services.catalog.pipeline(pipeline_id, version_id=version_id) if pipeline_id else None
    gone = "" if is_newest else _gone(pipeline_id, version_id, view, has_own=start.source is not None and bool(start.digest))
    if gone == "own":
        pipeline_id, version_id, view = "", "", None
    pipelines, count = await pipeline_choices(services, view.pipeline if view else None)
    versions = view.versions if view else ()
    version_id = versions[0].pipeline_version_id if versions and is_newest else version_id
    chosen = next((version for version in versions if version.pipeline_version_id == version_id), versions[0] if versions else None)
    plan, problem = await _plan(services, chosen.spec_digest if chosen else start.digest)
    experiments, archived = await _experiments(services, start.experiment_id)
    return NewRunPage(
        pipelines=pipelines,
        pipeline_count=count,
        versions=versions,
        pipeline_id=pipeline_id,
        version_id=version_id,
        spec_digest=start.digest if not chosen else "",
        fields=fields_of(plan.parameters, start.given) if plan else (),
        experiments=experiments,
        experiment_id=start.experiment_id,
        archived_experiment=archived,
        name=start.name or (f"Run of {view.pipeline.display_name}" if view else ""),
        description=start.description,
        pipeline_root=start.pipeline_root,
        source=start.source,
        is_fix=is_fix,
        yaml_text=yaml_of(_effective(plan, start.given)) if plan and plan.parameters else "",
        kind=start.kind if start.kind in {"once", "recurring"} else "once",
        recurring=start.recurring,
        trigger=start.trigger,
        problem=problem,
        gone=gone,
    )


def _gone(pipeline_id: str, version_id: str, view: PipelineView | None, *, has_own: bool) -> str:
    """What the form begins without: `pipeline` or `version` of the address, `own` where the source's own definition takes its place."""
    if not pipeline_id or (view is not None and (not version_id or any(one.pipeline_version_id == version_id for one in view.versions))):
        return ""
    return "own" if has_own else "pipeline" if view is None else "version"


async def pipeline_choices(services: WebServices, chosen: PipelineItem | None) -> tuple[list[PipelineItem], int]:
    """Return the pipelines that a form offers, the chosen one among them, and how many there are."""
    listing = await services.catalog.list_pipelines(ListQuery(limit=200, sort="name", is_descending=False))
    items = list(listing.items)
    if chosen is not None and all(item.pipeline_id != chosen.pipeline_id for item in items):
        items.append(chosen)
    return items, listing.total


async def _experiments(services: WebServices, chosen: str) -> tuple[list[tuple[str, str]], str]:
    """Return the experiments that the form offers, and the name of the chosen one when it is archived."""
    names = list(await services.catalog.experiment_names())
    if not chosen or chosen in dict(names):
        return names, ""
    experiment = await services.catalog.experiment(chosen)
    if experiment is None or experiment.storage_state != "AVAILABLE":
        return names, experiment.name if experiment else ""
    return [*names, (chosen, experiment.name)], ""


def _effective(plan: RunPlan, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given.get(name, None if spec.default is UNSET else spec.default) for name, spec in plan.parameters.items()}


async def _plan(services: WebServices, digest: str) -> tuple[RunPlan | None, str]:
    if not digest:
        return None, ""
    plan = await plan_of(services, digest)
    return plan, "" if plan else "The definition of this pipeline cannot be read."


async def experiment_named(services: WebServices, form: FormData) -> str | None:
    """Return the id of the experiment in the form: chosen by id, or written by name where there are too many; None: the default one.

    Raises:
        InvalidArgumentError: there is none, or several have the name.
    """
    text = str(form.get("experiment", "")).strip()
    return await meant(services.catalog, text) if text else None


async def _request_of(services: WebServices, form: FormData) -> dict[str, Any]:
    return {
        "name": str(form.get("name", "")).strip(),
        "description": str(form.get("description", "")).strip(),
        "experiment_id": await experiment_named(services, form),
        "pipeline_id": str(form.get("pipeline", "")) or None,
        "pipeline_version_id": str(form.get("version", "")) or None,
        "spec_digest": str(form.get("spec_digest", "")) or None,
        "parameters": parameters_of(form),
        "pipeline_root": str(form.get("pipeline_root", "")).strip(),
        "no_cache": form.get("no_cache") == "on",
    }


async def create(services: WebServices, request: Request) -> Response:
    """Start the run, or set up or change the schedule."""
    check_own_form(request)
    form = await request.form()
    wanted = await _request_of(services, form)
    if form.get("kind") != "recurring":
        run_id = await services.actions.runs.create(wanted)
        return redirect(f"/ui/runs/{run_id}")
    wanted |= {
        "trigger": trigger_of(form),
        "max_concurrency": int(str(form.get("max_concurrency", "1")) or 1),
        "is_catchup": form.get("catchup") == "on",
    }
    if edited := str(form.get("edit", "")):
        by = services.automation.user_name if services.automation else ""
        await services.actions.recurring_runs.update(edited, wanted | {"seen_at": seen_of(form)}, by=by)
        return redirect(f"/ui/recurring/{edited}", Notice("Schedule changed."))
    recurring_run_id = await services.actions.recurring_runs.create(wanted)
    return redirect(f"/ui/recurring/{recurring_run_id}", Notice("Schedule created."))


async def plan_part(services: WebServices, request: Request) -> Response:
    """What this run would reuse and what it would run, before it is started."""
    check_own_form(request)
    form = await request.form()
    try:
        plan = await services.actions.runs.cache_plan(await _request_of(services, form) | {"name": "plan"})
    except PenstockError as error:
        return render_part(services, request, "runs/plan.html", part=PlanPart((), str(error)))
    counts: dict[str, int] = {}
    for entry in plan["tasks"]:
        counts[str(entry["outcome"])] = counts.get(str(entry["outcome"]), 0) + 1
    part = PlanPart(plan["tasks"], "", counts, plan["expected_seconds"], is_partial=plan["is_partial"], environments=plan["environments"])
    return render_part(services, request, "runs/plan.html", part=part)


async def convert(services: WebServices, request: Request) -> Response:
    """Turn the parameters from form to YAML or back, as JSON; `problem` says why it cannot be."""
    check_own_form(request)
    try:
        return JSONResponse(converted(await request.form()))
    except InvalidArgumentError as error:
        return JSONResponse({"problem": sentences.say_error(language_of(request), error)})


async def fires_part(services: WebServices, request: Request) -> Response:
    """The next five planned times of the trigger in the form."""
    check_own_form(request)
    form = await request.form()
    times: Sequence[float] = ()
    problem = cron = ""
    is_late, now = False, services.clock.now()
    try:
        trigger = trigger_of(form)
        is_late = trigger.get("start", now) < now and not form.get("edit")
        cron = trigger.get("cron", "")
        times = services.actions.recurring_runs.next_fires(trigger, after=now, count=5)
    except PenstockError as error:
        problem = str(error)
    return render_part(services, request, "recurring/fires.html", times=times, problem=problem, cron=cron, is_late=is_late)
