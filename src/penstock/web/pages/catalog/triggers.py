"""Event triggers and what belongs to recurring runs beside their schedule: edit in place, test, webhook token, backfill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.catalog import Trigger
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError
from penstock.domain.ids import ExperimentId, PipelineId, PipelineVersionId, RecurringRunId
from penstock.domain.triggers import EventKind, EventTrigger
from penstock.interfaces.page_catalog import PipelineItem, VersionItem
from penstock.pipelines.backfill_costs import BackfillCost
from penstock.pipelines.backfills import BackfillPlan
from penstock.pipelines.event_facts import known_facts
from penstock.pipelines.recurring_runs import RecurringRequest, new_token
from penstock.pipelines.runs import RunRequest
from penstock.web.pages.catalog.new_run import experiment_named, pipeline_choices
from penstock.web.pages.catalog.parameter_fields import Field, fields_of, parameters_of
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.runs.plans import plan_of
from penstock.web.security import check_own_form
from penstock.web.services.automation import Automation
from penstock.web.services.web import WebServices
from penstock.web.texts.zones import field_text, moment_of, zone_names

_DAY_SECONDS = 86_400

KINDS: Sequence[tuple[str, str, str]] = (
    ("run_finished", "Another run ended", "A run of a pipeline, flow or tracking project reached a final state."),
    ("artifact", "Artifact version or alias", "A collection got a version, or one of its aliases moved."),
    ("metric", "Metric threshold", "A run's metric passed a threshold. Tracked runs are judged when they end."),
    ("webhook", "Webhook", "Somebody posts to an address with a token."),
    ("file", "File or folder", "Something below a path on the server's machine changed and came to rest."),
)
"""Kind, label, what it waits for."""

_FIELD: Mapping[str, Sequence[str]] = {"webhook": ("payload.some.field",)}
FACTS: Mapping[str, Sequence[str]] = {
    kind: [*(name for name in known_facts(EventTrigger(EventKind(kind))) if name != "kind"), *_FIELD.get(kind, ())] for kind, _, _ in KINDS
}
"""Kind -> what its events may say, as parameters ask for it."""

EDIT_WORDS: Mapping[str, str] = {
    "display_name": "Name",
    "description": "Description",
    "is_enabled": "Enabled",
    "max_concurrency": "Runs at the same time, at most",
    "no_catchup": "Only the latest missed time",
    "pipeline_root": "Pipeline root",
    "pipeline_version_id": "Version",
    "spec_digest": "Definition",
    "trigger": "Trigger",
    "token": "Token of the webhook",
}
"""Field of a change -> what the change log calls it."""


@dataclass(frozen=True, slots=True)
class NewTriggerPage:
    """Context of `recurring/new_trigger.html`."""

    pipelines: Sequence[PipelineItem]
    """To choose from: the first by name, and the chosen one."""
    pipeline_count: int
    """How many there are."""
    versions: Sequence[VersionItem]
    """Of the chosen pipeline."""
    pipeline_id: str
    version_id: str
    """Empty: the latest at every start."""
    fields: Sequence[Field]
    """Parameters of the pipeline."""
    experiments: Sequence[tuple[str, str]]
    """(id, name)."""
    kind: str
    """Kind that is chosen."""
    event: EventTrigger
    """What the fields are filled with."""
    kinds: Sequence[tuple[str, str, str]]
    """Kind, label, explanation."""
    filled: Mapping[str, Any]
    """What was sent when it could not be created."""
    facts: Mapping[str, Sequence[str]]
    """Kind -> what parameters may ask of its events."""
    problem: str = ""
    """Why it could not be created."""


@dataclass(frozen=True, slots=True)
class BackfillPreview:
    """What a backfill would do, or why there is none."""

    from_text: str
    """As in the field."""
    until_text: str
    is_again: bool
    plan: BackfillPlan | None = None
    problem: str = ""
    zone: str = "UTC"
    """That the fields are in."""
    cost: BackfillCost | None = None
    """What the runs of the plan would do."""


@dataclass(frozen=True, slots=True)
class TokenPage:
    """Context of `recurring/token.html`."""

    recurring_run_id: str
    name: str
    hook_url: str
    token: str
    """Shown here and nowhere else."""


def automation_of(services: WebServices) -> Automation:
    """Return the use cases.

    Raises:
        NotFoundError: this server has none.
    """
    if services.automation is None:
        raise NotFoundError("This server has no triggers.")
    return services.automation


async def new_trigger_page(services: WebServices, request: Request) -> Response:
    """The form for a trigger, filled from `?pipeline=`, `?version=`, `?kind=` and the fields of the event."""
    ask = request.query_params
    return await _form(services, request, ask.get("pipeline", ""), ask.get("version", ""), _lenient_event(ask), {}, "", filled=ask)


async def create(services: WebServices, request: Request) -> Response:
    """Set up the trigger; a webhook's token is shown on the page that follows and never again."""
    check_own_form(request)
    form = await request.form()
    token, digest = new_token()
    pipeline, version = str(form.get("pipeline", "")), str(form.get("version", ""))
    given: Mapping[str, Any] = {}
    try:
        given = _texts_of(form)
        event = replace(event_of(form), token_digest=digest)
        experiment = await experiment_named(services, form)
        wanted = RecurringRequest(
            RunRequest(
                name=str(form.get("name", "")).strip(),
                description=str(form.get("description", "")).strip(),
                experiment_id=ExperimentId(experiment) if experiment else None,
                pipeline_id=PipelineId(pipeline) if pipeline else None,
                pipeline_version_id=PipelineVersionId(version) if version else None,
                parameters=given,
            ),
            Trigger(event=event),
            whole_of(form, "max_concurrency", 1),
            is_enabled=True,
        )
        recurring = await automation_of(services).recurring_runs.create(wanted)
    except PenstockError as error:
        return await _form(services, request, pipeline, version, _lenient_event(form), given, str(error), filled=form)
    if event.kind is EventKind.WEBHOOK:
        return await _token_page(services, request, recurring.recurring_run_id, recurring.display_name, token)
    return redirect(f"/ui/recurring/{recurring.recurring_run_id}", Notice("Trigger created."))


async def renew_token(services: WebServices, request: Request) -> Response:
    """Give the webhook another token, shown once."""
    check_own_form(request)
    automation = automation_of(services)
    recurring, token = await automation.recurring_runs.renew_token(_id(request), by=automation.user_name)
    return await _token_page(services, request, recurring.recurring_run_id, recurring.display_name, token)


async def backfill(services: WebServices, request: Request) -> Response:
    """Start the backfill that the plan showed, or stop one."""
    check_own_form(request)
    form, automation, identity = await request.form(), automation_of(services), _id(request)
    if stopped := str(form.get("cancel", "")):
        await automation.backfills.cancel(identity, stopped)
        return redirect(f"/ui/recurring/{identity}#backfill", Notice("Stopped; runs that were started go on."))
    zone = str(form.get("zone", ""))
    started = await automation.backfills.start(
        identity,
        from_at=moment_of(str(form.get("from", "")), zone),
        until_at=moment_of(str(form.get("until", "")), zone),
        is_again=form.get("again") == "on",
    )
    return redirect(f"/ui/recurring/{identity}#backfill", Notice(f"{started.total} runs will start one after the other."))


async def preview_of(services: WebServices, request: Request, identity: str) -> BackfillPreview:
    """Return the plan for the range in the address; without one the last day is offered."""
    ask = request.query_params
    now, zone = services.clock.now(), zone_names(request.cookies)[0]
    # An address without a zone was made by hand or is older than zones: UTC, as the API takes it.
    zone = ask.get("zone", "UTC") if "from" in ask else zone
    from_text = ask.get("from") or field_text(now - _DAY_SECONDS, zone)
    until_text = ask.get("until") or field_text(now, zone)
    shown = BackfillPreview(from_text, until_text, ask.get("again") == "on", zone=zone)
    if "from" not in ask:
        return shown
    try:
        plan = await automation_of(services).backfills.plan(
            RecurringRunId(identity), from_at=moment_of(from_text, zone), until_at=moment_of(until_text, zone), is_again=shown.is_again
        )
    except PenstockError as error:
        return replace(shown, problem=str(error))
    return replace(shown, plan=plan, cost=await _cost_of(services, identity, plan))


async def _cost_of(services: WebServices, identity: str, plan: BackfillPlan) -> BackfillCost | None:
    try:
        return await automation_of(services).costs.of(RecurringRunId(identity), plan)
    except PenstockError:  # a pipeline that is gone: the plan says what it can
        return None


def event_of(form: Mapping[str, Any]) -> EventTrigger:
    """Read the event from a form.

    Raises:
        InvalidArgumentError: a number is none.
    """
    try:
        kind = EventKind(str(form.get("event", "")))
    except ValueError as error:
        raise InvalidArgumentError("Choose what the trigger waits for.") from error

    def text(name: str) -> str:
        return str(form.get(name, "")).strip()

    states = tuple(form.getlist("states")) if isinstance(form, FormData) else ("SUCCEEDED",)
    try:
        threshold = float(text("threshold") or 0)
    except ValueError as error:
        raise InvalidArgumentError("The threshold has to be a number.") from error
    return EventTrigger(
        kind,
        pipeline=text("of_pipeline"),
        project=text("project"),
        states=tuple(str(state) for state in states),
        collection=text("collection"),
        alias=text("alias"),
        metric=text("metric"),
        comparison=text("comparison") or ">",
        threshold=threshold,
        path=text("path"),
        ring_limit=whole_of(form, "ring_limit", 1),
        max_per_hour=whole_of(form, "max_per_hour", 60),
    )


def _lenient_event(form: Mapping[str, Any]) -> EventTrigger:
    """Read what can be read, for filling the form."""
    try:
        return event_of({"event": EventKind.RUN_FINISHED.value, **dict(form)})
    except PenstockError:
        return EventTrigger(EventKind.RUN_FINISHED)


def whole_of(form: Mapping[str, Any], name: str, fallback: int) -> int:
    """Return a whole number of the form; `fallback` where the field is empty.

    Raises:
        InvalidArgumentError: it is none.
    """
    try:
        return int(str(form.get(name, "")).strip() or fallback)
    except ValueError as error:
        raise InvalidArgumentError(f"{name} has to be a whole number.") from error


def _texts_of(form: FormData) -> dict[str, Any]:
    """Read parameters; a text with a macro passes whatever the declared type, it is read when the run is made."""
    texts = {key.partition(":")[2]: str(form[key]) for key in form if key.startswith("parameter:") and "[[" in str(form[key])}
    rest = FormData([(key, value) for key, value in form.multi_items() if key.partition(":")[2] not in texts])
    return parameters_of(rest) | texts


async def _form(
    services: WebServices,
    request: Request,
    pipeline_id: str,
    version_id: str,
    event: EventTrigger,
    given: Mapping[str, Any],
    problem: str,
    *,
    filled: Mapping[str, Any],
) -> Response:
    view = await services.catalog.pipeline(pipeline_id, version_id=version_id) if pipeline_id else None
    pipelines, count = await pipeline_choices(services, view.pipeline if view else None)
    versions = view.versions if view else ()
    chosen = next((version for version in versions if version.pipeline_version_id == version_id), versions[0] if versions else None)
    plan = await plan_of(services, chosen.spec_digest if chosen else None)
    page = NewTriggerPage(
        pipelines=pipelines,
        pipeline_count=count,
        versions=versions,
        pipeline_id=pipeline_id,
        version_id=version_id,
        fields=fields_of(plan.parameters, given) if plan else (),
        experiments=await services.catalog.experiment_names(),
        kind=event.kind.value,
        event=event,
        kinds=KINDS,
        filled=filled,
        facts=FACTS,
        problem=problem,
    )
    crumbs = (Crumb("Recurring runs", "/ui/recurring"), Crumb("New trigger", is_word=True))
    frame = Frame(title="New trigger", section="recurring", crumbs=crumbs, scripts=("triggers",))
    return render(services, request, "recurring/new_trigger.html", frame=frame, page=page)


async def _token_page(services: WebServices, request: Request, identity: str, name: str, token: str) -> Response:
    here = Crumb("Token of the webhook", is_word=True)
    crumbs = (Crumb("Recurring runs", "/ui/recurring"), Crumb(name, f"/ui/recurring/{identity}"), here)
    frame = Frame(title="Token of the webhook", section="recurring", crumbs=crumbs)
    hook = f"{services.url}/apis/penstock/v1/hooks/{identity}"
    return render(services, request, "recurring/token.html", frame=frame, page=TokenPage(identity, name, hook, token))


def _id(request: Request) -> RecurringRunId:
    return RecurringRunId(request.path_params["recurring_run_id"])
