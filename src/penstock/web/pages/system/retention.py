"""What if old things went: what a rule would take and free, by pipeline and project, before anything is done; and doing it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError
from penstock.domain.retention import RETAINED, RetentionPlan, RetentionRule
from penstock.domain.trash import TrashKind
from penstock.trash.retention import RetentionService
from penstock.web.pages.system.trash import KINDS, undo_notice, user_of
from penstock.web.render import Crumb, Frame, Notice, query_url, redirect, render
from penstock.web.security import check_own_form
from penstock.web.services.tracking import check_writable, readable_by
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import duration

_ADDRESS = "/ui/system/retention"
_MOST_DAYS = 36_500.0
_MOST_KEPT = 1_000_000


@dataclass(frozen=True, slots=True)
class RetentionPage:
    """Context of `system/retention.html`."""

    rule: RetentionRule
    """What the form shows."""
    choices: Sequence[tuple[TrashKind, str, str]]
    """(kind, word, icon) of what a rule may be about."""
    plan: RetentionPlan | None
    """What the rule would do; None before it was asked."""
    policy: RetentionRule
    """What is done by itself; 0 days: nothing."""
    keep_seconds: float
    """How long things lie in the trash; 0: they go at once."""


def _retention(services: WebServices) -> RetentionService:
    if services.retention is None:
        raise NotFoundError("These pages are served without a server process.")
    return services.retention


def rule_of(given: QueryParams | FormData, default: RetentionRule) -> RetentionRule:
    """Read a rule from a query or form; what is not there is taken from `default`.

    Raises:
        InvalidArgumentError: a number cannot be read, or a kind is not known.
    """
    kinds = [str(kind) for kind in given.getlist("kind")] or [kind.value for kind in default.kinds]
    if unknown := set(kinds) - {kind.value for kind in RETAINED}:
        raise InvalidArgumentError(f"kind: {', '.join(sorted(unknown))} is not known")
    days, keep = str(given.get("days", default.days)), str(given.get("keep", default.keep_newest))
    try:
        rule = RetentionRule([kind for kind in RETAINED if kind.value in kinds], float(days), int(keep))
    except (ValueError, OverflowError):
        raise InvalidArgumentError(f"days and keep: {days[:40]!r} and {keep[:40]!r} are not numbers") from None
    if not (math.isfinite(rule.days) and 0 <= rule.days <= _MOST_DAYS and 0 <= rule.keep_newest <= _MOST_KEPT):
        raise InvalidArgumentError("days and keep must be numbers from 0")
    return rule


async def retention_page(services: WebServices, request: Request) -> Response:
    """A rule, and what it would do once it was asked."""
    retention = _retention(services)
    policy = retention.policy
    default = policy if policy.days > 0 else RetentionRule(policy.kinds, 30.0, policy.keep_newest)
    rule = rule_of(request.query_params, default)
    plan = None
    if "days" in request.query_params:
        plan = await retention.plan(rule, readable=readable_by(services.tracking, request))
    choices = [(kind, *KINDS[kind]) for kind in RETAINED]
    keep_seconds = 0.0 if services.trash is None else services.trash.keep_seconds
    page = RetentionPage(rule, choices, plan, policy, keep_seconds)
    frame = Frame("Retention", "system", (Crumb("System", "/ui/system"), Crumb("Retention", is_word=True)), scripts=("table",))
    return render(services, request, "system/retention.html", frame=frame, page=page)


async def act(services: WebServices, request: Request) -> Response:
    """Move what the rule takes now to the trash; things that the reader may not change stay and are named."""
    check_own_form(request)
    form = await request.form()
    retention, trash = _retention(services), services.trash
    if trash is None:
        raise NotFoundError("This server has no trash.")
    rule = rule_of(form, retention.policy)
    kinds = [("kind", kind.value) for kind in rule.kinds]
    target = query_url(_ADDRESS, QueryParams([("days", f"{rule.days:g}"), ("keep", str(rule.keep_newest)), *kinds]))
    plan = await retention.plan(rule, readable=readable_by(services.tracking, request))
    refused = {entity: problem for entity in {thing.entity for thing in plan.things} if (problem := _refusal(services, request, entity))}
    things = [thing for thing in plan.things if thing.entity not in refused]
    if not plan.things:
        return redirect(target, Notice("Nothing is as old as that.", "error"))
    batch = trash.new_batch()
    failed = await retention.follow(things, batch=batch, by=user_of(services, request))
    problems = [*(f"{entity}: {problem}" for entity, problem in refused.items()), *failed]
    done = len(things) - len(failed)
    if trash.keep_seconds <= 0 or not done:
        return redirect(target, Notice(f"Deleted {done} of {len(plan.things)}.", "error" if problems else "done", problems=problems))
    text = f"{done} of {len(plan.things)} are in the trash for {duration(trash.keep_seconds)}."
    return redirect(target, undo_notice(text, batch, target, problems))


def _refusal(services: WebServices, request: Request, entity: str) -> str:
    """Why the reader may not delete what belongs to an entity; empty when they may."""
    if not entity or services.tracking is None:
        return ""
    try:
        check_writable(services.tracking, request, entity)
    except PenstockError as error:
        return str(error)
    return ""
