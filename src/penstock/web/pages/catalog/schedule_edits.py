"""Editing a recurring run where it stands. What cannot be saved comes back with what was typed, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.domain.catalog import RecurringRun, Trigger
from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError
from penstock.domain.ids import RecurringRunId
from penstock.pipelines.recurring_runs import RecurringChange
from penstock.web.pages.catalog.new_run import seen_of, trigger_of
from penstock.web.pages.catalog.recurring import RecurringDraft, recurring_page
from penstock.web.pages.catalog.triggers import automation_of, event_of, whole_of
from penstock.web.render import Notice, redirect
from penstock.web.security import check_own_form
from penstock.web.services.web import WebServices


async def edit(services: WebServices, request: Request) -> Response:
    """Change what the form names; the change log keeps what it was. What somebody else changed meanwhile is not overwritten unseen."""
    check_own_form(request)
    form, automation, identity = await request.form(), automation_of(services), RecurringRunId(request.path_params["recurring_run_id"])
    recurring = await automation.recurring_runs.get(identity)
    try:
        await automation.recurring_runs.update(identity, change_of(form, recurring), by=automation.user_name)
    except (InvalidArgumentError, ConflictError, NotFoundError) as error:
        there = Request({**request.scope, "path": f"/ui/recurring/{identity}"}, request.receive)
        return await recurring_page(services, there, draft=_draft_of(form, recurring, str(error)))
    return redirect(f"/ui/recurring/{identity}", Notice("Changed."))


async def edit_address(services: WebServices, request: Request) -> Response:
    """Lead from the address of the form, which the browser shows after a refusal, to the schedule."""
    del services
    return RedirectResponse(f"/ui/recurring/{request.path_params['recurring_run_id']}", status_code=303)


def change_of(form: FormData, recurring: RecurringRun) -> RecurringChange:
    """Return what the form changes; what it has no field for stays.

    Raises:
        InvalidArgumentError: a field cannot be read.
    """
    event = recurring.trigger.event
    trigger: Trigger | None = None
    if event is not None:
        trigger = Trigger(event=replace(event_of(form), token_digest=event.token_digest, name=event.name, together=event.together))
    elif form.get("trigger"):
        fields = trigger_of(form)
        trigger = Trigger(fields.get("cron"), fields.get("interval_seconds"), fields.get("start"), fields.get("end"))
    return RecurringChange(
        display_name=str(form.get("name", "")).strip() or None,
        description=str(form.get("description", "")).strip(),
        parameters=_edited(form, recurring.parameters),
        trigger=trigger if trigger != recurring.trigger else None,
        max_concurrency=whole_of(form, "max_concurrency", recurring.max_concurrency),
        no_catchup=form.get("catchup") != "on" if event is None else None,
        seen_at=seen_of(form),
    )


def _draft_of(form: FormData, recurring: RecurringRun, problem: str) -> RecurringDraft:
    trigger: dict[str, Any] = {}
    try:
        trigger = {"event": asdict(event_of(form))} if recurring.trigger.event is not None else trigger_of(form)
    except InvalidArgumentError:  # then the fields show what is stored
        trigger = {}
    given = {name.partition(":")[2]: str(form[name]) for name in form if name.startswith("given:")}
    name, description, most = (str(form.get(field, "")) for field in ("name", "description", "max_concurrency"))
    return RecurringDraft(name, description, trigger, most, is_catchup=form.get("catchup") == "on", parameters=given, problem=problem)


def _edited(form: FormData, before: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read parameters of the edit form: texts stay texts, the rest is JSON; None when none differs.

    Raises:
        InvalidArgumentError: a value that was no text is no JSON.
    """
    after = dict(before)
    for name, value in before.items():
        given = form.get(f"given:{name}")
        if given is None:
            continue
        text = str(given)
        if isinstance(value, str) or "[[" in text:
            after[name] = text
            continue
        try:
            after[name] = json.loads(text)
        except ValueError as error:
            raise InvalidArgumentError(f"{name} has to be JSON; {text[:80]!r} is not.") from error
    return None if after == dict(before) else after
