"""Automations of a project: what is done when, and the log of what was done. Programs make them with the wandb client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.automations import Automation, DeliveryState, EventType
from penstock.domain.errors import NotFoundError
from penstock.domain.tracking import TrackedProject
from penstock.tracking.automations import AutomationEntry
from penstock.web.pages.tracking_workspace import PROJECT_TABS, project_frame, project_url
from penstock.web.render import Notice, redirect, render
from penstock.web.security import check_own_form, safe_next
from penstock.web.services import WebServices
from penstock.web.tracking_services import TrackingServices, check_writable, checked_id, project_of

_LOGGED = 10
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
    page = AutomationsPage(project, project_url(project), PROJECT_TABS, entries, EVENT_WORDS, LOOKS)
    frame = project_frame(project, f"{project.name} automations", crumb="Automations")
    return render(services, request, "tracking/automations.html", frame=frame, page=page)


async def act(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Enable, disable or delete an automation."""
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
    if verb not in {"enable", "disable"}:
        return redirect(target, Notice("Nothing was selected.", "error"))
    await asyncio.to_thread(partial(tracking.automations.change, automation_id, is_enabled=verb == "enable"))
    return redirect(target, Notice("Saved."))
