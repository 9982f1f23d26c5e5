"""Automations of a project: what is done when, and the log of what was done. Made here or by programs with the wandb client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.automations import ActionType, Automation, DeliveryState, EventType, ScopeKind, WebhookIntegration
from penstock.domain.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from penstock.domain.tracking import TrackedProject
from penstock.tracking.automations import AutomationEntry, AutomationScope
from penstock.web.pages.tracking.workspace import PROJECT_TABS, project_frame, project_url
from penstock.web.render import Notice, redirect, render
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.tracking import TrackingServices, caller_of, check_writable, checked_id, project_of
from penstock.web.services.web import WebServices

_LOGGED = 10
_ANY_RUN = json.dumps({"$and": []})
"""Filters inside of filters are JSON text."""
EVENT_WORDS: Mapping[EventType, str] = {
    EventType.CREATE_ARTIFACT: "an artifact gets a version",
    EventType.ADD_ARTIFACT_ALIAS: "a version gets an alias",
    EventType.ADD_ARTIFACT_TAG: "a version gets a tag",
    EventType.REMOVE_ARTIFACT_TAG: "a version loses a tag",
    EventType.ADD_COLLECTION_TAG: "a collection gets a tag",
    EventType.REMOVE_COLLECTION_TAG: "a collection loses a tag",
    EventType.LINK_MODEL: "a version is linked",
    EventType.UNLINK_ARTIFACT: "a version is unlinked",
    EventType.RUN_METRIC: "a metric passes a threshold",
    EventType.RUN_METRIC_CHANGE: "a metric changes by so much",
    EventType.RUN_METRIC_ZSCORE: "a metric leaves its usual range",
    EventType.RUN_STATE: "a run changes its state",
}
LOOKS: Mapping[DeliveryState, tuple[str, str]] = {
    DeliveryState.PENDING: ("Pending", "pending"),
    DeliveryState.DONE: ("Done", "succeeded"),
    DeliveryState.FAILED: ("Failed", "failed"),
    DeliveryState.REFUSED: ("Refused", "canceled"),
}


@dataclass(frozen=True, slots=True)
class AutomationsPage:
    """Context of `tracking/automations.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    entries: Sequence[AutomationEntry]
    """Automations with the newest entries of their logs, oldest first."""
    words: Mapping[EventType, str]
    """What may happen, in words."""
    looks: Mapping[DeliveryState, tuple[str, str]]
    """Word and icon of the states of deliveries."""
    integrations: Sequence[WebhookIntegration] = ()
    """Where webhooks of the entity can go."""
    metric: str | None = None
    """The metric that a new automation is to watch, when the reader comes from its chart."""

    def condition(self, automation: Automation) -> str:
        """The filter of an automation as text; empty when it has none."""
        try:
            document = json.loads(automation.event_filter or "{}")
        except ValueError:
            return automation.event_filter
        return json.dumps(document, ensure_ascii=False) if document else ""


async def list_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Automations whose scope is the project or something in it."""
    project = await project_of(tracking, request)
    entries = await asyncio.to_thread(partial(tracking.automations.with_deliveries, project_id=project.project_id, limit=_LOGGED))
    integrations = await asyncio.to_thread(tracking.automations.integrations, project.entity)
    metric = request.query_params.get("metric")
    page = AutomationsPage(project, project_url(project), PROJECT_TABS, entries, EVENT_WORDS, LOOKS, integrations, metric)
    frame = project_frame(project, "Automations", crumb="Automations", scripts=("triggers",))
    return render(services, request, "tracking/automations.html", frame=frame, page=page)


async def create(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Make an automation from the page's form.

    Raises:
        InvalidArgumentError: the form does not say a condition, or not one that can be watched.
        NotFoundError: there is no such project.
    """
    form, project = await _asked(tracking, request)
    event_type, event_filter = condition_of(form)
    action_type, action = _action_of(form)
    make = partial(
        tracking.automations.create,
        AutomationScope(ScopeKind.PROJECT, project.project_id, project.entity, project.project_id),
        name=form.get("name", ""),
        description="",
        is_enabled=True,
        event_type=event_type,
        event_filter=json.dumps(event_filter),
        action_type=action_type,
        action=action,
        user_name=caller_of(tracking, request).user_name,
    )
    return await _made(project, make)


async def add_webhook(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Note where webhooks of the project's entity may go.

    Raises:
        NotFoundError: there is no such project.
    """
    form, project = await _asked(tracking, request)
    make = partial(
        tracking.automations.create_integration, project.entity, name=form.get("name", ""), url=form.get("url", ""),
        access_token_ref=form.get("token", ""), secret_ref=form.get("signing", ""),
    )  # fmt: skip
    return await _made(project, make)


async def _asked(tracking: TrackingServices, request: Request) -> tuple[Mapping[str, str], TrackedProject]:
    """Return what one of our own forms says, and the project that it is about, which the sender may write to."""
    check_own_form(request)
    form = {name: str(value).strip() for name, value in (await request.form()).items()}
    check_writable(tracking, request, form.get("entity", ""))
    project = await tracking.projects.get(form.get("entity", ""), form.get("project", ""))
    if project is None:
        raise NotFoundError("There is no such project any more.")
    return form, project


async def _made(project: TrackedProject, make: Callable[[], object]) -> Response:
    """Make what a form asks for, and lead back with how that went."""
    target = f"{project_url(project)}/automations"
    try:
        await asyncio.to_thread(make)
    except (AlreadyExistsError, InvalidArgumentError) as error:
        return redirect(target, Notice(str(error), "error"))
    return redirect(target, Notice("Saved."))


def condition_of(form: Mapping[str, str]) -> tuple[EventType, Mapping[str, Any]]:
    """Return event and filter of a new automation, as the client would send them (observed with wandb 0.31.0).

    Raises:
        InvalidArgumentError: a field is missing or no number.
    """
    if form.get("event") == "state":
        return EventType.RUN_STATE, {"run_filter": _ANY_RUN, "run_state_filter": {"states": [form.get("state", "").upper()]}}
    if form.get("event") == "alias":
        return EventType.ADD_ARTIFACT_ALIAS, {"$or": [{"$and": [{"alias": {"$eq": form.get("alias", "")}}]}]}
    if not form.get("metric"):
        raise InvalidArgumentError("An automation on a metric needs its name.")
    try:
        threshold, window = float(form.get("threshold", "")), int(form.get("window") or 1)
    except ValueError as error:
        raise InvalidArgumentError("The threshold and the number of values must be numbers.") from error
    condition = {
        "name": form["metric"], "agg_op": "AVERAGE" if window > 1 else None, "window_size": window, "cmp_op": form.get("compare", ""),
        "threshold": threshold,
    }  # fmt: skip
    return EventType.RUN_METRIC, {"run_filter": _ANY_RUN, "run_metric_filter": {"threshold_filter": condition}, "metric_filter": None}


def _action_of(form: Mapping[str, str]) -> tuple[ActionType, Mapping[str, Any]]:
    if form.get("action", "").isdecimal():
        return ActionType.GENERIC_WEBHOOK, {"integration_id": int(form["action"]), "request_payload": None}
    return ActionType.NOTIFICATION, {"title": form.get("name", ""), "message": "", "severity": "WARN"}


async def act(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Enable, disable or delete an automation, or send again what did not arrive."""
    check_own_form(request)
    form = await request.form()
    automation_id, verb = int(checked_id(str(form.get("id", "")))), str(form.get("verb", ""))
    known = await asyncio.to_thread(tracking.automations.get, automation_id)
    if known is None:
        raise NotFoundError("There is no such automation any more.")
    check_writable(tracking, request, known.entity)
    target = safe_next(str(form.get("next", "")), "/ui/projects")
    if verb == "delete":
        await asyncio.to_thread(tracking.automations.delete, automation_id)
        return redirect(target, Notice("Automation deleted."))
    if verb == "again":
        sent = await asyncio.to_thread(tracking.automations.send_again, automation_id, int(checked_id(str(form.get("delivery", "")))))
        return redirect(target, Notice("It is sent again.") if sent else Notice("That delivery is not one that failed.", "error"))
    if verb not in {"enable", "disable"}:
        return redirect(target, Notice("Nothing was selected.", "error"))
    await asyncio.to_thread(partial(tracking.automations.change, automation_id, is_enabled=verb == "enable"))
    return redirect(target, Notice("Saved."))
