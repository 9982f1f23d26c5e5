"""Budgets on the pages of pipelines and projects, and among what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from penstock.budgets.service import BudgetView, described
from penstock.domain.budgets import BudgetPeriod, BudgetReading, BudgetScope
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.tracking import TrackedProjectId
from penstock.web.lists.namespaces import namespace_of
from penstock.web.render import Notice, redirect
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.tracking import caller_of, check_writable, checked_id, readable_by
from penstock.web.services.web import WebServices

GIB = 1 << 30
PERIODS: Sequence[tuple[str, str]] = (("day", "per day"), ("week", "per week"), ("month", "per month"))
STATE_WORDS: Mapping[str, str] = {"over": "Over budget", "ahead": "Over budget soon at this pace", "within": "Within budget"}
MEASURE_WORDS: Mapping[str, Mapping[str, str]] = {
    "hours": {"pipeline": "Task hours", "project": "Run hours"},
    "bytes": {"pipeline": "Stored", "project": "Stored"},
}


@dataclass(frozen=True, slots=True)
class BudgetCard:
    """Context of `shared/budget.html`."""

    scope: str
    scope_id: str
    view: BudgetView | None
    """None: there is none yet."""
    periods: Sequence[tuple[str, str]] = PERIODS
    states: Mapping[str, str] = field(default_factory=lambda: STATE_WORDS)

    @property
    def readings(self) -> Sequence[BudgetReading]:
        """What is limited."""
        return self.view.readings if self.view is not None else ()

    def word(self, reading: BudgetReading) -> str:
        """What a reading measures."""
        return MEASURE_WORDS[reading.measure][self.scope]

    @property
    def size_gib(self) -> float | None:
        """Allowed bytes as the form has them."""
        size = self.view.named.budget.size_bytes if self.view is not None else None
        return None if size is None else round(size / GIB, 6)


@dataclass(frozen=True, slots=True)
class BudgetTrouble:
    """A budget that is passed, or will be."""

    address: str
    name: str
    word: str
    why: str


async def budget_card(services: WebServices, scope: BudgetScope, scope_id: str) -> BudgetCard | None:
    """Return the card of a pipeline or project; None on a server without budgets."""
    if services.budgets is None:
        return None
    return BudgetCard(scope.value, scope_id, await services.budgets.of(scope, scope_id))


async def budget_troubles(services: WebServices, request: Request) -> list[BudgetTrouble]:
    """Return budgets that are passed or will be, as far as the reader may see what they are for."""
    if services.budgets is None:
        return []
    readable, namespace = readable_by(services.tracking, request), namespace_of(request)
    found: list[BudgetTrouble] = []
    for view in await services.budgets.all():
        named = view.named
        if not readable(named.entity) or (namespace and named.entity and named.entity != namespace):
            continue
        found += [
            BudgetTrouble(_address(view), named.name, STATE_WORDS[reading.state], described(reading, named.budget.period))
            for reading in view.readings
            if reading.state != "within"
        ]
    return sorted(found, key=lambda trouble: trouble.word != STATE_WORDS["over"])


def _address(view: BudgetView) -> str:
    if view.named.budget.scope is BudgetScope.PIPELINE:
        return f"/ui/pipelines/{quote(view.named.budget.scope_id)}?tab=statistics"
    return f"/{quote(view.named.entity, safe='')}/{quote(view.named.name, safe='')}/overview"


async def act(services: WebServices, request: Request) -> Response:
    """Set what a pipeline or project may use; empty fields leave it free."""
    check_own_form(request)
    form = await request.form()
    target, scope_id = safe_next(str(form.get("next", "")), "/ui/home"), str(form.get("id", ""))
    if services.budgets is None:
        raise NotFoundError("This server keeps no budgets.")
    if form.get("scope") == "project":
        scope = BudgetScope.PROJECT
        await _check_project(services, request, scope_id)
    else:
        scope = BudgetScope.PIPELINE
        if await services.catalog.pipeline(scope_id) is None:
            raise NotFoundError("There is no such pipeline any more.")
    size = _number(str(form.get("size_gib", "")), "stored")
    await services.budgets.set(
        scope,
        scope_id,
        hours=_number(str(form.get("hours", "")), "hours"),
        period=str(form.get("period", BudgetPeriod.MONTH.value)),
        size_bytes=None if size is None else int(size * GIB),
        user_name=caller_of(services.tracking, request).user_name if services.tracking is not None else "",
    )
    return redirect(target, Notice("Budget saved."))


async def _check_project(services: WebServices, request: Request, scope_id: str) -> None:
    tracking = services.tracking
    project = await tracking.projects.get_by_id(TrackedProjectId(checked_id(scope_id))) if tracking is not None else None
    if tracking is None or project is None or not readable_by(tracking, request)(project.entity):
        raise NotFoundError("There is no such project any more.")
    check_writable(tracking, request, project.entity)


def _number(text: str, name: str) -> float | None:
    try:
        return float(text) if text.strip() else None
    except ValueError:
        raise InvalidArgumentError(f"{name}: {text[:40]!r} is not a number") from None
